"""A study's TOML file to a checked `Study`. Whatever is wrong is one line with file, place, value and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from celegans_nn.errors import SpecError, nearest, one_line
from celegans_nn.studies.place import Place, duplicate, entry_name
from celegans_nn.studies.reading_comparison import read_comparison
from celegans_nn.studies.reading_networks import read_networks
from celegans_nn.studies.reading_tasks import read_tasks
from celegans_nn.studies.spec import Study

STUDY_KEYS = ("name", "title", "question", "networks", "tasks", "comparison", "presets")
PRESET_KEYS = ("networks", "tasks", "rewirings", "seeds")


def load_study(path: str | Path, preset: str | None = None) -> Study:
    """Read and check a study's specification; nothing is run or written.

    `preset` names a table `[presets.<preset>]` of the file. Its `tasks.<label>` and `networks.<label>` hold values that
    replace those of the entry with that label (as the file writes it); its `seeds` those of every task, its `rewirings`
    those of every network that says how many it has. Raises SpecError, one line, for everything that is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"{path}: cannot be read ({one_line(reason)}); give the path of a study's TOML file") from None
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path}: is not valid TOML: {one_line(error)}") from None
    return parse_study(document, path, text, preset)


def parse_study(document: Mapping[str, Any], path: Path, text: str = "", preset: str | None = None) -> Study:
    """The checked `Study` of a parsed TOML document. Every preset is checked, chosen or not."""
    top = Place(str(path), "", document)
    top.only(STUDY_KEYS)
    name = top.value("name", str)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        top.wrong("name", name, "it names the results folder: use letters, digits, '_', '-' and '.'")
    plain = _study(top, path, text, None, warn=preset is None)
    studies: dict[str, Study] = {}
    for other, values in top.inner("presets").items():
        place = top.at(f"preset {one_line(other, 40)}", _table(top, other, values))
        merged = replace(place, table=_with_preset(top, place))
        studies[other] = _study(merged, path, text, other, warn=preset == other)
    if preset is None:
        return plain
    if preset not in studies:
        known_ones = nearest(preset, studies) if studies else "this study has none; leave the preset out"
        raise SpecError(f"{top.file}: there is no preset {one_line(preset, 40)!r}; {known_ones}")
    return studies[preset]


def _study(top: Place, path: Path, text: str, preset: str | None, warn: bool) -> Study:
    networks, tasks = read_networks(top), read_tasks(top)
    comparison = read_comparison(top, networks, tasks, warn)
    name = top.value("name", str)
    title, question = top.value("title", str, name), top.value("question", str, "")
    study = Study(name, title, question, networks, tasks, path, text, preset, comparison)
    if twice := duplicate([trial.hash for trial in study.trials]):
        same = [one_line(trial.describe(), 100) for trial in study.trials if trial.hash == twice]
        top.wrong("networks and tasks", None, f"{same[0]!r} and {same[1]!r} are the same trial; remove one of them")
    return study


# -- presets ---------------------------------------------------------------------------------------------------


def _table(top: Place, preset: str, values: Any) -> dict[str, Any]:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", preset):
        top.wrong("presets", preset, "it names the results folder: use letters, digits, '_', '-' and '.'")
    if not isinstance(values, dict):
        top.wrong(f"presets.{preset}", values, f"must be a table: [presets.{preset}]")
    return values


def _with_preset(top: Place, preset: Place) -> dict[str, Any]:
    """The document with the values that a preset replaces."""
    preset.only(PRESET_KEYS)
    document = dict(top.table)
    for key in ("networks", "tasks"):
        entries = [place.table for place in top.tables(key)]
        overrides = preset.inner(key)
        for label, values in overrides.items():
            preset.named(key, label, [entry_name(entry) for entry in entries])
            if not isinstance(values, dict):
                preset.wrong(f"{key}.{label}", values, "must be a table of the values to replace")
        document[key] = [_merged(entry, overrides.get(entry_name(entry), {})) for entry in entries]
    if "rewirings" in preset.table:
        document["networks"] = [_rewired(entry, preset.table["rewirings"]) for entry in document["networks"]]
    if "seeds" in preset.table:
        document["tasks"] = [{**entry, "seeds": preset.table["seeds"]} for entry in document["tasks"]]
    return document


def _rewired(entry: dict[str, Any], rewirings: Any) -> dict[str, Any]:
    """The entry with another number of rewirings, where it says how many it has."""
    if not {"rewirings", "control_seeds"} & set(entry):
        return entry
    return {**{key: value for key, value in entry.items() if key != "control_seeds"}, "rewirings": rewirings}


def _merged(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(table)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out
