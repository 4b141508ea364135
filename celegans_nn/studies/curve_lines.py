"""Learning curves made ready to draw: a line a trial, or where there are many, their middle and where most lie."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

HELD_OUT = ("untrained", "held_out", "after_pretraining", "final")
"""Stages that are an evaluation on held-out episodes, not a generation of training."""


@dataclass(frozen=True)
class Curve:
    """One trial's learning curve."""

    network: str
    group: str
    """"worm", "control" or "baseline": gives the colour."""
    cost: np.ndarray
    """Environment steps or samples so far, over all stages."""
    score: np.ndarray
    stage: tuple[str, ...]
    name: str = ""
    """Which of its network's trials this is."""


MOST_LINES = 12
"""Trials of a network that are drawn each as a line; more become a median and a band."""
MOST_POINTS = 100
"""Of a line: closer together than pixels."""
BAND = (0.1, 0.9)
"""Quantiles at the edges of the band."""


class Line(NamedTuple):
    """Points to join."""

    name: str
    x: np.ndarray
    y: np.ndarray


class NetworkCurves(NamedTuple):
    """What is drawn of one network."""

    label: str
    group: str
    lines: tuple[Line, ...]
    held_out: tuple[Line, ...]
    """Of each trial, the scores on episodes or images that training never used."""
    band: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    """(cost, low, high) where the line is a median."""
    boundaries: tuple[float, ...]
    """Costs at which one stage of training gives way to the next."""
    trials: int


def network_curves(label: str, curves: Sequence[Curve]) -> NetworkCurves | None:
    """Of the curves those of one network; None where it has none."""
    mine = [c for c in curves if c.network == label]
    if not mine:
        return None
    training = [_training(c) for c in mine]
    if len(mine) <= MOST_LINES:
        lines, band = tuple(_thinned(line) for line in training), None
        held_out = tuple(Line(c.name, c.cost[h], c.score[h]) for c in mine if (h := np.isin(c.stage, HELD_OUT)).any())
    else:
        lines, band = _middle(training)
        held_out = ()
    boundaries = tuple(sorted({b for c in mine[:MOST_LINES] for b in stage_boundaries(c)}))
    return NetworkCurves(label, mine[0].group, lines, held_out, band, boundaries, len(mine))


def _training(curve: Curve) -> Line:
    """The training's own points that are numbers."""
    chosen = ~np.isin(curve.stage, HELD_OUT) & np.isfinite(curve.score)
    return Line(curve.name, curve.cost[chosen], curve.score[chosen])


def _thinned(line: Line) -> Line:
    """Every so manieth point, the first and the last one always."""
    if len(line.x) <= MOST_POINTS:
        return line
    kept = np.unique(np.linspace(0, len(line.x) - 1, MOST_POINTS).round().astype(int))
    return Line(line.name, line.x[kept], line.y[kept])


def _middle(
    lines: Sequence[Line],
) -> tuple[tuple[Line, ...], tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
    """The median over trials at costs that more than half of them reach, and the quantiles `BAND`."""
    lines = [line for line in lines if len(line.x)]
    if not lines:
        return (), None
    cost = np.linspace(np.median([line.x[0] for line in lines]), np.median([line.x[-1] for line in lines]), 60)
    scores = np.array([np.interp(cost, line.x, line.y) for line in lines])
    low, middle, high = np.quantile(scores, [BAND[0], 0.5, BAND[1]], axis=0)
    return (Line(f"median of {len(lines)} trials", cost, middle),), (cost, low, high)


def stage_boundaries(curve: Curve) -> set[float]:
    """Costs at which one training stage gave way to the next."""
    training = [(c, s) for c, s in zip(curve.cost, curve.stage, strict=True) if s not in HELD_OUT]
    return {float(a) for (a, s), (_, t) in itertools.pairwise(training) if s != t}
