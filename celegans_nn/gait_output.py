"""What celegans-nn evaluate says of how a body moves, beside what is published of worms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from celegans_nn.wiring_commands import print_table

if TYPE_CHECKING:
    from celegans_nn.tasks.gait import Gait
    from celegans_nn.tasks.task import Task
    from celegans_nn.training.folder import Trained

MOST_GAITS = 20
"""Episodes whose gait is measured, the first ones: each runs once more, and is written down."""


def measure_gaits(trained: Trained, task: Task, rows: Sequence[dict[str, Any]]) -> list[Gait]:
    """The gaits of the episodes in these rows, the first `MOST_GAITS` of them; none of a body that has no gait."""
    from celegans_nn.studies.gaits import gaits, has_gait

    if not has_gait(task):
        return []
    normalise = None if trained.normaliser is None else trained.normaliser.mean_and_std()
    return gaits(trained.net, task, [row["seed"] for row in rows[:MOST_GAITS]], normalise)  # type: ignore[arg-type]


def gait_facts(found: Sequence[Gait], task: Task) -> dict[str, Any]:
    """For JSON: the mean, the direction of travel, every episode's figures; what is published, where that is known."""
    from celegans_nn.studies.gaits import as_json
    from celegans_nn.tasks.gait import PUBLISHED, in_words, mean_gait

    mean = mean_gait(found)
    facts = {"mean": as_json(mean), "direction": in_words(mean), "episodes": [as_json(own) for own in found]}
    return facts if task.name != "worm" else {**facts, "published": [p._asdict() for p in PUBLISHED]}


def print_gait(found: Sequence[Gait], task: Task) -> None:
    """A line a figure, the mean of the episodes beside worms'."""
    from celegans_nn.studies.gaits import lines
    from celegans_nn.tasks.gait import PUBLISHED, in_words, mean_gait

    mean = mean_gait(found)
    told = lines(mean, task)  # type: ignore[arg-type]
    episodes = f"mean of {len(found)} episodes" if len(found) > 1 else "one episode"
    print(f"\ngait, {episodes}: it {in_words(mean)}")
    movements = list(told[0].published)
    print_table(
        ("", "here", *(f"worms {movement}" for movement in movements)),
        [(_named(line), line.here, *line.published.values()) for line in told],
    )
    if movements:
        sources = dict.fromkeys(f"{p.source}{'' if p.read else ' (as commonly cited)'}" for p in PUBLISHED)
        print(f"worms: {'; '.join(sources)}")


def _named(line: Any) -> str:
    return f"{line.name}, {line.unit}" if line.unit else line.name
