"""The report's tables of how its best body moves: the gait beside published ones, and what it loses without cells."""

from __future__ import annotations

from typing import Any

from celegans_nn.connectome.ablation import Phenotype
from celegans_nn.networks import Network
from celegans_nn.studies.gaits import gaits, has_gait, lines, losses, without_normaliser
from celegans_nn.studies.summary import number
from celegans_nn.tasks.gait import PUBLISHED, Published, in_words, mean_gait
from celegans_nn.tasks.task import LocomotionTask
from celegans_nn.training.run import HELD_OUT_SEED

EPISODES = 3
"""Held-out ones, over which the figures are means."""
SEEDS = range(HELD_OUT_SEED, HELD_OUT_SEED + EPISODES)
MOVES = 0.01
"""mm/s; a worm that goes more slowly has no gait to lose."""


def gait_table(net: Any, task: LocomotionTask) -> dict[str, Any] | None:
    """Heads, rows and sources, all text; None for a body without a gait."""
    if not has_gait(task):
        return None
    found = mean_gait(gaits(net, task, SEEDS))
    told = lines(found, task)
    movements = list(told[0].published)
    driven = getattr(task, "head_drive", "none") != "none"
    given = " The frequency is that of the head’s drive, which is given." if driven else ""
    named = ((f"{line.name}{f', {line.unit}' if line.unit else ''}", line) for line in told)
    return {
        "caption": f"Its gait, mean of {EPISODES} held-out episodes: it {in_words(found)}.{given}",
        "heads": ["Figure", "Here", *(f"Worms {movement}" for movement in movements)],
        "rows": [
            [name[0].upper() + name[1:], line.here or "–", *(line.published[m] or "–" for m in movements)]
            for name, line in named
        ],
        "sources": [f"{p.movement.capitalize()}, {p.figure.replace('_', ' ')}: {p.source}{_how(p)}." for p in PUBLISHED]
        if movements
        else [],
    }


def loss_table(net: Any, task: LocomotionTask) -> dict[str, Any] | None:
    """What killing cells takes from the worm's speed, beside what it did to worms; None where that means nothing."""
    net, normalise = without_normaliser(net)
    if task.name != "worm" or not isinstance(net, Network):
        return None
    intact = mean_gait(gaits(net, task, SEEDS, normalise)).forward_speed
    found = losses(net, task, SEEDS, normalise) if intact > MOVES else []
    if not found:
        return None
    return {
        "caption": "Cells killed after training, and what is known of forward movement in worms without them.",
        "heads": ["Without", "Of the intact speed", "Travels", "Worms"],
        "rows": [
            [f.cells, number(f.gait.forward_speed / intact, 2), number(f.gait.towards_tail, 2), f.phenotype.forward]
            for f in found
        ],
        "sources": [f"{f.cells}: {f.phenotype.found} ({f.phenotype.source}{_how(f.phenotype)})." for f in found],
    }


def _how(cited: Published | Phenotype) -> str:
    return "" if cited.read else "; as commonly cited, not read again"
