"""`graded`: a non-spiking neuron of one compartment with conductance-based synapses (Wicks et al. 1996).

    C dV/dt = -G (V - E_L) - sum_j g_ij (V - V_j) - sum_j h_ij s_j (V - E_j) + I
    ds/dt = a_r phi(V) (1 - s) - a_d s,  phi(V) = 1 / (1 + exp(-beta (V - V_th)))

Wicks, Roehrig and Rankin 1996, Journal of Neuroscience 16:4017; constants as in Kunert, Shlizerman and Kutz 2014,
Physical Review E 89:052805. g and h are `contact_ps` times the network's conductances and weights, which so count
contacts; the sign of a synapse chooses E_j. V_th is the cell's own resting voltage in the wiring as it stands (Wicks
et al. 1996): the solution of the first equation at rest, where phi = 1/2 and s = a_r / (a_r + 2 a_d). It is solved
again whenever weights change, and gradients pass through it. mV, ms, pF, pS, fA.

A tick is second order in dt though it sees its partners once, because each is seen at the middle of the tick: s is
kept half a tick ahead of V. With s held, the first equation is linear, C dV/dt = F - P (V - V(0)), and P, all that
pulls at the voltages, changes little: it is taken as it is at rest, gap junctions whole (an exponential Rosenbrock
method, Hochbruck and Ostermann 2010, Acta Numerica 19:209; P is the matrix from which V_th is solved):

    V(dt) = V(0) + dt/C phi(dt/C P) F*,  phi(x) = (1 - exp(-x)) / x,  F* = F - (G_s - G_rest) (V_mid - V(0))

F is the current at the tick's start. F* corrects it for a cell whose conductance G_s, gap junctions apart, is not that
of rest, by the way it would go alone in half a tick. So a voltage spreads over all gap junctions within the tick, what
one cell gives through them another takes, and a network at rest stays at rest. As s cannot reach twice its value at
rest, G_s < 2 G_rest: under the same input two voltages of a network never move apart in any tick (by their largest
difference over the cells), however long the tick and strong the conductances.

The largest error at any moment of the 320 ms after a constant random drive (500 fA) is switched on in Cook's ventral
cord at one contact an edge, against an ODE solver, as a share of the range of V (32 mV) and of s (0.075):

    dt, ms      20       10        5        4        2        1      0.5
    V        1.5e-3   4.2e-4   1.1e-4   7.3e-5   1.9e-5   4.7e-6   1.2e-6
    s        9.8e-3   3.1e-3   9.0e-4   6.0e-4   1.7e-4   4.7e-5   1.3e-5

So it is below a thousandth at the default step of 4 ms, and 1 % at 20 ms, the step for a network whose input must
reach its output within few ticks: synapses act in tenths of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from celegans_nn.errors import NetworkError
from celegans_nn.neurons import ops
from celegans_nn.neurons.model import Constant, NeuronModel, SynapticInput
from celegans_nn.neurons.relaxation import matrix_share, share


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
    """V_th, [N] once settled; of a cell without partners before. So are the next two."""
    at_rest: Any
    """Conductance of leak and chemical synapses at rest."""
    coupled: Any
    """Conductance of all its gap junctions."""
    rise: Any
    """a_r dt, and below a_d dt."""
    fall: Any


class GradedState(NamedTuple):
    """V (mV); s, which synapses transmit, half a tick ahead."""

    voltage: Any
    output: Any


def push(p: GradedParameters, state: GradedState, given: SynapticInput) -> Any:
    """F*, fA: the current into the cell from all but its own motion, as it is on the average over the tick."""
    conductance = p.leak + p.contact * (given.excitatory + given.inhibitory)
    inward = p.contact * (
        given.excitatory * p.excitatory_potential + given.inhibitory * p.inhibitory_potential + given.gap
    )
    flow = p.leak * p.leak_potential + inward + given.drive - conductance * state.voltage
    total = conductance + p.coupled
    ahead = (flow - flow * ops.exp(-p.half_per_ps * total)) / total  # V_mid - V(0)
    return flow - (conductance - p.at_rest) * ahead


def step(p: GradedParameters, state: GradedState, moved: Any) -> GradedState:
    """One tick: V by the mV that `spread` makes of every cell's `push`, then s from the V at its own middle."""
    v = state.voltage + moved
    rise = p.rise * ops.sigmoid(p.steepness * (v - p.threshold))
    rate = rise + p.fall
    goal = rise / rate
    return GradedState(v, goal + (state.output - goal) * ops.exp(-rate))


MS_PER_S = 1000.0
SOLVABLE = (torch.float32, torch.float64)


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
        at_rest=constants["leak_ps"],
        coupled=0.0,
        rise=constants["rise_per_s"] * dt_ms / MS_PER_S,
        fall=constants["fall_per_s"] * dt_ms / MS_PER_S,
    )


def settle(p: GradedParameters, excitatory: Tensor, inhibitory: Tensor, gap: Tensor | None) -> GradedParameters:
    """The parameters of this wiring's cells, V_th [N] above all; matrices [N, N], rows presynaptic."""
    contact = p.contact * resting_activation(p)
    from_excitatory, from_inhibitory = contact * excitatory.sum(0), contact * inhibitory.sum(0)
    own = p.leak + from_excitatory + from_inhibitory
    inward = p.leak * p.leak_potential + from_excitatory * p.excitatory_potential
    inward = inward + from_inhibitory * p.inhibitory_potential
    if gap is None:
        return p._replace(threshold=inward / own, at_rest=own, coupled=torch.zeros_like(own))
    if gap.dtype not in SOLVABLE:
        name = str(gap.dtype).removeprefix("torch.")
        raise NetworkError(
            f"graded with gap junctions solves for its resting voltages, which torch cannot in {name}; give the "
            "network and its input as float32 or float64, such as net.float()"
        )
    p = p._replace(at_rest=own, coupled=p.contact * gap.sum(0))
    # `solve` would look whether it came out well, and what looks at numbers cannot be recorded (simulation.tape)
    return p._replace(threshold=torch.linalg.solve_ex(pull(p, gap), inward)[0])


def resting_activation(p: GradedParameters) -> Any:
    """s where phi = 1/2."""
    return p.rise / (p.rise + p.fall + p.fall)


def pull(p: GradedParameters, gap: Tensor) -> Tensor:
    """P [N, N], pS: the current that every cell loses at rest for each mV of each cell."""
    return torch.diag(p.at_rest + p.coupled) - p.contact * gap


def spread(p: GradedParameters, gap: Tensor | None) -> Tensor:
    """dt/C phi(dt/C P): symmetric [N, N], mV in this tick for each fA of `push`; [N] without gap junctions.

    A polynomial in P that is close to phi does the same by the edges alone; no eigenvalue of P lies below the least
    `at_rest` or above the largest `at_rest` + 2 `coupled`.
    """
    per_ps = 2 * p.half_per_ps
    return per_ps * (share(per_ps * p.at_rest) if gap is None else matrix_share(per_ps * pull(p, gap)))


def lead(p: GradedParameters, gap: Tensor | None) -> Tensor:
    """(1 - phi(dt/C P)) / P, as `spread`: by how much a cell's mean V over the tick differs from V(0)."""
    per_ps = 2 * p.half_per_ps
    if gap is None:
        return (1 - share(per_ps * p.at_rest)) / p.at_rest
    matrix = pull(p, gap)
    return torch.linalg.solve(matrix, torch.eye(len(matrix)).to(matrix) - matrix_share(per_ps * matrix))


def currents(p: GradedParameters, voltage: Any, given: SynapticInput) -> tuple[Any, Any, Any]:
    """fA into the cell, through excitatory synapses, inhibitory synapses and gap junctions."""
    excitatory = p.contact * given.excitatory * (p.excitatory_potential - voltage)
    inhibitory = p.contact * given.inhibitory * (p.inhibitory_potential - voltage)
    return excitatory, inhibitory, p.contact * given.gap


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
    initial=lambda p, zero: GradedState(p.threshold + zero, resting_activation(p) + zero),
    constants=_constants(1.0, 1.0, -45.0, "Kunert et al. 2014"),
    presets={
        # the constants of the public program of Kim et al. 2019, Frontiers in Computational Neuroscience 13:8
        "neural_interactome": _constants(1.5, 1 / 1.5, -48.0, "Neural Interactome, Kim et al. 2019"),
    },
    parameters=parameters,
    input_gain=lambda p: 0.0,
    initial_log_weight=(0.0, 0.0),  # one contact
    initial_log_conductance=0.0,
    dt_ms=4.0,
    settle=settle,
    push=push,
    spread=spread,
    lead=lead,
    currents=currents,
    encoder_gain=5000.0,  # chosen here: 5 pA for one unit moves the cord's motor neurons by about 10 mV, or 1 / beta
    readout_gain=200.0,  # chosen here: s of the muscles then differs by about 0.005
)
