"""A network on disk: its wiring as CSV, its description as JSON, its values as safetensors; nothing unpickled."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from celegans_nn import __version__
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError, one_line, whole_number
from celegans_nn.files import write_atomic
from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.networks.build import build
from celegans_nn.networks.feedforward import SparseMLP
from celegans_nn.networks.gru import GRU
from celegans_nn.networks.interface import Gains, Interface
from celegans_nn.networks.ncap import NCAP
from celegans_nn.networks.network import Network
from celegans_nn.neurons import neuron_model

DESCRIPTION, NORMALISER = "network.json", "normaliser.json"
"""Of the folder's files: what the network is; and what its observations are normalised by, where training did so."""
FORMAT, FORMAT_VERSION = "celegans_nn network", 1
KINDS: dict[str, type[nn.Module]] = {
    "network": Network, "sparse_mlp": SparseMLP, "dense_mlp": DenseMLP, "gru": GRU, "ncap": NCAP,
}  # fmt: skip
RULE_TOLERANCE = 1e-5
"""Relative; a rule's constants may differ in their last digits from one machine to the next."""
DTYPES = {str(d).removeprefix("torch."): d for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}

_SETTINGS = {
    "ticks": int, "dt_ms": (int, float), "delay": int, "share": str, "unknown_sign": (str, type(None)),
    "gap_junctions": bool, "weights": str, "surrogate": (str, type(None)), "seed": int,
}  # fmt: skip
_FILE_NAME = {"weights": re.compile(r"weights-[0-9a-f]{16}\.safetensors"), "wiring": re.compile(r"wiring-[0-9a-f]{16}")}


def save_network(net: nn.Module, folder: str | Path) -> None:
    """Writes a network, or a baseline, into `folder` (made if need be), so that `load_network` gives it back.

    `network.json` names the neuron model with its constants, interface and settings, and the two things beside it:
    `wiring-*/`, the tables of `Connectome.to_csv`, and `weights-*.safetensors`, the trained values. It is written
    last, and both names carry a checksum: a network that was in the folder stays whole until the new one is.

    Raises NetworkError for a module of another kind, CelegansError where the disk says no.

    >>> import pandas as pd, tempfile
    >>> worm = Connectome.from_edges(pd.DataFrame({
    ...     "pre": ["A", "B"], "post": ["B", "A"], "kind": "chemical", "sign": [1, -1]}))
    >>> net, x = build(worm, "rate", inputs=3, outputs=2), torch.ones(1, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(net, folder)
    ...     twin = load_network(folder)
    >>> torch.equal(net(x)[0], twin(x)[0])
    True
    """
    kind = next((name for name, known in KINDS.items() if type(net) is known), None)
    if kind is None:
        raise NetworkError(f"a {type(net).__name__} cannot be saved; give what build or baseline made")
    folder = Path(folder)
    data = save({name: value.detach().cpu().contiguous() for name, value in _values(net).items()})
    facts: dict[str, Any] = {
        "format": FORMAT, "format_version": FORMAT_VERSION, "celegans_nn": __version__, "kind": kind,
        "weights": f"weights-{_checksum(data)}.safetensors", "dtype": _dtype(net),
    }  # fmt: skip
    if isinstance(net, Network):
        facts |= _description(net)
        net.worm.to_csv(folder / facts["wiring"])
    elif isinstance(net, DenseMLP):
        facts["sizes"] = _sizes(net)
    elif isinstance(net, GRU):
        facts["sizes"] = list(net.sizes)
    elif isinstance(net, NCAP):
        facts |= {"observations": net.observations, "actions": net.actions, "shared": net.shared}
    write_atomic(folder / facts["weights"], data)
    stale = _files_of(folder) - {facts["weights"], facts.get("wiring")}
    write_atomic(folder / DESCRIPTION, json.dumps(facts, indent=2) + "\n")
    for name in stale:
        shutil.rmtree(folder / name, ignore_errors=True) if name.startswith("wiring") else (folder / name).unlink(True)


def load_network(folder: str | Path) -> nn.Module:
    """The network that `save_network` wrote, on the CPU: the same outputs to the last bit on the same machine.

    Warns where the network was trained on normalised observations: `celegans_nn.training.load_trained(folder).policy`
    is the network with the normalisation.

    Everything is checked and nothing is executed. Raises NetworkError, in one line that names the file, where one
    is missing or changed, or where this version's neuron model is no longer the one that was saved; ConnectomeError
    for a wiring that cannot be read.
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise NetworkError(f"{one_line(repr(folder))} is no folder; give one that save_network wrote")
    folder = Path(folder)
    facts = _Facts(_read_json(folder / DESCRIPTION), str(folder / DESCRIPTION))
    if facts.get("format", str) != FORMAT:
        raise NetworkError(f"{facts.place}: not a saved network; give a folder that save_network wrote")
    if facts.get("format_version", int) > FORMAT_VERSION:
        made_by = one_line(facts.get("celegans_nn", str), 40)
        raise NetworkError(f"{facts.place}: written by celegans_nn {made_by}, which is newer; update this one")
    kind = facts.one_of("kind", KINDS)
    dtype = DTYPES[facts.one_of("dtype", DTYPES)]
    path = folder / facts.file_name("weights")
    data = _read(path)
    if _checksum(data) not in path.name:
        raise NetworkError(f"{path}: not the values that were saved (its checksum differs); save the network again")
    saved = _Values.of(data, path)
    net = (BASELINES[kind](facts, saved) if kind in BASELINES else _wired(kind, facts, folder, saved)).to(dtype)
    saved.copy_to(_values(net))
    if isinstance(net, Network):
        _check_rule(net, facts)
    if (folder / NORMALISER).exists():
        warnings.warn(
            f"normalised observations are what the network in {folder} was trained on; "
            "celegans_nn.training.load_trained(folder).policy takes them as the task gives them",
            stacklevel=2,
        )
    return net


def save_weights(net: nn.Module, path: str | Path) -> None:
    """Writes the module's trained values to `path`; a reader sees the old file or the whole new one."""
    values = {name: p.detach().cpu().contiguous() for name, p in net.named_parameters()}
    write_atomic(path, save(values))


def load_weights(net: nn.Module, path: str | Path) -> None:
    """Sets the module's trained values from `path`; NetworkError where they are not this network's."""
    _Values.of(_read(Path(path)), Path(path)).copy_to(dict(net.named_parameters()))


# -- describing ------------------------------------------------------------------------------------------------


def _description(net: Network) -> dict[str, Any]:
    i = net.interface
    identity = _checksum((net.worm.fingerprint + net.worm.provenance_json).encode())
    return {
        "wiring": f"wiring-{identity}",
        "fingerprint": net.worm.fingerprint,
        "neuron": net.model.name,
        "preset": net.preset,
        "constants": {
            name: math.copysign(1.0, c.value) * net.log_constants[name].exp().item() if c.trained else c.value
            for name, c in net.constants.items()
        },
        "rule": _rule(net),
        "settings": {
            "ticks": net.ticks, "dt_ms": net.dt_ms, "delay": net.delay, "share": net.chemical.share,
            "unknown_sign": net.chemical.unknown_sign, "gap_junctions": net.gap is not None,
            "weights": net.weights, "surrogate": net.surrogate, "seed": net.seed,
        },
        "interface": {
            "observations": i.observations, "actions": i.actions, "input_cells": i.input_cells,
            "output_cells": i.output_cells, "encoder": i.encoder, "decoder": i.decoder, "hidden": i.hidden,
            "input_gains": i.input_gains, "output_gains": i.output_gains,
        },
        "edges_cut": net.edges_cut if isinstance(net, SparseMLP) else None,
        "unrolled": net.unrolled if isinstance(net, SparseMLP) else None,
    }  # fmt: skip


def _rule(net: Network) -> dict[str, float]:
    """All numbers of the neuron model as it runs, trained or not: what must still hold when the network is loaded."""
    with torch.no_grad():
        rule = net.parameters_of_rule()
    numbers = {name: float(value) for name, value in zip(rule._fields, rule, strict=True)}
    return {**numbers, "encoder_gain": net.model.encoder_gain, "readout_gain": net.model.readout_gain}


def _sizes(net: DenseMLP) -> list[int]:
    layers = [layer for layer in net.layers if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def _values(net: nn.Module) -> dict[str, Tensor]:
    """The trained values, and the numbers that the wiring gave to a network when it was made."""
    floats = {name: b for name, b in net.named_buffers() if b.is_floating_point()}
    return {**dict(net.named_parameters()), **floats}


def _dtype(net: nn.Module) -> str:
    kinds = {str(value.dtype).removeprefix("torch.") for value in _values(net).values()}
    if len(kinds) != 1 or not kinds <= set(DTYPES):
        raise NetworkError(f"the network's values are {', '.join(sorted(kinds))}; give all one type, as net.float()")
    return kinds.pop()


# -- making anew -----------------------------------------------------------------------------------------------


def _wired(kind: str, facts: _Facts, folder: Path, saved: _Values) -> Network:
    worm = Connectome.from_csv(folder / facts.file_name("wiring"))
    if worm.fingerprint != facts.get("fingerprint", str):
        where = folder / facts.file_name("wiring")
        raise NetworkError(f"{where}: not the wiring that was saved (its fingerprint differs); save the network again")
    settings = _Facts(facts.get("settings", dict), f"{facts.place}, settings")
    given = {name: settings.get(name, types) for name, types in _SETTINGS.items()}
    interface = _interface(_Facts(facts.get("interface", dict), f"{facts.place}, interface"), saved)
    if kind == "sparse_mlp":
        # one that was cut has no cycle left, so that it keeps its edges and its number of layers
        unrolled = "unrolled" in facts.values and facts.get("unrolled", bool)
        layers = whole_number("ticks", given["ticks"], 1, 100_000, NetworkError) if unrolled else None
        chosen = {name: given[name] for name in ("share", "unknown_sign", "weights", "seed")}
        net: Network = SparseMLP(worm, interface, generator=torch.Generator(), layers=layers, **chosen)
        net.edges_cut, net.worm = facts.get("edges_cut", int), worm
    else:
        preset = facts.get("preset", (str, type(None)))
        model = neuron_model(facts.get("neuron", str))
        net = build(worm, model.name, interface, preset=preset, **given)
    return net


def _check_rule(net: Network, facts: _Facts) -> None:
    """Refuses a network whose neuron model has changed since it was saved."""
    saved = _Facts(facts.get("rule", dict), f"{facts.place}, rule")
    for name, value in _rule(net).items():
        before = saved.number(name)
        if not math.isclose(value, before, rel_tol=RULE_TOLERANCE):
            made_by = one_line(facts.get("celegans_nn", str), 40)
            raise NetworkError(
                f"{saved.place}: {name} of {net.model.name} was {before:.6g} and is {value:.6g} in this version; "
                f"load the network with celegans_nn {made_by}"
            )


def _interface(facts: _Facts, saved: _Values) -> Interface:
    i = Interface(
        facts.names("observations"), facts.names("actions"), facts.names("input_cells"), facts.names("output_cells"),
        facts.get("encoder", str), facts.get("decoder", str), facts.get("hidden", int),
        facts.gains("input_gains"), facts.gains("output_gains"),
    )  # fmt: skip
    coders = (("encoder", i.encoder, i.observations), ("decoder", i.decoder, i.output_cells))
    saved.check({f"{part}.layers.0.weight": (i.hidden, len(ends)) for part, kind, ends in coders if kind == "mlp"})
    return i


def _dense(facts: _Facts, saved: _Values) -> nn.Module:
    sizes = _whole_sizes(facts)
    saved.check({f"layers.{i}.weight": (b, a) for i, (a, b) in enumerate(itertools.pairwise(sizes))})
    return DenseMLP(sizes, torch.Generator())


def _gru(facts: _Facts, saved: _Values) -> nn.Module:
    inputs, hidden, outputs = _whole_sizes(facts, 3)
    weights: dict[str, tuple[int, ...]] = {
        "weight_ih": (3 * hidden, inputs),
        "weight_hh": (3 * hidden, hidden),
        "readout.weight": (outputs, hidden),
    }
    saved.check(weights)
    return GRU(inputs, hidden, outputs, torch.Generator())


def _ncap(facts: _Facts, saved: _Values) -> nn.Module:
    return NCAP(facts.names("observations"), facts.names("actions"), torch.Generator(), facts.get("shared", bool))


BASELINES = {"dense_mlp": _dense, "gru": _gru, "ncap": _ncap}


def _whole_sizes(facts: _Facts, number: int | None = None) -> list[int]:
    sizes = facts.get("sizes", list)
    wrong = len(sizes) < 2 if number is None else len(sizes) != number
    if wrong or any(type(size) is not int or size < 1 for size in sizes):
        many = "two or more" if number is None else number
        raise NetworkError(f"{facts.place}: sizes are {one_line(sizes)}; give {many} whole numbers above 0")
    return sizes


# -- reading ---------------------------------------------------------------------------------------------------


class _Facts:
    """A JSON object whose values are asked for by name and type; NetworkError for what is not as it should be."""

    def __init__(self, values: dict[str, Any], place: str):
        self.values, self.place = values, place

    def get(self, name: str, types: Any) -> Any:
        value = self.values.get(name, self)
        kinds = types if isinstance(types, tuple) else (types,)
        if value is self or (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
            found = "is missing" if value is self else f"is {one_line(repr(value), 60)}"
            raise NetworkError(f"{self.place}: {name} {found}; save the network again")
        return value

    def number(self, name: str) -> float:
        value = self.get(name, (int, float))
        try:
            return float(value)
        except OverflowError:  # JSON knows whole numbers of any length
            raise NetworkError(f"{self.place}: {name} is {one_line(value, 60)}; save the network again") from None

    def one_of(self, name: str, known: Any) -> str:
        value = self.get(name, str)
        if value not in known:
            raise NetworkError(f"{self.place}: {name} is {one_line(repr(value), 60)}; known: {', '.join(known)}")
        return value

    def file_name(self, name: str) -> str:
        """A name inside the folder: never a path that leads out of it."""
        value = self.get(name, str)
        if not _FILE_NAME[name].fullmatch(value):
            raise NetworkError(f"{self.place}: {name} is {one_line(repr(value), 60)}; save the network again")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        values = self.get(name, list)
        if not all(isinstance(value, str) for value in values):
            raise NetworkError(f"{self.place}: {name} are not all text; save the network again")
        return tuple(values)

    def gains(self, name: str) -> Gains:
        """Triples of two positions and a number; none in a network that was saved before there were any."""
        found = self.get(name, list) if name in self.values else []
        for triple in found:
            if not isinstance(triple, list) or [type(value) for value in triple] != [int, int, float]:
                where = f"{self.place}: {name} hold {one_line(repr(triple), 60)}"
                raise NetworkError(f"{where}; give two positions and a gain")
        return tuple((source, target, gain) for source, target, gain in found)


class _Values(NamedTuple):
    """What a safetensors file holds: read before a network is made, so that none is made larger than the file."""

    tensors: dict[str, Tensor]
    path: Path

    @classmethod
    def of(cls, data: bytes, path: Path) -> _Values:
        try:
            return cls(load(data), path)
        except Exception as error:
            raise NetworkError(f"{path} is not a readable safetensors file ({type(error).__name__})") from None

    def check(self, expected: dict[str, tuple[int, ...]]) -> None:
        """NetworkError where a value is not there, or not of this shape."""
        for name, shape in expected.items():
            if name not in self.tensors or tuple(self.tensors[name].shape) != shape:
                raise self._of_another(name)

    def copy_to(self, own: dict[str, Tensor]) -> None:
        """Over a module's parameters and buffers by name: all of them, and nothing left over."""
        self.check({name: tuple(value.shape) for name, value in own.items()})
        if left := self.tensors.keys() - own.keys():
            raise self._of_another(min(left))
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(self.tensors[name])

    def _of_another(self, name: str) -> NetworkError:
        where = one_line(repr(name), 60)
        return NetworkError(
            f"{self.path} holds another network's weights (they differ at {where}); build the same network"
        )


def _files_of(folder: Path) -> set[str]:
    """What the description that stands in the folder names, if there is one."""
    try:
        before = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        named = {key: before.get(key) for key in _FILE_NAME}
    except (OSError, ValueError, AttributeError, RecursionError):
        return set()
    return {value for key, value in named.items() if isinstance(value, str) and _FILE_NAME[key].fullmatch(value)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NetworkError(f"{path} is not a readable safetensors file ({why}); save it again") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise NetworkError(f"{path}: {why}; give a folder that save_network wrote") from None
    except (ValueError, RecursionError) as error:
        raise NetworkError(f"{path}: not JSON ({one_line(error)}); save the network again") from None
    if not isinstance(found, dict):
        raise NetworkError(f"{path}: not a JSON object; save the network again")
    return found


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
