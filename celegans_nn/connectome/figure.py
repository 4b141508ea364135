"""A connectome on one page: both adjacency matrices in order, the degrees, and the wiring along the body."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory

from celegans_nn.connectome.connectome import ROLES, Connectome
from celegans_nn.connectome.layout import Layout, layout
from celegans_nn.connectome.wiring_figure import CHEMICAL, draw_on, wiring_legend
from celegans_nn.errors import ConnectomeError, one_line
from celegans_nn.figures import FAINT, GAP, INK, figure_style, shortened
from celegans_nn.files import write_atomic

ROLE_COLOURS = {
    "sensory": "#56b4e9", "inter": "#cc79a7", "motor": "#e69f00", "pharyngeal": "#f0e442",
    "muscle": "#e9c8b4", "other": "#c9ced4", "": "#eceef0",
}  # fmt: skip
ROLE_LABELS = {"inter": "interneuron", "motor": "motor neuron", "": "unknown role"}
FORMATS = (".png", ".svg", ".pdf")
WIDTH, SIDE = 11.6, 4.75
"""Inches: of the page and of a matrix."""
MOST_VECTOR_MARKS = 4000
MOST_DRAWN_ALONG_THE_BODY = 20_000
"""Edges; more of them drawn as curves are a green-blue cloud."""


class Order(NamedTuple):
    """Cells in the order in which the matrices show them: by role, then class, then place along the body."""

    cells: np.ndarray
    """[N] index of the cell that stands at each place."""
    place: np.ndarray
    """[N] place of each cell, the inverse."""
    role: list[str]
    """[N] in this order."""
    cell_class: list[str]


def draw_connectome(worm: Connectome) -> Figure:
    """A matplotlib Figure of the wiring of any animal.

    Chemical synapses [presynaptic, postsynaptic] in the colour of their sign and gap junctions, cells ordered by
    role, class and place along the body, with a band for each role; the distributions of in-degree, out-degree and
    gap-junction partners; and, where cells have positions or the names of the worm's motor neurons and muscles,
    the wiring along the body (cells without a known place are spread evenly over their row). Save it with
    `celegans_nn.connectome.figure.save_figure`, or let a notebook with `%matplotlib inline` show it.
    """
    order, places = cell_order(worm), _places(worm)
    rows = len(places.rows) if places else 0
    body = 0.34 * rows + 0.55 if places else 0.0
    top, legend, degrees = 0.88, 1.4, 1.75
    height = top + SIDE + legend + degrees + (body + 0.75 if places else 0.0)
    with figure_style():
        figure = Figure(figsize=(WIDTH, height))

        def axes_at(left: float, upper: float, width: float, tall: float) -> Axes:
            return figure.add_axes((left / WIDTH, 1 - (upper + tall) / height, width / WIDTH, tall / height))

        figure.text(0.8 / WIDTH, 1 - 0.25 / height, _title(worm), fontsize=11.5, fontweight="bold", va="center")
        _chemical(axes_at(0.8, top, SIDE, SIDE), worm, order)
        _electrical(axes_at(0.8 + SIDE + 0.95, top, SIDE, SIDE), worm, order)
        _matrix_legend(figure, order, worm, [1 - (top + SIDE + below) / height for below in (0.55, 0.78)])
        gaps = (_gap_degree,) if len(worm.electrical_edges.pre) else ()
        for k, draw in enumerate((_in_degree, _out_degree, *gaps)):
            draw(axes_at(0.8 + k * 3.6, top + SIDE + legend, 2.9, degrees - 0.55), worm)
        if places:
            axes = axes_at(1.55, top + SIDE + legend + degrees + 0.25, WIDTH - 1.9, body)
            draw_on(axes, worm, places, width=0.8, size=0.7)
            axes.set_title("Along the body, dorsal side up", pad=8)
            handles = wiring_legend(worm)
            figure.legend(
                handles=handles, loc="lower center", ncol=len(handles), frameon=False, fontsize=8,
                handlelength=1.8, columnspacing=1.6, borderaxespad=0.15,
            )  # fmt: skip
    return figure


def save_figure(figure: Any, path: str | Path) -> None:
    """Writes a figure as .png, .svg or .pdf, whole or not at all; the same figure gives the same bytes.

    Raises ConnectomeError for any other ending.
    """
    path = Path(path)
    ending = check_figure_path(path)
    data = io.BytesIO()
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[ending]
    with figure_style():
        figure.savefig(data, format=ending[1:], dpi=200, metadata=metadata)
    write_atomic(path, data.getvalue())


def check_figure_path(path: Path) -> str:
    """The ending of a figure's file; ConnectomeError if it is none that can be written."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise ConnectomeError(f"{one_line(path)}: a figure ends in {', '.join(FORMATS)}; give it one of these endings")
    return ending


def cell_order(worm: Connectome) -> Order:
    """Roles as in `ROLES`, unknown ones last; classes by the alphabet; cells by soma, else by name and number."""
    roles = [str(role) for role in worm.cells["role"]]
    classes = [str(c) for c in worm.cells["cell_class"]]
    along = np.nan_to_num(np.asarray(worm.cells["y"], dtype=float))
    rank = {role: i for i, role in enumerate((*ROLES, ""))}
    numbered = [
        tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", name))
        for name in worm.names
    ]
    cells = sorted(range(len(worm)), key=lambda i: (rank.get(roles[i], 99), classes[i], along[i], numbered[i]))
    place = np.empty(len(worm), int)
    place[cells] = np.arange(len(worm))
    return Order(np.array(cells), place, [roles[i] for i in cells], [classes[i] for i in cells])


def _places(worm: Connectome) -> Layout | None:
    """Places along the body, unless there is nothing to tell them from or too much to draw."""
    if len(worm.chemical_edges.pre) + len(worm.electrical_edges.pre) > MOST_DRAWN_ALONG_THE_BODY:
        return None
    places = layout(worm)
    known = np.isfinite(np.asarray(worm.cells["y"], dtype=float)).any()
    return places if len(places.rows) >= (3 if known else 4) else None


def _title(worm: Connectome) -> str:
    facts = worm.provenance
    parts = [str(facts.get("source", "")), str(facts.get("circuit") or "")]
    named = shortened(", ".join(one_line(part, 60) for part in parts if part) or "connectome", 70)
    rewired = facts.get("rewired")
    null = f", {one_line(rewired.get('null'), 40)} control" if isinstance(rewired, dict) else ""
    return f"{named}{null}: {len(worm)} cells, {len(worm.chemical_edges.pre)} chemical edges"


# -- matrices --------------------------------------------------------------------------------------------------


def _chemical(axes: Axes, worm: Connectome, order: Order) -> None:
    e = worm.chemical_edges
    for sign, colour, _ in CHEMICAL:
        chosen = e.sign == sign
        _marks(axes, order.place[e.post[chosen]], order.place[e.pre[chosen]], colour, len(worm), len(e.pre))
    _matrix_frame(axes, order, "Chemical synapses", "postsynaptic", "presynaptic")


def _electrical(axes: Axes, worm: Connectome, order: Order) -> None:
    e = worm.electrical_edges
    one, other = order.place[e.pre], order.place[e.post]
    _marks(axes, np.concatenate([one, other]), np.concatenate([other, one]), GAP, len(worm), 2 * len(e.pre))
    if not len(e.pre):
        axes.text(0.5, 0.5, "none in this wiring", transform=axes.transAxes, ha="center", color=FAINT)
    _matrix_frame(axes, order, "Gap junctions", "", "")


def _marks(axes: Axes, column: np.ndarray, row: np.ndarray, colour: str, cells: int, edges: int) -> None:
    """One square an edge, as large as its field of the matrix; never so small that it cannot be seen."""
    field = 72 * SIDE / cells
    size = max(field, 0.9)
    alpha = float(np.clip(30_000 / max(edges, 1), 0.1, 1.0)) if field < 0.9 else 1.0
    axes.scatter(
        column,
        row,
        s=size**2,
        marker="s",
        c=colour,
        linewidths=0,
        alpha=alpha,
        label="_edges",
        rasterized=edges > MOST_VECTOR_MARKS,
    )


def _matrix_frame(axes: Axes, order: Order, title: str, column: str, row: str) -> None:
    n = len(order.cells)
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    axes.set_title(title, pad=16)
    axes.set_xlabel(column, labelpad=2)
    axes.set_ylabel(row, labelpad=2)
    axes.spines[["top", "right"]].set_visible(True)
    ticks, names = _class_ticks(order)
    axes.set_yticks(ticks, names, fontsize=5.5)
    axes.set_xticks(ticks, names, fontsize=5.5, rotation=90)
    axes.tick_params(length=0, pad=2)
    across = blended_transform_factory(axes.transAxes, axes.transData)
    upwards = blended_transform_factory(axes.transData, axes.transAxes)
    for role, start, stop in _runs(order.role):
        colour = ROLE_COLOURS.get(role, ROLE_COLOURS[""])
        band: dict[str, Any] = {"color": colour, "clip_on": False, "linewidth": 0}
        axes.fill_between([start - 0.5, stop - 0.5], 1.006, 1.026, transform=upwards, **band)
        axes.fill_betweenx([start - 0.5, stop - 0.5], 1.006, 1.026, transform=across, **band)
        if start:
            axes.axhline(start - 0.5, color=FAINT, lw=0.4, zorder=0)
            axes.axvline(start - 0.5, color=FAINT, lw=0.4, zorder=0)


def _class_ticks(order: Order) -> tuple[list[float], list[str]]:
    """Middle and name of each class that is broad enough on paper to carry its name."""
    smallest = 6.2 / (72 * SIDE / len(order.cells))
    runs = [(name, start, stop) for name, start, stop in _runs(order.cell_class) if name and stop - start >= smallest]
    return [(start + stop - 1) / 2 for _, start, stop in runs], [shortened(one_line(name), 10) for name, _, _ in runs]


def _runs(values: list[str]) -> list[tuple[str, int, int]]:
    """Stretches of equal values: (value, first, one past the last).

    >>> _runs(["a", "a", "b"])
    [('a', 0, 2), ('b', 2, 3)]
    """
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return [(values[a], a, b) for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]


def _matrix_legend(figure: Figure, order: Order, worm: Connectome, tops: list[float]) -> None:
    sign = worm.chemical_edges.sign
    marks: list[Artist] = [
        Line2D([], [], color=colour, marker="s", ls="", ms=5, label=f"{label} ({count})")
        for number, colour, label in CHEMICAL
        if (count := int((sign == number).sum()))
    ]
    marks.append(
        Line2D([], [], color=GAP, marker="s", ls="", ms=5, label=f"gap junction ({len(worm.electrical_edges.pre)})")
    )
    roles: list[Artist] = [
        Patch(color=ROLE_COLOURS.get(role, ROLE_COLOURS[""]), label=f"{ROLE_LABELS.get(role, role)} ({stop - start})")
        for role, start, stop in _runs(order.role)
    ]
    for handles, place in zip((marks, roles), tops, strict=True):
        figure.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, place), ncol=len(handles), frameon=False,
            fontsize=8, handlelength=1.2, columnspacing=1.6, borderaxespad=0.0,
        )  # fmt: skip


# -- degrees ---------------------------------------------------------------------------------------------------


def _in_degree(axes: Axes, worm: Connectome) -> None:
    _histogram(axes, np.bincount(worm.chemical_edges.post, minlength=len(worm)), "In-degree", "presynaptic partners")


def _out_degree(axes: Axes, worm: Connectome) -> None:
    _histogram(axes, np.bincount(worm.chemical_edges.pre, minlength=len(worm)), "Out-degree", "postsynaptic partners")


def _gap_degree(axes: Axes, worm: Connectome) -> None:
    e = worm.electrical_edges
    apart = e.pre != e.post
    partners = np.bincount(e.pre[apart], minlength=len(worm)) + np.bincount(e.post[apart], minlength=len(worm))
    _histogram(axes, partners, "Gap-junction partners", "partners", GAP)


def _histogram(axes: Axes, degree: np.ndarray, title: str, label: str, colour: str = INK) -> None:
    """Cells by their number of partners, those without any too; the mean in words."""
    width = max(1, int(np.ceil((degree.max() + 1) / 40)))
    edges = np.arange(0, degree.max() + width + 1, width) - 0.5
    axes.hist(degree, bins=edges.tolist(), color=colour, linewidth=0)
    axes.set_title(f"{title}, mean {degree.mean():.1f}")
    axes.set_xlabel(label)
    axes.set_ylabel("cells")
