"""The [[tasks]] of a study's file: name, method and budget may be lists; options are checked by whom they are for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from celegans_nn.errors import LARGEST_SEED, CelegansError, one_line
from celegans_nn.studies import known
from celegans_nn.studies.place import Place, duplicate
from celegans_nn.studies.spec import TaskSpec, canonical_json

TASK_KEYS = ("label", "name", "method", "budget", "seeds", "task", "options")
TASK_AXES = ("name", "method", "budget")
LARGEST_BUDGET = 10**15


def read_tasks(top: Place) -> tuple[TaskSpec, ...]:
    """All tasks, in the order of the file."""
    tasks = tuple(task for place in top.tables("tasks") for task in _expanded(place))
    if twice := duplicate([task.label for task in tasks]):
        top.wrong("tasks", None, f"two tasks are called {one_line(twice, 60)!r}; give each its own `label`")
    return tasks


def _expanded(place: Place) -> list[TaskSpec]:
    place.only(TASK_KEYS)
    lists: list[list[Any]] = []
    for key in TASK_AXES:
        if key not in place.table:
            place.wrong(key, None, f"is missing; give {'a whole number' if key == 'budget' else 'text'}")
        value = place.table[key]
        if value == []:
            place.wrong(key, value, "the list is empty; give at least one value")
        lists.append(value if isinstance(value, list) else [value])
    return [_task(place, *values) for values in itertools.product(*lists)]


def _task(place: Place, name: Any, method: Any, budget: Any) -> TaskSpec:
    place.checked("name", name, str)
    if not known.is_family(name):
        place.named("name", name, known.tasks())
    place.named("method", place.checked("method", method, str), known.methods())
    if not 1 <= place.checked("budget", budget, int) <= LARGEST_BUDGET:
        place.wrong("budget", budget, f"must be at least 1 (environment steps, or samples), at most {LARGEST_BUDGET:g}")
    task = _options(place, "task", lambda options: known.check_task(name, options, method))
    options = _options(place, "options", known.check_options)
    fields = {"name": name, "method": method, "budget": str(budget)}
    label = re.sub(r"\{(name|method|budget)\}", lambda m: fields[m[1]], place.value("label", str, name)).strip()
    if not label:
        place.wrong("label", "", "is empty; give the task a name for tables and figures, or leave it out")
    return TaskSpec(label, name, method, budget, _seeds(place), task, options)


def _options(place: Place, key: str, check: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """A table of options, checked by the room that takes them."""
    table = place.table.get(key, {})
    if not isinstance(table, dict):
        place.wrong(key, table, f"must be a table: [tasks.{key}]")
    try:
        canonical_json(table)
    except (TypeError, ValueError):
        place.wrong(key, table, "dates, inf and nan are no options; give text, numbers, true or false")
    try:
        check(table)
    except CelegansError as error:
        place.wrong(key, None, one_line(error, 400))
    return dict(table)


def _seeds(place: Place) -> tuple[int, ...]:
    seeds = place.table.get("seeds", [0])
    if not isinstance(seeds, list) or not seeds:
        place.wrong("seeds", seeds, "must be a list of whole numbers, e.g. [0, 1, 2]")
    for seed in seeds:
        if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
            place.wrong("seeds", seeds, f"{one_line(seed, 40)} is not a whole number of 0 to {LARGEST_SEED}")
    if len(set(seeds)) != len(seeds):
        place.wrong("seeds", seeds, "a seed is listed twice")
    return tuple(seeds)
