"""The `density` null: as many edges and gap junctions as the worm, anywhere. G(n, m) of Erdős & Rényi (1959)."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.rewiring.edges import (
    KINDS,
    Moves,
    Rewired,
    cell_kinds,
    movable_blocks,
    refuse_unmoved,
    unordered,
)

STUCK = "every allowed pair of cells is connected already"


def density(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """Puts every edge in scope on a pair of cells drawn anew, all sets of pairs being equally likely.

    Keeps, in each block (neuron to neuron, neuron to muscle, ...), the number of chemical edges and of gap
    pairs, and the multisets of (weight, sign) and of gap weights, which are dealt to the new pairs at random.
    The draw is exact, not the end of a Markov chain: a move is one edge placed. Raises RewiringError where
    every allowed pair is connected already.
    """
    chemical, moves = density_chemical(worm, scope, rng)
    electrical, gap_moves = density_electrical(worm, scope, rng)
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, {}), "density", scope, STUCK)


def density_chemical(worm: Connectome, scope: str, rng: np.random.Generator) -> tuple[ChemicalEdges, Moves]:
    """Chemical edges of G(n, m) in each block."""
    e, kinds = worm.chemical_edges, cell_kinds(worm)
    pre, post = e.pre.copy(), e.post.copy()
    blocks = movable_blocks(kinds, pre, post, scope)
    placed = accepted = 0
    for block in np.unique(blocks[blocks >= 0]):
        here = np.flatnonzero(blocks == block)
        sources, targets = (np.flatnonzero(kinds == kind) for kind in divmod(block, KINDS))
        pre[here], post[here], choices = _ordered_pairs(sources, targets, len(here), rng)
        placed += len(here)
        accepted += len(here) if choices > len(here) else 0
    return ChemicalEdges(pre, post, e.weight, e.sign), Moves(placed, placed, accepted, accepted)


def density_electrical(worm: Connectome, scope: str, rng: np.random.Generator) -> tuple[ElectricalEdges, Moves]:
    """Gap junctions of the undirected G(n, m) in each block."""
    e, kinds = worm.electrical_edges, cell_kinds(worm)
    pre, post = e.pre.copy(), e.post.copy()
    blocks = unordered(movable_blocks(kinds, pre, post, scope))
    placed = accepted = 0
    for block in np.unique(blocks[blocks >= 0]):
        here = np.flatnonzero(blocks == block)
        first, second = (np.flatnonzero(kinds == kind) for kind in divmod(block, KINDS))
        draw = _unordered_pairs if block // KINDS == block % KINDS else _ordered_pairs
        pre[here], post[here], choices = draw(first, second, len(here), rng)
        placed += len(here)
        accepted += len(here) if choices > len(here) else 0
    return ElectricalEdges(pre, post, e.weight), Moves(placed, placed, accepted, accepted)


def _ordered_pairs(
    sources: np.ndarray, targets: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """`count` different pairs (source, target), source != target, in random order; and how many there are.

    Sources and targets are cells of one kind, and then the same cells, or of two kinds without a common cell.
    """
    same = sources[0] == targets[0]
    width = len(targets) - int(same)
    code = rng.choice(len(sources) * width, size=count, replace=False)
    row, column = np.divmod(code, width)
    if same:
        column += column >= row  # a cell is not its own partner: step over the diagonal
    return sources[row], targets[column], len(sources) * width


def _unordered_pairs(
    cells: np.ndarray, _: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """`count` different pairs of two different cells, in random order; and how many there are."""
    pairs = len(cells) * (len(cells) - 1) // 2
    step, one = np.divmod(rng.choice(pairs, size=count, replace=False), len(cells))
    # With the cells on a circle, a cell and a number of steps from 1 to half way round are each pair once. For
    # an even number of cells the last step would give each pair twice; the codes end before the second time.
    return cells[one], cells[(one + step + 1) % len(cells)], pairs
