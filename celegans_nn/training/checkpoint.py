"""A training run on disk, to go on with to the bit: one safetensors file whose header carries the rest as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import nn

from celegans_nn import __version__
from celegans_nn.errors import TrainingError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.networks.network import Network
from celegans_nn.tasks.task import Task

FORMAT = "celegans_nn checkpoint 1"


class CheckpointError(TrainingError):
    """A checkpoint that cannot be gone on with: of another run, or damaged."""


class Checkpoint(NamedTuple):
    """Where a training run stood after a generation."""

    run: Mapping[str, str]
    """What determines the run, name to value as text: settings, task and the network that it began with."""
    facts: Mapping[str, Any]
    """Stage, state of the random numbers, scores and costs so far: plain values."""
    arrays: Mapping[str, np.ndarray]


def write_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Whole or not at all, in place of what stood there."""
    header = {"format": FORMAT, "run": json.dumps(checkpoint.run), "facts": json.dumps(checkpoint.facts)}
    arrays = {name: np.asarray(value, order="C") for name, value in checkpoint.arrays.items()}
    write_atomic(path, save(arrays, header))


def read_checkpoint(path: str | Path, run: Mapping[str, str]) -> Checkpoint | None:
    """The checkpoint of this run, or None where there is no file.

    CheckpointError, one line that names what differs, for the checkpoint of another run, and for a damaged one.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or type(error).__name__}; choose another file") from None
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        if header["format"] != FORMAT:
            raise ValueError(header["format"])
        found = Checkpoint(json.loads(header["run"]), json.loads(header["facts"]), load(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not a checkpoint that this version reads ({one_line(error, 80)}); remove it to begin anew"
        ) from None
    for name in dict.fromkeys((*run, *found.run)):
        there, here = found.run.get(name, "nothing"), run.get(name, "nothing")
        if there != here:
            raise CheckpointError(
                f"{path}: a checkpoint of another run, whose {name} is {one_line(there, 60)}, and here it is "
                f"{one_line(here, 60)}; give what it was made with, or remove it to begin anew"
            )
    return found


def run_identity(net: nn.Module, task: Task, settings: Mapping[str, Any]) -> dict[str, str]:
    """What determines a training run: this version, its settings (nested plain values), task and network."""
    return {
        "celegans_nn": __version__,
        **_flat("", settings),
        **_flat("task.", _task_facts(task)),
        "network": network_identity(net),
    }


def network_identity(net: nn.Module) -> str:
    """A checksum over a network's kind, wiring, settings and values."""
    digest = hashlib.sha256(type(net).__name__.encode())
    if isinstance(net, Network):
        settings = (net.ticks, net.dt_ms, net.delay, net.preset, net.surrogate, net.weights, net.interface)
        digest.update(f"{net.worm.fingerprint} {net.model.name} {settings}".encode())
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _task_facts(task: Task) -> dict[str, Any]:
    """The task's own settings, by name."""
    names = (*getattr(type(task), "__dataclass_fields__", {}), "name", "control_dt", "frame_skip", "steps")
    facts = {name: _plain(getattr(task, name, None)) for name in names}
    return {name: value for name, value in facts.items() if value is not None}


def _plain(value: Any) -> Any:
    """A value as text that tells it from others; None for what has none, such as a compiled model."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
    if isinstance(value, tuple):
        return str([_plain(entry) for entry in value])
    return str(value) if isinstance(value, (str, int, float)) else None


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Nested plain values as one level of texts.

    >>> _flat("", {"seed": 3, "es": {"sigma": 0.1}})
    {'seed': '3', 'es.sigma': '0.1'}
    """
    flat: dict[str, str] = {}
    for name, value in values.items():
        flat |= _flat(f"{prefix}{name}.", value) if isinstance(value, Mapping) else {f"{prefix}{name}": str(value)}
    return flat
