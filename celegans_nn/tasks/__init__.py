"""Tasks by name: bodies to move and images to classify. Importing this loads neither MuJoCo nor torch."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any

from celegans_nn.errors import TaskError, nearest
from celegans_nn.tasks.task import Bodies, ClassificationTask, LocomotionTask, Split, Task

__all__ = ["TASKS", "Bodies", "ClassificationTask", "LocomotionTask", "Split", "Task", "make_task"]

TASKS: dict[str, tuple[str, str]] = {
    "swimmer6": ("celegans_nn.tasks.swimmer", "make_swimmer"),
    "swimmer": ("celegans_nn.tasks.swimmer", "make_swimmer"),
    "swimmer_v5": ("celegans_nn.tasks.gymnasium_tasks", "make_swimmer_v5"),
    "halfcheetah": ("celegans_nn.tasks.gymnasium_tasks", "make_halfcheetah"),
    "halfcheetah_v5": ("celegans_nn.tasks.gymnasium_tasks", "make_halfcheetah"),
    "hopper": ("celegans_nn.tasks.gymnasium_tasks", "make_hopper"),
    "walker2d": ("celegans_nn.tasks.gymnasium_tasks", "make_walker2d"),
    "ant": ("celegans_nn.tasks.gymnasium_tasks", "make_ant"),
    "worm": ("celegans_nn.tasks.worm", "make_worm"),
    "digits": ("celegans_nn.tasks.classification", "make_digits"),
    "fashion_mnist": ("celegans_nn.tasks.classification", "make_fashion_mnist"),
    "mnist": ("celegans_nn.tasks.classification", "make_mnist"),
}
"""Each task's name, with the module and the function that make it. Others follow from these: see `make_task`."""


ENVIRONMENT = "gymnasium:"
"""What a name starts with that goes on with the id of any other of gymnasium's MuJoCo environments."""


def make_task(name: str, **options: Any) -> Task:
    """The task called `name`; `options` are the keyword arguments of the function that makes it.

    "swimmer2" to "swimmer25" are "swimmer" with that many links, and "gymnasium:Humanoid-v5" is gymnasium's
    environment of that id; so with any other of its MuJoCo environments.

    Raises TaskError for an unknown name or option (naming the nearest), for an option's value that cannot
    be used, and for a data set that is not there (naming the command that brings it).

    >>> task = make_task("swimmer6", episode_steps=200)
    >>> task.kind, task.episode_steps
    ('locomotion', 200)
    >>> make_task("swimmer12") == make_task("swimmer", n_links=12)
    True
    >>> make_task("swimer6")
    Traceback (most recent call last):
    celegans_nn.errors.TaskError: unknown task 'swimer6': did you mean 'swimmer6' or ...? Known: 'ant', ...
    """
    known, given = _known(name)
    module, function = TASKS.get(known, ("celegans_nn.tasks.environment", "make_environment"))
    make: Callable[..., Task] = getattr(importlib.import_module(module), function)
    parameters = [parameter for parameter in inspect.signature(make).parameters if parameter not in given]
    for option in options:
        if option in given:
            raise TaskError(f"task {name!r} says its {option} already; leave that out, or ask for {known!r}")
        if option not in parameters:
            raise TaskError(f"task {name!r} has no option {option!r}: {nearest(option, parameters)}")
    return make(**given, **options)


def _known(name: str) -> tuple[str, dict[str, Any]]:
    """The name in TASKS (or ENVIRONMENT), and the options that `name` says beside it."""
    swimmer = re.fullmatch(r"swimmer([1-9][0-9]*)", str(name))
    if swimmer:
        return "swimmer", {"n_links": int(swimmer[1])}
    if str(name).startswith(ENVIRONMENT):
        return ENVIRONMENT, {"environment": name.removeprefix(ENVIRONMENT)}
    if not isinstance(name, str) or name not in TASKS:
        raise TaskError(f"unknown task {name!r}: {nearest(name, TASKS)}")
    return name, {}
