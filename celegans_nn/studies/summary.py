"""A study's results arranged for reading: which networks, which points, which numbers. No text, no layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import CelegansError
from celegans_nn.studies.curve_lines import Curve
from celegans_nn.studies.spec import NetworkSpec, Study, TaskSpec, Trial
from celegans_nn.studies.store import Record
from celegans_nn.studies.trial import make_trial_task, wirings


def number(value: float | None, digits: int) -> str:
    """A number to read: so many digits, a real minus sign, no minus before zero.

    >>> number(-0.0004, 3), number(-1.26, 1), number(None, 2)
    ('0.000', '−1.3', '–')
    """
    if value is None or not np.isfinite(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


@dataclass(frozen=True)
class Metric:
    """The number by which a task is judged in the report."""

    name: str
    unit: str
    """"" for a share."""
    columns: Mapping[str, str]
    """When ("untrained", "after_pretraining", "final") to the column of the results."""
    digits: int = 3

    def text(self, value: float | None) -> str:
        return number(value, self.digits)

    def with_unit(self, value: float | None) -> str:
        return self.text(value) + (f" {self.unit}" if self.unit else "")


SPEED = Metric(
    "mean forward speed", "m/s",
    {when: f"{when}_forward_speed" for when in ("untrained", "after_pretraining", "final")},
)  # fmt: skip
MOST_GRAPHS_MEASURED = 3
"""To make a graph anew takes about a tenth of a second."""
WORM_SPEED = replace(SPEED, unit="mm/s")
"""Of a worm of 1 mm, whose task counts lengths in body lengths."""
ACCURACY = Metric("test accuracy", "", {when: when for when in ("untrained", "after_pretraining", "final")})


@dataclass(frozen=True)
class Point:
    """One finished trial, as the report shows it."""

    trial: Trial
    row: Mapping[str, Any]

    def at(self, metric: Metric, when: str) -> float | None:
        value = self.row.get(metric.columns[when])
        return None if value is None else float(value)


@dataclass(frozen=True)
class NetworkResults:
    """Every finished trial of one network (all its rewirings and seeds) on one task."""

    label: str
    group: str
    """"worm", "control" or "baseline"."""
    network: NetworkSpec
    points: tuple[Point, ...]

    def values(self, metric: Metric, when: str = "final") -> list[float]:
        found = (p.at(metric, when) for p in self.points)
        return [v for v in found if v is not None and np.isfinite(v)]

    @property
    def graphs(self) -> int:
        return len({p.trial.network.control_seed for p in self.points})

    def by_graph(self, metric: Metric, when: str = "final") -> dict[int, float]:
        """Of each graph, by its control seed, the mean over seeds."""
        found: dict[int, list[float]] = {}
        for point in self.points:
            value = point.at(metric, when)
            if value is not None and np.isfinite(value):
                found.setdefault(point.trial.network.control_seed, []).append(value)
        return {graph: float(np.mean(values)) for graph, values in sorted(found.items())}


@dataclass(frozen=True)
class TaskResults:
    """One task's results, networks in the order of the spec."""

    task: TaskSpec
    kind: str
    """"locomotion" or "classification"."""
    metric: Metric
    networks: tuple[NetworkResults, ...]
    curves: tuple[Curve, ...]
    scored_seconds: float | None = None
    """s of an episode over which a body is scored; None where there is no body."""

    @property
    def points(self) -> list[Point]:
        return [p for n in self.networks for p in n.points]

    @cached_property
    def cost_unit(self) -> str:
        return "environment steps" if self.kind == "locomotion" else "images seen"


def group_of(network: NetworkSpec) -> str:
    if network.baseline is not None:
        return "baseline"
    return "worm" if network.control == "none" else "control"


def original_of(network: NetworkSpec, study: Study) -> NetworkSpec | None:
    """The study's network that differs from this control in nothing but the wiring."""
    for other in study.networks:
        if other.control != "none" or other.baseline is not None:
            continue
        if (
            replace(network, label=other.label, control="none", control_seed=other.control_seed, scope=other.scope)
            == other
        ):
            return other
    return None


def summarise(study: Study, records: Mapping[Trial, Record]) -> list[TaskResults]:
    """One `TaskResults` a task of the study, from the records of its finished trials."""
    return [_task_results(study, task, records) for task in study.tasks]


def _task_results(study: Study, task: TaskSpec, records: Mapping[Trial, Record]) -> TaskResults:
    made = make_trial_task(task)
    locomotion = made.kind == "locomotion"
    mine = [(t, r) for t, r in records.items() if t.task == task and r.row is not None]
    networks, curves = [], []
    for label in dict.fromkeys(n.label for n in study.networks):
        spec = next(n for n in study.networks if n.label == label)
        members = sorted(
            ((t, r) for t, r in mine if t.network.label == label), key=lambda m: (m[0].network.control_seed, m[0].seed)
        )
        points = tuple(Point(t, r.row or {}) for t, r in members)
        networks.append(NetworkResults(label, group_of(spec), spec, points))
        curves += [_curve(label, group_of(spec), t, r.curve) for t, r in members if r.curve]
    seconds = (made.episode_steps - made.settle_steps) * made.control_dt if locomotion else None
    metric = (WORM_SPEED if made.name == "worm" else SPEED) if locomotion else ACCURACY
    return TaskResults(task, made.kind, metric, tuple(networks), tuple(curves), seconds)


def _curve(label: str, group: str, trial: Trial, points: Sequence[tuple[str, int, float]]) -> Curve:
    stage, cost, score = zip(*points, strict=True)
    return Curve(label, group, np.array(cost, dtype=float), np.array(score, dtype=float), stage, which(trial))


def which(trial: Trial) -> str:
    """Of its network's trials; a rewiring's number is its control seed."""
    graph = f"rewiring {trial.network.control_seed}, " if trial.network.control != "none" else ""
    return f"{graph}seed {trial.seed}"


def made_wirings(network: NetworkSpec) -> tuple[Connectome, Connectome] | None:
    """The wiring and this control of it; None where it cannot be made, which its trials' errors tell."""
    try:
        return wirings(network)
    except CelegansError:
        return None


def best_swimmer(result: TaskResults) -> Point | None:
    """The fastest trained body among the worm's own wirings (among all networks where none has it)."""
    candidates = [
        (value, network.group == "worm", point)
        for network in result.networks
        for point in network.points
        if (value := point.at(result.metric, "final")) is not None and np.isfinite(value)
    ]
    if result.kind != "locomotion" or not candidates:
        return None
    return max(candidates, key=lambda c: (c[1], c[0]))[2]


def shallow_networks(results: Sequence[TaskResults]) -> list[tuple[int, int]]:
    """(ticks, ticks needed) of the wired networks whose control step is too short for their longest shortest path; of
    each null model the first `MOST_GRAPHS_MEASURED` graphs are looked at."""
    from celegans_nn.networks import default_interface, ticks_to_reach

    found, looked_at = [], Counter[NetworkSpec]()
    for network in dict.fromkeys(p.trial.network for r in results for p in r.points):
        ensemble = replace(network, control_seed=0)
        looked_at[ensemble] += 1
        if network.baseline is not None or looked_at[ensemble] > MOST_GRAPHS_MEASURED:
            continue
        worm = wirings(network)[1]
        needed = ticks_to_reach(worm, default_interface(worm, 1, 1))
        if network.ticks < needed:
            found.append((network.ticks, needed))
    return found
