"""Many ticks of a network over its edges, and backpropagation through them, compiled.

The batch is cut into chunks whose width depends on its size alone; threads take whole chunks and the chunks' sums
are added in order, so any number of threads gives the same bits. Inside a chunk arrays are [cells, width]: the
innermost loop runs over the batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from celegans_nn.compiled import njit_kept
from celegans_nn.networks.fast_rules import INNER, OPTIONS, OUTPUT, VOLTAGE, adjoint, decay, felt, recall, update


class Wires(NamedTuple):
    """Edges sorted by their postsynaptic cell, gap junctions, and the cells at the interface; whole numbers."""

    first: np.ndarray
    """uint [N + 1]: cell i is reached by the edges first[i] to first[i + 1]."""
    pre: np.ndarray
    """[E]."""
    gap_a: np.ndarray
    """[G]: the two cells of each gap junction."""
    gap_b: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray


@njit(**INNER)
def _load(rows: Any, low: int, factor: Any, chunk: Any, width: Any) -> None:
    """chunk [columns * width] = factor * rows [batch, columns] from row `low`, transposed; 0 beyond the batch."""
    columns, lanes = np.uintp(rows.shape[1]), np.uintp(min(np.intp(width), rows.shape[0] - low))
    if lanes < width:
        chunk[:] = 0
    flat, start = rows.reshape(-1), np.uintp(low) * columns
    for k in range(columns):
        for b in range(lanes):
            chunk[k * width + b] = factor * flat[start + b * columns + k]


@njit(**INNER)
def _store(chunk: Any, low: int, factor: Any, rows: Any, width: Any) -> None:
    """The other way."""
    columns, lanes = np.uintp(rows.shape[1]), np.uintp(min(np.intp(width), rows.shape[0] - low))
    flat, start = rows.reshape(-1), np.uintp(low) * columns
    for b in range(lanes):
        for k in range(columns):
            flat[start + b * columns + k] = factor * chunk[k * width + b]


# Cells' rows are found in flat arrays by unsigned numbers: making a view of a row, or asking whether an index is below
# zero, would cost more than an edge's arithmetic.


@njit(**INNER)
def _add_row(factor: Any, x: Any, at_x: Any, y: Any, at_y: Any, width: Any) -> None:
    """y's row += factor * x's row."""
    for k in range(width):
        y[at_y + k] += factor * x[at_x + k]


@njit(**INNER)
def _chemical(wires: Any, weight: Any, sent: Any, current: Any, width: Any) -> None:
    """current_i += sum over edges j -> i of weight * sent_j; sent and current [N * width]."""
    for i in range(np.uintp(wires.first.size - 1)):
        for e in range(wires.first[i], wires.first[i + np.uintp(1)]):
            _add_row(weight[e], sent, wires.pre[e] * width, current, i * width, width)


@njit(**INNER)
def _dot_row(x: Any, at_x: Any, y: Any, at_y: Any, width: Any) -> Any:
    total = x.dtype.type(0)
    for k in range(width):
        total += x[at_x + k] * y[at_y + k]
    return total


@njit(**INNER)
def _chemical_back(wires: Any, weight: Any, flow: Any, sent: Any, to_sent: Any, to_weight: Any, width: Any) -> None:
    for i in range(np.uintp(wires.first.size - 1)):
        for e in range(wires.first[i], wires.first[i + np.uintp(1)]):
            at_post, at_pre = i * width, wires.pre[e] * width
            # two loops run faster than one that does both
            _add_row(weight[e], flow, at_post, to_sent, at_pre, width)
            to_weight[e] += _dot_row(flow, at_post, sent, at_pre, width)


@njit(**INNER)
def _gap(wires: Any, conductance: Any, seen: Any, current: Any, width: Any) -> None:
    """current_a += g (x_b - x_a), and its opposite at b."""
    for p in range(np.uintp(conductance.size)):
        at_a, at_b, g = wires.gap_a[p] * width, wires.gap_b[p] * width, conductance[p]
        for k in range(width):
            inward = g * (seen[at_b + k] - seen[at_a + k])
            current[at_a + k] += inward
            current[at_b + k] -= inward


@njit(**INNER)
def _gap_back(
    wires: Any, conductance: Any, flow: Any, seen: Any, to_seen: Any, to_conductance: Any, width: Any
) -> None:
    _gap(wires, conductance, flow, to_seen, width)
    for p in range(np.uintp(conductance.size)):
        at_a, at_b = wires.gap_a[p] * width, wires.gap_b[p] * width
        total = flow.dtype.type(0)
        for k in range(width):
            total += (flow[at_a + k] - flow[at_b + k]) * (seen[at_b + k] - seen[at_a + k])
        to_conductance[p] += total


@njit(**INNER)
def _add_rows(x: Any, rows_x: Any, y: Any, rows_y: Any, width: Any) -> None:
    """y's rows += x's rows."""
    one = x.dtype.type(1)
    for k in range(np.uintp(rows_x.size)):
        _add_row(one, x, rows_x[k] * width, y, rows_y[k] * width, width)


@njit_kept(nogil=True, **OPTIONS)
def forward(
    low_chunk: int,
    high_chunk: int,
    rule: Any,
    wires: Any,
    ticks: int,
    scale: Any,
    drive: Any,
    weight: Any,
    conductance: Any,
    start: Any,
    kept: Any,
    mean: Any,
    end: Any,
) -> None:
    """Chunks of `low_chunk` to `high_chunk`.

    What reaches the input cells is scale * drive. drive [steps or 1, batch, inputs]; start, end [rows + 1, batch, N],
    the potential last; kept [chunks, slots, numbers, N * width], as many slots as ticks, or one that is used again;
    mean [steps, batch, outputs].
    """
    rows, cells = start.shape[0] - 1, start.shape[2]
    slots, width, one = kept.shape[1], kept.shape[3] // cells, weight.dtype.type(1)
    share, lanes = one / weight.dtype.type(ticks), np.uintp(width)
    rows_in, rows_out = np.arange(wires.inputs.size).astype(np.uintp), np.arange(wires.outputs.size).astype(np.uintp)
    for chunk in range(low_chunk, high_chunk):
        low = chunk * width
        state = np.zeros((rows, cells * width), weight.dtype)
        for r in range(rows):
            _load(start[r], low, one, state[r], lanes)
        seen = np.zeros(cells * width, weight.dtype)
        _load(start[rows], low, one, seen, lanes)
        inward = np.zeros(drive.shape[2] * width, weight.dtype)
        total = np.zeros(mean.shape[2] * width, weight.dtype)
        tick = 0
        for step in range(mean.shape[0]):
            if step < drive.shape[0]:
                _load(drive[step], low, scale, inward, lanes)
            total[:] = 0
            for _ in range(ticks):
                now = kept[chunk, tick % slots]
                now[0] = 0
                _add_rows(inward, rows_in, now[0], wires.inputs, lanes)
                _chemical(wires, weight, state[OUTPUT], now[0], lanes)
                _gap(wires, conductance, seen, now[0], lanes)
                update(rule, now, state)
                if conductance.size or tick == mean.shape[0] * ticks - 1:
                    seen[:] = felt(rule, now, state)
                _add_rows(state[OUTPUT], wires.outputs, total, rows_out, lanes)
                tick += 1
            _store(total, low, share, mean[step], lanes)
        for r in range(rows):
            _store(state[r], low, one, end[r], lanes)
        _store(seen, low, one, end[rows], lanes)


@njit_kept(nogil=True, **OPTIONS)
def backward(
    low_chunk: int,
    high_chunk: int,
    rule: Any,
    wires: Any,
    ticks: int,
    scale: Any,
    weight: Any,
    conductance: Any,
    start: Any,
    kept: Any,
    to_mean: Any,
    to_end: Any,
    to_drive: Any,
    to_weight: Any,
    to_conductance: Any,
    to_start: Any,
    sums: Any,
) -> None:
    """`weight` and `conductance` times `gain`; what comes back for drives, weights and conductances is without it.

    to_drive [steps or 1, batch, inputs]; to_weight [chunks, E], to_conductance [chunks, G] and sums [chunks, ...]
    come as zeros.
    """
    rows, cells = start.shape[0] - 1, start.shape[2]
    width, one = kept.shape[3] // cells, weight.dtype.type(1)
    share, left, lanes = one / weight.dtype.type(ticks), decay(rule), np.uintp(width)
    rows_in, rows_out = np.arange(wires.inputs.size).astype(np.uintp), np.arange(wires.outputs.size).astype(np.uintp)
    for chunk in range(low_chunk, high_chunk):
        low = chunk * width
        states = np.zeros((2, rows, cells * width), weight.dtype)
        grad = np.zeros((rows, cells * width), weight.dtype)
        flow, to_seen = np.zeros(cells * width, weight.dtype), np.zeros(cells * width, weight.dtype)
        seen = np.zeros(cells * width, weight.dtype)
        outward = np.zeros(to_mean.shape[2] * width, weight.dtype)
        inward = np.zeros(to_drive.shape[2] * width, weight.dtype)
        for r in range(rows):
            _load(to_end[r], low, one, grad[r], lanes)
        _load(to_end[rows], low, one, to_seen, lanes)
        last = to_mean.shape[0] * ticks - 1
        recall(rule, kept[chunk, last], states[last % 2])
        for tick in range(last, -1, -1):
            step, now, after, before = tick // ticks, kept[chunk, tick], states[tick % 2], states[(tick + 1) % 2]
            if (tick + 1) % ticks == 0:
                _load(to_mean[step], low, share, outward, lanes)
            _add_rows(outward, rows_out, grad[OUTPUT], wires.outputs, lanes)
            feels = to_seen if conductance.size or tick == last else to_seen[:0]
            adjoint(rule, now, after, grad, feels, sums[chunk])
            if tick == 0:
                for r in range(rows):
                    _load(start[r], low, one, before[r], lanes)
                _load(start[rows], low, one, seen, lanes)
            else:
                recall(rule, kept[chunk, tick - 1], before)
            sums[chunk, 0] += _decayed(left, grad[OUTPUT], before[VOLTAGE], grad[VOLTAGE], flow)
            _chemical_back(wires, weight, flow, before[OUTPUT], grad[OUTPUT], to_weight[chunk], lanes)
            to_seen[:] = 0
            if conductance.size:
                if tick > 0:
                    seen[:] = felt(rule, kept[chunk, tick - 1], before)
                _gap_back(wires, conductance, flow, seen, to_seen, to_conductance[chunk], lanes)
            _add_rows(flow, wires.inputs, inward, rows_in, lanes)
            if tick % ticks == 0 and (tick == 0 or to_drive.shape[0] > 1):
                _store(inward, low, scale, to_drive[step], lanes)
                inward[:] = 0
        for r in range(rows):
            _store(grad[r], low, one, to_start[r], lanes)
        _store(to_seen, low, one, to_start[rows], lanes)


@njit(**INNER)
def _decayed(left: Any, to_output: Any, voltage: Any, to_voltage: Any, flow: Any) -> Any:
    """The gradient of `left`. That of the voltage before is left * G; G moves to `flow`, and 0 takes its place."""
    total = flow.dtype.type(0)
    for k in range(flow.size):
        g = to_output[k]
        total += g * voltage[k]
        to_voltage[k] = left * g
        flow[k] = g
        to_output[k] = 0
    return total
