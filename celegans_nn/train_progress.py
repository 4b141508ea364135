"""The progress of a command about one network: a bar with the time left on a terminal, and lines elsewhere."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from celegans_nn.studies.progress import duration
from celegans_nn.training.result import Progress

SECONDS_A_LINE = 30.0
"""Between lines where there is no terminal."""
PATIENCE_S = 2.0
"""What is over before it shows no bar."""


class CommandBar:
    """Shows how far a command is; nothing of it goes to standard output."""

    def __init__(self, title: str, patience_s: float = PATIENCE_S) -> None:
        self.title, self.patience_s, self.console = title, patience_s, Console(stderr=True)
        self.begun = self.said = monotonic()
        self.bar = Bar(
            TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn(),
            TextColumn("{task.fields[told]}"), TimeElapsedColumn(), console=self.console, transient=True,
            disable=not self.console.is_terminal,
        )  # fmt: skip
        self.row = self.bar.add_task(escape(title), total=1, told="")

    def __enter__(self) -> Self:
        self.begun = self.said = monotonic()
        self._appear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def share(self, what: str, share: float) -> None:
        """Take in that this share of `what` is done; the time left is told from the time that it took."""
        taken = monotonic() - self.begun
        left = f"{duration(taken * (1 - share) / share)} left" if 0 < share <= 1 else ""
        self.update(what, min(share, 1.0), left)

    def update(self, what: str, share: float, told: str) -> None:
        """Take in `what` is being done, the share of it that is done, and what else is to be told."""
        now = monotonic()
        self._appear()
        self.bar.update(self.row, completed=share, told=told, description=f"{escape(self.title)}: {what}")
        if not self.console.is_terminal and now - self.said > SECONDS_A_LINE:
            self.said = now
            line = ", ".join(part for part in (f"{self.title}: {what}", f"{share:.0%}", told) if part)
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _appear(self) -> None:
        if monotonic() - self.begun >= self.patience_s:
            self.bar.start()


class TrainingBar(CommandBar):
    """Shows a run's `Progress`, from its start."""

    def __init__(self, title: str) -> None:
        super().__init__(title, patience_s=0.0)

    def show(self, now: Progress) -> None:
        """Take in one generation."""
        self.update(f"{now.stage} {now.generation}, score {now.score:.4g}", now.cost / now.budget, described(now))


def described(now: Progress) -> str:
    """Speed and time left.

    >>> described(Progress(40_000, 100_000, "ga", 5, 1.5, 20_000.0))
    '20,000 steps/s, 3 s left'
    """
    if now.steps_per_second <= 0:
        return ""
    left = (now.budget - now.cost) / now.steps_per_second
    return f"{now.steps_per_second:,.0f} steps/s, {duration(left)} left"
