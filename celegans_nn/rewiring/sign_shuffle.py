"""The `sign_shuffle` null: the same wiring and the same weights; which neurons are inhibitory is random."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError, one_line
from celegans_nn.rewiring.edges import KINDS, Moves, Rewired, cell_kinds, movable_blocks, refuse_unmoved
from celegans_nn.rewiring.statistics import cell_signs

FROZEN = (
    "no two cells of one kind that may change sign differ in it "
    '(a cell with an edge out of scope or onto itself keeps its own; scope="all" leaves no edge out)'
)


def sign_shuffle(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """Permutes the signs of cells (excitatory, inhibitory, unknown) among the cells of one kind that have output.

    Topology, weights and gap junctions stay; every chemical edge in scope takes its presynaptic cell's new sign.
    A cell that keeps an edge, because it is out of scope or a self-loop, keeps its sign: no cell gets two. The
    number of cells of each sign is kept; the number of edges of each sign is not. All permutations are equally
    likely (an exact draw); the provenance's `cells_with_kept_sign` says how many cells had to keep theirs.

    A move is one edge whose cell was dealt a sign; it is accepted where the cells dealt to differ in sign.
    Raises RewiringError for a cell with edges of two signs, and where all cells that may change sign have one.
    """
    e, kinds = worm.chemical_edges, cell_kinds(worm)
    signs = cell_signs(worm)
    if signs is None:
        raise RewiringError(_two_signs(worm))
    blocks = movable_blocks(kinds, e.pre, e.post, scope)
    here = blocks >= 0
    free = np.zeros(len(worm), dtype=bool)
    free[e.pre[here]] = True
    with_output = int(free.sum())
    free[e.pre[~here]] = False

    dealt, can_change = signs.copy(), np.zeros(len(worm), dtype=bool)
    for kind in range(KINDS):
        cells = np.flatnonzero(free & (kinds == kind))
        dealt[cells] = rng.permutation(signs[cells])
        can_change[cells] = len(np.unique(signs[cells])) > 1
    sign = np.where(here, dealt[e.pre], e.sign).astype(e.sign.dtype)
    offered, movable = int(free[e.pre[here]].sum()), int(can_change[e.pre[here]].sum())
    notes = {"cells_with_kept_sign": f"{with_output - int(free.sum())} of {with_output} with output in scope"}
    moves = Moves(int(here.sum()), offered, movable, movable)
    made = Rewired(e._replace(sign=sign), worm.electrical_edges, moves, Moves(0, 0, 0, 0), notes)
    return refuse_unmoved(made, "sign_shuffle", scope, FROZEN)


def _two_signs(worm: Connectome) -> str:
    e = worm.chemical_edges
    first = np.searchsorted(e.pre, np.arange(len(worm)))  # edges are sorted by their presynaptic cell
    mixed = np.flatnonzero(np.bincount(e.pre, e.sign != e.sign[first[e.pre]], len(worm)))
    others = f" (as have {len(mixed) - 1} more)" if len(mixed) > 1 else ""
    return (
        f"sign_shuffle: cell {one_line(worm.names[mixed[0]])!r} has outgoing edges of two signs{others}, so it has "
        "no sign to give away; choose a polarity with one sign a cell, or another null model"
    )
