"""The worm's wiring among its rewirings: a row of dots a null model, each dot a graph, and the worm's own line."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from celegans_nn.errors import one_line
from celegans_nn.studies.comparison import Comparison, NullOutcome, Setting
from celegans_nn.studies.dots import Axis, axis, piled
from celegans_nn.studies.spec import Study
from celegans_nn.studies.statistics import place_in_nulls
from celegans_nn.studies.summary import NetworkResults, TaskResults, number, original_of

FEWEST_GRAPHS = 3
"""Rewirings of a null from which on its row says more than the trials' own points."""


@dataclass(frozen=True)
class Null:
    """One null model's graphs, ready to be placed."""

    label: str
    scores: Mapping[str, float]
    """Of each rewiring, by its name, the mean over seeds."""
    said: tuple[str, ...]


@dataclass(frozen=True)
class Places:
    """The worm's wiring among the graphs of its nulls, in one setting."""

    worm: str
    score: float
    by_seed: tuple[float, ...]
    nulls: tuple[Null, ...]
    margin: float | None = None


def stated_places(study: Study, comparison: Comparison | None, results: Sequence[TaskResults]) -> list[dict[str, Any]]:
    """A figure for each setting of the comparison that was stated beforehand; none where there is none."""
    if comparison is None:
        return []
    result = next(r for r in results if r.task.label == comparison.spec.task)
    found = [_stated(comparison, setting, study, result) for setting in comparison.settings]
    return [_figure(places, digits=4) for places in found if places.nulls and math.isfinite(places.score)]


def described_places(
    study: Study, result: TaskResults, shown: Container[tuple[str, str, str]] = ()
) -> list[dict[str, Any]]:
    """A figure for each of the worm's networks with rewirings, by the task's own metric.

    shown: (the worm's network, null model, scope) of what stands elsewhere on the page.
    """
    of: dict[str, list[NetworkResults]] = {}
    for control in result.networks:
        if control.group == "control" and control.graphs >= FEWEST_GRAPHS:
            original = original_of(control.network, study)
            null = control.network.control, control.network.scope
            if original is not None and (original.label, *null) not in shown:
                of.setdefault(original.label, []).append(control)
    figures = []
    for worm in result.networks:
        own = worm.values(result.metric)
        nulls = tuple(_described(control, result, float(np.mean(own))) for control in of.get(worm.label, []) if own)
        if nulls:
            places = Places(worm.label, float(np.mean(own)), tuple(own), nulls)
            figures.append(_figure(places, result.metric.digits))
    return figures


def _stated(comparison: Comparison, setting: Setting, study: Study, result: TaskResults) -> Places:
    column = comparison.spec.metric
    own = next(n for n in result.networks if n.label == setting.worm)
    by_seed = [p.row.get(column) for p in own.points]
    nulls = tuple(
        Null(_model(o), {f"graph {k + 1}": v for k, v in enumerate(o.null_scores)}, _said(comparison, o))
        for o in setting.outcomes
        if o.null_scores
    )
    seeds = tuple(float(v) for v in by_seed if v is not None and math.isfinite(v))
    score = setting.outcomes[0].worm_score
    return Places(setting.worm, score, seeds, nulls, comparison.spec.margin)


def _model(outcome: NullOutcome) -> str:
    model, scope = outcome.model
    return model if scope == "neurons" else f"{model}, scope {scope}"


def _said(comparison: Comparison, outcome: NullOutcome) -> tuple[str, ...]:
    said = [
        outcome.verdict(comparison.spec),
        f"above {number(outcome.percentile, 0)} % of {outcome.complete} graphs",
        f"p = {outcome.p:.3g}, Holm {outcome.p_holm:.3g}",
    ]
    if outcome.effect is not None:
        estimate, low, high, _ = outcome.effect.interval()
        said.append(f"better by {number(estimate, 4)} [{number(low, 4)}, {number(high, 4)}]")
    return tuple(said)


def _described(control: NetworkResults, result: TaskResults, score: float) -> Null:
    scores = {f"rewiring {graph}": score for graph, score in control.by_graph(result.metric).items()}
    place = place_in_nulls(score, list(scores.values()))
    said = (f"above {number(place.percentile, 0)} % of {place.nulls} graphs", f"p = {place.p_above:.2g}, not adjusted")
    return Null(control.label, scores, said)


# -- on the page -----------------------------------------------------------------------------------------------


def _figure(places: Places, digits: int) -> dict[str, Any]:
    values = [places.score, *places.by_seed, *(v for n in places.nulls for v in n.scores.values())]
    scale = axis(values, zero=False)
    return {
        "worm": one_line(places.worm, 120),
        "score": number(places.score, digits),
        "at": scale.at(places.score),
        "seeds": [{"at": scale.at(v), "title": number(v, digits)} for v in places.by_seed],
        "rows": [_row(null, scale, places.margin, digits) for null in places.nulls],
        "ticks": scale.ticks,
    }


def _row(null: Null, scale: Axis, margin: float | None, digits: int) -> dict[str, Any]:
    places = [scale.at(v) or 0.0 for v in null.scores.values()]
    above, highest = piled(places)
    height = max(30.0, highest + 20)
    mean = float(np.mean(list(null.scores.values())))
    dots = [
        {"at": at, "y": round(height - 10 - above(k), 1), "title": f"{graph}: {number(score, digits)}"}
        for k, (at, (graph, score)) in enumerate(zip(places, null.scores.items(), strict=True))
    ]
    band = None
    if margin is not None:
        low, high = (min(max(scale.at(mean + side * margin) or 0.0, 0.0), 100.0) for side in (-1, 1))
        band = {"from": low, "width": round(high - low, 3)}
    return {
        "label": one_line(null.label, 120),
        "height": height,
        "dots": dots,
        "mean": scale.at(mean),
        "band": band,
        "said": null.said,
        "count": len(dots),
    }
