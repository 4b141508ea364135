"""Shortest paths from input to output cells, counted by length without a matrix of cells by cells."""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.connectome.connectome import Connectome

MOST_STEPS = 2e9
"""Inputs times edges above which paths are not searched: twenty seconds (measured on 1.1 million edges)."""


def path_lengths(worm: Connectome, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray | None:
    """How many pairs of an input and an output cell have a shortest chemical path of 0, 1, 2, ... edges, int64 [L].

    Entry 0 is 0 and L - 1 the longest; pairs without a path are in none. A cell that is both an input and an output
    is no pair with itself; a cell named twice counts once. None where the search would take over `MOST_STEPS`.
    """
    e, cells = worm.chemical_edges, len(worm)
    sources = np.unique(inputs).astype(np.int64)
    if len(sources) * len(e.pre) > MOST_STEPS:
        return None
    is_output = np.zeros(cells, dtype=np.bool_)
    is_output[outputs.astype(np.int64)] = True
    first = np.searchsorted(e.pre, np.arange(cells + 1))
    pairs = _path_lengths(first, e.post, sources, is_output)
    return pairs[: np.flatnonzero(pairs)[-1] + 1] if pairs.any() else pairs[:1]


@njit_kept(nogil=True)
def _path_lengths(first: np.ndarray, post: np.ndarray, sources: np.ndarray, is_output: np.ndarray) -> np.ndarray:
    """Breadth-first search from each source; `queue` holds the cells in the order of their distance."""
    cells = len(first) - 1
    pairs = np.zeros(cells, dtype=np.int64)
    distance = np.full(cells, -1, dtype=np.int32)
    queue = np.empty(cells, dtype=np.int32)
    for source in sources:
        queue[0], found, done = source, 1, 0
        distance[source] = 0
        while done < found:
            cell = queue[done]
            done += 1
            for k in range(first[cell], first[cell + 1]):
                to = post[k]
                if distance[to] < 0:
                    distance[to] = distance[cell] + 1
                    pairs[distance[to]] += is_output[to]
                    queue[found] = to
                    found += 1
        for k in range(found):
            distance[queue[k]] = -1
    return pairs
