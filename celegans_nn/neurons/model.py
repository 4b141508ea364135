"""What every neuron model states about itself, so that a network or a compiled evaluator can run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Constant(NamedTuple):
    """A constant of a neuron model, shared by all cells; what is trained is the logarithm of its magnitude."""

    value: float
    unit: str
    source: str
    trained: bool = True
    """False for what defines the experiment (a reversal potential, a spike's peak) or is zero."""


class SynapticInput(NamedTuple):
    """What reaches a cell of a conductance-based model in one tick, in the place of a current."""

    drive: Any
    """Injected current."""
    excitatory: Any
    """Sum of the conductances of its excitatory synapses, each times the transmission of its presynaptic cell."""
    inhibitory: Any
    gap: Any
    """Sum of the conductances of its gap junctions, each times its partner's voltage above its own."""


@dataclass(frozen=True)
class NeuronModel:
    """One neuron model: a plain rule, its parameters and its state.

    `step(parameters, state, current) -> state` is one tick of one equation, written with arithmetic operators
    and the functions of `celegans_nn.neurons.ops` alone, so that it runs on torch tensors (any device, with
    gradients) and compiles for a population evaluator unchanged. It holds no numeric literal: every number is a
    field of the parameters. The state is a NamedTuple whose field `output` is what chemical synapses transmit
    and whose field `potential` is what gap junctions equalise.

    A conductance-based model has a second such rule, `push`, since its cells move one another within a tick: `push`
    gives the current into every cell from its `SynapticInput`, `spread` makes of all of them together what each
    voltage moves by, and `step` takes that in the place of a current. Its gap junctions equalise `voltage`.
    """

    name: str
    step: Callable[[Any, Any, Any], Any]
    state: Any
    """The state's NamedTuple."""
    initial: Callable[[Any, Any], Any]
    """(parameters, zeros) -> the state at rest, each field shaped as `zeros`."""
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
    presets: Mapping[str, Mapping[str, Constant]] = field(default_factory=dict)
    """Other sets of constants by name; `constants` is the one that is used when none is named."""
    initial_log_conductance: float = -3.0
    """ln of every gap junction's conductance at the start."""
    spiking: bool = False
    """Whether `output` is 0 or 1, an event, rather than a graded activity."""
    settle: Callable[[Any, Any, Any, Any], Any] | None = None
    """For a model whose parameters depend on the wiring: (parameters, excitatory [N, N], inhibitory [N, N], gap
    [N, N] or None; rows presynaptic) -> parameters."""

    push: Callable[[Any, Any, SynapticInput], Any] | None = None
    """For a conductance-based model: (parameters, state, what reaches the cell) -> the current into the cell."""
    spread: Callable[[Any, Any], Any] | None = None
    """(settled parameters, gap [N, N] or None) -> the matrix [N, N], or where the cells are apart its diagonal [N],
    that takes the `push` of all cells to what their voltages move by in the tick."""
    lead: Callable[[Any, Any], Any] | None = None
    """The same, to the difference between the mean voltages over the tick and those at its start."""
    currents: Callable[[Any, Any, SynapticInput], tuple[Any, Any, Any]] | None = None
    """So that it can be recorded: (parameters, voltage, what reaches the cell at this voltage) -> the currents of its
    excitatory synapses, its inhibitory ones and its gap junctions."""

    dt_ms: float = 1.0
    """The step of a tick if none is given, ms; the model's file says how large its error is."""

    @property
    def conductance(self) -> bool:
        """Whether synapses act through conductances and reversal potentials."""
        return self.push is not None

    def values(self, preset: str | None = None) -> Mapping[str, Constant]:
        """The constants of a preset; KeyError for one that there is not."""
        return self.constants if preset is None else self.presets[preset]
