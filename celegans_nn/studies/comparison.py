"""The pre-registered comparison, from the rows of a study: the worm against each of its nulls, and the verdict.

For each null: the worm's mean over seeds among the means of R rewirings over the same seeds, p = (1 + k) / (1 + R),
with Holm's correction over the nulls; the effect with its interval; and whether it lies within the margin. The same
again in every other setting of the study that differs from the pre-registered one in `AXES` alone.

*Supported*: corrected p at most alpha and effect above the margin, under every initialisation and both settings of gap
junctions that the study has. *Not supported*: the effect lies within the margin, or the reverse is significant.
Otherwise *undecided at this budget*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from celegans_nn.studies.curve_metrics import CURVE_METRICS, with_curve_metric
from celegans_nn.studies.null_effect import NullEffect, null_effect
from celegans_nn.studies.reading_comparison import same_but_wiring
from celegans_nn.studies.spec import ComparisonSpec, NetworkSpec, Study
from celegans_nn.studies.statistics import FEWEST, Interval, cluster_bootstrap, holm, mean, place_in_nulls

if TYPE_CHECKING:
    import pandas as pd

REQUIRED_AXES = ("weights", "gap_junctions")
"""The verdict must hold under each of their values."""
AXES = (*REQUIRED_AXES, "polarity", "ticks")
"""The settings of the multiverse: in which share of them the verdict survives."""
SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided at this budget"
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class NullOutcome:
    """One null in one setting. Scores are in the metric's unit; `effect` is turned so that above 0 is better."""

    null: str
    model: tuple[str, str]
    """The null model and its scope."""
    rewirings: int
    """R, as many as the specification asks for."""
    complete: int
    """Those with a finite score from every seed. The others count as reaching the worm, and as below it."""
    worm_score: float
    null_scores: tuple[float, ...]
    """Of the complete rewirings, each one's mean over seeds, by control seed."""
    null_mean: Interval | None
    """Bootstrap over graphs; None below `FEWEST` of them."""
    percentile: float
    """Share of the complete rewirings that the worm outdoes, ties counted half, in percent."""
    p: float
    """Of the worm being no better than a rewiring."""
    p_reverse: float
    effect: NullEffect | None
    """None without two seeds and two complete rewirings."""
    p_equivalence: float
    p_holm: float = 1.0
    p_reverse_holm: float = 1.0
    p_equivalence_holm: float = 1.0

    def verdict(self, spec: ComparisonSpec) -> str:
        """In this setting alone."""
        level = spec.alpha * (1 + 1e-9)  # 59 rewirings of each of 3 nulls reach 3 / 60, which is 0.05
        if self.p_holm <= level and self._difference(spec) > spec.margin:
            return SUPPORTED
        if self.p_reverse_holm <= level or self.p_equivalence_holm <= level:
            return NOT_SUPPORTED
        return UNDECIDED

    def _difference(self, spec: ComparisonSpec) -> float:
        if not self.null_scores:
            return float("nan")
        return _turned(self.worm_score - float(np.mean(self.null_scores)), spec)


@dataclass(frozen=True)
class Setting:
    """The comparison under one choice of `AXES`."""

    values: Mapping[str, Any]
    worm: str
    """Label of its network."""
    required: bool
    """Whether it differs from the pre-registered setting in `REQUIRED_AXES` alone, or not at all."""
    outcomes: tuple[NullOutcome, ...]


@dataclass(frozen=True)
class Comparison:
    """What came of the pre-registered comparison."""

    spec: ComparisonSpec
    settings: tuple[Setting, ...]
    """The pre-registered one first."""

    @property
    def verdict(self) -> str:
        """Of the claim that the worm's wiring does better than every one of its nulls."""
        each = [self.verdict_on(o.null) for o in self.settings[0].outcomes]
        if all(v == SUPPORTED for v in each):
            return SUPPORTED
        return NOT_SUPPORTED if NOT_SUPPORTED in each else UNDECIDED

    def verdict_on(self, null: str) -> str:
        """Of the claim against one null, over the settings that it must hold in."""
        model = next(o.model for o in self.settings[0].outcomes if o.null == null)
        each = [
            o.verdict(self.spec) for s in self.settings if s.required for o in s.outcomes if o.model == model
        ]  # the pre-registered setting's first
        if all(v == SUPPORTED for v in each):
            return SUPPORTED
        return NOT_SUPPORTED if each[0] == NOT_SUPPORTED and SUPPORTED not in each else UNDECIDED

    def share(self, null: str) -> tuple[int, int]:
        """(settings in which the pre-registered setting's verdict on this null stands, settings that have it)."""
        model = next(o.model for o in self.settings[0].outcomes if o.null == null)
        each = [o.verdict(self.spec) for s in self.settings for o in s.outcomes if o.model == model]
        return sum(v == each[0] for v in each), len(each)

    @property
    def notes(self) -> tuple[str, ...]:
        """What keeps this from being the whole protocol."""
        said = []
        required = [s.values for s in self.settings if s.required]
        for axis, what in (("weights", "one initialisation"), ("gap_junctions", "one setting of gap junctions")):
            if len({str(values[axis]) for values in required}) < 2:
                said.append(f"tested under {what} only ({axis} {str(required[0][axis]).lower()})")
        for o in self.settings[0].outcomes:
            if o.rewirings < self.spec.fewest_rewirings:
                fewest = self.spec.fewest_rewirings
                said.append(f"{o.null}: {o.rewirings} rewirings, and below {fewest} nothing can be significant")
            if o.complete < o.rewirings:
                missing = o.rewirings - o.complete
                said.append(
                    f"{o.null}: {missing} of {o.rewirings} rewirings lack a score and count against either side"
                )
        if not math.isfinite(self.settings[0].outcomes[0].worm_score):
            said.append("the worm lacks a score from some seed")
        return tuple(said)


def compare_rows(study: Study, table: pd.DataFrame, curves: pd.DataFrame | None = None) -> Comparison | None:
    """The study's pre-registered comparison from its table of results; None where it states none.

    `table`: as `load_results` gives it; of it the columns network, task, seed, control_seed and the metric are used.
    `curves`: as curves.csv has them, for a metric of the learning curve.
    """
    spec = study.comparison
    if spec is None:
        return None
    if spec.metric in CURVE_METRICS and curves is not None:
        table = with_curve_metric(spec, table, curves, next(t.budget for t in study.tasks if t.label == spec.task))
    primary = next(n for n in study.networks if n.label == spec.worm)
    controls = [next(n for n in study.networks if n.label == null) for null in spec.nulls]
    seeds = next(t.seeds for t in study.tasks if t.label == spec.task)
    rows = _scores(spec, table)
    settings = [
        _setting(spec, study, worm, primary, controls, seeds, rows)
        for worm in sorted(_settings(study, primary), key=lambda n: n != primary)
    ]
    return Comparison(spec, tuple(s for s in settings if s.outcomes))


def _scores(spec: ComparisonSpec, table: pd.DataFrame) -> dict[tuple[str, int | None, int], float]:
    """(network, control seed, seed) to score, of the finite ones."""
    if spec.metric not in table:
        return {}
    mine = table[table["task"] == spec.task]
    graphs = mine["control_seed"] if "control_seed" in mine else [None] * len(mine)
    found = {}
    for label, graph, seed, score in zip(mine["network"], graphs, mine["seed"], mine[spec.metric], strict=True):
        if score is not None and math.isfinite(score):
            number = None if graph is None or graph != graph else int(graph)
            found[label, number, int(seed)] = float(score)
    return found


def _settings(study: Study, primary: NetworkSpec) -> list[NetworkSpec]:
    """The study's networks of the worm's own wiring that differ from the primary one in `AXES` alone."""
    own = {axis: getattr(primary, axis) for axis in AXES}
    return [n for n in study.networks if replace(n, label=primary.label, **own) == primary]


def _setting(
    spec: ComparisonSpec, study: Study, worm: NetworkSpec, primary: NetworkSpec, controls: Sequence[NetworkSpec],
    seeds: Sequence[int], rows: Mapping[tuple[str, int | None, int], float],
) -> Setting:  # fmt: skip
    outcomes = []
    for control in controls:
        graphs = [
            n for n in study.networks
            if (n.control, n.scope) == (control.control, control.scope) and same_but_wiring(worm, n)
            and (worm != primary or n.label == control.label)
        ]  # fmt: skip
        if graphs:
            own = np.array([rows.get((worm.label, None, s), np.nan) for s in seeds])
            scores = [[rows.get((g.label, g.control_seed, s), np.nan) for s in seeds] for g in graphs]
            outcomes.append(_outcome(spec, control, own, np.array(scores)))
    values = {axis: getattr(worm, axis) for axis in AXES}
    required = all(getattr(worm, a) == getattr(primary, a) for a in AXES if a not in REQUIRED_AXES)
    return Setting(values, worm.label, required, _corrected(outcomes))


def _outcome(spec: ComparisonSpec, control: NetworkSpec, own: np.ndarray, scores: np.ndarray) -> NullOutcome:
    """own [S], scores [R, S]; nan where there is none."""
    whole = scores[np.isfinite(scores).all(axis=1)]
    rewirings, complete = len(scores), len(whole)
    means = whole.mean(axis=1)
    worm = float(own.mean())
    place = place_in_nulls(_turned(worm, spec), _turned(means, spec)) if complete and math.isfinite(worm) else None
    p, p_reverse = 1.0, 1.0
    if place is not None:  # a rewiring without a score counts as one that reaches the worm, on either side
        missing = rewirings - complete
        p, p_reverse = (((1 + complete) * side + missing) / (1 + rewirings) for side in (place.p_above, place.p_below))
    effect = null_effect(_turned(own, spec), _turned(whole, spec)) if place and complete > 1 and len(own) > 1 else None
    within = effect.equivalence(spec.margin) if effect is not None and complete == rewirings else 1.0
    return NullOutcome(
        control.label, (control.control, control.scope), rewirings, complete, worm, tuple(map(float, means)),
        cluster_bootstrap(dict(enumerate(whole)), mean, seed=BOOTSTRAP_SEED) if complete >= FEWEST else None,
        place.percentile if place is not None else float("nan"), p, p_reverse, effect, within,
    )  # fmt: skip


def _corrected(outcomes: Sequence[NullOutcome]) -> tuple[NullOutcome, ...]:
    """With Holm's correction over the nulls of the setting."""
    if not outcomes:
        return ()
    above, below = holm([o.p for o in outcomes]), holm([o.p_reverse for o in outcomes])
    within = holm([o.p_equivalence for o in outcomes])
    return tuple(
        replace(o, p_holm=float(a), p_reverse_holm=float(b), p_equivalence_holm=float(w))
        for o, a, b, w in zip(outcomes, above, below, within, strict=True)
    )


def _turned(value: Any, spec: ComparisonSpec) -> Any:
    """So that higher is better."""
    return value if spec.direction == "higher" else -value
