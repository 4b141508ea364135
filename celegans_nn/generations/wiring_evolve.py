"""Generations of a connectome network: trained, then pruned, until a wiring of its own is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number
from celegans_nn.files import write_atomic
from celegans_nn.generations.evolve import evolve_connectome
from celegans_nn.generations.model_connectome import Generation, ModelConnectome
from celegans_nn.generations.wiring_model import Making, WiringModel, edges_kept, thinned
from celegans_nn.networks import Interface, default_interface
from celegans_nn.tasks.task import Task
from celegans_nn.training import Progress, TrainOptions, train
from celegans_nn.training.checkpoint import run_identity

AFTER = "signs", "keep"
"""What survivors start the next generation from."""
Watch = Callable[[int, Progress], None]
"""(generation, how far its training is)."""


def evolve_wiring(
    start: Connectome,
    task: Task,
    *,
    generations: int,
    budget: int,
    method: str,
    seed: int = 0,
    neuron: str = "rate",
    interface: Interface | None = None,
    ticks: int = 5,
    spectral_radius: float | None = None,
    prune_fraction: float = 0.2,
    scope: str = "layer",
    after: str = "signs",
    options: Mapping[str, Any] | TrainOptions | None = None,
    checkpoint: str | Path | None = None,
    every: int = 10,
    progress: Callable[[Generation], None] | None = None,
    watch: Watch | None = None,
    threads: int | None = None,
) -> Connectome:
    """So many times: train a network on the wiring, then take its weakest synapses away.

    Kotar & Tuckute's (2025) outer loop, as `evolve_connectome` runs it, on synapses: |w| = exp(log_w) ranks them, and
    one that is pruned leaves the wiring. Signs never change (Dale's law), so what evolves is which cells are wired.

    start: such as `overcomplete(worm, seed=...)`. Its gap junctions, if it has any, carry current and stay.
    generations: g is g times train, then prune; after k prunings round(n (1 - prune_fraction)^k) of n edges are left.
    budget: environment steps or samples of each generation's training.
    method, options, every, threads: as in `celegans_nn.train`. With "es+ga" the first stage trains one weight a sign.
    interface: the ways in and out; `default_interface` of the start with the task's names if not given.
    scope: "layer": edges onto neurons compete among themselves, and so do those onto muscles; "global": all with all.
    after: "signs": survivors start anew from the neuron model's own one weight a sign, in a network that is fresh in
        all else, so that a generation hands on nothing but its wiring; "keep": they go on from where they are, as do
        coders and constants. (To rewind to the very first weights is "signs" here, since all begin alike.)
    checkpoint: a folder. Called again after an interruption, at any generation or inside one, evolution goes on and
        ends with the same bits.
    progress, watch: called after each generation, and on the way through one.

    Returns the wiring that is left: the same cells; each edge with its sign and, as weight, the |w| that the last
    generation trained it to. `provenance["evolved"]` has the settings, `samples` (what all generations cost together)
    and `history`.

    GenerationsError, TrainingError and NetworkError, in one line, for settings that cannot be used.
    """
    if after not in AFTER:
        raise GenerationsError(f"after is {one_line(repr(after), 60)}; {nearest(str(after), AFTER)}")
    seed = whole_number("seed", seed, 0, LARGEST_SEED, GenerationsError)
    if (unknown := int((start.chemical_edges.sign == 0).sum())) or not len(start.chemical_edges.pre):
        what = f"{unknown} edges of unknown sign" if unknown else "no chemical edges"
        raise GenerationsError(f"a wiring with {what} cannot evolve; begin with overcomplete(worm, seed=...)")
    chosen = TrainOptions.of(options)
    if after == "keep" and chosen.normalise:
        raise GenerationsError('normalise = true begins anew in each generation, which after="keep" does not; drop one')
    making = Making(
        neuron, interface or default_interface(start, task.observations, task.actions), ticks,
        spectral_radius, "sign" if method == "es+ga" and after == "signs" else "edge", seed,
    )  # fmt: skip
    trainer = _Trainer(task, method, budget, chosen, after == "keep", checkpoint, every, watch, threads)
    settings = {"method": method, "budget": budget, "options": asdict(chosen), "neuron": neuron}
    connectome = evolve_connectome(
        lambda: WiringModel(start, making), trainer.train, generations=generations, prune_fraction=prune_fraction,
        scope=scope, after=after, seed=seed, scale=1.0, parameters=list(WiringModel(start, making).parts),
        checkpoint=checkpoint, about=run_identity(making.network(start), task, settings), progress=progress,
    )  # fmt: skip
    facts = {
        "of": start.fingerprint, "task": task.name, "method": method, "budget": budget, "seed": seed,
        "generations": generations, "prune_fraction": prune_fraction, "scope": scope, "after": after, "neuron": neuron,
        "ticks": ticks, "spectral_radius": spectral_radius, "samples": connectome.samples,
        "history": [generation._asdict() for generation in connectome.history],
    }  # fmt: skip
    wiring = thinned(start, edges_kept(start, connectome.mask), trainer.magnitudes(generations - 1))
    return wiring.with_edges(provenance={"evolved": facts})


def wiring_after(start: Connectome, folder: str | Path, generation: int) -> Connectome:
    """The wiring that `evolve_wiring(start, ..., checkpoint=folder)` had after this generation, from 0."""
    connectome = ModelConnectome.load(Path(folder) / f"generation-{generation:03d}")
    return thinned(start, edges_kept(start, connectome.mask), _read(_trained_file(Path(folder), generation)))


@dataclass
class _Trainer:
    """Trains a `WiringModel` for one generation, and keeps what its weights became."""

    task: Task
    method: str
    budget: int
    options: TrainOptions
    keep: bool
    checkpoint: str | Path | None
    every: int
    watch: Watch | None
    threads: int | None
    trained: np.ndarray | None = None
    """Relative |w| of every edge of the start after the last generation that was trained here; 1 where there is
    none."""

    def train(self, model: WiringModel, seed: int, generation: int, folder: Path | None = None) -> dict[str, Any]:
        def told(now: Progress) -> None:
            if self.watch is not None:
                self.watch(generation, now)

        net, unit = model.network(self.keep)
        result = train(
            net, self.task, method=self.method, seed=seed, budget=self.budget,
            options=self.options, progress=told, checkpoint=None if folder is None else folder / "checkpoint",
            every=self.every, threads=self.threads,
        )  # fmt: skip
        model.take(result.net, unit)  # type: ignore[arg-type]
        weights = np.abs(model.edge_weights()).astype(np.float64)
        self.trained = np.where(weights > 0, weights, 1.0)
        if self.checkpoint is not None:
            write_atomic(_trained_file(Path(self.checkpoint), generation), save({"magnitude": self.trained}))
        return {"samples": result.cost["total"], **result.scores}

    def magnitudes(self, generation: int) -> np.ndarray:
        """Of every edge of the start after this generation."""
        if self.checkpoint is None:
            assert self.trained is not None
            return self.trained
        return _read(_trained_file(Path(self.checkpoint), generation))


def _trained_file(folder: Path, generation: int) -> Path:
    return folder / f"trained-{generation:03d}.safetensors"


def _read(path: Path) -> np.ndarray:
    try:
        return load(path.read_bytes())["magnitude"]
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (SafetensorError, KeyError) as error:
        why = one_line(error, 80)
    raise GenerationsError(f"{path}: {why}; remove its generation's folder and those after it, to repeat them")
