"""The `degree` null: every cell keeps how many partners it sends to and hears from (Maslov & Sneppen 2002)."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.rewiring.edges import (
    BLOCKS,
    Moves,
    Rewired,
    cell_kinds,
    dealt_within,
    movable_blocks,
    refuse_unmoved,
    unordered,
)
from celegans_nn.rewiring.switching import Bands, Labels, switch_directed, switch_undirected

STUCK = "no other simple graph has these degrees"
LEAST_ATTEMPTS = 1000
ATTEMPTS_PER_EDGE = 10.0
"""Attempts for each edge in scope, rejected ones included; at least `LEAST_ATTEMPTS` in all.

Measured as the share of the worm's edges that its control still has (scope "neurons", mean of 40 seeds; standard
error below .001 for Cook's whole worm, .005 for the circuits). It stops falling at 5; 10 is twice that.

| attempts an edge | 0.25 | 0.5 | 1 | 2 | 3 | 5 | 7 | 10 | 20 | 100 | 300 |
|---|---|---|---|---|---|---|---|---|---|---|---|
| cook2019, 302 neurons, 3671 edges | .700 | .498 | .276 | .131 | .102 | .094 | .094 | .094 | .094 | .094 | .094 |
| its reciprocity (worm .276) | .153 | .097 | .062 | .053 | .051 | .052 | .051 | .052 | .052 | .052 | .052 |
| cook2019, its 1091 gap junctions | .653 | .435 | .216 | .091 | .072 | .071 | .067 | .070 | .070 | .070 | .069 |
| command_vnc79, 599 edges | .751 | .584 | .393 | .252 | .217 | .205 | .207 | .206 | .203 | .205 | .205 |
| haspel2012, 188 edges | .686 | .485 | .274 | .137 | .111 | .103 | .107 | .107 | .113 | .106 | .105 |

What is left at the end is chance: two graphs with hubs as strong as these share their hubs' edges. 73 %, 56 %
and 72 % of the attempts on the chemical edges of the three are accepted.
"""


def degree(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float = ATTEMPTS_PER_EDGE
) -> Rewired:
    """A graph drawn uniformly from the simple digraphs in which every cell has its in- and out-degree.

    Degrees are kept in each block (neuron to neuron, neuron to muscle, ...), those of gap junctions likewise.
    A cell's outgoing weights and signs stay its own, dealt at random to its new targets; gap junctions have no
    presynaptic end, so their weights are dealt at random in their block. A move is an attempted switch or
    three-cycle reversal (see `switching`); rejected attempts count.
    """
    chemical, moves = degree_chemical(worm, scope, rng, attempts_per_edge)
    electrical, gap_moves = degree_electrical(worm, scope, rng, attempts_per_edge)
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, {}), "degree", scope, STUCK)


def attempts_for(edges: int, attempts_per_edge: float) -> int:
    """Attempts on so many edges. In a graph of a handful most are rejected; a thousand take 20 microseconds."""
    return max(round(attempts_per_edge * edges), LEAST_ATTEMPTS) if edges else 0


def chemical_groups(worm: Connectome, scope: str, by_sign: bool = False) -> np.ndarray:
    """The group of every chemical edge, int64 [E]: its block, or its block and sign; STAYS out of scope."""
    e = worm.chemical_edges
    blocks = movable_blocks(cell_kinds(worm), e.pre, e.post, scope)
    return np.where(blocks >= 0, 3 * blocks + e.sign + 1, blocks) if by_sign else blocks


def degree_chemical(
    worm: Connectome,
    scope: str,
    rng: np.random.Generator,
    attempts_per_edge: float,
    by_sign: bool = False,
    labels: Labels | None = None,
    bands: Bands | None = None,
) -> tuple[ChemicalEdges, Moves]:
    """Chemical edges with every cell's degrees, by sign if asked; `labels` and `bands` as in `switch_directed`."""
    e = worm.chemical_edges
    groups = chemical_groups(worm, scope, by_sign)
    here = np.flatnonzero(groups >= 0)
    attempts = attempts_for(len(here), attempts_per_edge)
    post, weight, sign = e.post.copy(), e.weight.copy(), e.sign.copy()
    post[here], moves = switch_directed(
        e.pre[here], post[here], groups[here], attempts, rng, labels=labels, bands=bands
    )
    dealt = here[dealt_within(e.pre[here] * (3 * BLOCKS) + groups[here], rng)]
    weight[here], sign[here] = e.weight[dealt], e.sign[dealt]
    return ChemicalEdges(e.pre, post, weight, sign), moves


def degree_electrical(
    worm: Connectome,
    scope: str,
    rng: np.random.Generator,
    attempts_per_edge: float,
    labels: Labels | None = None,
    bands: Bands | None = None,
) -> tuple[ElectricalEdges, Moves]:
    """Gap junctions with every cell's degree; `labels` and `bands` as in `switch_undirected`."""
    e, kinds = worm.electrical_edges, cell_kinds(worm)
    both_ways = np.stack([movable_blocks(kinds, *ends, scope) for ends in ((e.pre, e.post), (e.post, e.pre))])
    blocks = unordered(both_ways[0])
    here = np.flatnonzero(blocks >= 0)
    attempts = attempts_for(len(here), attempts_per_edge)
    pre, post, weight = e.pre.copy(), e.post.copy(), e.weight.copy()
    pre[here], post[here], moves = switch_undirected(
        pre[here], post[here], both_ways[:, here], attempts, rng, labels, bands
    )
    weight[here] = e.weight[here[dealt_within(blocks[here], rng)]]
    return ElectricalEdges(pre, post, weight), moves
