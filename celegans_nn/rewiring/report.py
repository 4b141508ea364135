"""What a control kept of the original wiring and what it changed, measured on the two graphs themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from celegans_nn.connectome.connectome import CELL_COLUMNS, Connectome
from celegans_nn.errors import RewiringError, nearest, one_line
from celegans_nn.rewiring import measures
from celegans_nn.rewiring.edges import MUSCLE, NEURON, cell_kinds, end_cells
from celegans_nn.rewiring.statistics import SILENT, cell_signs

if TYPE_CHECKING:
    import pandas as pd

EXACTLY, CHANGED, NO_PROPERTY = "kept exactly", "changed", ""
TOLERANCE = 0.05
"""Largest relative difference that still counts as kept; the margin that `strength` must hold."""
ROUNDING = 1e-9
"""Sums of the same weights in another order differ by rounding: below this relative difference is exact."""
SIGNS = {"excitatory": 1, "inhibitory": -1, "unknown": 0}


@dataclass(frozen=True)
class Row:
    """One measure of the two graphs."""

    measure: str
    original: float
    """For a measure of every cell, its mean over cells. NaN where it is not defined."""
    control: float
    difference: float
    """Control less original; for a measure of every cell or a multiset, the largest absolute difference."""
    verdict: str
    """"kept exactly", "kept within x %" (x at most 5), "changed", or "" where there is nothing to keep."""


@dataclass(frozen=True)
class PreservationReport:
    """What `compare` found: print it, or take `frame()`."""

    title: str
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, measure: str) -> Row:
        """The row of that measure; RewiringError with the nearest ones if there is none."""
        for row in self.rows:
            if row.measure == measure:
                return row
        known = [row.measure for row in self.rows]
        raise RewiringError(f"unknown measure {one_line(measure)!r}; {nearest(measure, known)}")

    def kept(self, measure: str) -> bool:
        """Whether the control has it as the original has, exactly or within the tolerance."""
        return self[measure].verdict.startswith("kept")

    def frame(self) -> pd.DataFrame:
        """A row a measure; columns measure, original, control, difference, verdict."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.rows])

    def __str__(self) -> str:
        heads = ("measure", "original", "control", "difference", "verdict")
        cells = [(r.measure, *map(_number, (r.original, r.control, r.difference)), r.verdict) for r in self.rows]
        width = [max(len(line[k]) for line in (heads, *cells)) for k in range(len(heads))]
        lines = []
        for line in (heads, tuple("-" * w for w in width), *cells):
            numbers = "  ".join(text.rjust(w) for text, w in zip(line[1:4], width[1:4], strict=True))
            lines.append(f"{line[0]:<{width[0]}}  {numbers}  {line[4]}".rstrip())
        return "\n".join([self.title, *lines])


def compare(
    original: Connectome,
    control: Connectome,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
) -> PreservationReport:
    """Measures both graphs and says of each measure whether the control kept it.

    `inputs` and `outputs` name the cells between which paths are measured. By default they are what a network
    has: motor neurons and muscles, motor neurons alone where there are no muscles, all cells where no cell is
    known as a motor neuron. Raises RewiringError where the two do not have the same cells in the same order.

    >>> import pandas as pd
    >>> from celegans_nn.rewiring import rewire
    >>> worm = Connectome.from_edges(pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"}))
    >>> report = compare(worm, rewire(worm, "degree", seed=0))
    >>> report.kept("in-degree"), report["out-degree"].verdict
    (True, 'kept exactly')
    """
    if original.names != control.names:
        raise RewiringError(
            f"compare: the control's {len(control)} cells are not the original's {len(original)} in the same order; "
            "give a control made from this connectome, or cut both with subset()"
        )
    ends = end_cells(original, inputs, outputs)
    rows = (
        *_cell_rows(original, control),
        *_count_rows(original, control),
        *_degree_rows(original, control),
        *_graph_rows(original, control),
        *_path_rows(original, control, *ends),
        *_overlap_rows(original, control),
        *_move_rows(control),
    )
    return PreservationReport(_title(original, control), rows)


def _title(original: Connectome, control: Connectome) -> str:
    record = control.provenance.get("rewired")
    source = one_line(original.provenance.get("source", ""))
    if not record:
        return f"{source}: two connectomes compared".lstrip(": ")
    return f"{source}, null {record['null']}, seed {record['seed']}, scope {record['scope']}".lstrip(", ")


def _number(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:.4g}"


# -- verdicts --------------------------------------------------------------------------------------------------


def _verdict(relative: float) -> str:
    """The verdict on a relative difference."""
    if relative <= ROUNDING:
        return EXACTLY
    return f"kept within {100 * relative:.2g} %" if relative <= TOLERANCE else CHANGED


def _row(measure: str, original: float, control: float, difference: float, relative: float) -> Row:
    verdict = _verdict(relative)
    return Row(measure, float(original), float(control), 0.0 if verdict == EXACTLY else float(difference), verdict)


def _scalar(measure: str, original: float, control: float) -> Row:
    difference = control - original
    if np.isnan(original) and np.isnan(control):
        return Row(measure, original, control, difference, NO_PROPERTY)
    relative = abs(difference) / abs(original) if original else float(control != 0)
    return _row(measure, original, control, difference, relative)


def _each_cell(measure: str, original: np.ndarray, control: np.ndarray) -> Row:
    """Kept if it is kept in every single cell."""
    difference = np.abs(control - original)
    relative = np.divide(difference, original, out=(difference > 0).astype(float), where=original > 0)
    return _row(measure, original.mean(), control.mean(), difference.max(), float(relative.max()))


def _multiset(measure: str, original: np.ndarray, control: np.ndarray) -> Row:
    """Kept if both have the same values equally often; the difference is that of the sorted values."""
    mean = [float(values.mean()) if len(values) else np.nan for values in (original, control)]
    if len(original) != len(control):
        return Row(measure, mean[0], mean[1], np.nan, CHANGED)
    if not len(original):
        return Row(measure, np.nan, np.nan, np.nan, NO_PROPERTY)
    difference = np.abs(np.sort(original) - np.sort(control))
    return Row(measure, mean[0], mean[1], difference.max(), EXACTLY if not difference.any() else CHANGED)


# -- rows ------------------------------------------------------------------------------------------------------


def _cell_rows(original: Connectome, control: Connectome) -> list[Row]:
    same = all(_same(original.cells[c], control.cells[c]) for c in CELL_COLUMNS)
    n = float(len(original))
    return [Row("cells and their attributes", n, n, 0.0, EXACTLY if same else CHANGED)]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _count_rows(original: Connectome, control: Connectome) -> list[Row]:
    both = (original, control)
    edges = [w.chemical_edges for w in both]
    gaps = [w.electrical_edges for w in both]
    rows = [
        _scalar("chemical edges", *(len(e.pre) for e in edges)),
        _scalar("gap-junction pairs", *(len(g.pre) for g in gaps)),
        _scalar("self-loops, chemical", *(int((e.pre == e.post).sum()) for e in edges)),
        _scalar("self-loops, gap junctions", *(int((g.pre == g.post).sum()) for g in gaps)),
        _multiset("chemical weights (multiset)", *(e.weight for e in edges)),
        _multiset("gap-junction weights (multiset)", *(g.weight for g in gaps)),
    ]
    for name, sign in SIGNS.items():
        rows.append(_scalar(f"{name} edges", *(int((e.sign == sign).sum()) for e in edges)))
    for name, sign in SIGNS.items():
        rows.append(_multiset(f"{name} weights (multiset)", *(e.weight[e.sign == sign] for e in edges)))
    signs = [cell_signs(w) for w in both]
    for name, sign in (*SIGNS.items(), ("", SILENT)):
        count = [np.nan if s is None else int((s == sign).sum()) for s in signs]
        rows.append(_scalar(f"{name} cells" if sign != SILENT else "cells without chemical output", *count))
    return rows


def _degree_rows(original: Connectome, control: Connectome) -> list[Row]:
    both = (original, control)
    rows = []
    by_sign: list[tuple[str, int | None, bool]] = [(f"degree, {name}", sign, False) for name, sign in SIGNS.items()]
    for name, sign, weighted in [("degree", None, False), *by_sign, ("strength", None, True)]:
        of_original, of_control = (measures.degrees(w, sign, weighted) for w in both)
        for k, way in enumerate(("in", "out")):
            rows.append(_each_cell(f"{way}-{name}", of_original[k], of_control[k]))
    rows.append(_each_cell("gap-junction degree", *(measures.gap_degrees(w) for w in both)))
    rows.append(_each_cell("gap-junction strength", *(measures.gap_degrees(w, weighted=True) for w in both)))
    return rows


def _graph_rows(original: Connectome, control: Connectome) -> list[Row]:
    both = (original, control)
    return [
        _scalar("reciprocity", *(measures.reciprocity(w) for w in both)),
        _scalar("clustering", *(measures.clustering(w) for w in both)),
        _scalar("largest strong component", *(measures.largest_strong_component(w) for w in both)),
        _scalar("spectral radius, weights", *(measures.spectral_radius(w, "weight") for w in both)),
        _scalar("spectral radius, signed weights", *(measures.spectral_radius(w, "signed") for w in both)),
    ]


def _path_rows(original: Connectome, control: Connectome, inputs: np.ndarray, outputs: np.ndarray) -> list[Row]:
    steps = [measures.paths(w, inputs, outputs) for w in (original, control)]
    reached = [s[np.isfinite(s)] for s in steps]
    return [
        _scalar("input-output pairs connected", *(len(r) for r in reached)),
        _scalar("mean shortest path, input to output", *(r.mean() if len(r) else np.nan for r in reached)),
        _scalar("longest shortest path, input to output", *(r.max() if len(r) else np.nan for r in reached)),
    ]


def _overlap_rows(original: Connectome, control: Connectome) -> list[Row]:
    """Edges in common as a share of the original's, self-loops aside: a null that moves edges wants these low."""
    kinds = cell_kinds(original)
    rows = []
    for name, kind, blocks in (
        ("chemical edges in common", "chemical_edges", None),
        ("neuron-to-neuron edges in common", "chemical_edges", (NEURON, NEURON)),
        ("neuron-to-muscle edges in common", "chemical_edges", (NEURON, MUSCLE)),
        ("gap junctions in common", "electrical_edges", None),
        ("gap junctions between neurons in common", "electrical_edges", (NEURON, NEURON)),
    ):
        sets = []
        for worm in (original, control):
            pre, post = getattr(worm, kind)[:2]
            chosen = pre != post
            if blocks is not None:
                chosen &= (kinds[pre] == blocks[0]) & (kinds[post] == blocks[1])
            sets.append(pre[chosen].astype(np.int64) * len(worm) + post[chosen])
        if len(sets[0]):
            rows.append(_scalar(name, 1.0, len(np.intersect1d(*sets)) / len(sets[0])))
        else:
            rows.append(Row(name, np.nan, np.nan, np.nan, NO_PROPERTY))
    return rows


def _move_rows(control: Connectome) -> list[Row]:
    """How the control was made, from its provenance; nothing that could be kept."""
    record = control.provenance.get("rewired", {})
    return [
        Row(f"moves {what}, {kind}", np.nan, float(record[kind][what]), np.nan, NO_PROPERTY)
        for kind in ("chemical", "electrical")
        for what in ("attempted", "accepted")
        if kind in record
    ]
