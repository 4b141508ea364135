"""Every trial as a point: from untrained to trained, one row a network. The PNG beside the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from celegans_nn.figures import GROUP_COLOURS, GROUP_MARKERS, figure_style, shortened
from celegans_nn.studies.summary import TaskResults

ROW_HEIGHT = 0.34
"""Inches."""


def draw_results(result: TaskResults) -> Figure:
    """Points of every finished trial; no interval, whatever their number."""
    networks = result.networks
    with figure_style():
        figure = Figure(figsize=(7.2, ROW_HEIGHT * len(networks) + 0.85), layout="constrained")
        axes = figure.subplots()
        for row, network in enumerate(networks):
            colour, size = GROUP_COLOURS[network.group], 5.0 if len(network.points) < 30 else 2.5
            lanes = np.array(_lanes(row, len(network.points)))
            before, after = (
                np.array([v if (v := p.at(result.metric, when)) is not None else np.nan for p in network.points])
                for when in ("untrained", "final")
            )
            both = np.isfinite(before) & np.isfinite(after)
            axes.hlines(lanes[both], before[both], after[both], color=colour, lw=size / 5, alpha=0.4, zorder=2)
            axes.plot(
                before[both], lanes[both], "o", ms=0.8 * size, mfc="white", mec=colour, mew=size / 5, ls="", zorder=3
            )
            axes.plot(after, lanes, GROUP_MARKERS[network.group], ms=size, color=colour, ls="", zorder=4)
        axes.set_yticks(range(len(networks)), [shortened(n.label) for n in networks])
        axes.set_ylim(len(networks) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#dde2e7", lw=0.6)
        axes.set_axisbelow(True)
        unit = f" ({result.metric.unit})" if result.metric.unit else ""
        axes.set_xlabel(f"{result.metric.name}{unit}: untrained (open) to trained (filled), each trial")
        axes.set_title(shortened(result.task.label))
    return figure


def _lanes(row: int, points: int) -> list[float]:
    """Heights of a row's points, close together."""
    step = 0.16 if points < 5 else 0.64 / points
    return [row + step * (k - (points - 1) / 2) for k in range(points)]


def axis_ticks(values: Sequence[float], zero: bool = True) -> tuple[list[float], tuple[float, float]]:
    """Round ticks that hold all values (and `zero`), and the axis' ends (the outermost ticks)."""
    low, high = min([*values, *([0.0] if zero else [])]), max([*values, *([1e-12] if zero else [])])
    if high - low <= 1e-9 * abs(high):  # all the same
        low, high = low - 0.1 * abs(low) - 1e-12, high + 0.1 * abs(high) + 1e-12
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    kept = [float(t) for t in ticks]
    return kept, (kept[0], kept[-1])
