"""Tasks by name: bodies to move and images to classify. Importing this loads neither MuJoCo nor torch."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from celegans_nn.errors import TaskError, nearest
from celegans_nn.tasks.task import Bodies, ClassificationTask, LocomotionTask, Split, Task

__all__ = ["TASKS", "Bodies", "ClassificationTask", "LocomotionTask", "Split", "Task", "make_task"]

TASKS: dict[str, tuple[str, str]] = {
    "swimmer6": ("celegans_nn.tasks.swimmer", "make_swimmer"),
    "swimmer_v5": ("celegans_nn.tasks.gymnasium_tasks", "make_swimmer_v5"),
    "halfcheetah": ("celegans_nn.tasks.gymnasium_tasks", "make_halfcheetah"),
    "hopper": ("celegans_nn.tasks.gymnasium_tasks", "make_hopper"),
    "walker2d": ("celegans_nn.tasks.gymnasium_tasks", "make_walker2d"),
    "ant": ("celegans_nn.tasks.gymnasium_tasks", "make_ant"),
    "worm": ("celegans_nn.tasks.worm", "make_worm"),
    "digits": ("celegans_nn.tasks.classification", "make_digits"),
    "fashion_mnist": ("celegans_nn.tasks.classification", "make_fashion_mnist"),
    "mnist": ("celegans_nn.tasks.classification", "make_mnist"),
}
"""Each task's name, with the module and the function that make it."""


def make_task(name: str, **options: Any) -> Task:
    """The task called `name`; `options` are the keyword arguments of the function that makes it.

    Raises TaskError for an unknown name or option (naming the nearest), for an option's value that cannot
    be used, and for a data set that is not there (naming the command that brings it).

    >>> task = make_task("swimmer6", episode_steps=200)
    >>> task.kind, task.episode_steps
    ('locomotion', 200)
    >>> make_task("swimer6")
    Traceback (most recent call last):
    celegans_nn.errors.TaskError: unknown task 'swimer6': did you mean 'swimmer6'? Known: 'digits', ...
    """
    if name not in TASKS:
        raise TaskError(f"unknown task {name!r}: {nearest(name, TASKS)}")
    module, function = TASKS[name]
    make: Callable[..., Task] = getattr(importlib.import_module(module), function)
    known = list(inspect.signature(make).parameters)
    for option in options:
        if option not in known:
            raise TaskError(f"task {name!r} has no option {option!r}: {nearest(option, known)}")
    return make(**options)
