"""`lif`: the leaky integrate-and-fire neuron of Schmidgall et al. 2022, without its adaptation.

Each tick: decay, add the input, spike at v >= threshold, reset. A gradient passes a spike by a surrogate
(`surrogates`) and does not pass the reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from celegans_nn.neurons import ops
from celegans_nn.neurons.model import Constant, NeuronModel
from celegans_nn.neurons.surrogates import DEFAULT, surrogate_parameters


class LIFParameters(NamedTuple):
    """`decay` is the share of the voltage left after a tick; the rest is in units of the threshold's scale."""

    decay: Any
    threshold: Any
    reset: Any
    slope: Any
    """Steepness of the surrogate gradient; the forward pass uses neither it nor the next."""
    surrogate: int


class LIFState(NamedTuple):
    """Voltage after the reset, spike (0 or 1), and the voltage before the reset, which gap junctions see."""

    voltage: Any
    output: Any
    potential: Any


def step(p: LIFParameters, state: LIFState, current: Any) -> LIFState:
    """One tick: v = decay v + I; s = 1 where v >= threshold; v = reset where s."""
    potential = p.decay * state.voltage + current
    spike = ops.spike(potential - p.threshold, p.slope, p.surrogate)
    return LIFState(ops.select(spike, p.reset, potential), spike, potential)


def parameters(constants: Mapping[str, Any], dt_ms: float) -> LIFParameters:
    """decay = exp(-dt / tau); a spike of weight w moves its target by w, whatever dt."""
    return LIFParameters(
        decay=ops.exp(-dt_ms / constants["tau_ms"]),
        threshold=constants["threshold"],
        reset=0.0,
        **surrogate_parameters(DEFAULT),
    )


MODEL = NeuronModel(
    name="lif",
    step=step,
    state=LIFState,
    initial=lambda p, zero: LIFState(zero, zero, zero),
    constants={
        "tau_ms": Constant(20.0, "ms", "voltage decay e^(-1/20) a step of 1 ms, Schmidgall et al. 2022"),
        "threshold": Constant(1.0, "dimensionless", "not given by Schmidgall et al. 2022; 1 is usual"),
    },
    parameters=parameters,
    input_gain=lambda p: 1.0,
    initial_log_weight=(-1.0, -1.5),  # Schmidgall et al. 2022, "ALIF"
    encoder_gain=5.0,  # chosen here: at 1 a fresh encoder brought no cell to its threshold on swimmer6
    readout_gain=3.0,  # chosen here
    spiking=True,
)
