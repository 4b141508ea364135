"""The `small_world` null: as clustered as the worm, but neighbours along the body and chance decide the partners.

The model of Watts & Strogatz (1998): a ring lattice, some of whose edges are rewired to random cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring.edges import STAYS, Rewired, cell_kinds, movable_blocks, refuse_unmoved
from celegans_nn.rewiring.lattice import STUCK, body_order, ring_chemical, ring_electrical
from celegans_nn.rewiring.measures import clustering

TOLERANCE = 0.05
"""Largest relative difference in clustering, above which the graph is refused."""
QUICK_DRAWS = 50
TRIED = 256
"""Numbers of rewired edges that are tried where bisection cannot find the nearest."""


def small_world(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """Rewires so many edges of the ring lattice (see `lattice`) that clustering becomes the worm's.

    Every cell keeps its out-degree in each block and its own weights and signs. In random order, edges get a
    uniformly random target that their cell does not have yet; how many, is found by bisection, such that directed
    clustering (Fagiolo 2007) is nearest to the worm's. Gap junctions: as many pairs, one end of each rewired
    likewise, until their mean clustering coefficient (Watts & Strogatz 1998) is nearest to the worm's. If the
    worm's is 0, as near to 0 as rewiring gets, with as many edges rewired as that allows (of 256 numbers tried).

    In sparse graphs the lattice may be less clustered than its full rewiring; clustering is then met on the way up.

    Clustering is that of the edges in scope, a mean over the cells of their kinds. Were the edges that stay
    counted too, the triangles of neurons with their muscles, which need both kinds of edges, would set a goal that
    no placing of the neurons' own edges meets: .32 in command_vnc79 with muscles, where its lattice has .25; among
    its neurons it is .27, and the lattice has .57.

    A move is one edge placed on the lattice. The provenance has the clustering reached and the worm's, and how
    many edges were rewired. Raises RewiringError where a cell in scope has no position, where the worm's
    clustering, if not 0, is missed by over 5 %.
    """
    kinds, order = cell_kinds(worm), body_order(worm, scope, "small_world", rng)
    chemical, moves = ring_chemical(worm, scope, order, rng)
    electrical, gap_moves = ring_electrical(worm, scope, order, rng)
    made = refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, {}), "small_world", scope, STUCK)
    notes = dict(made.notes)
    if moves.edges:
        here = movable_blocks(kinds, *worm.chemical_edges[:2], scope) != STAYS
        chemical, notes["clustering"] = _match_chemical(worm, chemical, here, rng)
    if gap_moves.edges:
        here = movable_blocks(kinds, *worm.electrical_edges[:2], scope) != STAYS
        electrical, notes["gap_clustering"] = _match_electrical(worm, electrical, here, rng)
    return made._replace(chemical=chemical, electrical=electrical, notes=notes)


class _Match(NamedTuple):
    """How many edges to rewire, and the clustering that gives."""

    rewired: int
    reached: float


def _match_chemical(
    worm: Connectome, ring: ChemicalEdges, here: np.ndarray, rng: np.random.Generator
) -> tuple[ChemicalEdges, str]:
    """The edges of `ring`, some of those that are `here` rewired, and what was reached."""
    kinds = cell_kinds(worm)
    turn = rng.permutation(np.flatnonzero(here))
    new = _new_ends(ring.pre[turn], ring.post[turn], kinds, False, rng)
    # measures.clustering is a mean over all cells; those of other kinds have no edge in scope and count 0
    share = _share_in_scope(kinds, ring.pre[here], ring.post[here])

    def after(steps: int) -> ChemicalEdges:
        post = ring.post.copy()
        post[turn[:steps]] = new[:steps]
        return ring._replace(post=post)

    def clustering_of(edges: ChemicalEdges) -> float:
        in_scope = ChemicalEdges(*(column[here] for column in edges))
        return clustering(worm.with_edges(in_scope, worm.electrical_edges, {})) / share

    goal = clustering_of(worm.chemical_edges)
    match = _bisect(lambda steps: clustering_of(after(steps)), len(turn), goal, "chemical clustering")
    return after(match.rewired), _reached(match, goal, len(turn))


def _match_electrical(
    worm: Connectome, ring: ElectricalEdges, here: np.ndarray, rng: np.random.Generator
) -> tuple[ElectricalEdges, str]:
    """The gap junctions of `ring`, some of those that are `here` rewired, and what was reached."""
    kinds = cell_kinds(worm)
    turn = rng.permutation(np.flatnonzero(here))
    swap = rng.random(len(turn)) < 0.5
    stays, goes = np.where(swap, ring.post[turn], ring.pre[turn]), np.where(swap, ring.pre[turn], ring.post[turn])
    new = _new_ends(stays, goes, kinds, True, rng)
    share = _share_in_scope(kinds, ring.pre[here], ring.post[here])

    def after(steps: int) -> ElectricalEdges:
        pre, post = ring.pre.copy(), ring.post.copy()
        pre[turn[:steps]], post[turn[:steps]] = stays[:steps], new[:steps]
        return ring._replace(pre=pre, post=post)

    def clustering_after(steps: int) -> float:
        edges = after(steps)
        return gap_clustering(edges.pre[here], edges.post[here], len(worm)) / share

    goal = gap_clustering(worm.electrical_edges.pre[here], worm.electrical_edges.post[here], len(worm)) / share
    match = _bisect(clustering_after, len(turn), goal, "clustering of gap junctions")
    return after(match.rewired), _reached(match, goal, len(turn))


def _share_in_scope(kinds: np.ndarray, pre: np.ndarray, post: np.ndarray) -> float:
    """Share of all cells that are of a kind that these edges join."""
    return float(np.isin(kinds, kinds[np.concatenate([pre, post])]).mean())


def _new_ends(
    stays: np.ndarray, goes: np.ndarray, kinds: np.ndarray, undirected: bool, rng: np.random.Generator
) -> np.ndarray:
    """Where the end `goes` of each edge moves to, one edge after the other, int64 [E].

    Uniform over the cells of its kind that `stays` is not linked with at that time; none free, and it stays.
    So the graph is simple after any number of the moves.
    """
    of_kind = [np.flatnonzero(kinds == kind) for kind in range(int(kinds.max()) + 1)]
    partners: dict[int, set[int]] = {cell: {cell} for cell in np.unique(np.concatenate([stays, goes])).tolist()}

    def link(a: int, b: int) -> None:
        partners[a].add(b)
        if undirected:
            partners.setdefault(b, {b}).add(a)

    for a, b in zip(stays.tolist(), goes.tolist(), strict=True):
        link(a, b)
    new = goes.astype(np.int64)
    for k, (a, old) in enumerate(zip(stays.tolist(), goes.tolist(), strict=True)):
        taken = _free(of_kind[kinds[old]], partners[a], rng)
        if taken is None:
            continue
        partners[a].remove(old)
        if undirected:
            partners[old].remove(a)
        link(a, taken)
        new[k] = taken
    return new


def _free(cells: np.ndarray, partners: set[int], rng: np.random.Generator) -> int | None:
    """A random one of `cells` that is none of `partners`; None if all are."""
    for cell in cells[rng.integers(len(cells), size=QUICK_DRAWS if len(partners) < len(cells) else 0)].tolist():
        if cell not in partners:
            return int(cell)
    left = [cell for cell in cells.tolist() if cell not in partners]
    return left[int(rng.integers(len(left)))] if left else None


def _bisect(clustering_after: Callable[[int], float], edges: int, goal: float, what: str) -> _Match:
    """A number of rewired edges at which clustering is nearest to `goal`; RewiringError where that is not near.

    Clustering falls with the number, or rises where the lattice has less than chance, but not at every step.
    """
    if goal == 0:
        return _nearest_tried(clustering_after, edges, goal)  # nothing is a percentage of it
    ends = [_Match(n, clustering_after(n)) for n in (0, edges)]
    low, high = sorted(ends, key=lambda match: match.reached)
    while low.reached <= goal <= high.reached and abs(high.rewired - low.rewired) > 1:
        middle = (low.rewired + high.rewired) // 2
        match = _Match(middle, clustering_after(middle))
        low, high = (low, match) if match.reached >= goal else (match, high)
    best = _nearest_of([high, low], goal)
    if abs(best.reached - goal) > TOLERANCE * goal:
        best = _nearest_of([best, _nearest_tried(clustering_after, edges, goal)], goal)
    if abs(best.reached - goal) > TOLERANCE * goal:
        raise RewiringError(_missed(ends[0].reached, ends[1].reached, best, edges, goal, what))
    return best


def _nearest_tried(clustering_after: Callable[[int], float], edges: int, goal: float) -> _Match:
    """The nearest of up to `TRIED` numbers of rewired edges from all to none; of equally near ones the largest."""
    best = _Match(edges, clustering_after(edges))
    for n in np.unique(np.linspace(0, edges, TRIED).round().astype(int))[-2::-1].tolist():
        if best.reached == goal:
            break
        best = _nearest_of([best, _Match(n, clustering_after(n))], goal)
    return best


def _nearest_of(matches: list[_Match], goal: float) -> _Match:
    return min(matches, key=lambda match: abs(match.reached - goal))


def _missed(lattice: float, chance: float, best: _Match, edges: int, goal: float, what: str) -> str:
    """Why no number of rewired edges will do."""
    if min(lattice, chance) <= goal <= max(lattice, chance):
        return (
            f"small_world: the wiring's {what}, {goal:.4f}, is met no nearer than {best.reached:.4f}, with "
            f"{best.rewired} of {edges} edges rewired; over {TOLERANCE:.0%} off; choose a larger circuit"
        )
    ends = f"{lattice:.4f} (no edge rewired) to {chance:.4f} (all {edges})"
    if lattice <= chance:
        return (
            f"small_world: a ring lattice with so few edges is no more clustered than chance: its {what} goes from "
            f"{ends}, the wiring's is {goal:.4f}; choose degree or another null model, or a denser circuit"
        )
    return (
        f"small_world: the wiring's {what}, {goal:.4f}, lies outside what a ring lattice rewired has, from {ends}; "
        "choose lattice or another null model"
    )


def _reached(match: _Match, goal: float, edges: int) -> str:
    return f"{match.reached:.4f}, the worm's {goal:.4f}; {match.rewired} of {edges} edges rewired"


def gap_clustering(pre: np.ndarray, post: np.ndarray, cells: int) -> float:
    """Mean clustering coefficient of an undirected simple graph, 0 for a cell with under two partners."""
    ends = np.concatenate([pre, post]), np.concatenate([post, pre])
    a = sparse.csr_array((np.ones(len(ends[0])), ends), shape=(cells, cells))
    triangles = (a @ a).multiply(a).sum(axis=1)  # each counted twice
    degree = a.sum(axis=1)
    triples = degree * (degree - 1)
    return float(np.divide(triangles, triples, out=np.zeros(cells), where=triples > 0).mean())
