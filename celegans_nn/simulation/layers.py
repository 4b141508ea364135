"""Feedforward layers over lanes: units one after the other, each a sum over its inputs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from celegans_nn.simulation.lane_ops import ZERO, rectify, tanh
from celegans_nn.simulation.lanes import OPTIONS, load, of, store


class Layers(NamedTuple):
    """Where units, their inputs and weights stand; a unit's row in the state is `unit` + its number."""

    first: np.ndarray
    """int64 [U + 1]: unit u sums the inputs first[u] to first[u + 1]."""
    source: np.ndarray
    """int64 [inputs of all units]: their rows in the state."""
    weight: int
    """The row of the first input's weight; the others follow."""
    unit: int
    hidden: int
    """So many units, the first ones, are hidden: they pass on tanh of their sum, or its rectified value."""
    rectified: bool


def dense(sizes: Sequence[int], inputs: int, weight: int, unit: int, rectified: bool = False) -> Layers:
    """Layers of these sizes, the inputs' first, each wholly connected to the next; inputs begin at row `inputs`."""
    counts, sources, before = [], [], inputs
    for given, units in itertools.pairwise(sizes):
        counts += [given] * units
        sources.append(np.tile(np.arange(before, before + given), units))
        before = unit + len(counts) - units
    return Layers(_bounds(counts), np.concatenate(sources), weight, unit, len(counts) - sizes[-1], rectified)


def sparse(matrix: np.ndarray, inputs: int, weight: int, unit: int) -> Layers:
    """One layer with the inputs that are not 0 in the matrix [outputs, inputs], in the order of its rows."""
    target, source = np.nonzero(matrix)
    return Layers(_bounds(np.bincount(target, minlength=len(matrix))), inputs + source, weight, unit, 0, False)


def _bounds(counts: Any) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@njit(**OPTIONS)
def weighted(total: Any, weights: Any, weight: Any, state: Any, state_at: Any, source: Any, low: Any, high: Any) -> Any:
    """total + the sum over e, `low` to `high`, of the weight in row `weight` + e times row `state_at` + source[e]."""
    for e in range(low, high):
        total = total + load(weights, weight + e) * load(state, state_at + source[e])
    return total


@njit(**OPTIONS)
def run_layers(layers: Any, weights: Any, state: Any) -> None:
    """Every unit, from rows of the state to rows of the state."""
    first, source = layers.first, layers.source
    for u in range(first.size - 1):
        total = weighted(of(ZERO), weights, layers.weight, state, 0, source, first[u], first[u + 1])
        if u < layers.hidden:
            total = rectify(total) if layers.rectified else tanh(total)
        store(state, layers.unit + u, total)


@njit(**OPTIONS)
def copy_rows(source: Any, source_at: Any, target: Any, target_at: Any, rows: Any) -> None:
    """So many rows, in order: where a copy reaches into its source, it must lie before it."""
    for k in range(rows):
        store(target, target_at + k, load(source, source_at + k))
