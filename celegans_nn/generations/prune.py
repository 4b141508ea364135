"""Which weights a pruning keeps: the largest by magnitude, so many of the original number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from celegans_nn.errors import GenerationsError, nearest, one_line

SCOPES = "layer", "global"
"""Weights compete within each parameter, or all with all."""


def kept_after(weights: int, prunings: int, fraction: float = 0.2) -> int:
    """How many of the original number of weights are left: round(n (1 - fraction)^k), not rounded on the way.

    >>> kept_after(1000, 6)
    262
    """
    return round(weights * (1 - fraction) ** prunings)


def prune(
    weights: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    prunings: int,
    fraction: float = 0.2,
    scope: str = "layer",
) -> dict[str, np.ndarray]:
    """Masks after this pruning, the `prunings`-th: of the weights that there still are, the largest by magnitude
    stay, the one that comes first where two are equal ("global": in the order of the names).

    weights: by parameter, any shape; masks: bool of the same shape, True where there is a weight still.
    """
    if scope not in SCOPES:
        raise GenerationsError(f"scope is {one_line(repr(scope), 60)}; {nearest(str(scope), SCOPES)}")
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise GenerationsError(
                f"{name!r} holds weights that are not finite: training diverged; train with smaller steps"
            )
    groups = [[name] for name in masks] if scope == "layer" else [list(masks)]
    pruned: dict[str, np.ndarray] = {}
    for names in groups:
        magnitude = np.concatenate([np.abs(weights[name]).ravel() for name in names])
        alive = np.concatenate([masks[name].ravel() for name in names])
        stays = strongest(magnitude, alive, kept_after(len(alive), prunings, fraction))
        ends = np.cumsum([masks[name].size for name in names])[:-1]
        pruned |= {n: part.reshape(masks[n].shape) for n, part in zip(names, np.split(stays, ends), strict=True)}
    return pruned


def strongest(magnitude: np.ndarray, alive: np.ndarray, keep: int) -> np.ndarray:
    """The `keep` largest of those alive (all, where there are no more), bool [n]; of equals the first.

    >>> strongest(np.array([2.0, 1.0, 1.0, 9.0]), np.array([True, True, True, False]), 2).tolist()
    [True, True, False, False]
    """
    if keep >= np.count_nonzero(alive):
        return alive.copy()
    if keep == 0:
        return np.zeros_like(alive)
    ranked = np.where(alive, magnitude, -1)
    least = np.partition(ranked, len(ranked) - keep)[len(ranked) - keep]
    stays = ranked > least
    equal = np.flatnonzero(ranked == least)
    stays[equal[: keep - np.count_nonzero(stays)]] = True
    return stays
