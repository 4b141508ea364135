"""The inner loop: the same learner, from the same seeds, under every control; one row a learner."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number
from celegans_nn.files import write_atomic
from celegans_nn.generations.controls import CONTROLS, Control, Start, begin
from celegans_nn.generations.model_connectome import ModelConnectome, plain
from celegans_nn.generations.prunable import MakeModel, derived, make, takes, torch_seeded
from celegans_nn.generations.saving import read_json

if TYPE_CHECKING:
    import pandas as pd

Learn = Callable[..., Mapping[str, Any]]
"""`learn(model, seed=...)`, and `control=...` and `folder=...` if it takes them, gives scores."""
_NAME = re.compile(r"[A-Za-z0-9_+.-]{1,60}")


def learner_seed(inner_seed: int) -> int:
    """The seed of a fresh learner and of its data's order: a stream that no outer loop's seed enters."""
    return derived(inner_seed, "learner")


def compare_controls(
    make_model: MakeModel,
    learn: Learn,
    connectomes: ModelConnectome | Sequence[ModelConnectome],
    controls: Iterable[str] | Mapping[str, Control] = CONTROLS,
    seeds: Iterable[int] = range(4),
    folder: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> pd.DataFrame:
    """One row for each control, connectome and learner seed.

    make_model: as in `evolve_connectome`. Under one inner seed every control starts from the same fresh model and
        shows its data in the same order; both seeds are `learner_seed(inner_seed)`.
    learn: `learn(model, seed=...)` trains in place and returns scores, plain values; `samples` is its cost. If it has
        a parameter `control` it is told which one this is: an arm that trains on the outer data first adds what that
        cost as `outer_samples`. If it has `folder`, and `folder` is given here, it is handed one in which it finds
        its own state again after an interruption, and which is removed when the row is there.
    connectomes: one for each outer seed, which is their `seed` and is the unit of the comparison.
    controls: names of `CONTROLS`, or a mapping of names to `Control`; one of your own is
        `{**CONTROLS, "shuffled_text": Control(lambda evolved, rng: Start(of_shuffled_text[evolved.seed]))}`.
    folder: one file a finished row; called again, only missing rows are learned.
    about: what else the rows depend on, such as the learner's budget; stored rows of another are refused.
    progress: called with each row.

    Columns: control, outer_seed (missing where nothing is inherited: one run stands for all outer seeds), inner_seed,
    density (of the inherited mask; 1 where none is held), outer_samples (the cost of the connectome that it starts
    from, 0 where nothing is inherited), inner_samples, then the scores. Costs that were not told are missing.

    GenerationsError, in one line, for an unknown control, connectomes of one seed, or a folder of another comparison.
    """
    import pandas as pd

    evolved = [connectomes] if isinstance(connectomes, ModelConnectome) else list(connectomes)
    arms, inner = _arms(controls), _inner_seeds(seeds)
    _check_outer(evolved)
    facts = plain("about", dict(about or {}))
    rows = []
    for (name, arm), number in itertools.product(arms.items(), inner):
        for worm in evolved if arm.inherits else evolved[:1]:
            learner = _learner(name, arm, worm, number, facts)
            path = None if folder is None else Path(folder) / f"{learner.label}.json"
            row = None if path is None else _stored(path, learner)
            rows.append(_learned(make_model, learn, learner, path) if row is None else row)
            if progress is not None:
                progress(rows[-1])
    whole = dict.fromkeys(("outer_seed", "inner_seed", "outer_samples", "inner_samples"), "Int64")
    return pd.DataFrame(rows).astype(whole)


class _Learner(NamedTuple):
    """One row to be."""

    control: str
    outer_seed: int | None
    inner_seed: int
    start: Start
    facts: Mapping[str, Any]
    """What decides the row beside its name: what is inherited, and what the user told about it."""

    @property
    def label(self) -> str:
        return f"{self.control}-{'none' if self.outer_seed is None else self.outer_seed}-{self.inner_seed}"


def _learner(name: str, control: Control, evolved: ModelConnectome, inner_seed: int, about: dict[str, Any]) -> _Learner:
    outer_seed = evolved.seed if control.inherits else None
    stream = derived(inner_seed, "control", name, 0 if outer_seed is None else outer_seed + 1)
    start = control.start(evolved, np.random.default_rng(stream))
    of = None if start.connectome is None else start.connectome.fingerprint
    return _Learner(name, outer_seed, inner_seed, start, {"inherits": of, "what": start.what, **about})


def _stored(path: Path, learner: _Learner) -> dict[str, Any] | None:
    """The row, where it was learned before."""
    if not path.exists():
        return None
    stored = read_json(path)
    there = stored.get("facts")
    if not isinstance(there, dict) or not isinstance(stored.get("row"), dict):
        raise GenerationsError(f"{path}: is not a row of a comparison; remove it to learn it again")
    for name in dict.fromkeys((*learner.facts, *there)):
        if there.get(name) != learner.facts.get(name):
            raise GenerationsError(
                f"{path}: a row of another comparison, whose {name} is {one_line(there.get(name), 60)}, and here it is "
                f"{one_line(learner.facts.get(name), 60)}; give another folder, or remove it to learn it again"
            )
    return stored["row"]


def _learned(make_model: MakeModel, learn: Learn, learner: _Learner, path: Path | None) -> dict[str, Any]:
    seed = learner_seed(learner.inner_seed)
    model = begin(make(make_model, seed), learner.start)
    extra: dict[str, Any] = {"control": learner.control} if takes(learn, "control") else {}
    own = None if path is None else path.with_suffix(".training")
    if takes(learn, "folder"):
        extra["folder"] = own
        if own is not None:
            own.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    with torch_seeded(seed):
        told = learn(model, seed=seed, **extra)
    seconds = time.perf_counter() - begun
    if not isinstance(told, Mapping):
        raise GenerationsError(f"learn gave a {type(told).__name__}; it must give a mapping of scores")
    scores = plain("what learn returned", dict(told))
    seconds = scores.pop("seconds", seconds)
    row = _row(learner, scores)
    if path is not None:
        write_atomic(path, json.dumps({"row": row, "facts": learner.facts, "seconds": seconds}, indent=1) + "\n")
    if own is not None:
        shutil.rmtree(own, ignore_errors=True)
    return row


def _row(learner: _Learner, scores: dict[str, Any]) -> dict[str, Any]:
    start = learner.start
    of = start.connectome if learner.outer_seed is not None else None
    row = {
        "control": learner.control,
        "outer_seed": learner.outer_seed,
        "inner_seed": learner.inner_seed,
        "density": 1.0 if start.connectome is None or start.what == "signs" else start.connectome.density(),
        "outer_samples": scores.pop("outer_samples", 0 if of is None else of.samples),
        "inner_samples": scores.pop("samples", None),
    }
    taken = sorted(set(scores) & set(row))
    if taken:
        raise GenerationsError(f"learn returned {taken[0]!r}, which is a column of its own; name it otherwise")
    return row | scores


def _arms(controls: Iterable[str] | Mapping[str, Control]) -> dict[str, Control]:
    if isinstance(controls, Mapping):
        arms = dict(controls)
    else:
        names = [controls] if isinstance(controls, str) else list(controls)
        unknown = [name for name in names if name not in CONTROLS]
        if unknown:
            raise GenerationsError(f"no control {one_line(repr(unknown[0]), 60)}; {nearest(str(unknown[0]), CONTROLS)}")
        arms = {name: CONTROLS[name] for name in names}
    if not arms:
        raise GenerationsError(f"no control was given; {nearest('', CONTROLS)}")
    for name in arms:
        if not _NAME.fullmatch(str(name)):
            raise GenerationsError(f"a control named {one_line(repr(name), 60)}; use up to 60 letters, digits and _+.-")
    return arms


def _inner_seeds(seeds: Iterable[int]) -> list[int]:
    inner = [whole_number("an inner seed", seed, 0, LARGEST_SEED, GenerationsError) for seed in seeds]
    if not inner or len(set(inner)) < len(inner):
        raise GenerationsError(f"inner seeds {one_line(inner, 60)}; give at least one, and each once")
    return inner


def _check_outer(evolved: list[ModelConnectome]) -> None:
    outer = [worm.seed for worm in evolved]
    if not outer or None in outer or len(set(outer)) < len(outer):
        raise GenerationsError(
            f"connectomes of outer seeds {one_line(outer, 60)}; give one or more, each of a seed of its own"
        )
    first = {name: (mask.shape, evolved[0].scale[name]) for name, mask in evolved[0].mask.items()}
    for worm in evolved[1:]:
        if {name: (mask.shape, worm.scale[name]) for name, mask in worm.mask.items()} != first:
            raise GenerationsError(
                f"connectomes of outer seeds {outer[0]} and {worm.seed} differ in parameters, shapes or scale"
            )
