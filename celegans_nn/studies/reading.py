"""A study's TOML file to a checked `Study`. Whatever is wrong is one line with file, place, value and remedy."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from celegans_nn.errors import LARGEST_SEED, CelegansError, SpecError, nearest, one_line
from celegans_nn.studies import known
from celegans_nn.studies.spec import NetworkSpec, Study, TaskSpec, canonical_json

STUDY_KEYS = ("name", "title", "question", "networks", "tasks", "presets")
NETWORK_KEYS = (*tuple(f.name for f in fields(NetworkSpec) if f.name != "control_seed"), "control_seeds")
AXES = tuple(k for k in NETWORK_KEYS if k not in ("label", "like"))
BASELINE_KEYS = ("label", "baseline", "like")
TASK_KEYS = tuple(f.name for f in fields(TaskSpec))

MOST_TICKS = 100_000
_KINDS: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
_NETWORK_TYPES: dict[str, type] = {
    "muscles": bool, "gap_junctions": bool, "control_seeds": int, "ticks": int, "hidden": int, "dt_ms": float,
    "delay": int, "spectral_radius": float,
}  # fmt: skip


def load_study(path: str | Path, preset: str | None = None) -> Study:
    """Read and check a study's specification; nothing is run or written.

    `preset` names a table `[presets.<preset>.tasks.<label>]` of the file whose values replace those of the
    task with that label. Raises SpecError, one line, for everything that is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"{path}: cannot be read ({one_line(reason)}); give the path of a study's TOML file") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path}: is not valid TOML: {one_line(error)}") from None
    return parse_study(document, path, text, preset)


def parse_study(document: Mapping[str, Any], path: Path, text: str = "", preset: str | None = None) -> Study:
    """The checked `Study` of a parsed TOML document."""
    top = Place(str(path), "", document)
    top.only(STUDY_KEYS)
    name = top.value("name", str)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        top.wrong("name", name, "it names the results folder: use letters, digits, '_', '-' and '.'")
    networks = _networks(top)
    tasks = tuple(_task(place) for place in _with_preset(top, preset))
    if twice := _duplicate([task.label for task in tasks]):
        top.wrong("tasks", None, f"two tasks are called {twice!r}; give each its own `label`")
    title, question = top.value("title", str, name), top.value("question", str, "")
    study = Study(name, title, question, networks, tasks, path, text, preset)
    if twice := _duplicate([trial.hash for trial in study.trials]):
        same = [trial.describe() for trial in study.trials if trial.hash == twice]
        top.wrong("networks and tasks", None, f"{same[0]!r} and {same[1]!r} are the same trial; remove one of them")
    return study


@dataclass(frozen=True)
class Place:
    """A table of the file and where it stands, so that an error can say so."""

    file: str
    where: str
    """"" for the top, else e.g. `networks[2] 'worm, lif'`."""
    table: Mapping[str, Any]

    def wrong(self, key: str, value: object, remedy: str) -> None:
        shown = f"{key} = {one_line(_toml(value), 80)}" if value is not None else key
        raise SpecError(": ".join(p for p in (self.file, self.where, f"{shown}: {remedy}") if p))

    def only(self, keys: Iterable[str]) -> None:
        """Refuse any key that is not one of these."""
        for key in self.table:
            if key not in keys:
                self.wrong(key, None, f"unknown key; {nearest(key, keys)}")

    def value(self, key: str, kind: type, default: Any = None) -> Any:
        """The value of a key, checked; a key without a default must be there."""
        if key not in self.table:
            if default is None:
                self.wrong(key, None, f"is missing; give {_KINDS[kind]}")
            return default
        return self.checked(key, self.table[key], kind)

    def checked(self, key: str, value: Any, kind: type) -> Any:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            self.wrong(key, value, f"must be {_KINDS[kind]}")
        return value

    def named(self, key: str, value: str, names: Sequence[str]) -> str:
        """Refuse a name that is not one of `names`."""
        if value not in names:
            self.wrong(key, value, f"unknown; {nearest(value, names)}")
        return value

    def tables(self, key: str) -> list[Place]:
        """The entries of `[[key]]`."""
        entries = self.table.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            self.wrong(key, entries, f"write each entry as its own [[{key}]] table")
        if not entries:
            self.wrong(key, None, f"is missing; give at least one [[{key}]] entry")
        places = []
        for number, entry in enumerate(entries, 1):
            title = entry.get("label", entry.get("name", ""))
            where = f"{key}[{number}]" + (f" {one_line(title, 40)!r}" if title else "")
            places.append(Place(self.file, where, entry))
        return places


# -- networks --------------------------------------------------------------------------------------------------


def _networks(top: Place) -> tuple[NetworkSpec, ...]:
    """All networks, lists of values expanded; a baseline may be matched to an entry anywhere in the file."""
    places = top.tables("networks")
    wired = [(p, n) for p in places if "baseline" not in p.table for n in _wired(p)]
    by_label: dict[str, list[NetworkSpec]] = {}
    for _, network in wired:
        by_label.setdefault(network.label, []).append(network)
    found: list[NetworkSpec] = []
    for place in places:
        if "baseline" in place.table:
            expanded = _baselines(place, by_label)
        else:
            expanded = [n for p, n in wired if p is place]
        for network in expanded:
            _refuse_duplicates(place, network, found)
            found.append(network)
    return tuple(found)


def _wired(place: Place) -> list[NetworkSpec]:
    place.only(NETWORK_KEYS)
    label = place.value("label", str)
    if "like" in place.table:
        place.wrong("like", place.table["like"], "only a baseline is matched to another network; remove it")
    networks: list[NetworkSpec] = []
    for values in _product(place, [k for k in place.table if k not in ("label", "like")]):
        for key, value in values.items():
            _check_network_value(place, key, value)
        if "control_seeds" in values:
            values["control_seed"] = values.pop("control_seeds")
        network = NetworkSpec(label="", **values)
        network = replace(network, label=_filled(place, label, network))
        if network not in networks and network.definition() not in [n.definition() for n in networks]:
            networks.append(network)
    return networks


def _baselines(place: Place, by_label: Mapping[str, list[NetworkSpec]]) -> list[NetworkSpec]:
    for key in place.table:
        if key in NETWORK_KEYS and key not in BASELINE_KEYS:
            place.wrong(key, place.table[key], "a baseline takes this from the network it is `like`; remove it")
    place.only(BASELINE_KEYS)
    label, like = place.value("label", str), place.value("like", str)
    place.named("like", like, list(by_label))
    if len(by_label[like]) > 1:
        place.wrong("like", like, f"stands for {len(by_label[like])} graphs; match the baseline to a single one")
    networks = []
    for values in _product(place, ["baseline"]):
        place.named("baseline", place.checked("baseline", values["baseline"], str), known.baselines())
        network = NetworkSpec(label="", baseline=values["baseline"], like=by_label[like][0])
        networks.append(replace(network, label=_filled(place, label, network)))
    return networks


def _product(place: Place, keys: Iterable[str]) -> Iterable[dict[str, Any]]:
    """Every combination of the listed values of the axes."""
    keys = [k for k in keys if k in AXES]
    lists = []
    for key in keys:
        value = place.table[key]
        if value == []:
            place.wrong(key, value, "the list is empty; give at least one value")
        lists.append(value if isinstance(value, list) else [value])
    return (dict(zip(keys, values, strict=True)) for values in itertools.product(*lists))


def _check_network_value(place: Place, key: str, value: Any) -> None:
    kind = _NETWORK_TYPES.get(key, str)
    place.checked(key, value, kind)
    if kind is str and key in known.NETWORK_NAMES:
        place.named(key, value, known.NETWORK_NAMES[key]())
    if key in ("ticks", "hidden", "delay") and not 1 <= value <= MOST_TICKS:
        place.wrong(key, value, f"must be from 1 to {MOST_TICKS:,}")
    if key == "control_seeds" and value < 0:
        place.wrong(key, value, "a seed is 0 or above")
    if key in ("dt_ms", "spectral_radius") and not 0 < value < float("inf"):
        place.wrong(key, value, "must be above 0" + (" (milliseconds)" if key == "dt_ms" else ""))


def _filled(place: Place, label: str, network: NetworkSpec) -> str:
    """The label with each `{axis}` replaced by its value (plain replacement: nothing is evaluated)."""

    def value(match: re.Match[str]) -> str:
        key = match[1]
        names = (*AXES, "control_seed")
        if key not in names:
            place.wrong("label", label, f"unknown field {{{key}}}; {nearest(key, names)}")
        return str(getattr(network, "control_seed" if key == "control_seeds" else key))

    filled = re.sub(r"\{(\w+)\}", value, label).strip()
    if not filled:
        place.wrong("label", label, "is empty; give the network a name for tables and figures")
    return filled


def _refuse_duplicates(place: Place, network: NetworkSpec, earlier: Sequence[NetworkSpec]) -> None:
    for other in earlier:
        if other.definition() == network.definition():
            place.wrong("label", network.label, f"is the same network as {other.label!r}; remove one of them")
        graphs = other.control == network.control != "none" and other.control_seed != network.control_seed
        if other.label == network.label and not graphs:
            place.wrong("label", network.label, "names two networks; put what differs into the label, e.g. '{neuron}'")


# -- tasks -----------------------------------------------------------------------------------------------------


def _task(place: Place) -> TaskSpec:
    place.only(TASK_KEYS)
    name = place.named("name", place.value("name", str), known.tasks())
    method = place.named("method", place.value("method", str), known.methods())
    budget = place.value("budget", int)
    if budget < 1:
        place.wrong("budget", budget, "must be at least 1 (environment steps, or samples)")
    task = _options(place, "task", lambda options: known.check_task(name, options, method))
    options = _options(place, "options", known.check_options)
    return TaskSpec(place.value("label", str, name), name, method, budget, _seeds(place), task, options)


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


# -- presets ---------------------------------------------------------------------------------------------------


def _with_preset(top: Place, preset: str | None) -> list[Place]:
    """The tasks, with the values that the chosen preset replaces. Every preset is checked, chosen or not."""
    places = top.tables("tasks")
    presets = top.table.get("presets", {})
    if not isinstance(presets, dict):
        top.wrong("presets", presets, "must be tables: [presets.<name>.tasks.<task>]")
    merged: dict[str, list[Place]] = {}
    for name, overrides in presets.items():
        here = Place(top.file, f"presets.{name}", overrides if isinstance(overrides, dict) else {})
        here.only(("tasks",))
        by_label = here.table.get("tasks", {})
        labels = [str(p.table.get("label", p.table.get("name", ""))) for p in places]
        if not isinstance(by_label, dict):
            here.wrong("tasks", by_label, f"must be tables: [presets.{name}.tasks.<task>]")
        for label, values in by_label.items():
            here.named("tasks", label, labels)
            if not isinstance(values, dict):
                here.wrong(f"tasks.{label}", values, f"must be a table: [presets.{name}.tasks.{label}]")
        merged[name] = [
            replace(p, where=f"{p.where} (preset {name})", table=_merged(p.table, by_label[label]))
            if label in by_label
            else p
            for p, label in zip(places, labels, strict=True)
        ]
        for place in merged[name]:
            _task(place)
    if preset is None:
        return places
    if preset not in merged:
        known_ones = nearest(preset, merged) if merged else "this study has none; leave the preset out"
        raise SpecError(f"{top.file}: there is no preset {one_line(preset, 40)!r}; {known_ones}")
    return merged[preset]


def _merged(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(table)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out


def _duplicate(values: Sequence[str]) -> str | None:
    return next((v for i, v in enumerate(values) if v in values[:i]), None)


def _toml(value: object) -> str:
    """A value as it would stand in the file, for an error message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)
