"""Triads and triangles: the 13 ways in which three cells can hang together, counted without trying all threes.

Closed triads (three linked pairs) are found one by one, each once, by walking from cells of few partners to cells of
more (Chiba & Nishizeki 1985): at most E^1.5 steps. The open ones (two linked pairs) need no search: they are the pairs
of partners of each cell, less those that a closed triad joins. This is the census of Batagelj & Mrvar (2001), and as
theirs its time does not grow with the cube of the number of cells.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.connectome.connectome import ChemicalEdges, ElectricalEdges

OPEN = ("021D", "021U", "021C", "111D", "111U", "201")
CLOSED = ("030T", "030C", "120D", "120U", "120C", "210", "300")
TRIADS = ("021D", "021U", "021C", "111D", "111U", "030T", "030C", "201", "120D", "120U", "120C", "210", "300")
"""Names by Holland & Leinhardt (1970): mutual, one-way and unlinked pairs, then Down, Up, Cycle or Transitive."""

OUT, IN, MUTUAL = 1, 2, 3
"""How a cell is linked to a partner: it sends, it hears, or both."""


class Partners(NamedTuple):
    """Each cell's partners, self-loops aside; both cells of a pair list each other."""

    first: np.ndarray
    """int64 [N + 1], where each cell's partners start."""
    partner: np.ndarray
    """int64 [2 P], ascending within a cell."""
    link: np.ndarray
    """uint8 [2 P]: OUT, IN or MUTUAL as seen from the cell whose list it is."""


class Triangles(NamedTuple):
    """The closed triads of a graph."""

    by_code: np.ndarray
    """int64 [64], closed triads by the links of u to v, u to w and v to w, 16 a + 4 b + c."""
    of_cell: np.ndarray
    """int64 [N], sum over the closed triads of a cell of the product of 2 for each mutual pair, 1 for each other."""


def partners(edges: ChemicalEdges | ElectricalEdges, cells: int) -> Partners:
    """Who is linked with whom, and in which directions. A gap junction, which has none, is MUTUAL."""
    apart = edges.pre != edges.post
    pre, post = edges.pre[apart].astype(np.int64), edges.post[apart].astype(np.int64)
    ways = (OUT, IN) if isinstance(edges, ChemicalEdges) else (MUTUAL, MUTUAL)
    key = np.concatenate([pre * cells + post, post * cells + pre])
    link = np.repeat(np.array(ways, dtype=np.uint8), len(pre))
    order = np.argsort(key, kind="stable")
    key, link = key[order], link[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
    link = np.bitwise_or.reduceat(link, starts) if len(key) else link
    of, partner = np.divmod(key[starts], cells)
    return Partners(np.searchsorted(of, np.arange(cells + 1)), partner, link)


def triangles(graph: Partners) -> Triangles:
    """Every closed triad of the graph."""
    count = np.diff(graph.first)
    rank = np.empty(len(count), dtype=np.int64)
    rank[np.argsort(count, kind="stable")] = np.arange(len(count))
    of = np.repeat(np.arange(len(count)), count)
    upward = rank[graph.partner] > rank[of]
    first = np.searchsorted(of[upward], np.arange(len(count) + 1))
    return Triangles(*_triangles(first, graph.partner[upward], graph.link[upward]))


def triad_census(graph: Partners, closed: Triangles) -> dict[str, int]:
    """How many threes of cells form each of the 13 connected triads, by name in the order of `TRIADS`.

    `closed` is `triangles(graph)`.
    """
    found = closed.by_code @ _CODE_IS
    cells = len(graph.first) - 1
    of = np.repeat(np.arange(cells), np.diff(graph.first))
    out, into, both = (np.bincount(of[graph.link == way], minlength=cells) for way in (OUT, IN, MUTUAL))
    pairs = {
        "021D": out * (out - 1) // 2,
        "021U": into * (into - 1) // 2,
        "021C": out * into,
        "111D": both * into,
        "111U": both * out,
        "201": both * (both - 1) // 2,
    }
    counts = dict(zip(CLOSED, found.tolist(), strict=True))
    for k, name in enumerate(OPEN):
        counts[name] = int(pairs[name].sum() - found @ _PAIRS_IN[:, k])
    return {name: counts[name] for name in TRIADS}


@njit_kept(nogil=True)
def _triangles(first: np.ndarray, partner: np.ndarray, link: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`partner` holds only the partners of higher rank, so each closed triad is met once: from its lowest cell."""
    cells = len(first) - 1
    by_code = np.zeros(64, dtype=np.int64)
    of_cell = np.zeros(cells, dtype=np.int64)
    to = np.zeros(cells, dtype=np.uint8)
    for u in range(cells):
        for j in range(first[u], first[u + 1]):
            to[partner[j]] = link[j]
        for j in range(first[u], first[u + 1]):
            v = partner[j]
            for k in range(first[v], first[v + 1]):
                w = partner[k]
                if to[w] != 0:
                    by_code[16 * link[j] + 4 * to[w] + link[k]] += 1
                    weight = 1
                    for pair in (link[j], to[w], link[k]):
                        if pair == 3:
                            weight *= 2
                    of_cell[u] += weight
                    of_cell[v] += weight
                    of_cell[w] += weight
        for j in range(first[u], first[u + 1]):
            to[partner[j]] = 0
    return by_code, of_cell


# -- which triad a code is -------------------------------------------------------------------------------------


def _name_closed(edges: set[tuple[int, int]]) -> str:
    mutual = sum((b, a) in edges for a, b in edges) // 2
    if mutual == 3:
        return "300"
    if mutual == 2:
        return "210"
    sends = {c: sum(a == c for a, _ in edges) for c in range(3)}
    if mutual == 0:
        return "030C" if set(sends.values()) == {1} else "030T"
    apex = next(c for c in range(3) if all(((c, d) in edges) != ((d, c) in edges) for d in range(3) if d != c))
    return {2: "120D", 0: "120U", 1: "120C"}[sends[apex]]


def _name_pair(links: tuple[int, int]) -> str:
    """The open triad of a cell with two partners, by its links to them."""
    return {
        (OUT, OUT): "021D", (IN, IN): "021U", (OUT, IN): "021C",
        (IN, MUTUAL): "111D", (OUT, MUTUAL): "111U", (MUTUAL, MUTUAL): "201",
    }[min(links), max(links)]  # fmt: skip


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Which closed triad each code is, int64 [64, 7]; the pairs of partners in each closed triad, int64 [7, 6]."""
    code_is = np.zeros((64, len(CLOSED)), dtype=np.int64)
    pairs_in = np.zeros((len(CLOSED), len(OPEN)), dtype=np.int64)
    for uv, uw, vw in product((OUT, IN, MUTUAL), repeat=3):
        edges = set()
        for a, b, link in ((0, 1, uv), (0, 2, uw), (1, 2, vw)):
            edges |= {(a, b)} if link & OUT else set()
            edges |= {(b, a)} if link & IN else set()
        closed = CLOSED.index(_name_closed(edges))
        code_is[16 * uv + 4 * uw + vw, closed] = 1
        pairs_in[closed] = 0
        for centre, one, other in permutations(range(3)):
            if one < other:
                links = tuple(OUT * ((centre, c) in edges) + IN * ((c, centre) in edges) for c in (one, other))
                pairs_in[closed, OPEN.index(_name_pair((links[0], links[1])))] += 1
    return code_is, pairs_in


_CODE_IS, _PAIRS_IN = _tables()
