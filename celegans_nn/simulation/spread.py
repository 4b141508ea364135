"""`NeuronModel.spread` by the gap junctions alone: a Chebyshev series in place of a dense matrix an individual.

What cells of a conductance-based model move by in a tick is dt/C phi(M) f, with M = dt/C P sparse, symmetric and its
eigenvalues within [low, high] (`neurons.graded`). With A = (2 M - high - low) / (high - low) it is sum_k c_k T_k(A) f,
T_k+1(A) f = 2 A T_k(A) f - T_k-1(A) f (Clenshaw 1955; Higham 2008, Functions of Matrices, section 4.4.1). An
individual has the coefficients that its own interval needs, and 0 where its neighbours in the lanes need more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit

from celegans_nn.neurons.relaxation import share
from celegans_nn.simulation.lane_ops import TWO, ZERO
from celegans_nn.simulation.lanes import LANES, OPTIONS, load, of, store
from celegans_nn.simulation.layers import copy_rows

TOLERANCE = 1e-8
"""Of the coefficients, those at the end that are smaller in sum are left out; phi is at most 1."""
MOST_NODES = 2048
"""Enough for cells that relax 1e5 times in a tick; a wider interval gets no more, and phi is off by 1e-3 at 1e6."""
MARGIN = 1.001
"""`high` is set so much higher, that rounding puts no eigenvalue outside, and no interval is empty."""


class Spread(NamedTuple):
    """Rows of the weights."""

    diagonal: int
    """[N]: of A; where there are no gap junctions, of `NeuronModel.spread`."""
    conductance: int
    """[G]: what A takes from a cell for its partner's value."""
    series: int
    """How many coefficients the individual has; they follow it."""


def interval(matrix_diagonal: torch.Tensor, coupled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(low, high) of a symmetric M with this diagonal, `coupled` of it balanced by the rest of the row (Gershgorin)."""
    return (matrix_diagonal - coupled).min(), MARGIN * (matrix_diagonal + coupled).max()


def coefficients(low: np.ndarray, high: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32 [P, 1 + K]: how many coefficients of `scale` phi each individual's interval needs, and those; then 0.

    >>> coefficients(np.array([0.1, 0.5]), np.array([20.0, 0.6]), np.array([1.0, 2.0]))[:, 0]
    array([19.,  4.], dtype=float32)
    """
    series = [_series(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    table = np.zeros((len(series), 1 + max(map(len, series))), np.float32)
    for row, own, factor in zip(table, series, scale, strict=True):
        row[0], row[1 : 1 + len(own)] = len(own), factor * own
    return table


def _series(low: float, high: float) -> np.ndarray:
    """phi's Chebyshev coefficients over an interval, by interpolation in as many nodes as it needs."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return np.array([np.nan])
    nodes = 16
    while True:
        angle = np.pi * (np.arange(nodes) + 0.5) / nodes
        x = (low + high) / 2 + (high - low) / 2 * np.cos(angle)
        found = 2 / nodes * (np.cos(np.outer(np.arange(nodes), angle)) * share(torch.from_numpy(x)).numpy()).sum(1)
        found[0] /= 2
        left_out = np.cumsum(np.abs(found[::-1]))[::-1]
        if left_out[nodes // 2] < TOLERANCE or nodes >= MOST_NODES:
            return found[: max(1, int((left_out >= TOLERANCE).sum()))]
        nodes *= 2


@njit(**OPTIONS)
def spread_push(spread: Any, gap: Any, weights: Any, state: Any, at: Any, cells: Any) -> None:
    """Rows `at` to `at` + N of the state become what voltages move by; three times as many after them are used."""
    if gap.source.size == 0:
        for i in range(cells):
            store(state, at + i, load(weights, spread.diagonal + i) * load(state, at + i))
        return
    before, now, after = at + cells, at + 2 * cells, at + 3 * cells
    copy_rows(state, at, state, now, cells)
    _add_term(spread, 0, weights, state, at, now, cells)
    for k in range(1, _most_terms(weights, spread.series)):
        _next(spread, gap, k, weights, state, before, now, after)
        before, now, after = now, after, before
        _add_term(spread, k, weights, state, at, now, cells)


@njit(**OPTIONS)
def _most_terms(weights: Any, series: Any) -> Any:
    most = 1
    for lane in range(LANES):
        if weights[series, lane] > most:
            most = int(weights[series, lane])
    return most


@njit(**OPTIONS)
def _next(spread: Any, gap: Any, k: int, weights: Any, state: Any, before: Any, now: Any, after: Any) -> None:
    """after = T_k(A) f, from T_k-1(A) f and T_k-2(A) f."""
    first, partner, pair = gap.first, gap.source, gap.pair
    for i in range(first.size - 1):
        total = load(weights, spread.diagonal + i) * load(state, now + i)
        for e in range(first[i], first[i + 1]):
            total = total - load(weights, spread.conductance + pair[e]) * load(state, now + partner[e])
        if k > 1:
            total = of(TWO) * total - load(state, before + i)
        store(state, after + i, total)


@njit(**OPTIONS)
def _add_term(spread: Any, k: int, weights: Any, state: Any, at: Any, term: Any, cells: Any) -> None:
    """The k-th coefficient times the term is added to the rows from `at`, whose own values the 0-th replaces."""
    coefficient = load(weights, spread.series + 1 + k)
    for i in range(cells):
        before = load(state, at + i) if k > 0 else of(ZERO)
        store(state, at + i, before + coefficient * load(state, term + i))
