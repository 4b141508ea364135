"""`alif`: the adaptive leaky integrate-and-fire neuron of Schmidgall et al. 2022.

Each tick: decay, add the input, spike at v >= threshold + adaptation, reset, and let the adaptation, which every
spike raises by beta, decay: theta(t + 1) = gamma theta(t) + beta s(t). A gradient passes a spike by a surrogate
(`surrogates`), also into the adaptation, and does not pass the reset.

Schmidgall et al. give an "adaptation time constant" of 0.5 beside gamma = e^(-1/10). It is read as beta [inferred]:
beta is the one number that their equation has and their table lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from celegans_nn.neurons import lif, ops
from celegans_nn.neurons.model import Constant, NeuronModel
from celegans_nn.neurons.surrogates import DEFAULT, surrogate_parameters


class ALIFParameters(NamedTuple):
    """`decay` and `adaptation_decay` are the shares left after a tick; voltages are in units of the threshold."""

    decay: Any
    adaptation_decay: Any
    beta: Any
    threshold: Any
    reset: Any
    slope: Any
    """Steepness of the surrogate gradient; the forward pass uses neither it nor the next."""
    surrogate: int


class ALIFState(NamedTuple):
    """Voltage after the reset, what is added to the threshold, spike (0 or 1), and the voltage before the reset."""

    voltage: Any
    adaptation: Any
    output: Any
    potential: Any


def step(p: ALIFParameters, state: ALIFState, current: Any) -> ALIFState:
    """One tick: v = decay v + I; s = 1 where v >= threshold + adaptation; v = reset where s; then the adaptation."""
    potential = p.decay * state.voltage + current
    spike = ops.spike(potential - (p.threshold + state.adaptation), p.slope, p.surrogate)
    adaptation = p.adaptation_decay * state.adaptation + p.beta * spike
    return ALIFState(ops.select(spike, p.reset, potential), adaptation, spike, potential)


def parameters(constants: Mapping[str, Any], dt_ms: float) -> ALIFParameters:
    """decay = exp(-dt / tau) for both; a spike moves its target by w, and its own threshold by beta, whatever dt."""
    return ALIFParameters(
        decay=ops.exp(-dt_ms / constants["tau_ms"]),
        adaptation_decay=ops.exp(-dt_ms / constants["adaptation_tau_ms"]),
        beta=constants["beta"],
        threshold=constants["threshold"],
        reset=0.0,
        **surrogate_parameters(DEFAULT),
    )


MODEL = NeuronModel(
    name="alif",
    step=step,
    state=ALIFState,
    initial=lambda p, zero: ALIFState(zero, zero, zero, zero),
    constants={
        **lif.MODEL.constants,
        "adaptation_tau_ms": Constant(10.0, "ms", "gamma = e^(-1/10) a step of 1 ms, Schmidgall et al. 2022"),
        "beta": Constant(0.5, "dimensionless", '"adaptation time constant 0.5", Schmidgall et al. 2022 [inferred]'),
    },
    parameters=parameters,
    input_gain=lambda p: 1.0,
    initial_log_weight=(-1.0, -1.5),  # Schmidgall et al. 2022, "ALIF"
    encoder_gain=lif.MODEL.encoder_gain,  # adaptation is 0 until a cell has fired: what brings lif to fire does here
    readout_gain=lif.MODEL.readout_gain,
    spiking=True,
)
