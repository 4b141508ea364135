"""Sums as numpy takes them, term by term: what gymnasium's rewards are to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from celegans_nn.tasks.body import Array

LARGEST_ACTION = np.float32(1.0)
"""The limit of `squares` of actions, which are within it."""


def squares(x: Array, limit: Any) -> Any:
    """np.sum(np.square(np.clip(x, -limit, limit))) of at most 128 terms, in the precision of `x` and `limit`.

    numpy adds fewer than 8 terms one by one, more in eight sums that run side by side, then the rest.

    >>> squares(np.array([1.0, -2.0, 5.0]), 3.0)
    np.float64(14.0)
    """
    whole, zero = len(x) - len(x) % 8, x.dtype.type(0)
    if whole == 0:
        return _every(1, x, limit, 0, len(x), zero)
    first = _every(8, x, limit, 0, whole, zero) + _every(8, x, limit, 1, whole, zero)
    first += _every(8, x, limit, 2, whole, zero) + _every(8, x, limit, 3, whole, zero)
    second = _every(8, x, limit, 4, whole, zero) + _every(8, x, limit, 5, whole, zero)
    second += _every(8, x, limit, 6, whole, zero) + _every(8, x, limit, 7, whole, zero)
    return _every(1, x, limit, whole, len(x), first + second)


def _every(stride: int, x: Array, limit: Any, start: int, stop: int, total: Any) -> Any:
    """`total` and the squares of every `stride`th term, one after the other."""
    for k in range(start, stop, stride):
        value = x[k]
        if value > limit:
            value = limit
        if value < -limit:
            value = -limit
        total += value * value
    return total


HELPERS = (squares, _every)
"""What rules call (see `rules.HELPERS`)."""
