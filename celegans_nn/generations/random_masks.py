"""Random masks beside an evolved one: of equal density, or also of equal sums over rows and columns."""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.rewiring.degree import ATTEMPTS_PER_EDGE, attempts_for
from celegans_nn.rewiring.splitmix import below_high, below_low, kernel_seed, next_bits


def random_mask(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many weights in the same shape, each set of places as likely: bool."""
    return rng.permutation(mask.ravel()).reshape(mask.shape)


def degree_matched_mask(
    mask: np.ndarray, rng: np.random.Generator, attempts_per_weight: float = ATTEMPTS_PER_EDGE
) -> np.ndarray:
    """As many weights in every row and in every column, drawn at random: bool.

    A parameter of more than two dimensions is taken as [first, all others]. The mask is a bipartite graph, in which
    switching two edges reaches every other of its degrees (Ryser 1957), each as likely in the long run.
    """
    matrix = np.ascontiguousarray(mask.reshape(mask.shape[0], -1)).copy()
    row, column = np.nonzero(matrix)
    if len(row) > 1:
        _switch(matrix, row, column, attempts_for(len(row), attempts_per_weight), kernel_seed(rng))
    return matrix.reshape(mask.shape)


@njit_kept(nogil=True)
def _switch(matrix: np.ndarray, row: np.ndarray, column: np.ndarray, attempts: int, state: np.uint64) -> None:
    """(a, b) and (c, d) become (a, d) and (c, b) where both are free, in place; a refused attempt counts."""
    for _ in range(attempts):
        state, bits = next_bits(state)
        i, j = below_high(bits, len(row)), below_low(bits, len(row))
        a, b, c, d = row[i], column[i], row[j], column[j]
        if matrix[a, d] or matrix[c, b]:  # so too where they share a row or a column
            continue
        matrix[a, b] = matrix[c, d] = False
        matrix[a, d] = matrix[c, b] = True
        column[i], column[j] = d, b
