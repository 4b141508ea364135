"""The outer loop: each generation trains, then loses its weakest weights (Kotar & Tuckute 2025)."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from celegans_nn import __version__
from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number
from celegans_nn.files import write_atomic
from celegans_nn.generations.inherit import inherit, remove
from celegans_nn.generations.model_connectome import Generation, ModelConnectome, plain
from celegans_nn.generations.prunable import MakeModel, chosen, derived, make, takes, torch_seeded, weight_of
from celegans_nn.generations.prune import SCOPES, prune
from celegans_nn.generations.saving import DESCRIPTION, read_json

AFTER = "signs", "rewind", "keep"
STATE = "state.safetensors"
"""Beside the last connectome of a run whose survivors keep what they were trained to."""
Train = Callable[..., Mapping[str, Any] | None]
"""`train(model, seed=..., generation=...)`, and `folder=...` if it takes one."""


class Settings(NamedTuple):
    """How weights are pruned, and what survivors start from."""

    prune_fraction: float
    scope: str
    after: str
    seed: int
    scale: float | None


def evolve_connectome(
    make_model: MakeModel,
    train: Train,
    *,
    generations: int,
    prune_fraction: float = 0.2,
    scope: str = "layer",
    after: str = "signs",
    seed: int = 0,
    scale: float | None = 0.02,
    parameters: Sequence[str] | None = None,
    checkpoint: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    progress: Callable[[Generation], None] | None = None,
) -> ModelConnectome:
    """So many times: train, then prune. Kotar & Tuckute's connectome has six prunings of a fifth, layer by layer.

    make_model: gives a fresh module for a seed: `make_model(seed=...)`, or one without arguments, which then draws
        its weights from torch's global stream, seeded here and put back afterwards.
    train: `train(model, seed=..., generation=...)` trains in place. A mapping of plain values that it returns is kept
        in the history; `samples` is the cost. With a `checkpoint`, a trainer that has a parameter `folder` is handed
        one to keep its own state in, in which it finds that state again if this generation was interrupted; the
        folder is removed when the generation is done. torch's global stream is seeded from `seed` around each call.
    prune_fraction: after k prunings round(n (1 - fraction)^k) of n weights are left, the largest by magnitude.
    scope: "layer", within each parameter, or "global".
    after: what the survivors of a pruning start the next generation from. "signs": ±scale, by the sign that they
        ended with, in a model that is fresh in all else; "rewind": the values that they had at the very first;
        "keep": what they were trained to, as all else.
    scale: the magnitude that is inherited; None: each parameter's root mean square in the fresh model.
    parameters: the names of those to be pruned; None: all of two or more dimensions.
    checkpoint: a folder. Called again after an interruption, evolution goes on and ends with the same bits; called
        with more generations, it goes on from the last. `generation-004` in it is the connectome after five prunings.
    about: what else to write into the provenance, such as the corpus; a checkpoint made with another is refused.
    progress: called after each generation.

    GenerationsError, in one line, for a setting out of range, a model or trainer that cannot be used, weights that
    are not finite, and the checkpoint of another run.
    """
    generations = whole_number("generations", generations, 1, 10_000, GenerationsError)
    settings = _checked(Settings(prune_fraction, scope, after, seed, scale))
    fresh = make(make_model, settings.seed)
    names = list(chosen(fresh, parameters))
    run = {**settings._asdict(), "model": _identity(fresh), "parameters": names, "about": dict(about or {}),
           "celegans_nn": __version__}  # fmt: skip
    kept = None if checkpoint is None else _Checkpoint(Path(checkpoint), plain("about", run))
    connectome, state = (None, None) if kept is None else kept.latest(generations, settings.after == "keep")
    if connectome is None:
        connectome = _unpruned(fresh, names, settings, run)
    for number in range(len(connectome.history), generations):
        model = fresh if number == 0 else _begun(make(make_model, settings.seed), connectome, settings.after, state)
        folder = None if kept is None else kept.trainer_folder(number)
        told, seconds = _trained(train, model, derived(settings.seed, "generation", number), number, folder)
        connectome = _pruned(connectome, model, settings, number, told, seconds)
        state = _state(remove(model)) if settings.after == "keep" else None
        if kept is not None:
            kept.write(connectome, state, number)
        if progress is not None:
            progress(connectome.history[-1])
    return connectome


def _checked(settings: Settings) -> Settings:
    fraction, scale = settings.prune_fraction, settings.scale
    if not (isinstance(fraction, (int, float)) and 0 < fraction < 1):
        raise GenerationsError(f"prune_fraction is {one_line(repr(fraction), 60)}; give a share between 0 and 1")
    if scale is not None and not (isinstance(scale, (int, float)) and 0 < scale < math.inf):
        raise GenerationsError(f"scale is {one_line(repr(scale), 60)}; give a number above 0, or None")
    for what, value, known in (("scope", settings.scope, SCOPES), ("after", settings.after, AFTER)):
        if value not in known:
            raise GenerationsError(f"{what} is {one_line(repr(value), 60)}; {nearest(str(value), known)}")
    return settings._replace(seed=whole_number("seed", settings.seed, 0, LARGEST_SEED, GenerationsError))


def _unpruned(fresh: nn.Module, names: list[str], settings: Settings, run: Mapping[str, Any]) -> ModelConnectome:
    """Every weight, before the first generation."""
    weights = {name: _array(weight_of(fresh, name)) for name in names}
    scale = {
        name: float(np.sqrt(np.mean(np.square(w, dtype=np.float64)))) if settings.scale is None else settings.scale
        for name, w in weights.items()
    }
    mask = {name: np.ones(w.shape, dtype=bool) for name, w in weights.items()}
    return ModelConnectome(mask, {name: _sign(w, mask[name]) for name, w in weights.items()}, scale, (), run)


def _begun(model: nn.Module, connectome: ModelConnectome, after: str, state: dict[str, Tensor] | None) -> nn.Module:
    """A model at the start of a later generation."""
    if state is not None:
        model.load_state_dict(state)
    return inherit(model, connectome, "mask+signs" if after == "signs" else "mask")


def _trained(
    train: Train, model: nn.Module, seed: int, number: int, folder: Path | None
) -> tuple[dict[str, Any], float]:
    """What the trainer told, and how long it took."""
    extra = {"folder": folder} if takes(train, "folder") else {}
    start = time.perf_counter()
    with torch_seeded(seed):
        told = train(model, seed=seed, generation=number, **extra)
    seconds = time.perf_counter() - start
    if told is not None and not isinstance(told, Mapping):
        raise GenerationsError(f"train gave a {type(told).__name__}; it must give a mapping of plain values, or None")
    scores = plain("what train returned", dict(told or {}))
    return scores, scores.pop("seconds", seconds)


def _pruned(
    connectome: ModelConnectome, model: nn.Module, settings: Settings, number: int, told: dict[str, Any], seconds: float
) -> ModelConnectome:
    weights = {name: _array(weight_of(model, name)) for name in connectome.mask}
    mask = prune(weights, connectome.mask, number + 1, settings.prune_fraction, settings.scope)
    samples = told.pop("samples", None)
    if samples is not None:
        samples = whole_number("samples that train returned", samples, 0, LARGEST_SEED, GenerationsError)
    generation = Generation(number, {name: int(m.sum()) for name, m in mask.items()}, samples, told)
    return ModelConnectome(
        mask,
        {name: _sign(weights[name], mask[name]) for name in mask},
        connectome.scale,
        (*connectome.history, generation),
        connectome.provenance,
        (*connectome.seconds, seconds),
    )


def _sign(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """+1 or -1 where there is a weight; a weight of exactly 0 counts as positive."""
    return np.where(mask, np.where(weights < 0, -1, 1), 0).astype(np.int8)


def _array(weight: Tensor) -> np.ndarray:
    """In full precision: numpy knows no bfloat16."""
    return (weight if weight.dtype == torch.float64 else weight.float()).cpu().numpy()


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone().contiguous() for name, value in model.state_dict().items()}


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        return load(path.read_bytes())
    except OSError as error:
        why = error.strerror or type(error).__name__
    except SafetensorError as error:
        why = one_line(error, 80)
    raise GenerationsError(f"{path}: {why}; remove the folder that it belongs in, to repeat that generation")


def _identity(model: nn.Module) -> str:
    """A checksum over the fresh model's names, shapes and values."""
    digest = hashlib.sha256(type(model).__name__.encode())
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


class _Checkpoint:
    """A folder: run.json, generation-000 and on, and the trainer's own while it trains."""

    def __init__(self, folder: Path, run: Mapping[str, Any]):
        self.folder = folder
        path = folder / "run.json"
        if not path.exists():
            write_atomic(path, json.dumps(run, indent=1) + "\n")
        there = read_json(path)
        for name in dict.fromkeys((*run, *there)):
            if there.get(name) != run.get(name):
                raise GenerationsError(
                    f"{path}: of another run, whose {name} is {one_line(there.get(name), 60)}, and here it is "
                    f"{one_line(run.get(name), 60)}; give what it was made with, or another folder"
                )

    def latest(self, generations: int, with_state: bool) -> tuple[ModelConnectome | None, dict[str, Tensor] | None]:
        """The connectome of the last generation that is done, at most the last one wanted, and the state kept."""
        done = [n for n in range(generations) if (self._generation(n) / DESCRIPTION).exists()]
        if not done:
            return None, None
        connectome = ModelConnectome.load(self._generation(done[-1]))
        if len(connectome.history) != done[-1] + 1:
            raise GenerationsError(
                f"{self._generation(done[-1])}: holds {len(connectome.history)} generations; remove it"
            )
        more = with_state and done[-1] + 1 < generations
        return connectome, _read_state(self._generation(done[-1]) / STATE) if more else None

    def trainer_folder(self, number: int) -> Path:
        """Made if need be; the one before is done with."""
        shutil.rmtree(self.folder / f"training-{number - 1:03d}", ignore_errors=True)
        folder = self.folder / f"training-{number:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write(self, connectome: ModelConnectome, state: dict[str, Tensor] | None, number: int) -> None:
        """A generation is done once its description is there."""
        if state is not None:
            write_atomic(self._generation(number) / STATE, save(state))
        connectome.save(self._generation(number))
        (self._generation(number - 1) / STATE).unlink(missing_ok=True)
        shutil.rmtree(self.folder / f"training-{number:03d}", ignore_errors=True)

    def _generation(self, number: int) -> Path:
        return self.folder / f"generation-{number:03d}"
