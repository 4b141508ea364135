"""A control step of `networks.Network`, compiled, for the individuals of all lanes: encoder, ticks, decoder."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload

from celegans_nn.neurons import SynapticInput, alif, graded, izhikevich, lif, rate, relu
from celegans_nn.simulation.lane_ops import ONE, ZERO, on_lanes, rectify
from celegans_nn.simulation.lanes import OPTIONS, gather, load, of, scatter, store
from celegans_nn.simulation.layers import Layers, copy_rows, run_layers, weighted
from celegans_nn.simulation.spread import Spread, spread_push

STEPS: dict[Any, Any] = {
    relu.ReluParameters: on_lanes(relu.step),
    rate.RateParameters: on_lanes(rate.step),
    lif.LIFParameters: on_lanes(lif.step),
    alif.ALIFParameters: on_lanes(alif.step),
    izhikevich.IzhikevichParameters: on_lanes(izhikevich.step),
    graded.GradedParameters: on_lanes(graded.step),
}
"""The update rules, by the type of their parameters."""
PUSHES: dict[Any, Any] = {graded.GradedParameters: on_lanes(graded.push)}
"""What conductance-based models have beside."""


class Wires(NamedTuple):
    """Connections sorted by the cell that they reach, int64: cell i's are first[i] to first[i + 1]."""

    first: np.ndarray
    """[N + 1]."""
    source: np.ndarray
    """[connections]: the cell at the other end."""
    pair: np.ndarray
    """[connections]: the number of the gap junction, or the chemical edge, in the weights."""


class NetworkProgram(NamedTuple):
    """What a control step must know of a network beside its weights. Numbers are rows of the state, if not said."""

    rule: Any
    """The neuron model's parameters: the `Rows` of the weights where each stands, and whole numbers as they are."""
    cells: Any
    """The neuron model's state: the `Rows` of each field."""
    chemical: Wires
    """Its weights are in order, from row 0."""
    gap: Wires
    """Every gap junction twice, once for each of its cells."""
    conductance: int
    """The row of the weights from which on the gap junctions' conductances stand."""
    spread: Spread
    """Of a conductance-based model; else of no meaning."""
    drive: np.ndarray
    """int64 [N]: where each cell's drive stands."""
    outputs: np.ndarray
    """int64 [output cells]: which cells they are."""
    encoder: Layers
    decoder: Layers
    encoder_gain: np.float32
    ticks: int
    delay: int
    feedforward: bool
    """Whether every control step begins from 0 and reads the last tick alone (`networks.feedforward`)."""
    sent: int
    """With a delay above 1: the outputs of the last delay - 1 ticks, and after them those of this control step."""
    current: int
    """[N]: what `step` takes. In a conductance-based model 3 N more follow, for `spread_push`."""
    seen: int
    """The observations."""
    driven: int
    """The drives of the input cells, and after them a row of 0."""
    mean: int
    """The output cells' mean output."""
    answer: int
    """What the decoder gives."""


def advance(rule: Any, state: Any, given: Any) -> Any:
    """One tick of one cell by the update rule that these are parameters of."""


@overload(advance, jit_options=OPTIONS)
def _compiled_advance(rule: Any, state: Any, given: Any) -> Any:
    step = STEPS[rule.instance_class]

    def by_its_rule(rule: Any, state: Any, given: Any) -> Any:
        return step(rule, state, given)

    return by_its_rule


def push(rule: Any, state: Any, given: Any) -> Any:
    """The current into one cell of a conductance-based model."""


@overload(push, jit_options=OPTIONS)
def _compiled_push(rule: Any, state: Any, given: Any) -> Any:
    chosen = PUSHES[rule.instance_class]

    def by_its_rule(rule: Any, state: Any, given: Any) -> Any:
        return chosen(rule, state, given)

    return by_its_rule


def act_network(program: Any, weights: Any, state: Any, seen: Any, out: Any) -> None:
    """See `programs.act`, which compiles it."""
    cells, mean, after_mean = program.drive.size, program.mean, program.mean + program.outputs.size
    copy_rows(seen, 0, state, program.seen, seen.shape[0])
    run_layers(program.encoder, weights, state)
    _scale(state, program.driven, program.mean - 1, program.encoder_gain)
    if program.feedforward:
        _scale(state, 0, program.sent, ZERO)
    _scale(state, mean, after_mean, ZERO)
    for tick in range(program.ticks):
        _tick(program, weights, state, tick)
        if not program.feedforward or tick == program.ticks - 1:
            _add_outputs(program, state)
    if not program.feedforward:
        _scale(state, mean, after_mean, ONE / np.float32(program.ticks))
    run_layers(program.decoder, weights, state)
    copy_rows(state, program.answer, out, 0, out.shape[0])
    if program.delay > 1:
        copy_rows(state, program.sent + program.ticks * cells, state, program.sent, (program.delay - 1) * cells)


@njit(**OPTIONS)
def _tick(program: Any, weights: Any, state: Any, tick: Any) -> None:
    """All cells at once, from what was sent `delay` ticks before and from the potentials of the tick before."""
    cells, outputs = program.drive.size, program.cells.output.first
    if program.delay > 1:
        sent = program.sent + tick * cells
        copy_rows(state, outputs, state, sent + (program.delay - 1) * cells, cells)
    else:
        sent = outputs
    gather_input(program.rule, program, weights, state, sent)
    for i in range(cells):
        rule, before = gather(program.rule, weights, i), gather(program.cells, state, i)
        scatter(program.cells, state, i, advance(rule, before, load(state, program.current + i)))


def gather_input(rule: Any, program: Any, weights: Any, state: Any, sent: Any) -> None:
    """Writes what `step` takes for every cell to the rows from `current`, from what was sent in the rows `sent`."""


@overload(gather_input, jit_options=OPTIONS)
def _compiled_input(rule: Any, program: Any, weights: Any, state: Any, sent: Any) -> Any:
    return _moves if rule.instance_class in PUSHES else _currents


def _currents(rule: Any, program: Any, weights: Any, state: Any, sent: Any) -> None:
    """The current into every cell: of its drive, its synapses and its gap junctions."""
    drive, first, source = program.drive, program.chemical.first, program.chemical.source
    for i in range(drive.size):
        current = weighted(load(state, drive[i]), weights, 0, state, sent, source, first[i], first[i + 1])
        gap = gap_current(program.gap, weights, program.conductance, state, program.cells.potential.first, i)
        store(state, program.current + i, current + gap)


def _moves(rule: Any, program: Any, weights: Any, state: Any, sent: Any) -> None:
    """What the voltage of every cell moves by, from all cells' pushes."""
    drive, first, source = program.drive, program.chemical.first, program.chemical.source
    for i in range(drive.size):
        excitatory, inhibitory = of(ZERO), of(ZERO)
        for e in range(first[i], first[i + 1]):
            weight, transmitted = load(weights, e), load(state, sent + source[e])
            excitatory = excitatory + rectify(weight) * transmitted
            inhibitory = inhibitory + rectify(-weight) * transmitted
        gap = gap_current(program.gap, weights, program.conductance, state, program.cells.voltage.first, i)
        given = SynapticInput(load(state, drive[i]), excitatory, inhibitory, gap)
        own, cell = gather(program.rule, weights, i), gather(program.cells, state, i)
        store(state, program.current + i, push(own, cell, given))
    spread_push(program.spread, program.gap, weights, state, program.current, drive.size)


@njit(**OPTIONS)
def gap_current(gap: Any, weights: Any, conductance: Any, state: Any, seen: Any, i: Any) -> Any:
    """sum_j g_ij (x_j - x_i) of cell i, x in the rows from `seen`."""
    partner, pair = gap.source, gap.pair
    current, own = of(ZERO), load(state, seen + i)
    for e in range(gap.first[i], gap.first[i + 1]):
        current = current + load(weights, conductance + pair[e]) * (load(state, seen + partner[e]) - own)
    return current


@njit(**OPTIONS)
def _add_outputs(program: Any, state: Any) -> None:
    """Adds what the output cells send to its sum."""
    outputs = program.outputs
    for k in range(outputs.size):
        output = load(state, program.cells.output.first + outputs[k])
        store(state, program.mean + k, load(state, program.mean + k) + output)


@njit(**OPTIONS)
def _scale(rows: Any, low: Any, high: Any, factor: Any) -> None:
    """Multiplies rows by a number; 0 clears them, whatever stands there."""
    for k in range(low, high):
        store(rows, k, of(ZERO) if factor == ZERO else load(rows, k) * of(factor))
