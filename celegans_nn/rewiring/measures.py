"""Measures of a wiring that a control keeps or changes: of each cell, and of the graph as a whole.

Chemical edges, unweighted and without self-loops unless the name says otherwise; A[i, j] = 1 if i synapses on j.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.rewiring.triads import MUTUAL, Partners, Triangles, partners, triangles

LARGEST_DENSE = 500
"""Cells of a strong component whose eigenvalues are all found, by LAPACK (0.15 s); of larger ones the largest alone."""
LAST_RESORT = 2000
"""Cells up to which all eigenvalues are found after all (3 s) where the largest does not converge, as in a ring."""
EIGENVALUE_TOLERANCE = 1e-8
"""Relative tolerance of ARPACK's eigenvalues."""


def links(worm: Connectome) -> sparse.csr_array:
    """A as a sparse float64 matrix [N, N]."""
    return _links(worm.chemical_edges, len(worm))


def _links(edges: ChemicalEdges | ElectricalEdges, cells: int) -> sparse.csr_array:
    pre, post = edges.pre, edges.post
    apart = pre != post
    return sparse.csr_array((np.ones(apart.sum()), (pre[apart], post[apart])), shape=(cells, cells), dtype=np.float64)


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
    """Mean directed clustering coefficient (Fagiolo 2007, eq. 8), unweighted; 0 for a cell without a triple."""
    graph = partners(worm.chemical_edges, len(worm))
    return clustering_of(graph, triangles(graph))


def gap_clustering(worm: Connectome) -> float:
    """Mean clustering coefficient of the gap junctions (Watts & Strogatz 1998), unweighted; 0 without a triple."""
    graph = partners(worm.electrical_edges, len(worm))
    return clustering_of(graph, triangles(graph))


def clustering_of(graph: Partners, closed: Triangles) -> float:
    """C_i = ((A + A^T)^3)_ii / (2 (d_i (d_i - 1) - 2 m_i)), the mean over i; d in- plus out-degree, m mutual partners.

    The numerator is 2 `closed.of_cell`. Where all pairs are mutual this is the undirected coefficient.
    """
    cells = len(graph.first) - 1
    of = np.repeat(np.arange(cells), np.diff(graph.first))
    mutual = np.bincount(of[graph.link == MUTUAL], minlength=cells)
    degree = np.diff(graph.first) + mutual
    triples = degree * (degree - 1) - 2 * mutual
    return float(np.divide(closed.of_cell, triples, out=np.zeros(cells), where=triples > 0).mean())


def component_sizes(worm: Connectome, connection: str) -> np.ndarray:
    """Sizes of the components, descending, int64; `connection` is "strong", "weak" (chemical) or "gap"."""
    gaps = connection == "gap"
    graph = _links(worm.electrical_edges if gaps else worm.chemical_edges, len(worm))
    _, component = csgraph.connected_components(graph, connection="weak" if gaps else connection)
    return np.sort(np.bincount(component))[::-1]


def soma_distance(worm: Connectome, edges: ChemicalEdges | ElectricalEdges) -> float:
    """Sum over the edges of the distance between their two cells, um; NaN if no edge has both positions.

    Edges with a cell of unknown position are left out. The path of a neurite is longer than this.
    """
    place = np.stack([worm.cells[axis] for axis in "xyz"], axis=1).astype(np.float64)
    length = np.linalg.norm(place[edges.pre] - place[edges.post], axis=1)
    known = np.isfinite(length)
    return float(length[known].sum()) if known.any() else np.nan


def spectral_radius(worm: Connectome, values: str) -> float:
    """Largest absolute eigenvalue of the chemical weights ("weight") or signed weights ("signed"), self-loops too.

    Found in each strong component by itself: across them the matrix is triangular and adds no eigenvalue, while
    the eigenvalues of a long feedforward chain, all 0, come out of LAPACK as far off as 1e-2. Components of more
    than `LARGEST_DENSE` cells: by ARPACK, to `EIGENVALUE_TOLERANCE`. Where that does not converge: NaN for those
    of more than `LAST_RESORT` cells.
    """
    e = worm.chemical_edges
    amount = e.weight if values == "weight" else e.sign * e.weight
    _, component = csgraph.connected_components(links(worm), directed=True, connection="strong")
    cells = np.bincount(component)
    start = np.cumsum(cells) - cells
    place = np.empty(len(worm), dtype=np.int64)
    place[np.argsort(component, kind="stable")] = np.arange(len(worm))
    place -= start[component]
    inside = np.flatnonzero(component[e.pre] == component[e.post])
    inside = inside[np.argsort(component[e.pre[inside]], kind="stable")]
    of = component[e.pre[inside]]
    first = np.searchsorted(of, np.arange(len(cells) + 1))
    radius = float(np.abs(amount[e.pre == e.post]).max(initial=0.0))
    for c in np.flatnonzero(cells > 1):
        edges = inside[first[c] : first[c + 1]]
        shape = (int(cells[c]), int(cells[c]))
        matrix = sparse.csr_array((amount[edges], (place[e.pre[edges]], place[e.post[edges]])), shape=shape)
        radius = float(np.maximum(radius, _largest_eigenvalue(matrix)))  # maximum, not max: NaN stays NaN
    return radius


def _largest_eigenvalue(matrix: sparse.csr_array) -> float:
    cells = matrix.shape[0]
    if cells > LARGEST_DENSE:
        from scipy.sparse.linalg import ArpackNoConvergence, eigs

        start = 0.5 + np.random.default_rng(0).random(cells)  # fixed: the same matrix, the same bits
        try:
            largest = eigs(
                matrix, k=1, ncv=20, v0=start, tol=EIGENVALUE_TOLERANCE, maxiter=100, return_eigenvectors=False
            )  # fmt: skip
            return float(np.abs(largest).max())
        except ArpackNoConvergence:
            if cells > LAST_RESORT:
                return np.nan
    return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
