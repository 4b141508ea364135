"""The inner loop: the same learner, from the same seeds, under every control; one row a learner."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number
from celegans_nn.files import write_atomic
from celegans_nn.generations.controls import CONTROLS, Control, begin
from celegans_nn.generations.model_connectome import ModelConnectome, plain
from celegans_nn.generations.prunable import MakeModel, derived, make, takes, torch_seeded
from celegans_nn.generations.saving import read_json

if TYPE_CHECKING:
    import pandas as pd

Learn = Callable[..., Mapping[str, Any]]
"""`learn(model, seed=...)`, and `control=...` and `folder=...` if it takes them, gives scores."""
FIRST_COLUMNS = "control", "outer_seed", "inner_seed", "density", "outer_samples", "inner_samples"
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
    progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> pd.DataFrame:
    """One row for each control, connectome and learner seed.

    make_model: as in `evolve_connectome`. Under one inner seed every control starts from the same fresh model and
        shows its data in the same order; both seeds are `learner_seed(inner_seed)`.
    learn: `learn(model, seed=...)` trains in place and returns scores, plain values; `samples` is its cost. If it has
        a parameter `control` it is told which one this is, as for an arm that first trains on the outer data; if it
        has `folder`, and `folder` is given here, one to go on from when it is called again after an interruption.
    connectomes: one for each outer seed, which is their `seed` and is the unit of the comparison.
    controls: names of `CONTROLS`, or a mapping of names to `Control`; a control of one's own is
        `{**CONTROLS, "shuffled_text": Control(lambda evolved, rng: Start(of_shuffled_text[evolved.seed]))}`.
    folder: one file a finished row; called again, only missing rows are learned.
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
    rows = []
    for (name, arm), number in itertools.product(arms.items(), inner):
        for worm in evolved if arm.inherits else evolved[:1]:
            row = _row(make_model, learn, worm, name, arm, number, None if folder is None else Path(folder))
            rows.append(row)
            if progress is not None:
                progress(row)
    whole = dict.fromkeys(("outer_seed", "inner_seed", "outer_samples", "inner_samples"), "Int64")
    return pd.DataFrame(rows).astype(whole)


def _row(
    make_model: MakeModel,
    learn: Learn,
    evolved: ModelConnectome,
    name: str,
    control: Control,
    inner_seed: int,
    folder: Path | None,
) -> dict[str, Any]:
    """Read where it was learned before; else learned, and written."""
    outer_seed = evolved.seed if control.inherits else None
    label = f"{name}-{'none' if outer_seed is None else outer_seed}-{inner_seed}"
    path = None if folder is None else folder / f"{label}.json"
    words = (name, "of", 0 if outer_seed is None else outer_seed, inner_seed)
    start = control.start(evolved, np.random.default_rng(derived(inner_seed, "control", *words)))
    of = None if start.connectome is None else start.connectome.fingerprint
    if path is not None and path.exists():
        stored = read_json(path)
        if stored.get("of") != of or not isinstance(stored.get("row"), dict):
            raise GenerationsError(f"{path}: a row of another connectome; give another folder, or remove it")
        return stored["row"]
    seed = learner_seed(inner_seed)
    model = begin(make(make_model, seed), start)
    extra: dict[str, Any] = {"control": name} if takes(learn, "control") else {}
    if takes(learn, "folder"):
        extra["folder"] = None if folder is None else folder / f"{label}.training"
    begun = time.perf_counter()
    with torch_seeded(seed):
        told = learn(model, seed=seed, **extra)
    seconds = time.perf_counter() - begun
    if not isinstance(told, Mapping):
        raise GenerationsError(f"learn gave a {type(told).__name__}; it must give a mapping of scores")
    scores = plain("what learn returned", dict(told))
    seconds = scores.pop("seconds", seconds)
    taken = sorted(set(scores) & set(FIRST_COLUMNS))
    if taken:
        raise GenerationsError(f"learn returned {taken[0]!r}, which is a column of its own; name it otherwise")
    masked = start.connectome is not None and start.what != "signs"
    row = {
        "control": name,
        "outer_seed": outer_seed,
        "inner_seed": inner_seed,
        "density": start.connectome.density() if start.connectome is not None and masked else 1.0,
        "outer_samples": start.connectome.samples if start.connectome is not None and control.inherits else 0,
        "inner_samples": scores.pop("samples", None),
        **scores,
    }
    if path is not None:
        write_atomic(path, json.dumps({"row": row, "of": of, "seconds": seconds}, indent=1) + "\n")
    return row


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
