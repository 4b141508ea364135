"""The `reciprocity` null: every cell keeps its mutual partners in number, and its one-way ones in each direction."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome
from celegans_nn.rewiring.degree import STUCK as STUCK_GAPS
from celegans_nn.rewiring.degree import attempts_for, chemical_groups, degree_electrical
from celegans_nn.rewiring.dyads import switch_dyads
from celegans_nn.rewiring.edges import BLOCKS, Moves, Rewired, dealt_within, refuse_unmoved

STUCK = "no switch of two single edges or of two mutual pairs, and no reversal of a path, is possible"
ATTEMPTS_PER_EDGE = 10.0
"""Attempts for each edge in scope, as for `degree`; a mutual pair is two edges.

The share of edges the control still has (scope "neurons", mean of 40 seeds, standard error at most .001 and .0025).
It stops falling at 5:

| attempts an edge | 1 | 2 | 3 | 5 | 7 | 10 | 20 | 50 | 100 |
|---|---|---|---|---|---|---|---|---|---|
| cook2019, 3671 edges | .215 | .116 | .101 | .096 | .097 | .096 | .097 | .096 | .096 |
| command_vnc79, 599 edges | | .244 | .221 | .209 | .212 | .211 | .208 | .206 | .209 |

75 % and 54 % of the attempts on chemical edges are accepted.
"""


def reciprocity(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float = ATTEMPTS_PER_EDGE
) -> Rewired:
    """A graph in which every cell has as many mutual partners, and one-way partners in each direction, as the worm's.

    A pair of cells is unlinked, linked one way, or mutually; each cell's numbers are kept by the kind of its partner
    (neuron, muscle, other), and so are its degrees and the worm's reciprocity. Single edges are switched with single
    edges and mutual pairs with mutual pairs, only onto unlinked pairs of cells, and paths of three single edges
    a -> c -> d -> b are turned into a -> d -> c -> b, which with a = b is the reversal of a three-cycle. A cell's
    outgoing weights and signs stay its own, dealt at random to its new targets, one-way or mutual. Gap junctions are
    those of `degree`.

    All graphs that these moves reach are equally likely; that they are all graphs with these numbers is not proved.
    Of the digraphs on four and on five cells, all listed, every ensemble of up to five edges is reached whole. Of
    those of six, 6 of 80 and 90 of 8160 fall into parts between which no move leads, and most of those with more
    than half of all possible edges do. A worm links 7 % (cook2019) to 16 % (command_vnc79) of its pairs of neurons.
    """
    chemical, moves = _chemical(worm, scope, rng, attempts_per_edge)
    electrical, gap_moves = degree_electrical(worm, scope, rng, attempts_per_edge)
    notes = {} if moves.edges else {"equals": "degree: gap junctions, which are never one-way, are alone in scope"}
    made = Rewired(chemical, electrical, moves, gap_moves, notes)
    return refuse_unmoved(made, "reciprocity", scope, STUCK, STUCK_GAPS)


def _chemical(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float
) -> tuple[ChemicalEdges, Moves]:
    e, blocks = worm.chemical_edges, chemical_groups(worm, scope)
    here = np.flatnonzero(blocks >= 0)
    # The two edges of a mutual dyad join the same kinds of cells, so both are in scope or neither is.
    answered = np.isin(_code(e.pre, e.post, len(worm)), _code(e.post, e.pre, len(worm))) & (blocks >= 0)
    single = np.flatnonzero((blocks >= 0) & ~answered)
    there, back = np.flatnonzero(answered & (e.pre < e.post)), np.flatnonzero(answered & (e.pre > e.post))
    back = back[np.lexsort((e.pre[back], e.post[back]))]  # so that both have a dyad at one position
    post, weight, sign = e.post.copy(), e.weight.copy(), e.sign.copy()
    post[single], one, other, moves = switch_dyads(
        (e.pre[single], e.post[single], blocks[single]),
        (e.pre[there], e.post[there], np.stack([blocks[there], blocks[back]])),
        attempts_for(len(here), attempts_per_edge),
        rng,
    )
    # A cell has as many mutual partners of each kind as before; its rows take the new ones.
    rows = np.concatenate([there, back])
    new_pre, new_post = np.concatenate([one, other]), np.concatenate([other, one])
    post[rows[np.lexsort((blocks[rows], e.pre[rows]))]] = new_post[np.lexsort((blocks[rows], new_pre))]
    dealt = here[dealt_within(e.pre[here] * BLOCKS + blocks[here], rng)]
    weight[here], sign[here] = e.weight[dealt], e.sign[dealt]
    return ChemicalEdges(e.pre, post, weight, sign), moves


def _code(pre: np.ndarray, post: np.ndarray, cells: int) -> np.ndarray:
    return pre.astype(np.int64) * cells + post
