"""`relu`: the artificial neuron stepped in time, z(t+1) = max(0, I(t)) (Schmidgall et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from celegans_nn.neurons import ops
from celegans_nn.neurons.model import NeuronModel


class ReluParameters(NamedTuple):
    """No constants: the rule has none. `gain` is what one unit of current gives."""

    gain: Any


class ReluState(NamedTuple):
    """Activity z, dimensionless; gap junctions equalise activity."""

    output: Any
    potential: Any


def step(p: ReluParameters, state: ReluState, current: Any) -> ReluState:
    """One tick: the past of the cell itself plays no part, only its inputs'."""
    z = ops.rectify(p.gain * current)
    return ReluState(z, z)


def parameters(constants: Mapping[str, Any], dt_ms: float) -> ReluParameters:
    """`dt_ms` means nothing to this model: a tick is one pass along every synapse."""
    return ReluParameters(gain=1.0)


MODEL = NeuronModel(
    name="relu",
    step=step,
    state=ReluState,
    initial=lambda p, zero: ReluState(zero, zero),
    constants={},
    parameters=parameters,
    input_gain=lambda p: p.gain,
    initial_log_weight=(-2.5, -3.0),  # Schmidgall et al. 2022, "artificial"
    encoder_gain=10.0,  # chosen here
    readout_gain=3.0,  # chosen here
)
