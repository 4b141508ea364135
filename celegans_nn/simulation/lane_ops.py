"""The functions of `neurons.ops` on lanes: an update rule that is given these compiles as it stands.

`exp` and `tanh` are written out, as in `networks.fast_ops`, whose constants they share: they agree with the C
library's to a few units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit

from celegans_nn.networks.fast_ops import Single
from celegans_nn.simulation.lanes import (
    OPTIONS,
    of,
    shifted_exponent,
    where_above,
    where_at_least,
    where_at_most,
    where_equal,
)

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
LOWEST, HIGHEST = np.float32(-87), np.float32(89)
"""exp is 0 below the first, as it is in float32 to 1e-38, and inf at the second."""
LOG2_E, MAGIC, LN2_HIGH, LN2_LOW = Single.log2_e, Single.magic, Single.ln2_high, Single.ln2_low
LARGEST, FIRST, REST = Single.largest, Single.taylor[0], Single.taylor[1:]


def on_lanes(step: Callable[..., Any]) -> Any:
    """An update rule compiled for lanes: the same code, with `ops` meaning this module."""
    import celegans_nn.simulation.lane_ops as lane_ops

    return njit(**OPTIONS)(FunctionType(step.__code__, {**step.__globals__, "ops": lane_ops}, step.__name__))


@njit(**OPTIONS)
def _split(x: Any) -> Any:
    """(b, g) with e^x = 2^k (1 + g), where the last bits of b are the exponent of 2^k; x = k ln 2 + r, g = e^r - 1."""
    biased = x * of(LOG2_E) + of(MAGIC)
    k = biased - of(MAGIC)
    r = (x - k * of(LN2_HIGH)) - k * of(LN2_LOW)
    series = of(FIRST)
    for coefficient in REST:
        series = series * r + of(coefficient)
    return biased, series * r


@njit(**OPTIONS)
def exp(x: Any) -> Any:
    """e to the power x; NaN stays."""
    biased, grown = _split(clip(x, of(LOWEST), of(HIGHEST)))
    half = shifted_exponent(biased - of(ONE))  # 2^(k - 1), since e^88.5 is a float and 2^128 is none
    return where_above(of(LOWEST), x, of(ZERO), (grown + of(ONE)) * half * of(TWO))


@njit(**OPTIONS)
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return of(ONE) / (of(ONE) + exp(-x))


@njit(**OPTIONS)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent, (e^2|x| - 1) / (e^2|x| + 1) with the sign of x; NaN stays."""
    size = of(TWO) * where_above(of(ZERO), x, -x, x)
    biased, grown = _split(where_above(size, of(LARGEST), of(LARGEST), size))
    scale = shifted_exponent(biased)
    above_one = scale * grown + (scale - of(ONE))
    value = above_one / (above_one + of(TWO))
    return where_above(of(ZERO), x, -value, value)


@njit(**OPTIONS)
def rectify(x: Any) -> Any:
    """max(x, 0); NaN stays."""
    return where_at_most(x, of(ZERO), of(ZERO), x)


@njit(**OPTIONS)
def clip(x: Any, low: Any, high: Any) -> Any:
    """x, but not below `low` nor above `high`; NaN stays."""
    return where_above(low, x, low, where_above(x, high, high, x))


@njit(**OPTIONS)
def select(condition: Any, chosen: Any, otherwise: Any) -> Any:
    """`chosen` where the condition is above 0, else `otherwise`."""
    return where_above(condition, of(ZERO), chosen, otherwise)


@njit(**OPTIONS)
def spike(distance: Any, slope: Any, surrogate: Any) -> Any:
    """1 where distance >= 0, else 0; NaN stays."""
    fired = where_at_least(distance, of(ZERO), of(ONE), of(ZERO))
    return where_equal(distance, distance, fired, distance)
