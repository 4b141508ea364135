"""What every null model shares: which edges may move, and what a null model hands back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.connectome.ends import default_ends
from celegans_nn.errors import LARGEST_SEED, RewiringError, nearest, one_line, whole_number
from celegans_nn.rewiring.splitmix import below_high, kernel_seed, next_bits

SCOPES = ("neurons", "muscles", "all")
NEURON, MUSCLE, OTHER = 0, 1, 2
KINDS = 3
BLOCKS = KINDS * KINDS
STAYS = -1


class Moves(NamedTuple):
    """How one kind of edge was moved. What a move is, each null model says."""

    edges: int
    """Edges in scope; the others stayed where they are."""
    attempted: int
    accepted: int
    movable: int
    """Edges in scope that took part in an accepted move; where it is far below `edges`, the null is nearly frozen."""


class Rewired(NamedTuple):
    """What a null model makes of a connectome's edges."""

    chemical: ChemicalEdges
    electrical: ElectricalEdges
    chemical_moves: Moves
    electrical_moves: Moves
    notes: dict[str, str]
    """What a reader of the provenance should know about how the null model was applied."""


def check_scope(scope: str) -> None:
    """Raises RewiringError unless `scope` is one of `SCOPES`."""
    if scope not in SCOPES:
        raise RewiringError(f"unknown scope {one_line(scope)!r}; {nearest(scope, SCOPES)}")


def seed_number(seed: int | np.random.Generator) -> int:
    """`seed`, or a number drawn from it if it is a Generator. Raises RewiringError for anything else."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    return whole_number("seed", seed, 0, LARGEST_SEED, RewiringError)


def cell_kinds(worm: Connectome) -> np.ndarray:
    """NEURON, MUSCLE or OTHER (end organs) of every cell, int64 [N]. A muscle is a cell whose role says so."""
    kinds = np.where(worm.cells["neuron"].astype(bool), NEURON, OTHER)
    return np.where(worm.cells["role"] == "muscle", MUSCLE, kinds).astype(np.int64)


def end_cells(
    worm: Connectome, inputs: Iterable[str] | None = None, outputs: Iterable[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the input and the output cells, int64; those that are not named are a network's own.

    Raises RewiringError for a name that is no cell.
    """
    defaults = default_ends(worm)
    return (
        defaults[0] if inputs is None else _positions(worm, inputs),
        defaults[1] if outputs is None else _positions(worm, outputs),
    )


def _positions(worm: Connectome, names: Iterable[str]) -> np.ndarray:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise RewiringError(f"input or output cells are {one_line(names)!r}; give a list of names")
    positions = []
    for name in names:
        if not isinstance(name, str) or name not in worm.index:
            raise RewiringError(f"unknown cell {one_line(name)!r} among {len(worm)} cells; name cells of the wiring")
        positions.append(worm.index[name])
    return np.array(positions, dtype=np.int64)


def movable_blocks(kinds: np.ndarray, pre: np.ndarray, post: np.ndarray, scope: str) -> np.ndarray:
    """The block each edge may move within, int64 [E]; STAYS for edges that keep their place.

    A block is one kind of presynaptic with one kind of postsynaptic cell, `KINDS * kind(pre) + kind(post)`, so
    that neuron-to-neuron and neuron-to-muscle edges never mix. Scope "neurons" moves edges between two
    neurons, "muscles" those with a muscle at either end, "all" every edge. Self-loops stay in every scope.
    """
    ends = kinds[pre], kinds[post]
    in_scope = {
        "neurons": (ends[0] == NEURON) & (ends[1] == NEURON),
        "muscles": (ends[0] == MUSCLE) | (ends[1] == MUSCLE),
        "all": np.ones(len(pre), dtype=bool),
    }[scope]
    return np.where(in_scope & (pre != post), KINDS * ends[0] + ends[1], STAYS)


def unordered(blocks: np.ndarray) -> np.ndarray:
    """Blocks of undirected edges: muscle-neuron and neuron-muscle become one; STAYS stays."""
    first, second = blocks // KINDS, blocks % KINDS
    joined = KINDS * np.minimum(first, second) + np.maximum(first, second)
    return np.where(blocks == STAYS, STAYS, joined)


def refuse_unmoved(made: Rewired, null: str, scope: str, reason: str, gap_reason: str | None = None) -> Rewired:
    """`made`, unless it left the wiring as it was: then one line says why, for each kind of edge.

    Where one kind moved and the other could not (two gap junctions of one cell are the only graph with their
    degrees), the control is one, and its notes say under `frozen` what stayed. `gap_reason`: where it differs.
    """
    kinds = {
        "chemical edges": (made.chemical_moves, reason),
        "gap junctions": (made.electrical_moves, gap_reason or reason),
    }
    in_scope = {kind: of for kind, of in kinds.items() if of[0].edges}
    if not in_scope:
        raise RewiringError(f"{null}: no edge is in scope {scope!r}; choose another scope or a larger circuit")
    frozen = {kind: of for kind, of in in_scope.items() if of[0].accepted == 0}
    if len(frozen) == len(in_scope):
        why = "; ".join(
            f"none of {moves.attempted} attempts moved one of the {moves.edges} {kind} in scope {scope!r}: {because}"
            for kind, (moves, because) in frozen.items()
        )
        raise RewiringError(f"{null}: {why}; choose another null model or a larger circuit")
    if not frozen:
        return made
    ((kind, (_, because)),) = frozen.items()
    return made._replace(notes=made.notes | {"frozen": f"{kind}: {because}"})


def dealt_within(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random permutation of positions that maps each stratum onto itself, int64 [E].

    `values[dealt_within(strata, rng)]` deals every stratum's values out anew; every order is equally likely.
    """
    dealt = np.empty(len(strata), dtype=np.int64)
    order = np.argsort(strata, kind="stable")
    _deal(order, strata[order], dealt, kernel_seed(rng))
    return dealt


@njit_kept(nogil=True)
def _deal(order: np.ndarray, stratum: np.ndarray, dealt: np.ndarray, state: np.uint64) -> None:
    """Fisher & Yates within each run of equal strata; order: positions sorted by stratum."""
    hand = order.copy()
    first = 0
    for k in range(len(hand)):
        if stratum[k] != stratum[first]:
            first = k
        state, bits = next_bits(state)
        other = first + below_high(bits, k - first + 1)
        hand[k], hand[other] = hand[other], hand[k]
    for k in range(len(hand)):
        dealt[order[k]] = hand[k]
