"""The `hub_capped` null: hubs lose the edges above a cap; all other edges stay. Is it the hubs that matter?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring.edges import (
    KINDS,
    STAYS,
    Moves,
    Rewired,
    cell_kinds,
    movable_blocks,
    refuse_unmoved,
    unordered,
)
from celegans_nn.rewiring.statistics import SILENT, cell_signs

PERCENTILE = 90
TRIES = 20
"""Draws, each in a new order, before a graph is refused because some surplus end finds no cell with room."""
STUCK = f"no cell has more partners than the cap, the {PERCENTILE}th percentile"
KIND_NAMES = ("neuron", "muscle", "other")


def hub_capped(worm: Connectome, scope: str, rng: np.random.Generator) -> Rewired:
    """Caps in-degree, out-degree and gap-junction partners at the 90th percentile over the cells of a kind.

    Counted in each block (neuron to neuron, neuron to muscle, ...) over the edges in scope; the cap is rounded
    down and stands in the provenance. A cap of 0 is not applied: where 90 % of the cells have no
    partner, as most neurons have no gap junction with a muscle, those that have are no hubs; `not_capped` in the
    provenance names what was left so. Of a cell above it, as many edges as are too many are picked at random, and
    their end there moves to a cell drawn at random among those of that kind with room below the cap (an edge to
    itself or parallel to another is no room). All other ends stay, so no cell falls below the cap that was above.

    An edge whose presynaptic end moves takes weight and sign with it, to a cell of that sign where every cell has
    one (a cell without output takes the edge, and its sign, only if no cell of the sign has room); so Dale's law
    stays. Where some cell has two signs any cell with room will do.

    A move is one surplus end. Raises RewiringError where no cell is above its cap, and where the cells have no
    room for the surplus.
    """
    signs = cell_signs(worm)
    for attempt in range(TRIES):
        try:
            chemical, moves, caps = _chemical(worm, signs, scope, rng)
            electrical, gap_moves, gap_caps = _electrical(worm, scope, rng)
            break
        except _NoRoomError as e:
            if attempt == TRIES - 1:
                raise RewiringError(
                    f"hub_capped: {e}, in {TRIES} draws; choose another null model or a circuit with weaker hubs"
                ) from None
    notes = {"caps": ", ".join(f"{what} {cap}" for what, cap in caps + gap_caps)}
    if left := ", ".join(what for what, cap in caps + gap_caps if cap == 0):
        notes["not_capped"] = f"the {PERCENTILE}th percentile is 0: {left}"
    reason = f"{STUCK} (one of 0 is not applied: {left})" if left else STUCK
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, notes), "hub_capped", scope, reason)


class _NoRoomError(Exception):
    """A surplus end found no cell to go to."""


class _Ends(NamedTuple):
    """The edges of one block seen from the ends that are capped. Both arrays are changed in place.

    An undirected block between cells of one kind stands in twice, its ends swapped in the second half.
    """

    near: np.ndarray
    """int64 [E] or [2 E]: the cell at the end that is capped."""
    far: np.ndarray
    """int64, as long: the cell at the other end."""
    cells: np.ndarray
    """int64 [cells]: all cells of the kind at the near end, those without edges too."""
    twice: bool
    what: str
    """For messages and the provenance."""


def _chemical(
    worm: Connectome, signs: np.ndarray | None, scope: str, rng: np.random.Generator
) -> tuple[ChemicalEdges, Moves, list[tuple[str, int]]]:
    e, kinds = worm.chemical_edges, cell_kinds(worm)
    pre, post = e.pre.astype(np.int64), e.post.astype(np.int64)
    blocks = movable_blocks(kinds, pre, post, scope)
    sign_of_cell = None if signs is None else signs.copy()
    surplus, moved, caps = 0, np.zeros(len(pre), dtype=bool), []
    for block in np.unique(blocks[blocks != STAYS]):
        edges = np.flatnonzero(blocks == block)
        kind_pre, kind_post = divmod(int(block), KINDS)
        between = f"{KIND_NAMES[kind_pre]} to {KIND_NAMES[kind_post]}"
        ends = _Ends(pre[edges], post[edges], np.flatnonzero(kinds == kind_pre), False, f"outputs {between}")
        into = _Ends(ends.far, ends.near, np.flatnonzero(kinds == kind_post), False, f"inputs {between}")
        for side, of_cell in ((ends, sign_of_cell), (into, None)):
            cap, now = _cap(side, e.sign[edges], of_cell, rng)
            surplus += len(now)
            moved[edges[now]] = True
            caps.append((side.what, cap))
        pre[edges], post[edges] = ends.near, ends.far
    moves = Moves(int((blocks != STAYS).sum()), surplus, surplus, int(moved.sum()))
    return ChemicalEdges(pre, post, e.weight, e.sign), moves, caps


def _electrical(
    worm: Connectome, scope: str, rng: np.random.Generator
) -> tuple[ElectricalEdges, Moves, list[tuple[str, int]]]:
    e, kinds = worm.electrical_edges, cell_kinds(worm)
    pre, post = e.pre.astype(np.int64), e.post.astype(np.int64)
    blocks = unordered(movable_blocks(kinds, pre, post, scope))
    surplus, moved, caps = 0, np.zeros(len(pre), dtype=bool), []
    for block in np.unique(blocks[blocks != STAYS]):
        pairs = np.flatnonzero(blocks == block)
        first, second = divmod(int(block), KINDS)
        swap = kinds[pre[pairs]] != first
        one, other = np.where(swap, post[pairs], pre[pairs]), np.where(swap, pre[pairs], post[pairs])
        name = f"gap junctions {KIND_NAMES[first]} - {KIND_NAMES[second]}"
        if first == second:
            both = np.concatenate([one, other]), np.concatenate([other, one])
            sides = [_Ends(*both, np.flatnonzero(kinds == first), True, name)]
        else:
            ends = _Ends(one, other, np.flatnonzero(kinds == first), False, f"{name}, a {KIND_NAMES[first]}")
            sides = [ends, _Ends(other, one, np.flatnonzero(kinds == second), False, f"{name}, a {KIND_NAMES[second]}")]
        for side in sides:
            cap, now = _cap(side, np.zeros(len(side.near), dtype=np.int64), None, rng)
            surplus += len(now)
            moved[pairs[now % len(pairs)]] = True
            caps.append((side.what, cap))
        pre[pairs], post[pairs] = sides[0].near[: len(pairs)], sides[0].far[: len(pairs)]
    moves = Moves(int((blocks != STAYS).sum()), surplus, surplus, int(moved.sum()))
    return ElectricalEdges(pre, post, e.weight), moves, caps


def _cap(
    ends: _Ends, sign: np.ndarray, sign_of_cell: np.ndarray | None, rng: np.random.Generator
) -> tuple[int, np.ndarray]:
    """Moves surplus near ends, in place, and returns the cap and which ends moved. A cell may gain a sign.

    A cap of 0 is not applied.
    """
    near, far, cells, twice, what = ends
    degree = np.bincount(near, minlength=cells.max() + 1)
    cap = int(np.percentile(degree[cells], PERCENTILE))
    partners: dict[int, set[int]] = {}
    for a, b in zip(near.tolist(), far.tolist(), strict=True):
        partners.setdefault(b, {b}).add(a)
    if cap == 0:
        return 0, np.zeros(0, dtype=np.int64)
    surplus = _surplus(near, degree, cap, rng)
    for k in surplus.tolist():
        old, there = int(near[k]), int(far[k])
        room = cells[degree[cells] < cap]
        room = room[[c not in partners[there] for c in room.tolist()]]
        if sign_of_cell is not None:
            of_sign = room[sign_of_cell[room] == sign[k]]
            room = of_sign if len(of_sign) else room[sign_of_cell[room] == SILENT]
        if not len(room):
            raise _NoRoomError(_no_room(what, cap, None if sign_of_cell is None else int(sign[k])))
        new = int(room[rng.integers(len(room))])
        near[k] = new
        degree[old] -= 1
        degree[new] += 1
        partners[there].remove(old)
        partners[there].add(new)
        if twice:
            far[(k + len(far) // 2) % len(far)] = new
            partners[old].remove(there)
            partners.setdefault(new, {new}).add(there)
        if sign_of_cell is not None:
            sign_of_cell[new] = sign[k]
    return cap, surplus


def _surplus(near: np.ndarray, degree: np.ndarray, cap: int, rng: np.random.Generator) -> np.ndarray:
    """The ends to move, int64, in random order: for each cell above the cap a random choice of its ends."""
    chosen = [
        rng.choice(np.flatnonzero(near == hub), size=degree[hub] - cap, replace=False)
        for hub in np.flatnonzero(degree > cap)
    ]
    return rng.permutation(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)


def _no_room(what: str, cap: int, sign: int | None) -> str:
    of_sign = "" if sign is None else f" of sign {sign:+d}" if sign else " of unknown sign"
    return f"no cell{of_sign} has room under the cap of {cap} {what}"
