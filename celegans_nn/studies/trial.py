"""One trial from its definition to its scores: wiring -> rewire -> build -> task -> train."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.rewiring import rewire, shuffle_interface
from celegans_nn.rewiring.control import INTERFACE_SHUFFLE
from celegans_nn.studies.machine import source_hash
from celegans_nn.studies.spec import NetworkSpec, TaskSpec, Trial, canonical_json
from celegans_nn.studies.store import trial_path
from celegans_nn.studies.wiring_files import read_wiring

if TYPE_CHECKING:
    from torch import nn

    from celegans_nn.networks import Interface

S22_PRETRAINING_STEPS = 200_000_000
"""Environment steps: 1000 epochs x population 200 x 1000 steps (Schmidgall et al. 2022, pretraining alone)."""

WIRING_COLUMNS = (
    "source", "circuit", "muscles", "polarity", "control", "control_seed", "scope", "neuron", "unknown_sign",
    "gap_junctions", "ticks", "dt_ms", "delay", "preset", "interface", "encoder", "decoder", "hidden", "weights",
    "spectral_radius", "share",
)  # fmt: skip


@dataclass(frozen=True)
class TrialResult:
    """What a trial gives: a row of results.csv (labels left out), its learning curve, and the trained network."""

    row: Mapping[str, Any]
    curve: list[tuple[str, int, float]]
    """(stage, cost so far over all stages, score)."""
    net: nn.Module


def run_trial(
    trial: Trial, folder: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> TrialResult:
    """Build the trial's network, train it, and collect what came out.

    With a `folder` the trained weights go to trials/<hash>.safetensors there, with <hash>.normaliser beside them where
    observations were normalised; and a trial that was interrupted goes on from its checkpoint there.
    `progress(done, total)` is called in units of cost.
    """
    from celegans_nn.networks.saving import save_weights
    from celegans_nn.training import Progress, train

    def report(now: Progress) -> None:
        if progress is not None:
            progress(now.cost, now.budget)

    task = make_trial_task(trial.task)
    net = make_network(trial.network, task, trial.seed)
    result = train(
        net, task, method=trial.task.method, seed=trial.seed, budget=trial.task.budget,
        options=dict(trial.task.options), progress=report, threads=1,
        checkpoint=None if folder is None else _checkpoint(folder, trial),
    )  # fmt: skip
    if folder is not None:
        weights = trial_path(folder, trial.hash, ".safetensors")
        weights.parent.mkdir(parents=True, exist_ok=True)
        save_weights(result.net, weights)
        if result.normaliser is not None:
            result.normaliser.save(trial_path(folder, trial.hash, ".normaliser"))
    curve = [(str(p.stage), int(p.cost), float(p.score)) for p in result.curve]
    return TrialResult(_row(trial, task, result), curve, result.net)


def _checkpoint(folder: Path, trial: Trial) -> Path:
    """Where a trial is kept while it trains. What other sources of the package left is not gone on with."""
    return trial_path(folder, trial.hash, f".{source_hash()[:12]}.checkpoint")


def remove_checkpoints(folder: Path, trial: Trial) -> None:
    """What a trial needs no more once its record is stored."""
    for path in (folder / "trials").glob(f"{trial.hash}.*.checkpoint"):
        path.unlink(missing_ok=True)


def trained_network(trial: Trial, folder: Path) -> nn.Module:
    """The network that a finished trial left in a results folder, with its trained weights; it takes observations as
    the task gives them."""
    from celegans_nn.networks import Network
    from celegans_nn.networks.saving import load_weights
    from celegans_nn.training import Normalised, Normaliser

    net = make_network(trial.network, make_trial_task(trial.task), trial.seed)
    if trial.task.method.endswith("ga") and isinstance(net, Network):
        net = net.unshared()  # the genetic algorithm gives every synapse its own weight
    load_weights(net, trial_path(folder, trial.hash, ".safetensors"))
    if trial.task.options.get("normalise"):
        return Normalised(net, Normaliser.load(trial_path(folder, trial.hash, ".normaliser")))
    return net


def make_trial_task(task: TaskSpec) -> Any:
    """The task itself."""
    from celegans_nn.tasks import make_task

    return make_task(task.name, **task.task)


def make_network(spec: NetworkSpec, task: Any, seed: int) -> nn.Module:
    """The untrained network of a spec for a task; `seed` draws encoder and decoder, or a baseline's weights."""
    from celegans_nn.networks import baseline, build

    if spec.baseline is not None:
        assert spec.like is not None
        return baseline(spec.baseline, like=make_network(spec.like, task, seed), seed=seed)  # type: ignore[arg-type]
    original, worm = wirings(spec)
    interface = _interface(spec, original, worm, task)
    if spec.control == INTERFACE_SHUFFLE:
        interface = shuffle_interface(worm, interface, seed=spec.control_seed)
    return build(
        worm, spec.neuron, interface, unknown_sign=spec.unknown_sign, gap_junctions=spec.gap_junctions,
        weights=spec.weights, spectral_radius=spec.spectral_radius, share=spec.share, ticks=spec.ticks,
        dt_ms=spec.dt_ms, delay=spec.delay, preset=spec.preset, seed=seed,
    )  # fmt: skip


def _interface(spec: NetworkSpec, original: Connectome, worm: Connectome, task: Any) -> Interface:
    from celegans_nn.networks import default_interface, direct_interface

    if spec.interface == "direct":
        return direct_interface(original, task)
    return default_interface(worm, task.observations, task.actions, spec.encoder, spec.decoder, spec.hidden)


def wirings(spec: NetworkSpec) -> tuple[Connectome, Connectome]:
    """(the worm's wiring, the wiring that this network has): equal unless the spec names a control that rewires."""
    return _wirings(canonical_json(spec.definition()))


@lru_cache(maxsize=64)
def _wirings(definition: str) -> tuple[Connectome, Connectome]:
    spec = NetworkSpec.from_definition(json.loads(definition))
    worm = _original(spec)
    if spec.control in ("none", INTERFACE_SHUFFLE):
        return worm, worm
    initial = "shared" if spec.weights == "shared" else "table"
    return worm, rewire(worm, spec.control, seed=spec.control_seed, scope=spec.scope, initial_weights=initial)


def _original(spec: NetworkSpec) -> Connectome:
    """The wiring before any control."""
    if spec.graph is not None:
        assert spec.file is not None
        return read_wiring(spec.file, spec.graph)
    circuit = None if spec.circuit == "all" else spec.circuit
    return load_connectome(spec.source, circuit=circuit, muscles=spec.muscles, polarity=spec.polarity)


def _row(trial: Trial, task: Any, result: Any) -> dict[str, Any]:
    """Only what seed and spec determine: the definition, the scores, the cost."""
    from celegans_nn.networks import count_parameters

    network = trial.network
    wired = network.baseline is None
    row: dict[str, Any] = {"baseline": network.baseline}
    definition = network.definition()
    row |= {column: definition.get(column) if wired else None for column in WIRING_COLUMNS}
    if wired and network.dt_ms is None:
        row["dt_ms"] = result.net.dt_ms
    row |= _counts(network) | {"parameters": count_parameters(result.net)}
    row |= {"method": trial.task.method, "budget": trial.task.budget}
    row |= {"task_options": canonical_json(dict(trial.task.task)), "options": canonical_json(dict(trial.task.options))}
    first = ("untrained", "after_pretraining", "final")
    scores = {key: float(value) for key, value in result.scores.items()}
    row |= {key: scores.get(key) for key in first}
    row |= {key: value for key, value in sorted(scores.items()) if key not in first}
    stages = {key: int(value) for key, value in result.cost.items() if key != "total"}
    row |= {f"cost_{stage}": value for stage, value in stages.items()} | {"cost_total": int(result.cost["total"])}
    row |= _outer_cost(network)
    # Schmidgall et al.'s steps are a body's; samples of a data set do not compare
    locomotion = task.kind == "locomotion"
    row["share_of_s22"] = row["cost_total"] / S22_PRETRAINING_STEPS if locomotion else None
    return row


def _outer_cost(network: NetworkSpec) -> dict[str, int]:
    """What it cost to evolve the wiring, or the one that this is a control of: steps or samples of the task that it
    evolved on, in no trial's `cost_total`. Nothing where no wiring was evolved."""
    if network.baseline is not None:
        return {}
    samples = wirings(network)[0].provenance.get("evolved", {}).get("samples")
    return {} if samples is None else {"cost_outer": int(samples)}


def _counts(network: NetworkSpec) -> dict[str, Any]:
    if network.baseline is not None:
        return dict.fromkeys(("wiring", "cells", "chemical_edges", "unknown_edges", "gap_pairs"))
    worm = wirings(network)[1]
    return {
        "wiring": worm.fingerprint[:12],
        "cells": len(worm),
        "chemical_edges": len(worm.chemical_edges.pre),
        "unknown_edges": int((worm.chemical_edges.sign == 0).sum()),
        "gap_pairs": len(worm.electrical_edges.pre),
    }
