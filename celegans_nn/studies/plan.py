"""What a study will cost before anything runs: its trials, their steps and samples, and the time on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from celegans_nn.cores import usable_cores
from celegans_nn.errors import CelegansError, SpecError, one_line
from celegans_nn.studies.pace import Pace, earlier_paces, kind_of, measured_pace
from celegans_nn.studies.progress import duration
from celegans_nn.studies.runner import check_networks
from celegans_nn.studies.spec import Study, Trial
from celegans_nn.studies.store import read_records
from celegans_nn.studies.trial import S22_PRETRAINING_STEPS


@dataclass(frozen=True)
class PlannedTrials:
    """The trials of one network on one task."""

    task: str
    network: str
    trials: int
    done: int
    """Of them, finished before."""
    graphs: int
    budget: int
    """Environment steps or samples, each."""
    pace: Pace

    @property
    def seconds_left(self) -> float:
        return (self.trials - self.done) * self.pace.seconds


@dataclass(frozen=True)
class Plan:
    """A study before it runs."""

    study: Study
    rows: tuple[PlannedTrials, ...]
    workers: int

    @property
    def cost(self) -> dict[str, int]:
        """Unit to cost of all trials."""
        total: dict[str, int] = {}
        for row in self.rows:
            unit = cost_unit(self.study, row.task)
            total[unit] = total.get(unit, 0) + row.trials * row.budget
        return total

    @property
    def seconds(self) -> float:
        """Until all trials are done: shared out evenly, and no less than the longest of them takes."""
        left = sum(row.seconds_left for row in self.rows)
        longest = max((row.pace.seconds for row in self.rows if row.done < row.trials), default=0.0)
        return max(left / self.workers, longest)

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """(heads, rows) as text."""
        heads = ("task", "network", "graphs", "trials", "done", "cost each", "cost", "a trial", "how known")
        return heads, [
            (
                one_line(row.task, 40), one_line(row.network, 60), str(row.graphs), str(row.trials), str(row.done),
                f"{row.budget:,}", f"{row.trials * row.budget:,}", duration(row.pace.seconds), row.pace.how,
            )
            for row in self.rows
        ]  # fmt: skip

    def summary(self) -> list[str]:
        """What it comes to, a line each."""
        trials, done = len(self.study.trials), sum(row.done for row in self.rows)
        cost = " and ".join(f"{n:,} {unit}" for unit, n in self.cost.items())
        said = [f"{trials} trials ({done} done), {cost}"]
        steps = max((r.budget for r in self.rows if cost_unit(self.study, r.task) == STEPS), default=0)
        if steps:
            share = 100 * steps / S22_PRETRAINING_STEPS
            said.append(
                f"a body's trial has at most {share:.2g} % of the steps of Schmidgall et al.'s (2022) pretraining"
            )
        said.append(f"about {duration(self.seconds)} on this machine with {self.workers} workers")
        if (stated := self.study.comparison) is not None:
            said.append(
                f"stated beforehand: {stated.metric} on {stated.task}, {stated.worm!r} {stated.direction} than "
                f"{', '.join(map(repr, stated.nulls))} by more than {stated.margin:g} (alpha {stated.alpha:g})"
            )
        return [one_line(line, 600) for line in said]


STEPS, SAMPLES = "environment steps", "samples"


def cost_unit(study: Study, task: str) -> str:
    from celegans_nn.studies.known import task_kind

    spec = next(t for t in study.tasks if t.label == task)
    return STEPS if task_kind(spec.name, spec.task) == "locomotion" else SAMPLES


def plan_study(
    study: Study, folder: Path, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Plan:
    """The plan of a study whose results go to `folder`, of which finished trials are read; nothing is written.

    A kind of trial that has not run on this machine is timed for about a second; `progress(done, kinds)` is told.
    Raises SpecError for a network that cannot be built, or not be trained as the study says.
    """
    workers = usable_cores() if workers is None else workers
    if workers < 1:
        raise SpecError(f"workers = {one_line(workers)}: give at least 1 worker process")
    check_networks(study)
    records = read_records(folder, study)
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in study.trials:
        groups.setdefault((trial.task.label, trial.network.label), []).append(trial)
    paces = earlier_paces(records.items())
    kinds: dict[str, Trial] = {}
    for trials in groups.values():
        kinds.setdefault(kind_of(trials[0]), trials[0])
    for number, (kind, trial) in enumerate(kinds.items()):
        if progress is not None:
            progress(number, len(kinds))
        if kind not in paces:
            paces[kind] = _measured(study, trial)
    rows = [
        PlannedTrials(
            task, network, len(trials), sum(t in records and records[t].row is not None for t in trials),
            len({t.network.control_seed for t in trials}), trials[0].task.budget, paces[kind_of(trials[0])],
        )
        for (task, network), trials in groups.items()
    ]  # fmt: skip
    return Plan(study, tuple(rows), min(workers, len(study.trials)))


def _measured(study: Study, trial: Trial) -> Pace:
    try:
        return measured_pace(trial)
    except CelegansError as error:
        label = one_line(trial.network.label, 60)
        raise SpecError(f"{study.path}: network {label!r}: {one_line(error, 400)}") from None
