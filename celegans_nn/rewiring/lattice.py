"""The `lattice` null: every cell talks to its neighbours along the body. The orderly end of Watts & Strogatz (1998)."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import RewiringError, one_line
from celegans_nn.rewiring.edges import (
    BLOCKS,
    KINDS,
    STAYS,
    Moves,
    Rewired,
    cell_kinds,
    movable_blocks,
    refuse_unmoved,
    unordered,
)

STUCK = "every allowed pair of cells is connected already"


def lattice(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """Puts the edges in scope on a ring lattice of the cells in body order.

    The cells of a kind stand in the order of their y (anterior to posterior; equal y in random order), and the
    tail is next to the head. Each cell keeps, in each block (neuron to neuron, neuron to muscle, ...), its number
    of targets, which are now its nearest on either side, one side more than the other by at most one, at random;
    and its own weights and signs, dealt at random among them. In-degrees follow from the order and are not kept.

    Gap junctions: as many pairs, first all neighbours, then all next neighbours, and so on; of the last distance
    a random part. Their weights are dealt at random, the degrees of the cells are not kept. Between two kinds of
    cells, nearest is by the places of both on one ring.

    A move is one edge placed. Raises RewiringError where a cell of a kind in scope has no position, and where
    every allowed pair is connected.
    """
    order = body_order(worm, scope, "lattice", rng)
    chemical, moves = ring_chemical(worm, scope, order, rng)
    electrical, gap_moves = ring_electrical(worm, scope, order, rng)
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, {}), "lattice", scope, STUCK)


def body_order(worm: Connectome, scope: str, null: str, rng: np.random.Generator) -> np.ndarray:
    """All cells from head to tail, int64 [N]; RewiringError where one of the kinds of cells in scope has no y."""
    kinds, y = cell_kinds(worm), worm.cells["y"].astype(np.float64)
    ends = worm.chemical_edges[:2], worm.electrical_edges[:2]
    blocks = np.concatenate([movable_blocks(kinds, *both, scope) for both in ends])
    used = np.unique(blocks[blocks != STAYS])
    lost = np.flatnonzero(np.isin(kinds, [*(used // KINDS), *(used % KINDS)]) & np.isnan(y))
    if len(lost):
        others = f" and {len(lost) - 1} more have" if len(lost) > 1 else " has"
        raise RewiringError(
            f"{null}: cell {one_line(worm.names[lost[0]])!r}{others} no position along the body (y) in scope "
            f"{scope!r}; choose a scope or a wiring whose cells have one, or another null model"
        )
    return np.lexsort((rng.random(len(worm)), y))


def ring_chemical(
    worm: Connectome, scope: str, order: np.ndarray, rng: np.random.Generator
) -> tuple[ChemicalEdges, Moves]:
    """Chemical edges on the ring lattice: every edge keeps its presynaptic cell, weight and sign."""
    e, kinds = worm.chemical_edges, cell_kinds(worm)
    blocks = movable_blocks(kinds, e.pre, e.post, scope)
    here = np.flatnonzero(blocks != STAYS)
    place = np.argsort(order)
    post, free = e.post.astype(np.int64), 0
    own = e.pre[here].astype(np.int64) * BLOCKS + blocks[here]
    here = here[np.argsort(own, kind="stable")]
    keys, sizes = np.unique(own, return_counts=True)
    of_kind = [order[kinds[order] == kind] for kind in range(KINDS)]
    starts = [np.searchsorted(place[targets], place, side="right") for targets in of_kind]
    last = 0
    for key, size in zip(keys.tolist(), sizes.tolist(), strict=True):
        (cell, block), last = divmod(key, BLOCKS), last + size
        kind = block % KINDS
        # Round the ring from the cell, which is itself the last stop where it is of that kind.
        targets, start = of_kind[kind], starts[kind][cell]
        stops = len(targets) - int(kinds[cell] == kind)
        ahead = (size + int(rng.integers(2))) // 2
        around = np.concatenate([np.arange(ahead), np.arange(stops - (size - ahead), stops)])
        post[here[last - size : last]] = rng.permutation(targets[(start + around) % len(targets)])
        free += size if size < stops else 0
    return ChemicalEdges(e.pre, post, e.weight, e.sign), Moves(len(here), len(here), free, free)


def ring_electrical(
    worm: Connectome, scope: str, order: np.ndarray, rng: np.random.Generator
) -> tuple[ElectricalEdges, Moves]:
    """Gap junctions on the ring lattice, their weights dealt at random."""
    e, kinds = worm.electrical_edges, cell_kinds(worm)
    pre, post, weight = e.pre.astype(np.int64), e.post.astype(np.int64), e.weight.copy()
    blocks = unordered(movable_blocks(kinds, pre, post, scope))
    place, free = np.argsort(order), 0
    for block in np.unique(blocks[blocks != STAYS]):
        pairs = np.flatnonzero(blocks == block)
        first, second = (order[kinds[order] == kind] for kind in divmod(int(block), KINDS))
        # Columns are distances, as many as these pairs can fill: two to a distance within one kind of cells, where
        # every pair stands there twice, seen ahead and seen from behind.
        stops = len(second) - int(block // KINDS == block % KINDS)
        near = _nearest(place[first], second, place, stops, min(2 * (len(pairs) // len(first) + 1), stops))
        one, other = np.repeat(first, near.shape[1]).reshape(near.shape), near
        distance, choices = np.broadcast_to(np.arange(near.shape[1]), near.shape), len(first) * len(second)
        if block // KINDS == block % KINDS:
            once = _seen_once(one, other)
            one, other, distance = one[once], other[once], distance[once] // 2
            choices = len(first) * (len(first) - 1) // 2
        ranked = np.lexsort((rng.random(one.size), distance.ravel()))[: len(pairs)]
        pre[pairs], post[pairs] = one.ravel()[ranked], other.ravel()[ranked]
        weight[pairs] = rng.permutation(weight[pairs])
        free += len(pairs) if len(pairs) < choices else 0
    moves = Moves(int((blocks != STAYS).sum()), int((blocks != STAYS).sum()), free, free)
    return ElectricalEdges(pre, post, weight), moves


def _nearest(at: np.ndarray, targets: np.ndarray, place: np.ndarray, stops: int, columns: int) -> np.ndarray:
    """The nearest of `targets`, int64 [len(at), columns]: first behind, first before, second behind, second before, ...

    `targets` are in body order; `stops` of them are passed on the way round the ring from a place in `at`.
    """
    step = np.arange(columns)
    around = np.where(step % 2 == 0, step // 2, stops - 1 - step // 2)
    start = np.searchsorted(place[targets], at, side="right")
    return targets[(start[:, None] + around) % len(targets)]


def _seen_once(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where each unordered pair stands for the first time, bool of the same shape, row by row."""
    code = np.minimum(one, other) * (max(one.max(), other.max()) + 1) + np.maximum(one, other)
    _, first = np.unique(code.ravel(), return_index=True)
    seen = np.zeros(code.size, dtype=bool)
    seen[first] = True
    return seen.reshape(code.shape)
