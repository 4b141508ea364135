"""Which rules belong to which task: by the type of its constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celegans_nn.tasks import ant, runners, sums, swimmer, walkers, worm_rules
from celegans_nn.tasks.body import BodyRules
from celegans_nn.tasks.ruled import RuledTask

RULES: dict[type, BodyRules] = {
    swimmer.SwimmerConstants: swimmer.RULES,
    runners.RunnerConstants: runners.RULES,
    walkers.WalkerConstants: walkers.RULES,
    ant.AntConstants: ant.RULES,
    worm_rules.WormConstants: worm_rules.RULES,
}
"""The type of a task's `constants` -> its rules."""

HELPERS: tuple[Callable[..., Any], ...] = (*sums.HELPERS, *walkers.HELPERS, *ant.HELPERS, *worm_rules.HELPERS)
"""Plain functions that rules call; compiled code knows them by being told (see `compiled_rules`)."""

METHODS = ("observe", "before", "reward", "progress", "force", "squash")


def rules_of(task: Any) -> BodyRules | None:
    """The rules that say all that `task` does with a body. None where it has none, or where its class has a method
    of its own in their place, so that it can be run through its methods alone."""
    if any(getattr(type(task), name, None) is not getattr(RuledTask, name) for name in METHODS):
        return None
    return RULES.get(type(task.constants))
