"""`izhikevich`: v' = 0.04 v^2 + 5 v + 140 - u + I, u' = a (b v - u); at v >= 30 mV a spike: v = c, u = u + d.

Izhikevich 2003, IEEE Transactions on Neural Networks 14:1569; v in mV, t in ms. Integrated by explicit Euler in
`substeps` equal steps a tick, u from the v of the step before; the input is held through the tick.

Two presets say what a tick of dt ms is. Neither lets the effect of a presynaptic spike depend on dt.

`stable` (the default): dt ms of the membrane, in Euler steps of at most 0.1 ms; a spike of weight w moves its target
    by w mV, which makes a fresh network of the ventral cord as active a tick as `s22` does. Below -150 mV the voltage
    is cut off: an Euler step of 0.1 ms overshoots below -187 mV, and no ion's reversal potential lies there. It is
    the default because its milliseconds are those of the other levels and of the body.
`s22`: one Euler step of 0.2 ms for a tick of 1 ms, I = 20 for one unit of input. Schmidgall et al. 2022 give a "voltage
    constant scalar 0.2" and a "current scalar 20", which are read so [both inferred]. A spike of weight w moves its
    target by 20 * 0.2 w = 4 w mV, the membrane runs five times slower than the network's clock, and a volley that
    carries v below -125 mV makes the next Euler step overshoot upwards. Below -187.5 mV the step's derivative by v,
    1 + 0.2 (0.08 v + 5), is less than -1, and gradients through the ticks of an image explode where volleys are strong:
    `spectral_radius=1.0` starts with weaker ones, for backpropagation through time.

At an Euler step of 1 ms with these weights and I = 20 w, one inhibitory spike would make its target fire two steps
later, since the parabola is read at a voltage that no membrane passes through.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from celegans_nn.neurons import ops
from celegans_nn.neurons.model import Constant, NeuronModel
from celegans_nn.neurons.surrogates import DEFAULT, surrogate_parameters


class IzhikevichParameters(NamedTuple):
    """Voltages in mV, rates a ms."""

    substeps: int
    """Euler steps a tick."""
    step_ms: Any
    gain: Any
    """mV / ms for one unit of input."""
    square: Any
    linear: Any
    constant: Any
    a: Any
    b: Any
    c: Any
    d: Any
    peak: Any
    floor: Any
    start: Any
    never: Any
    per_mv: Any
    """What the distance to the peak is multiplied by for the surrogate: 1 / (peak - c)."""
    slope: Any
    surrogate: int


class IzhikevichState(NamedTuple):
    """v and u (mV) after the reset; whether the cell fired in the tick (0 or 1); v before the reset, at most the peak.

    A cell that fires twice in a tick transmits once; at 1 ms a tick none should.
    """

    voltage: Any
    recovery: Any
    output: Any
    potential: Any


def step(p: IzhikevichParameters, state: IzhikevichState, current: Any) -> IzhikevichState:
    """One tick of `substeps` Euler steps."""
    v, u, potential = state.voltage, state.recovery, state.potential
    fired = p.never * state.output
    for _ in range(p.substeps):
        raised = v + p.step_ms * (p.square * v * v + p.linear * v + p.constant - u + p.gain * current)
        u = u + p.step_ms * p.a * (p.b * v - u)
        spike = ops.spike(p.per_mv * (raised - p.peak), p.slope, p.surrogate)
        potential = ops.clip(raised, p.floor, p.peak)
        v = ops.select(spike, p.c, potential)
        u = u + p.d * spike
        fired = fired + spike - fired * spike
    return IzhikevichState(v, u, fired, potential)


SQUARE, LINEAR, CONSTANT = 0.04, 5.0, 140.0
"""1 / (mV ms), 1 / ms and mV / ms: the parabola of Izhikevich 2003."""
START = -65.0
"""mV; where the simulations of Izhikevich 2003 start, with u = b v. Rest is -64.4 mV."""


def parameters(constants: Mapping[str, Any], dt_ms: float) -> IzhikevichParameters:
    """The Euler step, and the gain that gives a spike of weight 1 its jump, whatever dt."""
    passes = dt_ms * float(constants["membrane_ms"])
    substeps = max(1, math.ceil(passes / float(constants["largest_step_ms"]) - ROUNDING))
    return IzhikevichParameters(
        substeps=substeps,
        step_ms=passes / substeps,
        gain=constants["jump_mv"] / passes,
        square=SQUARE,
        linear=LINEAR,
        constant=CONSTANT,
        **{name: constants[name] for name in ("a", "b", "c", "d")},
        peak=constants["peak_mv"],
        floor=constants["floor_mv"],
        start=START,
        never=0.0,
        per_mv=1.0 / (constants["peak_mv"] - constants["c"]),
        **surrogate_parameters(DEFAULT),
    )


ROUNDING = 1e-6
"""So that 1 ms holds ten steps of 0.1 ms, whatever their last digit."""


def _initial(p: IzhikevichParameters, zero: Any) -> IzhikevichState:
    v = zero + p.start
    return IzhikevichState(v, p.b * v, zero, v)


def _constants(
    membrane_ms: float, largest_step_ms: float, jump_mv: float, floor_mv: float, why: str
) -> dict[str, Constant]:
    paper = "Schmidgall et al. 2022"
    return {
        "a": Constant(0.02, "1/ms", paper),
        "b": Constant(0.25, "dimensionless", paper),
        "c": Constant(-58.0, "mV", paper),
        "d": Constant(0.0, "mV", paper, trained=False),
        "peak_mv": Constant(30.0, "mV", paper, trained=False),
        "jump_mv": Constant(jump_mv, "mV a unit of input", why, trained=False),
        "membrane_ms": Constant(membrane_ms, "ms of the membrane a ms of the network", why, trained=False),
        "largest_step_ms": Constant(largest_step_ms, "ms", why, trained=False),
        "floor_mv": Constant(floor_mv, "mV", why, trained=False),
    }


STABLE = _constants(1.0, 0.1, 1.0, -150.0, "chosen here: see the module")
S22 = _constants(
    0.2, 0.2, 4.0, -1e4, '"scalars" 0.2 and 20, Schmidgall et al. 2022 [inferred]; the floor only stops inf'
)

MODEL = NeuronModel(
    name="izhikevich",
    step=step,
    state=IzhikevichState,
    initial=_initial,
    constants=STABLE,
    presets={"stable": STABLE, "s22": S22},
    parameters=parameters,
    input_gain=lambda p: p.gain * p.step_ms * p.substeps,
    initial_log_weight=(2.0, 1.0),  # Schmidgall et al. 2022, "Izhikevich"
    encoder_gain=5.0,
    readout_gain=3.0,
    spiking=True,
)
