"""`rate`: a leaky graded potential, tau dx/dt = -x + I, transmitting tanh(x).

Each tick integrates exactly for a current that is constant through the tick (exponential step):
x(t + dt) = a x(t) + (1 - a) I(t), a = exp(-dt / tau). What is approximate is that I, made of other cells' outputs,
is held through the tick: a network's error is first order in dt. At the default step (dt = 1 ms, tau = 10 ms) the
largest error of x after 40 ms, against an ODE solver on a random recurrent network of gain near one, is 0.024. On
Cook's ventral cord with fresh weights and a random drive, at any moment of 40 ms, it is 0.029, and 0.0007 at tau / 400.

Activity is measured from rest, so it may be negative: a cell below its rest withholds what its synapses release
at rest. The sign of a synapse is fixed by Dale's law; the sign of the activity is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from celegans_nn.neurons import ops
from celegans_nn.neurons.model import Constant, NeuronModel


class RateParameters(NamedTuple):
    """Fractions a tick, dimensionless; `keep` + `gain` = 1."""

    keep: Any
    gain: Any


class RateState(NamedTuple):
    """x (membrane deviation from rest, dimensionless) and tanh(x), which synapses and gap junctions see."""

    voltage: Any
    output: Any
    potential: Any


def step(p: RateParameters, state: RateState, current: Any) -> RateState:
    """One exponential step."""
    x = p.keep * state.voltage + p.gain * current
    activity = ops.tanh(x)
    return RateState(x, activity, activity)


def parameters(constants: Mapping[str, Any], dt_ms: float) -> RateParameters:
    """keep = exp(-dt / tau), gain = 1 - keep."""
    keep = ops.exp(-dt_ms / constants["tau_ms"])
    return RateParameters(keep=keep, gain=1.0 - keep)


MODEL = NeuronModel(
    name="rate",
    step=step,
    state=RateState,
    initial=lambda p, zero: RateState(zero, zero, zero),
    constants={
        "tau_ms": Constant(
            10.0, "ms", "chosen here: ten ticks at the default step; C / G of Kunert et al. 2014 is 100 ms"
        ),
    },
    parameters=parameters,
    input_gain=lambda p: p.gain,
    initial_log_weight=(-2.5, -3.0),  # Schmidgall et al. 2022, "artificial"
)
