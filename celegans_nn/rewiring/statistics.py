"""The `statistics` null: as many edges, gap junctions and excitatory and inhibitory neurons, wired anywhere.

After the statistics-matched network of Schmidgall, Schuman & Parsa (2022), but as cyclic as the worm itself.
"""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.connectome.connectome import ChemicalEdges, Connectome
from celegans_nn.rewiring.density import density_chemical, density_electrical
from celegans_nn.rewiring.edges import KINDS, Moves, Rewired, cell_kinds, dealt_within, movable_blocks, refuse_unmoved
from celegans_nn.rewiring.splitmix import below_high, below_low, kernel_seed, next_bits

STUCK = "no other graph has these numbers of edges and of excitatory and inhibitory neurons"
SILENT = 2
ATTEMPTS_PER_EDGE, LEAST_ATTEMPTS = 10, 1000


def statistics(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """What `density` keeps, and the number of excitatory, inhibitory and unknown neurons.

    Where every cell's outgoing edges have one sign, which cells are excitatory, inhibitory, unknown or without
    output is drawn anew (among cells of one kind; a cell that keeps an edge, out of scope or to itself, keeps
    its sign), and each edge's sign is its presynaptic cell's. All graphs with these numbers and with the
    multiset of (weight, sign) in each block are equally likely. Where one cell has two signs, neurons have
    none to count: the null is then `density`, and the provenance says `"signs": "of edges"`.

    A move is one edge placed. Raises RewiringError where only one such graph exists.
    """
    signs = cell_signs(worm)
    if signs is None:
        chemical, moves = density_chemical(worm, scope, rng)
    else:
        chemical, moves = _chemical_by_neuron(worm, signs, scope, rng)
    electrical, gap_moves = density_electrical(worm, scope, rng)
    notes = {"signs": "of edges" if signs is None else "of neurons"}
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, notes), "statistics", scope, STUCK)


def cell_signs(worm: Connectome) -> np.ndarray | None:
    """The sign of each cell's outgoing chemical edges (+1, -1, 0 unknown, SILENT if it has none), int64 [N].

    None where a cell has edges of two signs.
    """
    e = worm.chemical_edges
    least, most = np.full(len(worm), SILENT), np.full(len(worm), -SILENT)
    np.minimum.at(least, e.pre, e.sign)
    np.maximum.at(most, e.pre, e.sign)
    return None if (least < most).any() else least


def _chemical_by_neuron(
    worm: Connectome, signs: np.ndarray, scope: str, rng: np.random.Generator
) -> tuple[ChemicalEdges, Moves]:
    e, kinds = worm.chemical_edges, cell_kinds(worm)
    blocks = movable_blocks(kinds, e.pre, e.post, scope)
    here = np.flatnonzero(blocks >= 0)
    keeps_edges = np.zeros(len(worm), dtype=bool)
    keeps_edges[e.pre[blocks < 0]] = True
    heir, sign_moves = _heirs(signs, kinds, keeps_edges, np.unique(blocks[here] // KINDS), rng)
    new_signs = signs.copy()
    new_signs[heir] = signs
    pre, target_kind = heir[e.pre[here]], blocks[here] % KINDS
    room = _room(kinds)
    count, relocated = _scatter(pre, target_kind, kinds * 4 + new_signs, room, ~keeps_edges, rng)
    other_graph_exists = sign_moves or relocated > 0 or bool(((count > 0) & (count < room)).any())

    new_pre, new_post, weight = e.pre.copy(), e.post.copy(), e.weight.copy()
    new_pre[here], new_post[here] = pre, _targets(pre, target_kind, count, kinds, rng)
    weight[here] = e.weight[here[dealt_within(blocks[here] * KINDS + e.sign[here], rng)]]
    moved = len(here) if other_graph_exists else 0
    moves = Moves(len(here), len(here), moved, moved)
    return ChemicalEdges(new_pre, new_post, weight, e.sign), moves


def _heirs(
    signs: np.ndarray, kinds: np.ndarray, keeps_edges: np.ndarray, moving: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """The cell that takes over each cell's sign and outputs, int64 [N]; and whether signs can change place.

    A random permutation of those cells of each kind whose every edge moves.
    """
    heir, sign_moves = np.arange(len(kinds)), False
    for kind in moving:
        free = np.flatnonzero((kinds == kind) & ~keeps_edges)
        heir[free] = rng.permutation(free)
        sign_moves |= len(np.unique(signs[free])) > 1
    return heir, sign_moves


def _room(kinds: np.ndarray) -> np.ndarray:
    """How many targets of each kind a cell can have, int64 [N, KINDS]: itself is none."""
    room = np.tile(np.bincount(kinds, minlength=KINDS), (len(kinds), 1))
    room[np.arange(len(kinds)), kinds] -= 1
    return room


def _scatter(
    pre: np.ndarray,
    target_kind: np.ndarray,
    stratum: np.ndarray,
    room: np.ndarray,
    needs_one: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, int]:
    """Draws the presynaptic cells of the edges anew, in place, among the cells of their stratum (kind and sign).

    A cell with c of its r possible targets of a kind can choose them in (r over c) ways, so out-degrees are
    drawn with that weight, under the condition that a cell counted as having a sign has an edge to show it.
    Returns the edges of each cell to each kind, int64 [N, KINDS], and how many relocations were accepted.
    """
    count = np.zeros(room.shape, dtype=np.int64)
    np.add.at(count, (pre, target_kind), 1)
    if len(pre) == 0:
        return count, 0
    members = np.argsort(stratum, kind="stable")
    first = np.searchsorted(stratum[members], np.arange(stratum.min(), stratum.max() + 2))
    attempts = max(ATTEMPTS_PER_EDGE * len(pre), LEAST_ATTEMPTS)
    return count, int(
        _relocate(
            pre,
            target_kind,
            count,
            room,
            needs_one,
            stratum - stratum.min(),
            members,
            first,
            attempts,
            kernel_seed(rng),
        )
    )


@njit_kept(nogil=True)
def _relocate(
    pre: np.ndarray,
    target_kind: np.ndarray,
    count: np.ndarray,
    room: np.ndarray,
    needs_one: np.ndarray,
    stratum: np.ndarray,
    members: np.ndarray,
    first: np.ndarray,
    attempts: int,
    state: np.uint64,
) -> int:
    """Offers a random edge to a random cell of its stratum and to a random target, free with (r - c) / r."""
    held = count.sum(axis=1)
    accepted = 0
    for _ in range(attempts):
        state, bits = next_bits(state)
        edge = below_high(bits, len(pre))
        old, kind = pre[edge], target_kind[edge]
        start = first[stratum[old]]
        new = members[start + below_low(bits, first[stratum[old] + 1] - start)]
        if new == old or (needs_one[old] and held[old] == 1):
            continue
        state, bits = next_bits(state)
        if below_high(bits, room[new, kind]) < count[new, kind]:
            continue
        pre[edge] = new
        count[old, kind] -= 1
        count[new, kind] += 1
        held[old] -= 1
        held[new] += 1
        accepted += 1
    return accepted


def _targets(
    pre: np.ndarray, target_kind: np.ndarray, count: np.ndarray, kinds: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Postsynaptic cells, int64 [E]: for each cell and kind a set of `count` targets, all sets equally likely."""
    post = np.empty(len(pre), dtype=np.int64)
    edges = np.lexsort((target_kind, pre))
    of_kind = [np.flatnonzero(kinds == kind) for kind in range(KINDS)]
    done = 0
    for cell, kind in np.argwhere(count):
        targets = of_kind[kind][of_kind[kind] != cell]
        n = count[cell, kind]
        post[edges[done : done + n]] = rng.choice(targets, size=n, replace=False)
        done += n
    return post
