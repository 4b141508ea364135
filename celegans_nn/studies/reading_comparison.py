"""The [comparison] of a study's file: the one comparison that is stated before anything runs, checked against it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import fields, replace

from celegans_nn.studies import known
from celegans_nn.studies.curve_metrics import COST, CURVE_METRICS
from celegans_nn.studies.place import Place, duplicate
from celegans_nn.studies.spec import ComparisonSpec, NetworkSpec, TaskSpec

COMPARISON_KEYS = tuple(f.name for f in fields(ComparisonSpec))
DIRECTIONS = ("higher", "lower")
TESTS = ("rank",)
MOST_NULLS = 3
LARGEST_ALPHA = 0.5


def read_comparison(
    top: Place, networks: Sequence[NetworkSpec], tasks: Sequence[TaskSpec], warn: bool
) -> ComparisonSpec | None:
    """The checked comparison, or None where the file states none. `warn`: say so where nothing can be significant."""
    if "comparison" not in top.table:
        return None
    place = top.at("comparison", top.inner("comparison"))
    place.only(COMPARISON_KEYS)
    by_label = {task.label: task for task in tasks}
    only_task = tasks[0].label if len(tasks) == 1 else None
    task = place.named("task", place.value("task", str, only_task), by_label)
    scores = known.metrics(by_label[task].name, by_label[task].task)
    metric = place.named("metric", place.value("metric", str), (*scores, *CURVE_METRICS))
    worm = _worm(place, networks)
    spec = ComparisonSpec(
        task, metric, worm.label, _nulls(place, worm, networks), _positive(place, "margin", float("inf")),
        _direction(place, metric),
        _positive(place, "alpha", LARGEST_ALPHA, 0.05),
        place.named("test", place.value("test", str, "rank"), TESTS),
        _threshold(place, metric),
    )  # fmt: skip
    if warn:
        _warn_of_few(spec, networks)
    return spec


def _direction(place: Place, metric: str) -> str:
    direction = place.named("direction", place.value("direction", str, _usual_direction(metric)), DIRECTIONS)
    if metric == COST and direction == "higher":
        place.wrong("direction", direction, f'of {COST} less is better; give "lower", or leave it out')
    return direction


def _usual_direction(metric: str) -> str:
    return "lower" if metric == COST else "higher"


def _threshold(place: Place, metric: str) -> float | None:
    """The score to reach, which one metric needs and no other has."""
    if metric != COST:
        if "threshold" in place.table:
            place.wrong("threshold", place.table["threshold"], f"belongs to the metric {COST}; remove it")
        return None
    threshold = float(place.value("threshold", float))
    if not math.isfinite(threshold):
        place.wrong("threshold", threshold, "must be a finite number")
    return threshold


def _worm(place: Place, networks: Sequence[NetworkSpec]) -> NetworkSpec:
    own = {n.label: n for n in networks if n.baseline is None and n.control == "none"}
    return own[place.named("worm", place.value("worm", str), own)]


def _nulls(place: Place, worm: NetworkSpec, networks: Sequence[NetworkSpec]) -> tuple[str, ...]:
    labels = place.table.get("nulls", [])
    if not isinstance(labels, list) or not 1 <= len(labels) <= MOST_NULLS:
        place.wrong("nulls", labels or None, f"give a list of 1 to {MOST_NULLS} labels of networks with a control")
    controls = {n.label: n for n in networks if n.control != "none"}
    for label in labels:
        place.named("nulls", label, controls)
        if not same_but_wiring(worm, controls[label]):
            place.wrong(
                "nulls",
                label,
                f"differs from {worm.label!r} in more than its wiring; {_differences(worm, controls[label])}",
            )
    if twice := duplicate(labels):
        place.wrong("nulls", twice, "is listed twice")
    return tuple(labels)


def same_but_wiring(worm: NetworkSpec, control: NetworkSpec) -> bool:
    """Whether a control differs from the worm's network in nothing but how its graph was rewired."""
    own = {"label": worm.label, "control": worm.control, "control_seed": worm.control_seed, "scope": worm.scope}
    return replace(control, **own) == worm  # type: ignore[arg-type]


def _differences(worm: NetworkSpec, control: NetworkSpec) -> str:
    apart = ("label", "control", "control_seed", "scope", "file")
    keys = [f.name for f in fields(worm) if f.name not in apart and getattr(worm, f.name) != getattr(control, f.name)]
    return f"give both the same {', '.join(keys)}"


def _positive(place: Place, key: str, most: float, default: float | None = None) -> float:
    value = float(place.value(key, float, default))
    if not 0 < value <= most or value == float("inf"):
        place.wrong(key, value, "must be a number above 0" + (f", at most {most:g}" if most < float("inf") else ""))
    return value


def _warn_of_few(spec: ComparisonSpec, networks: Sequence[NetworkSpec]) -> None:
    few = {null: graphs for null in spec.nulls if (graphs := rewirings(null, networks)) < spec.fewest_rewirings}
    if few:
        named = ", ".join(f"{null!r} has {graphs}" for null, graphs in few.items())
        many = "null" if len(spec.nulls) == 1 else "nulls"
        warnings.warn(
            f"comparison: nothing can be significant: {len(spec.nulls)} {many} at alpha {spec.alpha:g} need "
            f"{spec.fewest_rewirings} rewirings each, and {named}",
            stacklevel=2,
        )


def rewirings(label: str, networks: Sequence[NetworkSpec]) -> int:
    """How many graphs a label stands for."""
    return sum(n.label == label for n in networks)
