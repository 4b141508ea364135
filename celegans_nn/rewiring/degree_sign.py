"""The `degree_sign` null: every cell keeps how many partners of each sign it sends to and hears from."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.rewiring.degree import ATTEMPTS_PER_EDGE, chemical_groups, degree_chemical, degree_electrical
from celegans_nn.rewiring.degree import STUCK as STUCK_GAPS
from celegans_nn.rewiring.edges import BLOCKS, Rewired, refuse_unmoved

STUCK = "no switch of two edges of one sign, and no reversal of a three-cycle of one sign, is possible"


def degree_sign(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float = ATTEMPTS_PER_EDGE
) -> Rewired:
    """A graph in which every cell has its in- and out-degree by sign: excitatory, inhibitory and unknown apart.

    Degrees are kept in each block (neuron to neuron, neuron to muscle, ...). The chain is that of `degree`, but
    only edges of one sign are switched or reversed with each other; a cell's outgoing weights stay its own, dealt
    at random to its new targets of the same sign. Gap junctions are those of `degree`.

    Where no cell has edges of two signs (in one block), the control is drawn uniformly: the edges of each sign are
    then a digraph of their own, on pairs that no other sign can take, and the proof for `degree` holds for each.
    All 7796 such ensembles of two signs on four cells with more than one member were checked to be reached whole.
    Where cells have several signs it is not: 38,909 of 89,299 ensembles of two signs on four cells fall into parts
    between which no move leads. Degrees are kept there too, but some graphs with these degrees never come up; the
    provenance then says so under `signs`. Where all edges have one sign it says so under `equals`.

    Attempts for an edge as for `degree`. The share of edges the control still has (scope "neurons", mean of 40
    seeds, standard error at most .002):

    | attempts an edge | 0.5 | 1 | 2 | 3 | 5 | 10 | 20 | 100 |
    |---|---|---|---|---|---|---|---|---|
    | cook2019, 3671 edges | .506 | .286 | .141 | .112 | .106 | .106 | .105 | .104 |
    | command_vnc79, 599 edges | | | .259 | .223 | .214 | .218 | .213 | .214 |
    """
    chemical, moves = degree_chemical(worm, scope, rng, attempts_per_edge, by_sign=True)
    electrical, gap_moves = degree_electrical(worm, scope, rng, attempts_per_edge)
    notes = _notes(worm, scope)
    return refuse_unmoved(
        Rewired(chemical, electrical, moves, gap_moves, notes), "degree_sign", scope, STUCK, STUCK_GAPS
    )


def _notes(worm: Connectome, scope: str) -> dict[str, str]:
    e, blocks = worm.chemical_edges, chemical_groups(worm, scope)
    here = np.flatnonzero(blocks >= 0)
    if len(here) == 0:
        return {"equals": "degree: gap junctions, which have no sign, are alone in scope"}
    if len(np.unique(e.sign[here])) == 1:
        return {"equals": "degree: all chemical edges in scope have one sign"}
    cell_blocks = e.pre[here] * BLOCKS + blocks[here]
    if len(np.unique(3 * cell_blocks + e.sign[here])) > len(np.unique(cell_blocks)):
        return {"signs": "some cells have edges of several signs: not every graph with these degrees can come up"}
    return {}
