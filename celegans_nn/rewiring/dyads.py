"""Edge switching that keeps which edges are answered: a Markov chain over dyads that are empty, single or mutual."""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.rewiring.edges import Moves
from celegans_nn.rewiring.links import flip, link_table, linked, renumbered
from celegans_nn.rewiring.splitmix import below_high, below_low, kernel_seed, next_bits
from celegans_nn.rewiring.switching import REVERSAL_SHARE, by_groups


def switch_dyads(
    singles: tuple[np.ndarray, np.ndarray, np.ndarray],
    mutuals: tuple[np.ndarray, np.ndarray, np.ndarray],
    attempts: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Moves]:
    """New postsynaptic ends of the single edges [S], new ends (one, other) of the mutual dyads [M], all int64; moves.

    singles: pre (sorted), post, group, int [S]. mutuals: one, other, int [M], and group_both_ways, int [2, M], as
    in `switch_undirected`. Every attempt takes an edge at random, a mutual dyad being two edges:

    - a single a -> b and another c -> d of its group become a -> d, c -> b, or
    - a path of singles of one group a -> c -> d -> b becomes a -> d -> c -> b, b being a in a three-cycle, or
    - a mutual dyad a = b and another c = d of its group become a = d, c = b,

    if the new dyads were empty in both directions. Every move is as likely as its reverse.
    """
    pre, post, group = (array.astype(np.int64) for array in singles)
    ends = np.concatenate(mutuals[:2]).astype(np.int64)
    edges = len(pre) + len(ends)
    if edges == 0:
        return post, ends, ends, Moves(0, 0, 0, 0)
    cells, (pre, post, ends) = renumbered(pre, post, ends)
    moved = np.zeros(edges, dtype=np.bool_)
    group_both_ways = mutuals[2].reshape(-1).astype(np.int64)
    accepted = _switch_dyads(
        pre,
        post,
        np.searchsorted(pre, np.arange(len(cells) + 1)),
        group,
        *by_groups(group),
        ends,
        group_both_ways,
        *by_groups(group_both_ways),
        link_table(len(cells)),
        attempts,
        REVERSAL_SHARE,
        kernel_seed(rng),
        moved,
    )
    pairs, ends = len(ends) // 2, cells[ends]
    both_ends = moved[len(pre) : len(pre) + pairs] | moved[len(pre) + pairs :]
    movable = int(moved[: len(pre)].sum() + 2 * both_ends.sum())
    return cells[post], ends[:pairs], ends[pairs:], Moves(edges, attempts, int(accepted), movable)


@njit_kept(nogil=True)
def _switch_dyads(
    pre: np.ndarray,
    post: np.ndarray,
    first: np.ndarray,
    group: np.ndarray,
    by_group: np.ndarray,
    group_first: np.ndarray,
    ends: np.ndarray,
    end_group: np.ndarray,
    by_end_group: np.ndarray,
    end_group_first: np.ndarray,
    taken: np.ndarray,
    attempts: int,
    reversal_share: float,
    state: np.uint64,
    moved: np.ndarray,
) -> int:
    """Mutual dyad k has its ends at k and at k + M of `ends`; `moved` has the singles, then the ends."""
    singles, mutuals = len(pre), len(ends) // 2
    for k in range(singles):
        _flip_dyad(taken, pre[k], post[k])
    for k in range(mutuals):
        _flip_dyad(taken, ends[k], ends[k + mutuals])
    reversal_below = np.int64(reversal_share * 2.0**31)
    accepted = 0
    for _ in range(attempts):
        state, bits = next_bits(state)
        i = below_high(bits, singles + len(ends))
        reverse = below_low(bits, 2**31) < reversal_below
        state, bits = next_bits(state)
        if i >= singles:
            p = i - singles
            start = end_group_first[end_group[p]]
            q = by_end_group[start + below_high(bits, end_group_first[end_group[p] + 1] - start)]
            p_far = p - mutuals if p >= mutuals else p + mutuals
            q_far = q - mutuals if q >= mutuals else q + mutuals
            a, b, c, d = ends[p], ends[p_far], ends[q], ends[q_far]
            if a == d or c == b or linked(taken, a, d) or linked(taken, c, b):
                continue
            ends[p_far], ends[q_far] = d, b
            moved[singles + p] = moved[singles + q] = True
        elif reverse:
            a, c = pre[i], post[i]
            if first[c + 1] == first[c]:
                continue
            j = first[c] + below_high(bits, first[c + 1] - first[c])
            d = post[j]
            if first[d + 1] == first[d]:
                continue
            k = first[d] + below_low(bits, first[d + 1] - first[d])
            b = post[k]
            if group[j] != group[i] or group[k] != group[i]:
                continue
            # In a three-cycle the two dyads that a path would need empty are its own.
            if a != b and (linked(taken, a, d) or linked(taken, c, b)):
                continue
            # Each cell keeps its number of outgoing singles, so the way back is equally likely.
            post[i], post[j], post[k] = d, b, c
            moved[i] = moved[j] = moved[k] = True
            # The dyad of c and d is taken before and after. The others are those of a - c, b - d becoming a - d, b - c:
            # with b and c renamed, those of a switch.
            b, c = c, b
        else:
            start = group_first[group[i]]
            j = by_group[start + below_high(bits, group_first[group[i] + 1] - start)]
            a, b, c, d = pre[i], post[i], pre[j], post[j]
            if a == d or c == b or linked(taken, a, d) or linked(taken, c, b):
                continue
            post[i], post[j] = d, b
            moved[i] = moved[j] = True
        for u, v in ((a, b), (c, d), (a, d), (c, b)):
            _flip_dyad(taken, u, v)
        accepted += 1
    return accepted


@njit_kept(nogil=True)
def _flip_dyad(taken: np.ndarray, a: int, b: int) -> None:
    flip(taken, a, b)
    flip(taken, b, a)
