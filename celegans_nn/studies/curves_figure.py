"""Learning curves: one panel a network, each seed a line, the other networks in grey behind; cost of all stages."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from celegans_nn.figures import FAINT, GROUP_COLOURS, figure_style, shortened
from celegans_nn.studies.curve_lines import Curve, NetworkCurves, network_curves

MOST_BEHIND = 3
"""Of another network's lines, those that lie grey behind."""


def draw_panel(network: str, curves: Sequence[Curve], unit: str, score_name: str) -> Figure:
    """One network's curves, cost in thousands."""
    with figure_style():
        figure = Figure(figsize=(3.3, 2.35))
        axes = figure.add_axes((0.165, 0.185, 0.80, 0.70))
        found = network_curves(network, curves)
        if found is not None:
            _panel(axes, found, [], 1000)
        axes.set_xlabel(unit)
        axes.set_ylabel(score_name)
    return figure


def draw_all(networks: Sequence[NetworkCurves], unit: str, score_name: str, size: float) -> Figure:
    """Every network's panel on one sheet, for the PNG, the others grey behind it; cost in units of `size`."""
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
            _panel(axes, network, [n for n in networks if n is not network], size)
            axes.tick_params(labelbottom=True, labelleft=True)
        for axes in list(grid.flat)[len(networks) :]:
            axes.set_visible(False)
        figure.text(0.5, 0.15 / height, unit, ha="center")
        figure.text(0.15 / width, 0.5, score_name, va="center", rotation=90)
    return figure


def _panel(axes: Axes, network: NetworkCurves, others: Sequence[NetworkCurves], size: float) -> None:
    for other in others:
        for line in other.lines[:MOST_BEHIND]:
            axes.plot(line.x / size, line.y, color="#d9dde1", lw=0.7, zorder=1)
    colour = GROUP_COLOURS[network.group]
    if network.band is not None:
        cost, low, high = network.band
        axes.fill_between(cost / size, low, high, color=colour, alpha=0.18, lw=0, zorder=2)
    for line in network.lines:
        axes.plot(line.x / size, line.y, color=colour, lw=1.3, alpha=0.9, zorder=3)
    for line in network.held_out:
        axes.plot(
            line.x / size, line.y, ls="", marker="o", ms=4.2, mfc="white", mec=colour, mew=1.2, zorder=4, clip_on=False
        )
    for boundary in network.boundaries:
        axes.axvline(boundary / size, color=FAINT, lw=0.8, ls=(0, (3, 2)), zorder=2)
    axes.set_xlim(left=0)
    axes.margins(x=0.02)
    axes.set_title(shortened(network.label))
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=5)
    if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
        axes.axhline(0, color="#c4cad0", lw=0.6, zorder=0)
