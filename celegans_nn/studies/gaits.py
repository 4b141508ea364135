"""How a trained body moves, beside published figures, and what it loses without some of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from celegans_nn.connectome.ablation import PHENOTYPES, Phenotype
from celegans_nn.networks import Network, ablated
from celegans_nn.simulation import Evaluator
from celegans_nn.simulation.episodes import Normalisation
from celegans_nn.tasks.gait import FIGURES, PUBLISHED, UNKNOWN, Figure, Gait, gait, mean_gait
from celegans_nn.tasks.swimmer import Swimmer
from celegans_nn.tasks.task import LocomotionTask
from celegans_nn.tasks.worm import Worm
from celegans_nn.training import Normalised

FEWEST_LINKS, FEWEST_ROWS = 3, 4
"""Of a body and of a recording that has a gait."""
LONGEST = 10
"""Body lengths; a wave that stands has next to no phase along the body, and no length to tell."""


class Line(NamedTuple):
    """A figure of a gait to be read, "" where there is none."""

    name: str
    unit: str
    here: str
    published: dict[str, str]
    """By movement; empty for all bodies but the worm's."""


class Loss(NamedTuple):
    """What killing cells does to a network, and did to worms."""

    phenotype: Phenotype
    gait: Gait

    @property
    def cells(self) -> str:
        return ", ".join(self.phenotype.ablated) or "all gap junctions"


def has_gait(task: object) -> bool:
    """Whether a task's body is a chain that can pass waves along itself."""
    return isinstance(task, Worm) or (isinstance(task, Swimmer) and task.n_links >= FEWEST_LINKS)


def gaits(
    net: nn.Module, task: LocomotionTask, seeds: Iterable[int], normalise: Normalisation | None = None
) -> list[Gait]:
    """One episode's gait for each seed, without the steps that are not scored; NaN where an episode failed."""
    net, normalise = without_normaliser(net, normalise)
    own = {name: value.detach()[None] for name, value in net.named_parameters()}
    evaluator, found = Evaluator(net, task, 1), []
    for seed in seeds:
        recording = evaluator.record(own, int(seed), normalise=normalise)
        segments = recording.segments[task.settle_steps :]
        known = not recording.failed and len(segments) >= FEWEST_ROWS
        found.append(gait(segments, task.control_dt) if known else Gait(*UNKNOWN))
    return found


def without_normaliser(
    net: nn.Module, normalise: Normalisation | None = None
) -> tuple[nn.Module, Normalisation | None]:
    """A `Normalised` network as what is in it and how that is normalised; any other as it is."""
    if isinstance(net, Normalised):
        return net.net, (net.mean.numpy(), net.std.numpy())
    return net, normalise


def lines(found: Gait, task: LocomotionTask) -> list[Line]:
    """The figures of a gait, each beside those that are published of worms."""
    worm = isinstance(task, Worm)
    movements = tuple(dict.fromkeys(p.movement for p in PUBLISHED)) if worm else ()
    known = {(p.movement, p.figure): f"{p.value:g}" for p in PUBLISHED}
    return [
        Line(
            figure.name,
            figure.unit if worm else figure.unit.replace("mm/s", "m/s"),
            _told(found, figure),
            {movement: known.get((movement, figure.field), "") for movement in movements},
        )
        for figure in FIGURES
    ]


def losses(
    net: Network, task: LocomotionTask, seeds: Sequence[int], normalise: Normalisation | None = None
) -> list[Loss]:
    """The gait without the cells of each published ablation that this network has."""
    classes = set(net.worm.cells["cell_class"].tolist())
    found = []
    for phenotype in PHENOTYPES:
        if not set(phenotype.ablated) <= classes or (phenotype.gap_junctions and net.gap is None):
            continue
        twin = ablated(net, phenotype.ablated, phenotype.gap_junctions)
        found.append(Loss(phenotype, mean_gait(gaits(twin, task, seeds, normalise))))
    return found


def as_json(found: Gait) -> dict[str, Any]:
    """Numbers by their names; null for a figure that there is not."""
    return {name: float(value) if np.isfinite(value) else None for name, value in found._asdict().items()}


def _told(found: Gait, figure: Figure) -> str:
    value = getattr(found, figure.field)
    if figure.field == "wavelength" and value > LONGEST:
        return f"> {LONGEST}"
    return f"{value:.{figure.digits}f}" if np.isfinite(value) else ""
