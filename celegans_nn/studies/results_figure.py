"""Every trial as a point: from untrained to trained, one row a network. The PNG beside the report."""

from __future__ import annotations

from collections.abc import Sequence

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
            colour = GROUP_COLOURS[network.group]
            for y, point in zip(_lanes(row, len(network.points)), network.points, strict=True):
                before, after = (point.at(result.metric, when) for when in ("untrained", "final"))
                if after is None:
                    continue
                if before is not None:
                    axes.plot([before, after], [y, y], color=colour, lw=1, alpha=0.4, zorder=2)
                    axes.plot(before, y, "o", ms=4, mfc="white", mec=colour, mew=1, zorder=3)
                axes.plot(after, y, GROUP_MARKERS[network.group], ms=5, color=colour, zorder=4)
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


def axis_ticks(values: Sequence[float]) -> tuple[list[float], tuple[float, float]]:
    """Round ticks that hold all values, and the axis' ends (the outermost ticks)."""
    low, high = min([0.0, *values]), max([*values, 1e-12])
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    kept = [float(t) for t in ticks]
    return kept, (kept[0], kept[-1])
