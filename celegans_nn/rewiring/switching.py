"""Edge switching: Markov chains over simple graphs that keep every cell's degree, compiled.

A proposal that would make a self-loop or a parallel edge is rejected and the chain stays where it is for that
attempt; dropping rejected attempts instead would favour graphs with many possible switches. Every edge has a
group, and only edges of one group are switched with each other, while a new edge is checked against all of
them. So a null model that keeps more is the same chain with finer groups, or one that rejects more: what breaks
the counts of edges between labelled cells, or leaves the bands of edge lengths. Both tests are None, and compiled
away, for a null model without them. Edges that must not move (self-loops, those out of scope) are left out by the
caller: they join other kinds of cells, so no new edge can meet them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.rewiring.edges import Moves
from celegans_nn.rewiring.links import flip, link_table, linked, renumbered
from celegans_nn.rewiring.splitmix import below_high, below_low, kernel_seed, next_bits

REVERSAL_SHARE = 0.125
"""Share of the attempts that try to reverse a directed three-cycle. Any share above 0 makes the chain
irreducible; an eighth leaves seven for the switches, which do the mixing in graphs as large as a worm."""


class Labels(NamedTuple):
    """Labels of the cells: a proposal that changes how many edges lead from one label to another is rejected."""

    of_cell: np.ndarray
    """int64 [N]."""
    refused: np.ndarray
    """int64 [1], proposals rejected for this alone; the chain counts on."""


class Bands(NamedTuple):
    """How many edges may be how long: a proposal that takes a bin out of its band is rejected."""

    place: np.ndarray
    """float64 [N, 3], the cells' positions."""
    longest: np.ndarray
    """float64 [B - 1], the squared length of the longest edge of each bin but the last, ascending."""
    held: np.ndarray
    """int64 [B], edges in each bin; the chain keeps it up to date."""
    least: np.ndarray
    """int64 [B]."""
    most: np.ndarray
    """int64 [B]."""
    refused: np.ndarray
    """int64 [1], proposals rejected for this alone; the chain counts on."""


def never_refused(rung: str, refused: int, attempts: int, by: str) -> dict[str, str]:
    """The note of a control whose labels or bands rejected nothing: the same seed gives the lower rung's graph."""
    if refused:
        return {}
    return {"equals": f"{rung}: no attempt of {attempts} was refused by {by} alone"}


def switch_directed(
    pre: np.ndarray,
    post: np.ndarray,
    group: np.ndarray,
    attempts: int,
    rng: np.random.Generator,
    reversal_share: float = REVERSAL_SHARE,
    labels: Labels | None = None,
    bands: Bands | None = None,
) -> tuple[np.ndarray, Moves]:
    """New postsynaptic ends, int64 [E], of a simple digraph without self-loops, and how the edges moved.

    Each edge keeps its presynaptic end. Switching alone does not reach every simple digraph of given degrees
    (a directed three-cycle never turns round); with the reversal of three-cycles it does (Rao, Jana &
    Bandyopadhyay 1996). Every move is as likely as its reverse, so the chain is uniform in the long run over the
    graphs it reaches: without labels and bands, and with groups that no two edges of a cell divide, all of them.

    pre: int [E], sorted. post: int [E]. group: int [E], 0 and up. labels: where given, the number of edges of each
    group from each label to each is kept. bands: where given, the edges' lengths stay within.
    """
    if len(pre) == 0:
        return post.astype(np.int64), Moves(0, 0, 0, 0)
    cells, (pre, post) = renumbered(pre, post)
    labels, bands = _of(cells, labels, bands)
    first = np.searchsorted(pre, np.arange(len(cells) + 1))
    by_group, group_first = by_groups(group)
    moved = np.zeros(len(pre), dtype=np.bool_)
    accepted = _switch_directed(
        pre,
        post,
        first,
        group,
        by_group,
        group_first,
        link_table(len(cells)),
        labels,
        bands,
        attempts,
        reversal_share,
        kernel_seed(rng),
        moved,
    )
    return cells[post], Moves(len(pre), attempts, int(accepted), int(moved.sum()))


def switch_undirected(
    one: np.ndarray,
    other: np.ndarray,
    group_both_ways: np.ndarray,
    attempts: int,
    rng: np.random.Generator,
    labels: Labels | None = None,
    bands: Bands | None = None,
) -> tuple[np.ndarray, np.ndarray, Moves]:
    """New ends (one, other), int64 [G], of an undirected simple graph, and how the pairs moved.

    `group_both_ways`, int [2, G], 0 and up, is the group of each pair seen from `one` and seen from `other`;
    they differ where a pair joins two kinds of cells, and the new `one` is then of the old one's kind.
    Switching reaches every simple graph of given degrees (Taylor 1981). `labels` and `bands` as in
    `switch_directed`, counting edges by the unordered pair of labels.
    """
    ends = np.concatenate([one, other]).astype(np.int64)
    if len(one) == 0:
        return ends[:0], ends[:0], Moves(0, 0, 0, 0)
    cells, (ends,) = renumbered(ends)
    labels, bands = _of(cells, labels, bands)
    by_group, group_first = by_groups(group_both_ways.reshape(-1))
    moved = np.zeros(len(ends), dtype=np.bool_)
    accepted = _switch_undirected(
        ends,
        group_both_ways.reshape(-1),
        by_group,
        group_first,
        link_table(len(cells)),
        labels,
        bands,
        attempts,
        kernel_seed(rng),
        moved,
    )
    ends = cells[ends]
    movable = int((moved[: len(one)] | moved[len(one) :]).sum())
    return ends[: len(one)], ends[len(one) :], Moves(len(one), attempts, int(accepted), movable)


def _of(cells: np.ndarray, labels: Labels | None, bands: Bands | None) -> tuple[Labels | None, Bands | None]:
    """The labels and places of these cells alone; counts of rejections and of edges stay those of the caller."""
    return (
        None if labels is None else labels._replace(of_cell=labels.of_cell[cells]),
        None if bands is None else bands._replace(place=bands.place[cells]),
    )


def by_groups(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions sorted by group, and where each group starts among them (int64 [groups + 1])."""
    by_group = np.argsort(group, kind="stable")
    return by_group, np.searchsorted(group[by_group], np.arange(group.max(initial=0) + 2))


@njit_kept(nogil=True)
def _keeps_labels(labels: Labels, a: int, b: int, c: int, d: int) -> bool:
    """Whether a -> b, c -> d becoming a -> d, c -> b keeps the number of edges from each label to each; counts if not.

    The pairs of labels (A, B), (C, D) become (A, D), (C, B). These are the same two if B = D (each stays) or if
    A = C (they change places), and not otherwise, since (A, D) is then neither (A, B) nor (C, D). So it is for
    unordered pairs: {A, D} = {A, B} only if B = D, {A, D} = {C, D} only if A = C.
    """
    label = labels.of_cell
    keeps = label[a] == label[c] or label[b] == label[d]
    if not keeps:
        labels.refused[0] += 1
    return keeps


@njit_kept(nogil=True)
def _turns(labels: Labels, a: int, b: int, c: int) -> bool:
    """Whether the reversal of a -> b -> c -> a keeps the number of edges from each label to each; counts if not.

    Of the three pairs of labels (a, b), (b, c), (c, a) each must come back as (b, a), (c, b) or (a, c): if two labels
    are equal, say a's and b's, it is (a, a), (a, c), (c, a) before and after; if none are, (a, b) is there before and
    not after.
    """
    label = labels.of_cell
    keeps = label[a] == label[b] or label[b] == label[c] or label[c] == label[a]
    if not keeps:
        labels.refused[0] += 1
    return keeps


@njit_kept(nogil=True)
def squared_lengths(place: np.ndarray, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Squared distances between cells, float64 [E], with the rounding of the chain's own."""
    squared = np.empty(len(pre))
    for k in range(len(pre)):
        squared[k] = _squared_length(place, pre[k], post[k])
    return squared


@njit_kept(nogil=True)
def _squared_length(place: np.ndarray, a: int, b: int) -> float:
    squared = 0.0
    for axis in range(3):
        step = place[a, axis] - place[b, axis]
        squared += step * step
    return squared


@njit_kept(nogil=True)
def _bin(bands: Bands, a: int, b: int) -> int:
    """The bin of an edge between two cells: how many bins end before its length."""
    squared = _squared_length(bands.place, a, b)
    bin_ = 0
    while bin_ < len(bands.longest) and bands.longest[bin_] < squared:
        bin_ += 1
    return bin_


@njit_kept(nogil=True)
def _keeps_bands(bands: Bands, a: int, b: int, c: int, d: int) -> bool:
    """Whether a - b, c - d may become a - d, c - b; if so, the counts follow."""
    held = bands.held
    bins = (_bin(bands, a, b), _bin(bands, c, d), _bin(bands, a, d), _bin(bands, c, b))
    held[bins[0]] -= 1
    held[bins[1]] -= 1
    held[bins[2]] += 1
    held[bins[3]] += 1
    for bin_ in bins:
        if not bands.least[bin_] <= held[bin_] <= bands.most[bin_]:
            held[bins[0]] += 1
            held[bins[1]] += 1
            held[bins[2]] -= 1
            held[bins[3]] -= 1
            bands.refused[0] += 1
            return False
    return True


@njit_kept(nogil=True)
def _switch_directed(
    pre: np.ndarray,
    post: np.ndarray,
    first: np.ndarray,
    group: np.ndarray,
    by_group: np.ndarray,
    group_first: np.ndarray,
    links: np.ndarray,
    labels: Labels | None,
    bands: Bands | None,
    attempts: int,
    reversal_share: float,
    state: np.uint64,
    moved: np.ndarray,
) -> int:
    for k in range(len(pre)):
        flip(links, pre[k], post[k])
    reversal_below = np.int64(reversal_share * 2.0**31)
    accepted = 0
    for _ in range(attempts):
        state, bits = next_bits(state)
        i = below_high(bits, len(pre))
        reverse = below_low(bits, 2**31) < reversal_below
        state, bits = next_bits(state)
        a, b = pre[i], post[i]
        if reverse:
            # a -> b -> c -> a becomes a -> c -> b -> a. Out-degrees stay, so the way back is equally likely.
            if first[b + 1] == first[b]:
                continue
            j = first[b] + below_high(bits, first[b + 1] - first[b])
            c = post[j]
            if c == a or not linked(links, c, a):
                continue
            if linked(links, a, c) or linked(links, c, b) or linked(links, b, a):
                continue
            k = first[c]
            while post[k] != a:
                k += 1
            if group[j] != group[i] or group[k] != group[i]:
                continue
            # No edge changes its length.
            if labels is not None and not _turns(labels, a, b, c):
                continue
            post[i], post[j], post[k] = c, a, b
            moved[i] = moved[j] = moved[k] = True
            for u, old, new in ((a, b, c), (b, c, a), (c, a, b)):
                flip(links, u, old)
                flip(links, u, new)
        else:
            # a -> b and c -> d become a -> d and c -> b.
            start = group_first[group[i]]
            j = by_group[start + below_high(bits, group_first[group[i] + 1] - start)]
            c, d = pre[j], post[j]
            if a == d or c == b or linked(links, a, d) or linked(links, c, b):
                continue
            if labels is not None and not _keeps_labels(labels, a, b, c, d):
                continue
            if bands is not None and not _keeps_bands(bands, a, b, c, d):
                continue
            post[i], post[j] = d, b
            moved[i] = moved[j] = True
            for u, old, new in ((a, b, d), (c, d, b)):
                flip(links, u, old)
                flip(links, u, new)
        accepted += 1
    return accepted


@njit_kept(nogil=True)
def _switch_undirected(
    ends: np.ndarray,
    group: np.ndarray,
    by_group: np.ndarray,
    group_first: np.ndarray,
    links: np.ndarray,
    labels: Labels | None,
    bands: Bands | None,
    attempts: int,
    state: np.uint64,
    moved: np.ndarray,
) -> int:
    """Pair k has its ends at k and at k + G of `ends`, so either end leads to the other."""
    pairs = len(ends) // 2
    for k in range(pairs):
        flip(links, ends[k], ends[k + pairs])
        flip(links, ends[k + pairs], ends[k])
    accepted = 0
    for _ in range(attempts):
        state, bits = next_bits(state)
        p = below_high(bits, len(ends))
        start = group_first[group[p]]
        q = by_group[start + below_low(bits, group_first[group[p] + 1] - start)]
        p_far = p - pairs if p >= pairs else p + pairs
        q_far = q - pairs if q >= pairs else q + pairs
        a, b, c, d = ends[p], ends[p_far], ends[q], ends[q_far]
        # a - b and c - d become a - d and c - b.
        if a == d or c == b or linked(links, a, d) or linked(links, c, b):
            continue
        if labels is not None and not _keeps_labels(labels, a, b, c, d):
            continue
        if bands is not None and not _keeps_bands(bands, a, b, c, d):
            continue
        ends[p_far], ends[q_far] = d, b
        moved[p] = moved[q] = True
        for u, v in ((a, b), (c, d), (a, d), (c, b)):
            flip(links, u, v)
            flip(links, v, u)
        accepted += 1
    return accepted
