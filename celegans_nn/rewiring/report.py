"""What a control kept of the original wiring and what it changed, measured on the two graphs themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from celegans_nn.connectome.connectome import CELL_COLUMNS, Connectome
from celegans_nn.errors import RewiringError, nearest, one_line
from celegans_nn.rewiring.edges import MUSCLE, NEURON, cell_kinds, end_cells
from celegans_nn.rewiring.profile import EACH_CELL, MULTISET, SCALAR, Measured, Profile, profile

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

EXACTLY, CHANGED, NO_PROPERTY = "kept exactly", "changed", ""
CELLS = "cells and their attributes"
TOLERANCE = 0.05
"""Largest relative difference that still counts as kept; the margin that `strength` must hold."""
ROUNDING = 1e-9
"""Sums of the same weights in another order differ by rounding: below this relative difference is exact."""
OVERLAPS: dict[str, tuple[str, tuple[int, int] | None]] = {
    "chemical edges in common": ("chemical_edges", None),
    "neuron-to-neuron edges in common": ("chemical_edges", (NEURON, NEURON)),
    "neuron-to-muscle edges in common": ("chemical_edges", (NEURON, MUSCLE)),
    "gap junctions in common": ("electrical_edges", None),
    "gap junctions between neurons in common": ("electrical_edges", (NEURON, NEURON)),
}
"""Measures of the pair of graphs: the kind of edges, and of which kinds of cells."""
MOVES = {"attempted": "moves attempted", "accepted": "moves accepted", "movable": "edges moved"}
"""Measures of how the control was made, by their key in its provenance."""


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
    shape: str = SCALAR
    """"scalar", "each cell" or "multiset": what the verdict holds for."""


@dataclass(frozen=True)
class PreservationReport:
    """What `compare` found: print it, take `frame()`, or see `figure()`."""

    title: str
    rows: tuple[Row, ...]
    profiles: tuple[Profile, Profile] = field(repr=False, compare=False)
    """Every measure of the original and of the control, in full."""
    notes: tuple[str, ...] = ()
    """What the null model said about how it was applied."""

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

        heads = ["measure", "original", "control", "difference", "verdict"]
        return pd.DataFrame([vars(row) for row in self.rows], columns=heads)

    def figure(self) -> Figure:
        """What was kept and what changed at a glance: measures, degrees and triads of both."""
        from celegans_nn.rewiring.figures import draw_report

        return draw_report(self)

    def __str__(self) -> str:
        heads = ("measure", "original", "control", "difference", "verdict")
        cells = [(r.measure, *map(number, (r.original, r.control, r.difference)), r.verdict) for r in self.rows]
        return "\n".join([self.title, *aligned(heads, cells, left=(0, 4)), *self.notes])


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
    check_same_cells("compare", original, control)
    ends = end_cells(original, inputs, outputs)
    of_original, of_control = profile(original, *ends), profile(control, *ends)
    rows = rows_of(original, control, of_original, of_control)
    notes = tuple(f"{key}: {text}" for key, text in notes_of(rewired_record(control)).items())
    return PreservationReport(_title(original, control), rows, (of_original, of_control), notes)


def rows_of(original: Connectome, control: Connectome, of_original: Profile, of_control: Profile) -> tuple[Row, ...]:
    """A report's rows from the two wirings and their profiles."""
    return (
        *_cell_rows(original, control),
        *(judge(measure, of_original[measure], of_control[measure]) for measure in of_original),
        *_overlap_rows(original, control),
        *_move_rows(control),
    )


def check_same_cells(what: str, original: Connectome, control: Connectome) -> None:
    """RewiringError unless both are connectomes of the same cells in the same order."""
    for name, worm in (("original", original), ("control", control)):
        if not isinstance(worm, Connectome):
            raise RewiringError(f"{what}: the {name} is {one_line(worm)!r}; give a Connectome")
    if original.names != control.names:
        raise RewiringError(
            f"{what}: the control's {len(control)} cells are not the original's {len(original)} in the same order; "
            "give a control made from this connectome, or cut both with subset()"
        )


SAID_OF_THE_WORM = ("equals", "frozen", "signs", "movable_share")
"""Notes of a null model that hold for every control of a wiring."""


def notes_of(record: Mapping[str, object]) -> dict[str, str]:
    """What a null model said about how it was applied."""
    return {
        key: one_line(text, 300)
        for key, text in record.items()
        if isinstance(text, str) and key not in ("null", "scope")
    }


def rewired_record(worm: Connectome) -> dict[str, Any]:
    """How the control was made, from its provenance; empty if that does not say."""
    record = worm.provenance.get("rewired")
    return record if isinstance(record, dict) else {}


def source_of(worm: Connectome) -> str:
    """Where the wiring comes from and which circuit of it, as far as its provenance says."""
    provenance = worm.provenance
    return " ".join(one_line(provenance[key]) for key in ("source", "circuit") if provenance.get(key))


def _title(original: Connectome, control: Connectome) -> str:
    record = rewired_record(control)
    source = source_of(original)
    if not record:
        return f"{source}: two connectomes compared".lstrip(": ")
    made = [f"{key} {one_line(record[key])}" for key in ("null", "seed", "scope") if key in record]
    return ", ".join(filter(None, [source, *made]))


def number(value: float) -> str:
    """A value of a table; "-" where it is not defined."""
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:.4g}"


def aligned(heads: tuple[str, ...], cells: list[tuple[str, ...]], left: tuple[int, ...]) -> list[str]:
    """Lines of a table with its heads and a rule; columns at the places `left` begin together, the others end so."""
    width = [max(len(line[k]) for line in (heads, *cells)) for k in range(len(heads))]
    lines = []
    for line in (heads, tuple("-" * w for w in width), *cells):
        texts = [
            text.ljust(w) if k in left else text.rjust(w) for k, (text, w) in enumerate(zip(line, width, strict=True))
        ]
        lines.append("  ".join(texts).rstrip())
    return lines


# -- verdicts --------------------------------------------------------------------------------------------------


def judge(measure: str, original: Measured, control: Measured) -> Row:
    """The row of one measure of both."""
    if original.shape == SCALAR:
        return _scalar(measure, float(original.values[0]), float(control.values[0]))
    return {EACH_CELL: _each_cell, MULTISET: _multiset}[original.shape](measure, original.values, control.values)


def _verdict(relative: float) -> str:
    """The verdict on a relative difference."""
    if relative <= ROUNDING:
        return EXACTLY
    return f"kept within {_rounded_up(100 * relative):g} %" if relative <= TOLERANCE else CHANGED


def _rounded_up(percent: float) -> float:
    """To two digits, never down: what is kept within 2.34 % is not kept within 2.3 %."""
    step = 10.0 ** (math.floor(math.log10(percent)) - 1)
    return min(round(math.ceil(percent / step - 1e-9) * step, 12), 100 * TOLERANCE)


def _scalar(measure: str, original: float, control: float) -> Row:
    difference = control - original
    if np.isnan(original) and np.isnan(control):
        return Row(measure, original, control, difference, NO_PROPERTY)
    verdict = _verdict(abs(difference) / abs(original) if original else float(control != 0))
    return Row(measure, original, control, 0.0 if verdict == EXACTLY else difference, verdict)


def _each_cell(measure: str, original: np.ndarray, control: np.ndarray) -> Row:
    """Kept if it is kept in every single cell."""
    difference = np.abs(control - original)
    relative = np.divide(difference, original, out=(difference > 0).astype(float), where=original > 0)
    verdict = _verdict(float(relative.max()))
    largest = 0.0 if verdict == EXACTLY else float(difference.max())
    return Row(measure, float(original.mean()), float(control.mean()), largest, verdict, EACH_CELL)


def _multiset(measure: str, original: np.ndarray, control: np.ndarray) -> Row:
    """Kept if both have the same values equally often; the difference is that of the sorted values."""
    mean = [float(values.mean()) if len(values) else np.nan for values in (original, control)]
    if len(original) != len(control):
        return Row(measure, mean[0], mean[1], np.nan, CHANGED, MULTISET)
    if not len(original):
        return Row(measure, np.nan, np.nan, np.nan, NO_PROPERTY, MULTISET)
    difference = float(np.abs(original - control).max())
    return Row(measure, mean[0], mean[1], difference, CHANGED if difference else EXACTLY, MULTISET)


# -- rows of the pair of graphs --------------------------------------------------------------------------------


def _cell_rows(original: Connectome, control: Connectome) -> list[Row]:
    same = all(_same(original.cells[c], control.cells[c]) for c in CELL_COLUMNS)
    n = float(len(original))
    return [Row(CELLS, n, n, 0.0, EXACTLY if same else CHANGED)]


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _overlap_rows(original: Connectome, control: Connectome) -> list[Row]:
    """Edges in common as a share of the original's, self-loops aside: a null that moves edges wants these low."""
    kinds = cell_kinds(original)
    rows = []
    for name, (kind, blocks) in OVERLAPS.items():
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
    record = rewired_record(control)
    return [
        Row(f"{name}, {kind}", np.nan, float(made), np.nan, NO_PROPERTY)
        for kind in ("chemical", "electrical")
        for what, name in MOVES.items()
        if (made := _entry(record, kind, what)) is not None
    ]


def _entry(record: dict[str, Any], kind: str, what: str) -> float | None:
    moves = record.get(kind)
    made = moves.get(what) if isinstance(moves, dict) else None
    return made if isinstance(made, int | float) else None
