"""How a study stands: what is done, failed, running and left, what it has cost, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from celegans_nn.cores import usable_cores
from celegans_nn.studies.heartbeat import last_beat
from celegans_nn.studies.lock import is_locked
from celegans_nn.studies.progress import duration
from celegans_nn.studies.runner import stored_study
from celegans_nn.studies.spec import Study, Trial
from celegans_nn.studies.store import Record, read_records


@dataclass(frozen=True)
class StudyStatus:
    """A study's results folder, at a moment."""

    study: Study
    active: bool
    """Whether a run is writing into the folder now."""
    workers: int
    """Processes of the run, or of one that would go on with it here."""
    records: Mapping[Trial, Record]
    running: Mapping[Trial, float]
    """Trials that run now, and the fraction of each that is done."""
    seconds_left: float | None
    """None as long as no trial has told."""

    @property
    def done(self) -> list[Trial]:
        return [trial for trial, record in self.records.items() if record.row is not None]

    @property
    def failed(self) -> dict[Trial, str]:
        """Trials that failed, and why; going on with the study tries them again."""
        return {t: r.error for t, r in self.records.items() if r.error is not None and t not in self.running}

    @property
    def left(self) -> int:
        """Trials that nothing has become of yet and that do not run."""
        return len(self.study.trials) - len(self.done) - len(self.failed) - len(self.running)

    @property
    def seconds_spent(self) -> float:
        """Of all trials that ended, added up over workers."""
        return sum(float(record.provenance.get("wall_time_s", 0)) for record in self.records.values())

    def cost(self) -> dict[str, tuple[int, int]]:
        """Task label to (environment steps or samples so far, those of the whole study)."""
        so_far: dict[str, tuple[int, int]] = {}
        for trial in self.study.trials:
            record, (done, budget) = self.records.get(trial), so_far.get(trial.task.label, (0, 0))
            if record is not None and record.row is not None:
                done += int(record.row.get("cost_total") or 0)
            done += int(self.running.get(trial, 0) * trial.task.budget)
            so_far[trial.task.label] = (done, budget + trial.task.budget)
        return so_far

    def lines(self) -> list[str]:
        """For people to read."""
        study, state = self.study, "running now" if self.active else "no run is writing here now"
        preset = f", preset {study.preset}" if study.preset else ""
        counts = f"{len(self.done)} done, {len(self.failed)} failed, {len(self.running)} running, {self.left} left"
        told = [f"study    {study.name}{preset}; {state}", f"trials   {len(study.trials)}: {counts}"]
        told += [
            f"cost     {task}: {a:,} of {b:,} environment steps or samples" for task, (a, b) in self.cost().items()
        ]
        told += [f"time     {duration(self.seconds_spent)} of work in trials that ended; {self._time_left()}"]
        told += [f"running  {trial.describe()}: {fraction:.0%}" for trial, fraction in self.running.items()]
        return told + [f"failed   {trial.describe()}: {error}" for trial, error in self.failed.items()]

    def _time_left(self) -> str:
        if len(self.done) == len(self.study.trials):
            return "nothing left to do"
        if self.seconds_left is None:
            return "no trial tells yet how long the rest takes"
        on = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"about {duration(self.seconds_left)} left on {on}"


def study_status(folder: str | Path) -> StudyStatus:
    """How the study in a results folder stands, whether it runs or not. Nothing is written.

    Raises SpecError for a folder that holds no study.
    """
    folder = Path(folder)
    study, active, beat = stored_study(folder), is_locked(folder), last_beat(folder)
    records = read_records(folder, study)
    if not active or beat is None:
        workers = usable_cores()
        return StudyStatus(study, active, workers, records, {}, _from_ended(study, records, workers))
    finished = {trial.hash for trial, record in records.items() if record.row is not None}
    running = {t: float(beat.running[t.hash]) for t in study.trials if t.hash in beat.running.keys() - finished}
    left = None if beat.seconds_left is None else max(beat.seconds_left - (time.time() - beat.written), 0.0)
    return StudyStatus(study, active, beat.workers, records, running, left)


def _from_ended(study: Study, records: Mapping[Trial, Record], workers: int) -> float | None:
    """Seconds for what is not done, from what trials of the same task took; None where no trial is done."""
    took: dict[str, list[float]] = {}
    for trial, record in records.items():
        if record.row is not None:
            took.setdefault(trial.task.label, []).append(float(record.provenance.get("wall_time_s", 0)))
    if not took:
        return None
    means = {label: sum(seconds) / len(seconds) for label, seconds in took.items()}
    usual = sum(means.values()) / len(means)
    todo = [t for t in study.trials if t not in records or records[t].row is None]
    seconds = [means.get(trial.task.label, usual) for trial in todo]
    return max(sum(seconds) / workers, max(seconds, default=0.0))
