"""The `strength` null: every cell keeps, by sign, how many partners it has and (within 5 %) how strongly it hears."""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.rewiring.edges import STAYS, Moves, Rewired, cell_kinds, movable_blocks, refuse_unmoved, unordered
from celegans_nn.rewiring.links import flip, link_table, linked, renumbered
from celegans_nn.rewiring.splitmix import below_high, below_low, kernel_seed, next_bits
from celegans_nn.rewiring.switching import by_groups

TOLERANCE = 0.05
SLACK = 1e-9
"""Relative: sums of weights that are no whole numbers depend on their order in the last digits."""
STUCK = "no exchange of two targets keeps every strength within 5 %"
EQUALS = (
    "degree_sign (but for reversals of three-cycles, which strength does not try): no two edges in scope of one sign "
    "between the same kinds of cells differ in weight, so every strength is its degree"
)
LEAST_ATTEMPTS = 1000
ATTEMPTS_PER_EDGE = 1000
"""Measured as the share of the worm's edges that its control still has (Cook's whole worm, one seed). The second line
of each pair began elsewhere: at a graph randomised under its signed degrees alone and annealed (8000 attempts an edge)
until every strength was within its band. From 1000 on the start makes no difference; what is left is chance and, in
small blocks, edges so heavy that they fit nowhere else.

| attempts an edge inside the bands | 10 | 100 | 1000 | 10,000 |
|---|---|---|---|---|
| 3671 neuron-to-neuron edges | .206 | .123 | .109 | .112 |
| annealed | .112 | .113 | .109 | .114 |
| 1051 neuron-to-muscle edges | .229 | .152 | .142 | .165 |
| annealed | .142 | .133 | .126 | .136 |
| 1091 gap junctions between neurons | .148 | .086 | .076 | .076 |
| annealed | .078 | .082 | .083 | .070 |
| 90 gap junctions of neurons and end organs | .789 | .622 | .589 | .611 |

At 1000, with the edges between neurons of cook2019, command_vnc79, haspel2012, varshney2011, two controls of different
seeds share .111, .235, .160, .113 of their edges, as many as each shares with the worm (.116, .235, .149, .113; means
of ten seeds); controls of `degree_sign` share .105 and .214 with the first two.
"""


def strength(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float = ATTEMPTS_PER_EDGE
) -> Rewired:
    """A graph with the worm's signed degrees and weights in which every strength is within 5 % of the worm's.

    Of every cell, in each block (neuron to neuron, neuron to muscle, ...): in- and out-degree by sign and its own
    outgoing weights by sign are kept exactly, so out-strengths are too; the sum of its incoming weights of each
    sign stays within 5 %, and with it the sum over all signs. Of gap junctions: the degree of every cell and the
    multiset of weights exactly, every cell's total conductance within 5 %.

    A Markov chain from the worm itself: two edges of one sign and block exchange their targets (two edges of one
    cell too, which deals its weights differently), unless that makes a self-loop or a parallel edge or takes a
    strength out of its band. A proposal is as likely as its reverse, so all graphs that the chain reaches are
    equally likely in the long run; it need not reach all there are. A move is an attempted exchange.

    Raises RewiringError where no exchange is possible. Where no two edges that could be exchanged differ in weight
    the provenance says so under `equals`. Where weights differ so much that only a few are, `movable`
    in the provenance is far below the number of edges.
    """
    chemical, moves = _chemical(worm, scope, rng, attempts_per_edge)
    electrical, gap_moves = _electrical(worm, scope, rng, attempts_per_edge)
    made = Rewired(chemical, electrical, moves, gap_moves, {} if _weights_differ(worm, scope) else {"equals": EQUALS})
    return refuse_unmoved(made, "strength", scope, STUCK)


def _weights_differ(worm: Connectome, scope: str) -> bool:
    """Whether two edges of one sign, or two gap junctions, between the same kinds of cells differ in weight."""
    kinds, c, g = cell_kinds(worm), worm.chemical_edges, worm.electrical_edges
    chemical = movable_blocks(kinds, c.pre, c.post, scope)
    signed = np.where(chemical == STAYS, STAYS, 3 * chemical + c.sign + 1)
    for group, weight in ((signed, c.weight), (unordered(movable_blocks(kinds, g.pre, g.post, scope)), g.weight)):
        order = np.lexsort((weight, group))
        group, weight = group[order], weight[order]
        if ((group[1:] == group[:-1]) & (weight[1:] != weight[:-1]) & (group[1:] != STAYS)).any():
            return True
    return False


def _chemical(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float
) -> tuple[ChemicalEdges, Moves]:
    e = worm.chemical_edges
    blocks = movable_blocks(cell_kinds(worm), e.pre, e.post, scope)
    here = np.flatnonzero(blocks != STAYS)
    group = 3 * blocks[here] + e.sign[here] + 1
    far = e.post[here].astype(np.int64)
    moves = exchange(e.pre[here].astype(np.int64), far, e.weight[here], group, group, False, attempts_per_edge, rng)
    post = e.post.astype(np.int64)
    post[here] = far
    return ChemicalEdges(e.pre, post, e.weight, e.sign), moves


def _electrical(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float
) -> tuple[ElectricalEdges, Moves]:
    e, kinds = worm.electrical_edges, cell_kinds(worm)
    pre, post = e.pre.astype(np.int64), e.post.astype(np.int64)
    both_ways = np.concatenate([movable_blocks(kinds, *ends, scope) for ends in ((pre, post), (post, pre))])
    near, far = np.concatenate([pre, post]), np.concatenate([post, pre])
    here = np.flatnonzero(both_ways != STAYS)
    near, far, group = near[here], far[here], both_ways[here]
    weight = np.tile(e.weight, 2)[here]
    moves = exchange(near, far, weight, group, unordered(group), True, attempts_per_edge, rng)
    pairs = here[: len(here) // 2]
    pre[pairs], post[pairs] = near[: len(pairs)], far[: len(pairs)]
    return ElectricalEdges(pre, post, e.weight), moves


def exchange(
    near: np.ndarray,
    far: np.ndarray,
    weight: np.ndarray,
    group: np.ndarray,
    counted: np.ndarray,
    twice: bool,
    attempts_per_edge: float,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
) -> Moves:
    """Exchanges far ends of edges, in place, within bands round the summed weight of every cell's far ends.

    Every edge keeps its near end and its weight. Undirected edges (`twice`) stand there twice, the second time, in
    the second half, with their ends swapped, so that either may be near; then `near` changes too.

    near, far, group, counted: int64 [E] or [2 E]; weight: float64, as long. Ends are exchanged within a group; a
    cell's strengths are told apart by `counted`, one number for all edges of a group.
    """
    edges = len(far) // 2 if twice else len(far)
    if edges == 0:
        return Moves(0, 0, 0, 0)
    attempts = max(round(attempts_per_edge * edges), LEAST_ATTEMPTS)
    cells, (new_near, new_far) = renumbered(near, far)
    key = counted * len(cells)
    strength = np.bincount(key + new_far, weight)
    least, most = strength * (1 - tolerance) * (1 - SLACK), strength * (1 + tolerance) * (1 + SLACK)
    by_group, group_first = by_groups(group)
    moved = np.zeros(len(far), dtype=np.bool_)
    accepted = _exchange(
        new_near,
        new_far,
        weight,
        group,
        by_group,
        group_first,
        key,
        link_table(len(cells)),
        twice,
        strength,
        least,
        most,
        attempts,
        kernel_seed(rng),
        moved,
    )
    near[:], far[:] = cells[new_near], cells[new_far]
    if twice:
        moved = moved[:edges] | moved[edges:]
    return Moves(edges, attempts, int(accepted), int(moved.sum()))


@njit_kept(nogil=True)
def _exchange(
    near: np.ndarray,
    far: np.ndarray,
    weight: np.ndarray,
    group: np.ndarray,
    by_group: np.ndarray,
    group_first: np.ndarray,
    key: np.ndarray,
    links: np.ndarray,
    twice: bool,
    strength: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
    attempts: int,
    state: np.uint64,
    moved: np.ndarray,
) -> int:
    for k in range(len(near)):
        flip(links, near[k], far[k])
    accepted, half = 0, len(near) // 2
    for _ in range(attempts):
        state, bits = next_bits(state)
        i = below_high(bits, len(near))
        start = group_first[group[i]]
        j = by_group[start + below_low(bits, group_first[group[i] + 1] - start)]
        # a - b and c - d become a - d and c - b, each with the weight it had at a and c.
        a, b, c, d = near[i], far[i], near[j], far[j]
        change = weight[j] - weight[i]
        if b == d:
            continue
        if a == c:
            if change == 0.0:
                continue
        elif a == d or c == b or linked(links, a, d) or linked(links, c, b):
            continue
        at_b, at_d = key[i] + b, key[i] + d
        new_b, new_d = strength[at_b] + change, strength[at_d] - change
        if not (least[at_b] <= new_b <= most[at_b] and least[at_d] <= new_d <= most[at_d]):
            continue
        strength[at_b], strength[at_d] = new_b, new_d
        far[i], far[j] = d, b
        if a != c:
            for u, v in ((a, b), (c, d), (a, d), (c, b)):
                flip(links, u, v)
                if twice:
                    flip(links, v, u)
        if twice:
            # the same two edges, seen from their far ends
            near[i - half if i >= half else i + half] = d
            near[j - half if j >= half else j + half] = b
        moved[i] = moved[j] = True
        accepted += 1
    return accepted
