"""Metrics of a whole learning curve, by which a study's networks can be compared: its area, and the cost to a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celegans_nn.studies.spec import ComparisonSpec
from celegans_nn.studies.statistics import area_under_curve, cost_to_threshold

if TYPE_CHECKING:
    import pandas as pd

AREA, COST = "area_under_curve", "cost_to_threshold"
CURVE_METRICS = (AREA, COST)
"""`AREA`: the mean score over the budget, in the curve's own unit. `COST`: environment steps, or samples, until the
curve first reaches the threshold; one that never does counts as the whole budget (a restricted mean: Royston and Parmar
2013, doi 10.1186/1471-2288-13-152), and ties with all others that never do."""
BETWEEN = ("untrained", "after_pretraining", "final")
"""Stages of a curve's held-out points before, between and after training, which for images have another unit."""


def with_curve_metric(spec: ComparisonSpec, table: pd.DataFrame, curves: pd.DataFrame, budget: int) -> pd.DataFrame:
    """The table of results with the comparison's metric as a further column, from the learning curves.

    `curves`: columns trial, stage, cost and score, as in curves.csv; of a curve those points count that training itself
    made, or where training scored held-out episodes (`evaluate_every`) the held-out ones. NaN where there are none.
    """
    found = {str(trial): _value(spec, points, budget) for trial, points in curves.groupby("trial")}
    return table.assign(**{spec.metric: [found.get(str(trial), float("nan")) for trial in table["trial"]]})


def _value(spec: ComparisonSpec, points: Any, budget: int) -> float:
    held_out = (points["stage"] == "held_out").any()
    chosen = points["stage"].isin([*BETWEEN, "held_out"]) if held_out else ~points["stage"].isin(BETWEEN)
    cost, score = points["cost"][chosen].to_numpy(), points["score"][chosen].to_numpy(dtype=float)
    if not len(cost):
        return float("nan")
    if spec.metric == AREA:
        return area_under_curve(cost, score, max(budget, cost[0]))
    assert spec.threshold is not None
    at, reached = cost_to_threshold(cost, score, spec.threshold)
    return at if reached else float(max(budget, at))
