"""One control step of a network for other runtimes: torch.export, and ONNX."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from celegans_nn.errors import NetworkError, whole_number
from celegans_nn.files import write_atomic
from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.networks.feedforward import SparseMLP
from celegans_nn.networks.gru import GRU
from celegans_nn.networks.ncap import NCAP
from celegans_nn.networks.network import Delayed, Network, cells_of

ONNX_METADATA = "celegans_nn"


@dataclass(frozen=True)
class StepDescription:
    """What goes into an exported control step and what comes out: (x, *state) -> (y, *state).

    observations, actions: names of the columns of x [batch, observations] and of y [batch, actions].
    state: names of the state's tensors, each [batch, cells], in and out in this order; none for a network without
        memory. cells: names of their columns (of `gru` its units, of `ncap` the counter of control steps). initial:
        [1, cells] each, the state at rest with which to begin.
    """

    observations: tuple[str, ...]
    actions: tuple[str, ...]
    cells: tuple[str, ...]
    state: tuple[str, ...]
    initial: tuple[Tensor, ...]

    def start(self, batch: int) -> tuple[Tensor, ...]:
        """The state at rest for a batch: tensors [batch, cells]."""
        return tuple(field.repeat(batch, 1) for field in self.initial)

    def to_json(self) -> str:
        """All of it as JSON, the initial state as lists by name: what travels with an exported file."""
        initial = {name: field[0].tolist() for name, field in zip(self.state, self.initial, strict=True)}
        names = {"observations": self.observations, "actions": self.actions, "cells": self.cells}
        return json.dumps({**names, "state": initial})


def describe_step(net: nn.Module) -> StepDescription:
    """The names, shapes and initial state that belong to `export_step(net)`.

    Raises NetworkError for a module of another kind.
    """
    if isinstance(net, DenseMLP):
        layers = [layer for layer in net.layers if isinstance(layer, nn.Linear)]
        inputs, outputs = layers[0].in_features, layers[-1].out_features
        return StepDescription(_numbered("observation", inputs), _numbered("action", outputs), (), (), ())
    if isinstance(net, GRU):
        inputs, units, outputs = net.sizes
        seen, given = _numbered("observation", inputs), _numbered("action", outputs)
        start = net.weight_hh.new_zeros(1, units)
        return StepDescription(seen, given, _numbered("unit", units), ("hidden",), (start,))
    if isinstance(net, NCAP):
        return StepDescription(net.observations, net.actions, ("clock",), ("step",), (net.drive.new_zeros(1, 1),))
    if not isinstance(net, Network):
        raise NetworkError(f"a {type(net).__name__} cannot be exported; give what build or baseline made")
    ends = net.interface.observations, net.interface.actions, net.worm.names
    if isinstance(net, SparseMLP):
        return StepDescription(*ends, (), ())
    with torch.no_grad():
        state = net.initial_state(1)
    names = (*cells_of(state)._fields, *(f"sent_{i}" for i in range(1, net.delay)))
    return StepDescription(*ends, names, tuple(field.expand(1, len(net.worm)).clone() for field in _flat(state)))


def export_step(net: nn.Module, batch: int | None = None) -> ExportedProgram:
    """One control step as a torch.export program: (x, *state) -> (y, *state), plain tensors in and out.

    x is [batch, observations], y [batch, actions], each state tensor [batch, cells]; `describe_step(net)` names
    them and gives the state to begin with. The program holds the weights as they are now and computes no gradient.
    `batch` fixes the batch's size; None leaves it open. Works for every neuron model, any delay, and the baselines.

    Raises NetworkError for a module of another kind.

    >>> import pandas as pd
    >>> from celegans_nn import Connectome, build
    >>> worm = Connectome.from_edges(pd.DataFrame({
    ...     "pre": ["A", "B"], "post": ["B", "A"], "kind": "chemical", "sign": [1, -1]}))
    >>> net = build(worm, "lif", inputs=3, outputs=2)
    >>> step, about = export_step(net).module(), describe_step(net)
    >>> about.state
    ('voltage', 'output', 'potential')
    >>> y, *state = step(torch.ones(4, 3), *about.start(4))
    >>> y, *state = step(torch.ones(4, 3), *state)  # the next control step
    >>> tuple(y.shape), tuple(state[0].shape)
    ((4, 2), (4, 2))
    """
    about = describe_step(net)
    rows = 2 if batch is None else whole_number("batch", batch, 1, 2**31 - 1, NetworkError)
    like = next(net.parameters())
    x = torch.zeros((rows, len(about.observations)), dtype=like.dtype, device=like.device)
    shapes: Any = None
    if batch is None:
        free = {0: Dim("batch", min=1)}
        shapes = (free, tuple(free for _ in about.state)) if about.state else (free,)
    with torch.no_grad():
        return torch.export.export(_Step(net), (x, *about.start(rows)), dynamic_shapes=shapes)


def export_onnx(net: nn.Module, path: str | Path, batch: int | None = None) -> None:
    """Writes the same control step as an ONNX file, whole or not at all.

    Inputs are `observations` and the state's names, outputs `actions` and `next_` with each of these names. The
    description, with the state to begin with, is the JSON text under `celegans_nn` in the model's metadata.

    Raises NetworkError where onnx and onnxscript are not installed, and as `export_step` does.
    """
    require("ONNX", "onnx", "onnxscript")
    about, program = describe_step(net), export_step(copy.deepcopy(net).cpu(), batch)
    with _quiet("onnxscript", "onnx_ir", "torch.onnx"):
        exported = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=["observations", *about.state],
            output_names=["actions", *(f"next_{name}" for name in about.state)],
        )  # fmt: skip
    assert exported is not None
    exported.model.metadata_props[ONNX_METADATA] = about.to_json()
    write_atomic(path, exported.model_proto.SerializeToString())


def require(what: str, *packages: str) -> None:
    """NetworkError that names the pip command, unless all these packages are installed."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise NetworkError(f"{what} needs {' and '.join(missing)}; install it by: pip install 'celegans_nn[interop]'")


class _Step(nn.Module):
    """A network's control step with all that its parameters give computed beforehand."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = copy.deepcopy(net).requires_grad_(False)
        self.rule_type: Any = None
        self.fixed: dict[str, Any] = {}
        if isinstance(self.net, Network):
            self.net.backend = "torch"
            effective = self.net.precompute()
            rule = effective.pop("rule")
            self.rule_type = type(rule)
            for name, value in {**effective, **{f"rule_{n}": v for n, v in rule._asdict().items()}}.items():
                if isinstance(value, Tensor):
                    self.register_buffer(name, value.detach().clone())
                else:
                    self.fixed[name] = value

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        if not isinstance(self.net, Network):
            y, after = self.net(x, *state)
            return (y, *_flat(after))
        values = {**self.fixed, **dict(self.named_buffers(recurse=False))}
        rule = self.rule_type(*(values.pop(f"rule_{name}") for name in self.rule_type._fields))
        y, after = self.net(x, _state(self.net, state), {"rule": rule, **values})
        return (y, *_flat(after))


def _numbered(what: str, number: int) -> tuple[str, ...]:
    return tuple(f"{what}_{i}" for i in range(number))


def _flat(state: Any) -> tuple[Tensor, ...]:
    if state is None:
        return ()
    if isinstance(state, Tensor):
        return (state,)
    return (*state.cells, *state.sent) if isinstance(state, Delayed) else tuple(state)


def _state(net: Network, fields: tuple[Tensor, ...]) -> Any:
    if not fields:
        return None
    own = len(net.model.state._fields)
    cells = net.model.state(*fields[:own])
    return cells if net.delay == 1 else Delayed(cells, fields[own:])


@contextmanager
def _quiet(*loggers: str) -> Iterator[None]:
    """Exporters log notes about their own insides, which say nothing to a user; errors are raised, not logged."""
    levels = {name: logging.getLogger(name).level for name in loggers}
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
