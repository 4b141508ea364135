"""`graded`: a non-spiking neuron of one compartment with conductance-based synapses (Wicks et al. 1996).

    C dV/dt = -G (V - E_L) - sum_j g_ij (V - V_j) - sum_j h_ij s_j (V - E_j) + I
    ds/dt = a_r phi(V) (1 - s) - a_d s,  phi(V) = 1 / (1 + exp(-beta (V - V_th)))

Wicks, Roehrig and Rankin 1996, Journal of Neuroscience 16:4017; constants as in Kunert, Shlizerman and Kutz 2014,
Physical Review E 89:052805. g and h are `contact_ps` times the network's conductances and weights, which so count
contacts; the sign of a synapse chooses E_j. V_th is the cell's own resting voltage in the wiring as it stands (Wicks
et al. 1996): the solution of the first equation at rest, where phi = 1/2 and s = a_r / (a_r + 2 a_d). It is solved
again whenever weights change, and gradients pass through it. mV, ms, pF, pS, fA.

A tick is second order in dt though it sees its partners once, because each is seen at the middle of the tick: s is
kept half a tick ahead of V, and gap junctions see V where its present target carries it in half a tick. With those
held, V and s are solved exactly, so every new value lies between the old one and what pulls it: no dt and no
conductance makes it grow. The largest error at any moment of the 320 ms after a constant random drive (500 fA) is
switched on in Cook's ventral cord at one contact an edge, against an ODE solver, as a share of the range of V (32 mV)
and of s (0.075):

    dt, ms      20       10        4        2        1     0.5     0.25
    V        1.1e-1   7.8e-2   2.9e-2   9.9e-3   2.9e-3  8.0e-4  2.2e-4
    s        6.7e-2   3.3e-2   9.1e-3   2.8e-3   7.8e-4  2.1e-4  5.3e-5

So it is below a thousandth at the default step of 0.5 ms, and 0.3 % at 1 ms. Synapses act in tenths of a second: a
network whose input must reach its output within few ticks needs ticks of tens of ms, and then it is another system
than the equations: V is a tenth of its range off, mostly at gap junctions, since a voltage spreads by one of them a
tick and may swing from tick to tick. More ticks of a millisecond are the faithful way, and the slower one.

What one cell of a gap junction loses in a tick is not exactly what the other gains, because each sees where the
other is heading: the sum of the cells' charges drifts, by an amount that falls with the square of dt (four cells in a
star, one 20 mV away, no leak: their mean V drifts by 0.03 mV at 0.5 ms, 0.12 mV at 1 ms, 1.8 mV at 5 ms).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from celegans_nn.neurons import ops
from celegans_nn.neurons.model import Constant, NeuronModel, SynapticInput


class GradedParameters(NamedTuple):
    """Conductances in pS, potentials in mV."""

    half_per_ps: Any
    """dt / 2 C: the share of the way to its target, to first order, that 1 pS takes the voltage in half a tick."""
    leak: Any
    leak_potential: Any
    contact: Any
    excitatory_potential: Any
    inhibitory_potential: Any
    steepness: Any
    threshold: Any
    """V_th, [N] once settled; of a cell without partners before."""
    rise: Any
    """a_r dt, and below a_d dt."""
    fall: Any


class GradedState(NamedTuple):
    """V (mV); s, which synapses transmit, half a tick ahead; V foreseen by half a tick, which gap junctions see."""

    voltage: Any
    output: Any
    potential: Any


def step(p: GradedParameters, state: GradedState, given: SynapticInput) -> GradedState:
    """One tick: V from its partners at the tick's middle, then s from the V at its own."""
    conductance = p.leak + p.contact * (given.excitatory + given.inhibitory + given.gap)
    inward = p.contact * (
        given.excitatory * p.excitatory_potential + given.inhibitory * p.inhibitory_potential + given.gap_inward
    )
    target = (p.leak * p.leak_potential + inward + given.drive) / conductance
    half = ops.exp(-p.half_per_ps * conductance)
    v = target + (state.voltage - target) * half * half
    rise = p.rise * ops.sigmoid(p.steepness * (v - p.threshold))
    rate = rise + p.fall
    goal = rise / rate
    return GradedState(v, goal + (state.output - goal) * ops.exp(-rate), target + (v - target) * half)


MS_PER_S = 1000.0


def parameters(constants: Mapping[str, Any], dt_ms: float) -> GradedParameters:
    """Rates a tick. The threshold is that of a cell without partners until `settle` is called."""
    return GradedParameters(
        half_per_ps=dt_ms / (2 * MS_PER_S * constants["capacitance_pf"]),  # ms pS / pF is a thousandth
        leak=constants["leak_ps"],
        leak_potential=constants["leak_mv"],
        contact=constants["contact_ps"],
        excitatory_potential=constants["excitatory_mv"],
        inhibitory_potential=constants["inhibitory_mv"],
        steepness=constants["steepness"],
        threshold=constants["leak_mv"],
        rise=constants["rise_per_s"] * dt_ms / MS_PER_S,
        fall=constants["fall_per_s"] * dt_ms / MS_PER_S,
    )


def settle(p: GradedParameters, excitatory: Tensor, inhibitory: Tensor, gap: Tensor | None) -> GradedParameters:
    """The parameters with V_th [N] of this wiring; matrices [N, N], rows presynaptic."""
    at_rest = p.contact * resting_activation(p)
    from_excitatory, from_inhibitory = at_rest * excitatory.sum(0), at_rest * inhibitory.sum(0)
    gap = torch.zeros_like(excitatory) if gap is None else p.contact * gap
    own = p.leak + from_excitatory + from_inhibitory + gap.sum(0)
    inward = p.leak * p.leak_potential + from_excitatory * p.excitatory_potential
    threshold = torch.linalg.solve(torch.diag(own) - gap.T, inward + from_inhibitory * p.inhibitory_potential)
    return p._replace(threshold=threshold)


def resting_activation(p: GradedParameters) -> Any:
    """s where phi = 1/2."""
    return p.rise / (p.rise + p.fall + p.fall)


def currents(p: GradedParameters, state: GradedState, given: SynapticInput) -> tuple[Any, Any, Any]:
    """fA into the cell, through excitatory synapses, inhibitory synapses and gap junctions."""
    v = state.voltage
    excitatory = p.contact * given.excitatory * (p.excitatory_potential - v)
    inhibitory = p.contact * given.inhibitory * (p.inhibitory_potential - v)
    return excitatory, inhibitory, p.contact * (given.gap_inward - given.gap * v)


def _constants(capacitance_pf: float, per_s: float, inhibitory_mv: float, source: str) -> dict[str, Constant]:
    wicks = "Wicks et al. 1996"
    kunert = "Kunert et al. 2014"
    return {
        "capacitance_pf": Constant(capacitance_pf, "pF", source),
        "leak_ps": Constant(10.0, "pS", kunert),
        "leak_mv": Constant(-35.0, "mV", wicks, trained=False),
        "contact_ps": Constant(100.0, "pS a contact", kunert, trained=False),
        "excitatory_mv": Constant(0.0, "mV", wicks, trained=False),
        "inhibitory_mv": Constant(inhibitory_mv, "mV", source, trained=False),
        "steepness": Constant(0.125, "1/mV", kunert),
        "rise_per_s": Constant(1.0 * per_s, "1/s", source),
        "fall_per_s": Constant(5.0 * per_s, "1/s", source),
    }


MODEL = NeuronModel(
    name="graded",
    step=step,
    state=GradedState,
    initial=lambda p, zero: GradedState(p.threshold + zero, resting_activation(p) + zero, p.threshold + zero),
    constants=_constants(1.0, 1.0, -45.0, "Kunert et al. 2014"),
    presets={
        # the constants of the public program of Kim et al. 2019, Frontiers in Computational Neuroscience 13:8
        "neural_interactome": _constants(1.5, 1 / 1.5, -48.0, "Neural Interactome, Kim et al. 2019"),
    },
    parameters=parameters,
    input_gain=lambda p: 0.0,
    initial_log_weight=(0.0, 0.0),  # one contact
    initial_log_conductance=0.0,
    dt_ms=0.5,
    conductance=True,
    settle=settle,
    currents=currents,
    encoder_gain=5000.0,  # chosen here: 5 pA for one unit moves the cord's motor neurons by about 10 mV, or 1 / beta
    readout_gain=200.0,  # chosen here: s of the muscles then differs by about 0.005
)
