"""Measures of a wiring that a control keeps or changes: of each cell, and of the graph as a whole.

Chemical edges, unweighted and without self-loops unless the name says otherwise; A[i, j] = 1 if i synapses on j.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from celegans_nn.connectome.connectome import Connectome


def links(worm: Connectome) -> sparse.csr_array:
    """A as a sparse float64 matrix [N, N]."""
    e = worm.chemical_edges
    apart = e.pre != e.post
    return sparse.csr_array(
        (np.ones(apart.sum()), (e.pre[apart], e.post[apart])), shape=(len(worm), len(worm)), dtype=np.float64
    )


def degrees(worm: Connectome, sign: int | None = None, weighted: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """In- and out-degree of every cell, float64 [N] each, self-loops included; strengths where `weighted`.

    `sign` (+1, -1 or 0) counts edges of that sign alone.
    """
    e = worm.chemical_edges
    of_sign = slice(None) if sign is None else e.sign == sign
    amount = e.weight if weighted else np.ones(len(e.weight))
    into, out = (np.bincount(end[of_sign], amount[of_sign], len(worm)) for end in (e.post, e.pre))
    return into, out


def gap_degrees(worm: Connectome, weighted: bool = False) -> np.ndarray:
    """Gap-junction partners of every cell (total conductance where `weighted`), float64 [N]; self-gaps once."""
    e = worm.electrical_edges
    amount = e.weight if weighted else np.ones(len(e.weight))
    apart = e.pre != e.post
    return np.bincount(e.pre, amount, len(worm)) + np.bincount(e.post[apart], amount[apart], len(worm))


def reciprocity(worm: Connectome) -> float:
    """Share of edges whose reverse is an edge too; 0 without edges."""
    a = links(worm)
    return float(a.multiply(a.T).sum() / a.nnz) if a.nnz else 0.0


def clustering(worm: Connectome) -> float:
    """Mean directed clustering coefficient (Fagiolo 2007, eq. 8), unweighted; 0 for a cell without a triple.

    C_i = ((A + A^T)^3)_ii / (2 (d_i (d_i - 1) - 2 m_i)), d in- plus out-degree, m mutual partners.
    """
    a = links(worm)
    both = a + a.T
    triangles = (both @ both).multiply(both.T).sum(axis=1)
    degree = both.sum(axis=1)
    mutual = a.multiply(a.T).sum(axis=1)
    triples = 2 * (degree * (degree - 1) - 2 * mutual)
    return float(np.divide(triangles, triples, out=np.zeros(len(worm)), where=triples > 0).mean())


def largest_strong_component(worm: Connectome) -> int:
    """Cells of the largest set in which each reaches each."""
    _, component = csgraph.connected_components(links(worm), directed=True, connection="strong")
    return int(np.bincount(component).max())


def spectral_radius(worm: Connectome, values: str) -> float:
    """Largest absolute eigenvalue of the chemical weights ("weight") or signed weights ("signed"), self-loops too.

    Found in each strong component by itself: across them the matrix is triangular and adds no eigenvalue, while
    the eigenvalues of a long feedforward chain, all 0, come out of LAPACK as far off as 1e-2.
    """
    _, component = csgraph.connected_components(links(worm), directed=True, connection="strong")
    matrix = worm.adjacency("chemical", values)
    radius = float(np.abs(np.diagonal(matrix)).max())
    for c in np.flatnonzero(np.bincount(component) > 1):
        cells = np.flatnonzero(component == c)
        radius = max(radius, float(np.abs(np.linalg.eigvals(matrix[np.ix_(cells, cells)])).max()))
    return radius


def paths(worm: Connectome, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Shortest chemical paths in edges from each input to each output cell, float64 [pairs]; inf if there is none.

    A cell that is both an input and an output is no pair with itself.
    """
    if not len(inputs) or not len(outputs):
        return np.zeros(0)
    steps = csgraph.shortest_path(links(worm), method="D", unweighted=True, indices=inputs)
    between = steps[:, outputs]
    return between[np.not_equal.outer(inputs, outputs)]
