"""The wiring drawn: cells along the body, motor classes in rows, muscles above and below, synapses by sign."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.layout import Layout, layout
from celegans_nn.figures import EXCITATORY, FAINT, GAP, INHIBITORY, INK, PAPER, UNKNOWN, figure_style

CURVE_POINTS = 14
MOST_VECTOR_EDGES = 3000
"""More are drawn as pixels in SVG and PDF: thousands of curves make a slow and heavy file."""
CHEMICAL = ((1, EXCITATORY, "excitatory"), (-1, INHIBITORY, "inhibitory"), (0, UNKNOWN, "unknown sign"))
MUSCLE_FILL = "#e9c8b4"


def draw_wiring(worm: Connectome, like: Connectome | None = None, small: bool = False) -> Figure:
    """A figure of the wiring, head to the left, dorsal side up.

    `like` gives the places of the cells (the original, so that a control can be compared with it by eye).
    `small` is for half the page's width, and leaves the legend to the large figure beside it.
    """
    places = layout(worm if like is None else like)
    rows = len(places.rows)
    with figure_style():
        if small:
            figure = Figure(figsize=(5.6, 0.3 * rows + 0.3))
            axes = figure.add_axes((0.185, 0.06, 0.80, 0.93))
        else:
            height = 0.46 * rows + 0.95
            figure = Figure(figsize=(9.2, height))
            axes = figure.add_axes((0.145, 0.58 / height, 0.845, 1 - 0.65 / height))
            handles = wiring_legend(worm)
            figure.legend(
                handles=handles, loc="lower center", ncol=len(handles), frameon=False, fontsize=8.5,
                handlelength=1.8, columnspacing=1.6, borderaxespad=0.1,
            )  # fmt: skip
        draw_on(axes, worm, places, 0.6 if small else 1.0, 0.5 if small else 1.0)
    return figure


def draw_on(axes: Axes, worm: Connectome, places: Layout, width: float = 1.0, size: float = 1.0) -> None:
    """Cells, synapses and gap junctions on `axes`; `width` scales the lines and `size` the cells."""
    _edges(axes, worm, places, width)
    _cells(axes, worm, places, size)
    _frame(axes, places)


def _edges(axes: Axes, worm: Connectome, places: Layout, width: float) -> None:
    e = worm.chemical_edges
    alpha = float(np.clip(14 / np.sqrt(max(len(e.pre), 1)), 0.12, 0.8))
    dense = len(e.pre) > MOST_VECTOR_EDGES
    for sign, colour, _ in CHEMICAL:
        chosen = e.sign == sign
        lines = _curves(places, e.pre[chosen], e.post[chosen], bend=0.16)
        style = (0, (4, 1.6)) if sign < 0 else "solid"
        axes.add_collection(
            LineCollection(
                lines, colors=colour, linewidths=0.75 * width, alpha=alpha, linestyles=style, rasterized=dense
            )
        )
    g = worm.electrical_edges
    lines = _curves(places, g.pre, g.post, bend=-0.1)
    dotted = (0, (1, 1.4))
    axes.add_collection(
        LineCollection(
            lines, colors=GAP, linewidths=0.9 * width, alpha=max(alpha, 0.3), linestyles=dotted, rasterized=dense
        )
    )


def _curves(places: Layout, pre: np.ndarray, post: np.ndarray, bend: float) -> list[np.ndarray]:
    """Quadratic Bezier curves that bow to one side of their direction, so that a pair of opposite edges parts."""
    start = np.stack((places.x[pre], places.y[pre]), axis=1)
    end = np.stack((places.x[post], places.y[post]), axis=1)
    across = end - start
    side = np.stack((across[:, 1] * 0.03, -across[:, 0] * 6.0), axis=1)  # x spans 1, y about a dozen rows
    same_row = np.abs(across[:, 1]) < 1e-9
    middle = (start + end) / 2 + bend * np.where(same_row[:, None], side * 1.2, side)
    t = np.linspace(0, 1, CURVE_POINTS)[None, :, None]
    curves = (1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * end[:, None]
    return list(curves)


def _cells(axes: Axes, worm: Connectome, places: Layout, size: float) -> None:
    muscle, other = _muscles(worm), _others(worm)
    dots: dict[str, Any] = {"s": 26 * size, "linewidths": 0.7, "zorder": 3}
    if other.any():
        axes.scatter(places.x[other], places.y[other], c=PAPER, edgecolors=FAINT, **dots)
    neuron = ~muscle & ~other
    axes.scatter(places.x[neuron], places.y[neuron], c=INK, edgecolors=PAPER, **dots)
    squares: dict[str, Any] = {**dots, "s": 34 * size, "linewidths": 0.6}
    axes.scatter(places.x[muscle], places.y[muscle], marker="s", c=MUSCLE_FILL, edgecolors=INK, **squares)


def _muscles(worm: Connectome) -> np.ndarray:
    return np.asarray(worm.cells["role"] == "muscle", dtype=bool)


def _others(worm: Connectome) -> np.ndarray:
    """Glia, glands and other end organs."""
    return ~np.asarray(worm.cells["neuron"], dtype=bool) & ~_muscles(worm)


def _frame(axes: Axes, places: Layout) -> None:
    axes.set_ylim(len(places.rows) - 0.45, -0.55)
    axes.set_xlim(-0.015, 1.015)
    axes.set_yticks(range(len(places.rows)), places.rows)
    axes.tick_params(axis="y", length=0, pad=6)
    axes.set_xticks([0, 1], ["head", "tail"])
    axes.tick_params(axis="x", length=0, pad=1)
    head, tail = axes.get_xticklabels()
    head.set(horizontalalignment="left", color=FAINT)
    tail.set(horizontalalignment="right", color=FAINT)
    for spine in axes.spines.values():
        spine.set_visible(False)


def wiring_legend(worm: Connectome) -> list[Line2D]:
    """What the lines and marks mean, with how many there are of each."""
    signs = worm.chemical_edges.sign
    handles = [
        Line2D([], [], color=colour, lw=1.6, ls=(0, (4, 1.6)) if sign < 0 else "-", label=f"{label} ({n})")
        for sign, colour, label in CHEMICAL
        if (n := int((signs == sign).sum()))
    ]
    if len(worm.electrical_edges.pre):
        label = f"gap junction ({len(worm.electrical_edges.pre)})"
        handles.append(Line2D([], [], color=GAP, lw=1.6, ls=(0, (1, 1.4)), label=label))
    handles.append(Line2D([], [], color=INK, marker="o", ls="", ms=5, label="neuron"))
    if _muscles(worm).any():
        muscle = Line2D([], [], color=MUSCLE_FILL, marker="s", mec=INK, mew=0.6, ls="", ms=5.5, label="muscle")
        handles.append(muscle)
    if _others(worm).any():
        handles.append(Line2D([], [], color=PAPER, marker="o", mec=FAINT, mew=0.7, ls="", ms=5, label="other cell"))
    return handles
