"""The `class_block` nulls: as many edges of each sign from each class of cells to each, with or without degrees."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import RewiringError, one_line
from celegans_nn.rewiring.degree import chemical_groups, degree_chemical, degree_electrical
from celegans_nn.rewiring.edges import (
    KINDS,
    Moves,
    Rewired,
    cell_kinds,
    dealt_within,
    movable_blocks,
    refuse_unmoved,
)
from celegans_nn.rewiring.statistics import SILENT, cell_signs
from celegans_nn.rewiring.switching import Labels, never_refused

STUCK = "every allowed pair of cells of two classes is connected already"
STUCK_WITH_DEGREES = "no switch that keeps the numbers of edges between classes is possible"
ATTEMPTS_PER_EDGE = 1000.0
"""Attempts of `class_block_degree` for each edge in scope.

Of the attempts on chemical edges 1.4 % (cook2019) and 13 % (command_vnc79) are accepted: most pairs of edges have
no class in common. The share of edges the control still has, and the share that have moved (scope "neurons", mean
of 6 and 20 seeds, standard error at most .003):

| attempts an edge | 10 | 30 | 100 | 300 | 1000 | 3000 | 10000 |
|---|---|---|---|---|---|---|---|
| cook2019, 3671 edges: still there | .832 | | .577 | .530 | .530 | .523 | .529 |
| moved | .188 | | .588 | .722 | .781 | .791 | .793 |
| command_vnc79, 599 edges: still there | .442 | | .382 | .388 | .386 | | |
| moved | .671 | | .862 | .883 | .886 | | |
"""


def class_block(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """A graph drawn uniformly from those with as many edges of each sign from each class of cells to each.

    Gap junctions likewise, by unordered pair of classes. Classes of two kinds of cells (neuron, muscle, other) count
    as two. Where every cell's outgoing edges have one sign, they do in the control: edges of a sign leave cells of
    that sign only, as many from them as before. A cell without output then takes no edges, unless its class has one
    sign. Weights are dealt at random among the edges of one sign between the same two classes. The draw is exact: a
    move is one edge placed, accepted where it could have been placed elsewhere.

    Most of a worm's classes are pairs of cells, and all edges between two pairs may exist: `movable_share` in the
    provenance says how much could move. Between the neurons of cook2019 it is 80 % of 3671 edges, and a control still
    has 49 % of them; of command_vnc79's 599 it is 89 %, and 35 % (means of 5 seeds). Raises RewiringError where a cell
    in scope has no class.
    """
    classes = _classes(worm, scope, "class_block")
    chemical, moves = _place_chemical(worm, classes, scope, rng)
    electrical, gap_moves = _place_electrical(worm, classes, scope, rng)
    notes = {"movable_share": _movable_share(moves, gap_moves)}
    if _one_class(worm, classes, scope):
        kept = (
            ""
            if _one_voice(worm, classes, scope)
            else ", with the sign of every cell kept and none given to a silent one"
        )
        notes["equals"] = f"density among the cells of the class in scope{kept}: every kind of cell has one class there"
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, notes), "class_block", scope, STUCK)


def class_block_degree(
    worm: Connectome, scope: str, rng: np.random.Generator, attempts_per_edge: float = ATTEMPTS_PER_EDGE
) -> Rewired:
    """What `degree_sign` keeps, and the number of edges of each sign from each class of cells to each.

    The chain is that of `degree_sign`, with switches of two edges that leave, or enter, one class. Weights and signs
    are dealt as there. `movable_share` in the provenance says how many edges took part in an accepted move. All
    graphs the chain reaches are equally likely; they need not be all graphs with these degrees and numbers (of the
    unsigned digraphs on five cells in classes of 2, 2 and 1, 15,812 of 217,013 ensembles fall into pieces).
    Raises RewiringError where a cell in scope has no class.
    """
    classes = _classes(worm, scope, "class_block_degree")
    labels = Labels(classes, np.zeros(1, dtype=np.int64))
    chemical, moves = degree_chemical(worm, scope, rng, attempts_per_edge, by_sign=True, labels=labels)
    electrical, gap_moves = degree_electrical(worm, scope, rng, attempts_per_edge, labels=labels)
    notes = {"movable_share": _movable_share(moves, gap_moves)}
    if _one_class(worm, classes, scope):
        notes["equals"] = "degree_sign: every kind of cell in scope has one class"
    else:
        attempts = moves.attempted + gap_moves.attempted
        notes |= never_refused("degree_sign", int(labels.refused[0]), attempts, "the numbers between classes")
    made = Rewired(chemical, electrical, moves, gap_moves, notes)
    return refuse_unmoved(made, "class_block_degree", scope, STUCK_WITH_DEGREES)


def _movable_share(chemical: Moves, electrical: Moves) -> str:
    parts = ((chemical, "chemical edges"), (electrical, "gap junctions"))
    return ", ".join(f"{m.movable / m.edges:.2f} of {m.edges} {name}" for m, name in parts if m.edges)


def _cells_in_scope(worm: Connectome, scope: str) -> np.ndarray:
    """The cells at the ends of edges in scope, ascending."""
    kinds = cell_kinds(worm)
    ends = [
        np.concatenate([e.pre[here], e.post[here]])
        for e in (worm.chemical_edges, worm.electrical_edges)
        for here in [movable_blocks(kinds, e.pre, e.post, scope) >= 0]
    ]
    return np.unique(np.concatenate(ends))


def _one_class(worm: Connectome, classes: np.ndarray, scope: str) -> bool:
    """Whether the cells in scope that are of one kind are of one class too."""
    cells = _cells_in_scope(worm, scope)
    return len(np.unique(classes[cells])) == len(np.unique(cell_kinds(worm)[cells]))


def _one_voice(worm: Connectome, classes: np.ndarray, scope: str) -> bool:
    """Whether cells of one class may send edges of one sign or, having several, of any: their signs hold nothing."""
    signs, e = cell_signs(worm), worm.chemical_edges
    if signs is None:
        return True
    senders = np.isin(classes, classes[e.pre[chemical_groups(worm, scope) >= 0]])
    return len(np.unique(classes[senders] * 4 + _voices(classes, signs)[senders])) == len(np.unique(classes[senders]))


def _classes(worm: Connectome, scope: str, null: str) -> np.ndarray:
    """A number for every cell's class and kind, int64 [N]; refuses a cell in scope without a class."""
    names, kinds, cells = worm.cells["cell_class"], cell_kinds(worm), _cells_in_scope(worm, scope)
    without = cells[names[cells] == ""]
    if len(without):
        raise RewiringError(
            f"{null}: cell {one_line(worm.names[without[0]])!r} has no class, one of {len(without)} such cells in "
            f"scope {scope!r}; give every cell a cell_class or choose another null model"
        )
    number = {name: i for i, name in enumerate(sorted(set(names.tolist())))}
    return np.array([number[name] for name in names.tolist()], dtype=np.int64) * KINDS + kinds


def _place_chemical(
    worm: Connectome, classes: np.ndarray, scope: str, rng: np.random.Generator
) -> tuple[ChemicalEdges, Moves]:
    e, signs = worm.chemical_edges, cell_signs(worm)
    sources = classes * 4 + (0 if signs is None else _voices(classes, signs))
    here = np.flatnonzero(chemical_groups(worm, scope) >= 0)
    pre, post, weight, sign = e.pre.copy(), e.post.copy(), e.weight.copy(), e.sign.copy()
    span = int(classes.max()) + 1
    stratum = sources[pre[here]] * span + classes[post[here]]
    movable = 0
    for edges in _strata(stratum):
        rows = here[edges]
        from_, to = np.flatnonzero(sources == sources[pre[rows[0]]]), np.flatnonzero(classes == classes[post[rows[0]]])
        pre[rows], post[rows], choices = _ordered_pairs(from_, to, len(rows), rng)
        # The signs came with the rows, whose new pairs are in random order.
        movable += len(rows) if choices > len(rows) or len(np.unique(sign[rows])) > 1 else 0
    weight[here] = e.weight[here[dealt_within(3 * (classes[pre[here]] * span + classes[post[here]]) + sign[here], rng)]]
    return ChemicalEdges(pre, post, weight, sign), Moves(len(here), len(here), movable, movable)


def _voices(classes: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """What each cell may send, int64 [N]: its own sign (0 to 2), that of its class if silent, or else nothing (3)."""
    voices = np.where(signs == SILENT, 3, signs + 1)
    for silent in np.flatnonzero(signs == SILENT):
        heard = np.unique(signs[(classes == classes[silent]) & (signs != SILENT)])
        if len(heard) == 1:
            voices[silent] = heard[0] + 1
    return voices


def _place_electrical(
    worm: Connectome, classes: np.ndarray, scope: str, rng: np.random.Generator
) -> tuple[ElectricalEdges, Moves]:
    e = worm.electrical_edges
    here = np.flatnonzero(movable_blocks(cell_kinds(worm), e.pre, e.post, scope) >= 0)
    pre, post, weight = e.pre.copy(), e.post.copy(), e.weight.copy()
    ends = np.sort([classes[e.pre[here]], classes[e.post[here]]], axis=0)
    stratum = ends[0] * (classes.max() + 1) + ends[1]
    movable = 0
    for edges in _strata(stratum):
        rows, (one, other) = here[edges], ends[:, edges[0]]
        draw = _unordered_pairs if one == other else _ordered_pairs
        pre[rows], post[rows], choices = draw(
            np.flatnonzero(classes == one), np.flatnonzero(classes == other), len(rows), rng
        )
        movable += len(rows) if choices > len(rows) else 0
    weight[here] = e.weight[here[dealt_within(stratum, rng)]]
    return ElectricalEdges(pre, post, weight), Moves(len(here), len(here), movable, movable)


def _strata(stratum: np.ndarray) -> list[np.ndarray]:
    """The positions of each value that occurs."""
    order = np.argsort(stratum, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1) if len(order) else []


def _ordered_pairs(
    sources: np.ndarray, targets: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """`count` different pairs (source, target), source != target, in random order; and how many there are.

    Both are sorted. Sources are some of the targets, or none of them is one.
    """
    place = np.searchsorted(targets, sources)
    inside = bool(np.isin(sources[0], targets))
    width = len(targets) - int(inside)
    row, column = np.divmod(rng.choice(len(sources) * width, size=count, replace=False), width)
    if inside:
        column += column >= place[row]  # a cell is not its own partner: step over it
    return sources[row], targets[column], len(sources) * width


def _unordered_pairs(
    cells: np.ndarray, _: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """`count` different pairs of two different cells, in random order; and how many there are."""
    one, other = np.triu_indices(len(cells), 1)
    chosen = rng.choice(len(one), size=count, replace=False)
    return cells[one[chosen]], cells[other[chosen]], len(one)
