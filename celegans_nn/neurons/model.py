"""What every neuron model states about itself, so that a network or a compiled evaluator can run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Constant(NamedTuple):
    """A positive constant of a neuron model, shared by all cells and trained as its logarithm."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class NeuronModel:
    """One neuron model: a plain rule, its parameters and its state.

    `step(parameters, state, current) -> state` is one tick of one equation, written with arithmetic operators
    and the functions of `celegans_nn.neurons.ops` alone, so that it runs on torch tensors (any device, with
    gradients) and compiles for a population evaluator unchanged. It holds no numeric literal: every number is a
    field of the parameters. The state is a NamedTuple whose field `output` is what chemical synapses transmit
    and whose field `potential` is what gap junctions equalise.
    """

    name: str
    step: Callable[[Any, Any, Any], Any]
    state: Any
    """The state's NamedTuple; every field starts at `rest`."""
    rest: float
    constants: Mapping[str, Constant]
    parameters: Callable[[Mapping[str, Any], float], Any]
    """(constants by name, dt_ms) -> the NamedTuple of parameters that `step` takes."""
    input_gain: Callable[[Any], Any]
    """parameters -> by how much one unit of current moves the potential in one tick (stability of gap junctions)."""
    initial_log_weight: tuple[float, float]
    """ln |w| at the start, the same for all excitatory and for all inhibitory synapses."""
    encoder_gain: float = 1.0
    """Current that one unit of an encoder's output injects into its cell each tick."""
    readout_gain: float = 1.0
    """What the decoder is given for one unit of an output cell's mean output.

    The two gains make fresh networks of every level act with a strength of the same order: encoders and decoders
    start alike, and activity of one level is worth less than that of another.
    """
