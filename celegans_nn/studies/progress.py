"""The progress bar of a study, with the time left over the cost of all its trials."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from celegans_nn.studies.pool import Event
from celegans_nn.studies.spec import Study, Trial
from celegans_nn.studies.store import Record


class TimeLeft:
    """How long the remaining trials will take, from the speed of each task so far.

    A step of a body and a sample of a data set differ in cost a thousandfold, so each task has its own speed;
    a task that has not begun borrows the time that a unit of *trial* (not of cost) takes elsewhere.
    """

    def __init__(self, trials: Sequence[Trial], workers: int) -> None:
        self.workers = max(min(workers, len(trials)), 1)
        self.fraction = dict.fromkeys(trials, 0.0)
        self.begun: dict[Trial, float] = {}
        self.spent: dict[Trial, float] = {}

    def update(self, trial: Trial, fraction: float, now: float) -> None:
        self.begun.setdefault(trial, now)
        self.spent[trial] = now - self.begun[trial]
        self.fraction[trial] = min(max(fraction, self.fraction[trial]), 1.0)

    @property
    def done(self) -> float:
        """Cost units done so far."""
        return sum(f * trial.task.budget for trial, f in self.fraction.items())

    def seconds(self) -> float | None:
        """Seconds left, or None before anything is known."""
        speeds = {label: s for label in {t.task.label for t in self.fraction} if (s := self._seconds_a_trial(label))}
        if not speeds:
            return None
        usual = sum(speeds.values()) / len(speeds)
        left = sum((1 - f) * speeds.get(trial.task.label, usual) for trial, f in self.fraction.items())
        longest = max(((1 - f) * speeds.get(t.task.label, usual) for t, f in self.fraction.items()), default=0.0)
        return max(left / self.workers, longest)

    def _seconds_a_trial(self, label: str) -> float | None:
        mine = [t for t in self.spent if t.task.label == label]
        done = sum(self.fraction[t] for t in mine)
        return sum(self.spent[t] for t in mine) / done if done > 0 else None


class StudyProgress:
    """Shows a bar on a terminal and one line a finished trial everywhere."""

    def __init__(self, study: Study, todo: Sequence[Trial], workers: int, of_other_code: int = 0) -> None:
        """`of_other_code`: finished trials that other sources of this package ran; the user is told."""
        self.console, self.of_other_code = Console(stderr=True), of_other_code
        self.count, self.ended, self.finished_before = len(todo), 0, len(study.trials) - len(todo)
        self.left = TimeLeft(todo, workers)
        self.running: dict[str, float] = {}
        """Hash of each trial that has begun and not ended, and the fraction done."""
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(),
            TextColumn("{task.fields[left]}"), TimeElapsedColumn(), console=self.console, transient=True,
        )  # fmt: skip
        self.title = escape(study.name)
        self.row = self.bar.add_task(self.title, total=sum(t.task.budget for t in todo) or 1, left="")

    def __enter__(self) -> StudyProgress:
        if self.finished_before:
            self._say(f"kept from before: {self.finished_before} of {self.finished_before + self.count} trials")
        if self.of_other_code:
            self._say(
                f"note: {self.of_other_code} of them by another state of the code; an empty folder runs them anew"
            )
        if self.count:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def show(self, event: Event, record: Record | None = None) -> None:
        """Take in one event; `record` is what became of the trial once it ended."""
        self.left.update(event.trial, event.fraction, time.monotonic())
        self.running[event.trial.hash] = event.fraction
        if event.ended:
            del self.running[event.trial.hash]
            self.ended += 1
            self._say(f"{self.ended}/{self.count}  {event.trial.describe()}: {_outcome(record)}")
        seconds = self.left.seconds()
        text = "" if seconds is None else f"{duration(seconds)} left"
        self.bar.update(
            self.row, completed=self.left.done, left=text, description=f"{self.title} {self.ended}/{self.count} trials"
        )

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _outcome(record: Record | None) -> str:
    if record is None or record.row is None:
        return f"FAILED: {record.error if record else 'no record'}"
    final = record.row.get("final")
    return f"final {final:.4g}" if isinstance(final, float) else "done"


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(5), duration(65), duration(3700)
    ('5 s', '1 min 5 s', '1 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
