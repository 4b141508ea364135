"""Where the worm stands among many controls: each measure of it against the same measure of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError, nearest, one_line
from celegans_nn.rewiring.edges import end_cells
from celegans_nn.rewiring.profile import EACH_CELL, MULTISET, SCALAR, Measured, profile
from celegans_nn.rewiring.report import (
    CELLS,
    EXACTLY,
    NO_PROPERTY,
    OVERLAPS,
    ROUNDING,
    SAID_OF_THE_WORM,
    aligned,
    check_same_cells,
    notes_of,
    number,
    rewired_record,
    rows_of,
    source_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUMMARY = {SCALAR: "value", EACH_CELL: "sd over cells", MULTISET: "mean"}
"""One number for each shape of measure. The mean over cells of a degree is the same in every control that has as many
edges; how unequal the cells are is not."""

RECORDED = ("null", "ensemble_seed", "seed", "scope")
"""What a title says of how controls were made; one seed of the whole ensemble in the place of each control's."""


@dataclass(frozen=True)
class EnsembleRow:
    """One measure of the original among the controls. What is not defined is NaN."""

    measure: str
    of: str
    """What number stands for it: its "value", its "sd over cells", or the "mean" of a multiset."""
    original: float
    mean: float
    """Of the controls in which it is defined, as are the following."""
    sd: float
    """Sample standard deviation, 0 where they differ by no more than rounding."""
    least: float
    most: float
    z: float
    """(original - mean) / sd; NaN where sd is 0."""
    percentile: float
    """Per cent of the controls below the original, and half of those equal to it."""
    p: float
    """Two-sided, by rank: 2 (1 + k) / (1 + R), at most 1; k controls lie as far out as the original, or further, on
    the side where they are fewer. It tests "the original is one more draw from the null"."""
    controls: int
    """Controls in which it is defined."""
    kept: int
    """Controls that keep it exactly: in every single cell, or as the whole multiset."""
    verdict: str
    """"kept by all", "kept by k of R", "changed by all", "constant" (all changed to one value), or ""."""


@dataclass(frozen=True)
class EnsembleReport:
    """What `compare_ensemble` found: print it, take `frame()`, or see `figure()`."""

    title: str
    notes: tuple[str, ...]
    """How to read it, and how finely that many controls can tell."""
    rows: tuple[EnsembleRow, ...]
    values: Mapping[str, np.ndarray] = field(repr=False, compare=False)
    """float64 [R] of each measure: the controls' numbers in their order."""

    def __iter__(self) -> Iterator[EnsembleRow]:
        return iter(self.rows)

    def __getitem__(self, measure: str) -> EnsembleRow:
        """The row of that measure; RewiringError with the nearest ones if there is none."""
        for row in self.rows:
            if row.measure == measure:
                return row
        known = [row.measure for row in self.rows]
        raise RewiringError(f"unknown measure {one_line(measure)!r}; {nearest(measure, known)}")

    def frame(self) -> pd.DataFrame:
        """A row a measure, a column a field of `EnsembleRow`."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.rows])

    def figure(self) -> Figure:
        """The controls' distribution of each measure, in their standard deviations, and the original's place in it."""
        from celegans_nn.rewiring.figures import draw_ensemble

        return draw_ensemble(self)

    def __str__(self) -> str:
        heads: tuple[str, ...] = ("measure", "of", "original", "mean", "sd", "min", "max", "z", "%ile", "p", "verdict")
        some_undefined = _some_undefined(self.rows)
        heads += ("defined in",) if some_undefined else ()
        cells = [
            (
                r.measure,
                r.of,
                *map(number, (r.original, r.mean, r.sd, r.least, r.most)),
                *(number(round(x, 3)) if np.isfinite(x) else number(x) for x in (r.z, r.percentile, r.p)),
                r.verdict,
                *((str(r.controls),) if some_undefined else ()),
            )
            for r in self.rows
        ]
        return "\n".join([self.title, *aligned(heads, cells, left=(0, 1, 10)), *self.notes])


def compare_ensemble(
    original: Connectome,
    controls: Iterable[Connectome],
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
) -> EnsembleReport:
    """Measures the original once and each control, and says where the original stands among them.

    Parameters
    ----------
    controls
        At least two, of the same cells in the same order: a list, or a generator such as `rewire_many`, from which
        they are taken one at a time. Each is to be an independent draw from the same null model.
    inputs, outputs
        As in `compare`.

    Raises
    ------
    RewiringError
        For fewer than two controls, for other cells, and for what is no connectome.

    A measure of every cell is summed up by its standard deviation over the cells, a multiset by its mean; their
    verdicts hold for every cell and for the whole multiset. p-values are not corrected for the number of measures.

    >>> import pandas as pd
    >>> from celegans_nn.rewiring import rewire_many
    >>> ring = Connectome.from_edges(pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"}))
    >>> report = compare_ensemble(ring, rewire_many(ring, "degree", n=19, seed=0))
    >>> report["in-degree"].verdict, report["chemical edges in common"].mean < 1
    ('kept by all', True)
    """
    check_same_cells("compare_ensemble", original, original)
    if isinstance(controls, Connectome) or not isinstance(controls, Iterable):
        raise RewiringError(
            f"compare_ensemble: the controls are {one_line(controls)!r}; give several, such as rewire_many(...)"
        )
    ends = end_cells(original, inputs, outputs)
    of_original = profile(original, *ends)
    seen = _Seen()
    for control in controls:
        check_same_cells("compare_ensemble", original, control)
        of_control = profile(control, *ends)
        kept = (*RECORDED, *SAID_OF_THE_WORM)
        seen.records.append({k: v for k, v in rewired_record(control).items() if k in kept})
        seen.graphs.add(control.fingerprint)
        for row in rows_of(original, control, of_original, of_control):
            value = _summary(of_control[row.measure]) if row.measure in of_control else row.control
            seen.values.setdefault(row.measure, []).append(value)
            seen.kept[row.measure] = seen.kept.get(row.measure, 0) + (row.verdict == EXACTLY)
    if len(seen.records) < 2:
        few = "1 control has" if seen.records else "0 controls have"
        raise RewiringError(f"compare_ensemble: {few} no spread; give 2 or more")
    values = {m: np.array(v) for m, v in seen.values.items() if len(v) == len(seen.records) and m != CELLS}
    shape = {measure: measured.shape for measure, measured in of_original.items()}
    rows = tuple(
        _row(
            measure,
            SUMMARY[shape.get(measure, SCALAR)],
            _summary(of_original[measure]) if measure in of_original else 1.0 if measure in OVERLAPS else np.nan,
            of_controls,
            seen.kept[measure],
        )
        for measure, of_controls in values.items()
    )
    return EnsembleReport(_title(original, seen), _notes(seen, _some_undefined(rows)), rows, values)


@dataclass
class _Seen:
    """What is kept of the controls that have gone by."""

    records: list[dict[str, object]] = field(default_factory=list)
    graphs: set[str] = field(default_factory=set)
    values: dict[str, list[float]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


def _summary(measured: Measured) -> float:
    if not len(measured.values):
        return np.nan
    return float(measured.values.std() if measured.shape == EACH_CELL else measured.values.mean())


def _row(measure: str, of: str, original: float, values: np.ndarray, kept: int) -> EnsembleRow:
    defined = values[np.isfinite(values)]
    n = len(defined)
    mean, least, most = (float(f(defined)) if n else np.nan for f in (np.mean, np.min, np.max))
    sd = _sd(defined)
    is_draw = n > 0 and np.isfinite(original) and measure not in OVERLAPS  # its overlap with itself is none
    z = (original - mean) / sd if is_draw and sd > 0 else np.nan
    percentile, p = _rank(defined, original) if is_draw else (np.nan, np.nan)
    if n == 0 or not np.isfinite(original):
        verdict = NO_PROPERTY
    elif kept:
        verdict = "kept by all" if kept == len(values) else f"kept by {kept} of {len(values)}"
    else:
        verdict = "constant" if sd == 0 and of == SUMMARY[SCALAR] else "changed by all"
    return EnsembleRow(measure, of, original, mean, sd, least, most, z, percentile, p, n, kept, verdict)


def _sd(values: np.ndarray) -> float:
    if len(values) < 2:
        return np.nan
    return 0.0 if np.ptp(values) <= ROUNDING * np.abs(values).max() else float(values.std(ddof=1))


def _rank(controls: np.ndarray, original: float) -> tuple[float, float]:
    """Percentile and two-sided p of the original among the controls; what differs by rounding is equal."""
    n = len(controls)
    equal = np.abs(controls - original) <= ROUNDING * np.maximum(np.abs(controls), abs(original))
    ties, below = int(equal.sum()), int((controls < original)[~equal].sum())
    as_far_out = ties + min(below, n - below - ties)
    return 100 * (below + ties / 2) / n, min(1.0, 2 * (1 + as_far_out) / (1 + n))


def _some_undefined(rows: Sequence[EnsembleRow]) -> bool:
    counts = [r.controls for r in rows if not np.isnan(r.original)]
    return min(counts, default=0) < max(counts, default=0)


def _title(original: Connectome, seen: _Seen) -> str:
    """Source, number of controls, null models, seeds and scopes, as far as the provenances say."""
    parts = [source_of(original), f"{len(seen.records)} controls"]
    of_one_ensemble = all("ensemble_seed" in r for r in seen.records)
    for key in RECORDED:
        if key == ("seed" if of_one_ensemble else "ensemble_seed"):
            continue
        given = list(dict.fromkeys(one_line(r[key]) for r in seen.records if key in r))
        if given:
            listed = ", ".join(given) if len(given) <= 3 else f"{given[0]}, {given[1]}, ... {given[-1]}"
            parts.append(f"{key.replace('_', ' ')}{'s' if len(given) > 1 else ''} {listed}")
    return ", ".join(filter(None, parts))


def _notes(seen: _Seen, some_undefined: bool) -> tuple[str, ...]:
    r = len(seen.records)
    notes = [
        f"{r} controls resolve percentiles to {100 / r:.3g} %, and no p is below 2/(1 + {r}) = {2 / (1 + r):.2g}; "
        "p is two-sided, by rank, not corrected for the number of measures.",
        *(f"{key}: {text}" for key, text in notes_of(seen.records[0]).items() if key in SAID_OF_THE_WORM),
    ]
    if some_undefined:
        notes.append("Where a measure is defined in fewer controls, percentile and p rest on those alone.")
    if len(seen.graphs) < r:
        notes.append(f"Only {len(seen.graphs)} of the {r} controls are different graphs.")
    nulls = {r.get("null") for r in seen.records}
    if len(nulls) > 1:
        notes.append("The controls come from several null models: percentiles and p mix them.")
    return tuple(notes)
