"""Learning curves: one panel a network, each seed a line, the other networks in grey behind; cost of all stages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from celegans_nn.figures import FAINT, GROUP_COLOURS, figure_style, shortened

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


def draw_panel(network: str, curves: Sequence[Curve], unit: str, score_name: str) -> Figure:
    """One network's curves before all the others', on axes common to all panels."""
    with figure_style():
        figure = Figure(figsize=(3.3, 2.35))
        axes = figure.add_axes((0.165, 0.185, 0.80, 0.70))
        _panel(axes, network, curves)
        axes.set_xlabel(unit)
        axes.set_ylabel(score_name)
    return figure


def draw_all(networks: Sequence[str], curves: Sequence[Curve], unit: str, score_name: str) -> Figure:
    """Every network's panel on one sheet, for the PNG."""
    columns = min(4, len(networks))
    rows = -(-len(networks) // columns)
    with figure_style():
        width, height = 2.7 * columns + 0.5, 2.2 * rows + 0.5
        figure = Figure(figsize=(width, height))
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        figure.subplots_adjust(
            left=0.8 / width,
            right=1 - 0.15 / width,
            bottom=0.7 / height,
            top=1 - 0.3 / height,
            wspace=0.24,
            hspace=0.42,
        )
        for axes, network in zip(grid.flat, networks, strict=False):
            _panel(axes, network, curves)
            axes.tick_params(labelbottom=True, labelleft=True)
        for axes in list(grid.flat)[len(networks) :]:
            axes.set_visible(False)
        figure.text(0.5, 0.15 / height, unit, ha="center")
        figure.text(0.15 / width, 0.5, score_name, va="center", rotation=90)
    return figure


def _panel(axes: Axes, network: str, curves: Sequence[Curve]) -> None:
    for curve in curves:
        if curve.network != network:
            axes.plot(*_line(curve), color="#d9dde1", lw=0.7, zorder=1)
    boundaries = set()
    for curve in curves:
        if curve.network != network:
            continue
        colour = GROUP_COLOURS[curve.group]
        axes.plot(*_line(curve), color=colour, lw=1.3, alpha=0.9, zorder=3)
        held_out = np.isin(curve.stage, HELD_OUT)
        axes.plot(
            curve.cost[held_out] / 1000, curve.score[held_out], ls="", marker="o", ms=4.2, mfc="white", mec=colour,
            mew=1.2, zorder=4, clip_on=False,
        )  # fmt: skip
        boundaries |= _boundaries(curve)
    for cost in sorted(boundaries):
        axes.axvline(cost / 1000, color=FAINT, lw=0.8, ls=(0, (3, 2)), zorder=2)
    axes.set_xlim(left=0)
    axes.margins(x=0.02)
    axes.set_title(shortened(network))
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=5)
    if any(np.nanmin(c.score, initial=0.0) < 0 < np.nanmax(c.score, initial=0.0) for c in curves):
        axes.axhline(0, color="#c4cad0", lw=0.6, zorder=0)


def _line(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """The training's own points, cost in thousands."""
    training = ~np.isin(curve.stage, HELD_OUT)
    return curve.cost[training] / 1000, curve.score[training]


def _boundaries(curve: Curve) -> set[float]:
    """Costs at which one training stage gave way to the next."""
    training = [(c, s) for c, s in zip(curve.cost, curve.stage, strict=True) if s not in HELD_OUT]
    return {float(a) for (a, s), (_, t) in itertools.pairwise(training) if s != t}
