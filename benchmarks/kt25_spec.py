"""What kt25.toml says, checked: budgets and seeds of both loops, and which controls."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celegans_nn.errors import LARGEST_SEED, SpecError, nearest, one_line, whole_number
from celegans_nn.generations import CONTROLS
from celegans_nn.generations.language import LanguageOptions
from celegans_nn.generations.language.arm import DENSE_ON_BOTH, SHUFFLED_TEXT
from celegans_nn.generations.language.model import Shape, shape_of

KNOWN_CONTROLS = (*CONTROLS, SHUFFLED_TEXT, DENSE_ON_BOTH)


@dataclass(frozen=True)
class Loop:
    """What one generation, or one learner, reads, and how it is trained."""

    corpus: str
    options: LanguageOptions


@dataclass(frozen=True)
class Comparison:
    """A whole comparison."""

    preset: str
    outer: Loop
    inner: Loop
    model: str
    vocabulary: int
    """Of the tokenizer, which is trained on the outer corpus, and of the model."""
    generations: int
    prune_fraction: float
    scope: str
    after: str
    outer_seeds: tuple[int, ...]
    inner_seeds: tuple[int, ...]
    controls: tuple[str, ...]
    curve: tuple[int, ...]
    """Steps of a learner at which it is scored on the way."""
    checkpoint: int
    """Steps from one saved state to the next."""

    @property
    def shape(self) -> Shape:
        return shape_of(self.model, self.vocabulary)

    @property
    def outer_tokens(self) -> int:
        """Of all generations of one connectome."""
        return self.generations * self.outer.options.windows * self.shape.context


def read_comparison(path: str | Path, preset: str) -> Comparison:
    """SpecError, in one line, for a file, preset, key or value that is none; GenerationsError for a training's."""
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{path}: cannot be read ({one_line(error, 100)}); give a comparison such as kt25.toml"
        ) from None
    presets = document.pop("presets", {})
    if preset not in presets:
        raise SpecError(f"{path}: no preset {one_line(repr(preset), 60)}; {nearest(preset, presets)}")
    changes = presets[preset]
    loops = {name: {**document.pop(name, {}), **changes.pop(name, {})} for name in ("outer", "inner")}
    values = {**document, **changes}
    fields = [field.name for field in dataclasses.fields(Comparison) if field.name not in ("preset", "outer", "inner")]
    _same_names(str(path), values, fields)
    outer, inner = (_loop(path, name, table) for name, table in loops.items())
    return _checked(path, Comparison(preset, outer, inner, **_frozen(values)))


def _loop(path: Path, name: str, table: dict[str, Any]) -> Loop:
    corpus = table.pop("corpus", None)
    if not isinstance(corpus, str):
        raise SpecError(f"{path}: [{name}] has no corpus; give a corpus's name or a folder of .txt files")
    known = [field.name for field in dataclasses.fields(LanguageOptions)]
    unknown = [key for key in table if key not in known]
    if unknown:
        raise SpecError(f"{path}: [{name}] has no {one_line(repr(unknown[0]), 60)}; {nearest(unknown[0], known)}")
    return Loop(corpus, LanguageOptions(**_frozen(table)))


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _same_names(where: str, values: Mapping[str, Any], fields: list[str]) -> None:
    for key in values:
        if key not in fields:
            raise SpecError(f"{where}: no key {one_line(repr(key), 60)}; {nearest(key, fields)}")
    for field in fields:
        if field not in values:
            raise SpecError(f"{where}: {field} is missing; give it, at the top or in the preset")


def _checked(path: Path, asked: Comparison) -> Comparison:
    """What the loops themselves do not check, or not before the first has run for hours."""
    for name in asked.controls:
        if name not in KNOWN_CONTROLS:
            raise SpecError(f"{path}: no control {one_line(repr(name), 60)}; {nearest(str(name), KNOWN_CONTROLS)}")
    for name in ("controls", "outer_seeds", "inner_seeds", "curve"):
        given = getattr(asked, name)
        if not isinstance(given, tuple) or len(set(given)) < len(given) or not (given or name == "curve"):
            raise SpecError(f"{path}: {name} is {one_line(repr(given), 60)}; give a list in which each stands once")
    for seed in (*asked.outer_seeds, *asked.inner_seeds):
        whole_number("a seed", seed, 0, LARGEST_SEED, SpecError)
    for name in ("generations", "checkpoint"):
        whole_number(name, getattr(asked, name), 1, 10_000, SpecError)
    for step in asked.curve:
        whole_number("a step of curve", step, 1, asked.inner.options.steps - 1, SpecError)
        if step % asked.checkpoint == 0:  # a learner that goes on from there would not be scored there
            raise SpecError(
                f"{path}: curve has step {step}, a checkpoint's; give one that {asked.checkpoint} does not divide"
            )
    shape_of(asked.model, asked.vocabulary)
    return asked
