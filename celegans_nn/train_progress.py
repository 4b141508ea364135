"""The progress of one training run: steps a second and the time left, as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from celegans_nn.studies.progress import duration
from celegans_nn.training.result import Progress

SECONDS_A_LINE = 30.0
"""Between lines where there is no terminal."""


class TrainingBar:
    """Shows a run's `Progress`; nothing of it goes to standard output."""

    def __init__(self, title: str) -> None:
        self.title, self.console = title, Console(stderr=True)
        self.said = time.monotonic()
        self.bar = Bar(
            TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(),
            TextColumn("{task.fields[told]}"), TimeElapsedColumn(), console=self.console, transient=True,
            disable=not self.console.is_terminal,
        )  # fmt: skip
        self.row = self.bar.add_task(escape(title), total=1, told="")

    def __enter__(self) -> TrainingBar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def show(self, now: Progress) -> None:
        """Take in one generation."""
        told = described(now)
        self.bar.update(
            self.row, completed=now.cost, total=now.budget, told=told,
            description=f"{escape(self.title)}: {now.stage} {now.generation}, score {now.score:.4g}",
        )  # fmt: skip
        if not self.console.is_terminal and time.monotonic() - self.said > SECONDS_A_LINE:
            self.said = time.monotonic()
            line = f"{self.title}: {now.stage} {now.generation}, score {now.score:.4g}, {now.cost / now.budget:.0%}"
            self.console.print(f"{line}, {told}", markup=False, highlight=False, soft_wrap=True)


def described(now: Progress) -> str:
    """Speed and time left.

    >>> described(Progress(40_000, 100_000, "ga", 5, 1.5, 20_000.0))
    '20,000 steps/s, 3 s left'
    """
    if now.steps_per_second <= 0:
        return ""
    left = (now.budget - now.cost) / now.steps_per_second
    return f"{now.steps_per_second:,.0f} steps/s, {duration(left)} left"
