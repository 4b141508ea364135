"""The `weight_shuffle` null: the same wiring and the same signs; which edge is strong and which is weak is random."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.rewiring.edges import (
    KINDS,
    Moves,
    Rewired,
    cell_kinds,
    dealt_within,
    movable_blocks,
    refuse_unmoved,
    unordered,
)

STUCK = "no two edges of one sign between the same kinds of cells differ in weight"


def weight_shuffle(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """Deals the weights of the edges in scope anew among edges of one sign and block (neuron to neuron, ...).

    Every edge and its sign stay, so does the multiset of weights of each stratum; gap weights are dealt within
    their block. All ways of dealing are equally likely (an exact draw). Unlike in the null models that move
    edges, a weight leaves its presynaptic cell, so out-strengths change too.

    A move is one edge that was dealt a weight; it is accepted where its stratum has two different weights.
    Raises RewiringError where no stratum of the chemical edges has.
    """
    kinds = cell_kinds(worm)
    c, g = worm.chemical_edges, worm.electrical_edges
    blocks = movable_blocks(kinds, c.pre, c.post, scope)
    # STAYS is -1, so the edges that stay have the strata below 0
    weight, moves = _dealt(c.weight, blocks * KINDS + c.sign + 1, rng)
    gap_weight, gap_moves = _dealt(g.weight, unordered(movable_blocks(kinds, g.pre, g.post, scope)), rng)
    made = Rewired(
        ChemicalEdges(c.pre, c.post, weight, c.sign),
        ElectricalEdges(g.pre, g.post, gap_weight),
        moves,
        gap_moves,
        {},
    )
    return refuse_unmoved(made, "weight_shuffle", scope, STUCK)


def _dealt(weight: np.ndarray, strata: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Moves]:
    """Weights dealt anew within each stratum of 0 and up, float64 [E], and how many edges could get another."""
    here = np.flatnonzero(strata >= 0)
    dealt = weight.copy()
    dealt[here] = weight[here[dealt_within(strata[here], rng)]]
    movable = sum(len(values) for s in np.unique(strata[here]) if len(np.unique(values := weight[strata == s])) > 1)
    return dealt, Moves(len(here), len(here), movable, movable)
