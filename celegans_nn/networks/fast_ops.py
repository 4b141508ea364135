"""The functions of `neurons.ops` for one number, compiled: an update rule that is given these compiles as it stands.

`tanh` is written out, since a loop that calls the C library's cannot use the processor's vector units: it is the
slowest part of a `rate` network otherwise. It agrees with the C library's to 3 units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from celegans_nn.neurons.surrogates import CODES, TRIANGLE_HEIGHT

_OPTIONS: Any = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
FAST_SIGMOID, ARCTAN, TRIANGULAR = CODES["fast_sigmoid"], CODES["arctan"], CODES["triangular"]


def compiled_step(step: Callable[..., Any]) -> Any:
    """An update rule compiled for single numbers: the same code, with `ops` meaning this module."""
    import celegans_nn.networks.fast_ops as scalars

    return njit(**_OPTIONS)(FunctionType(step.__code__, {**step.__globals__, "ops": scalars}, step.__name__))


@njit(**_OPTIONS)
def rectify(x: Any) -> Any:
    """max(x, 0); NaN stays."""
    return type(x)(0) if x <= 0 else x


@njit(**_OPTIONS)
def select(condition: Any, chosen: Any, otherwise: Any) -> Any:
    """`chosen` where the condition is above 0, else `otherwise`."""
    return chosen if condition > 0 else otherwise


@njit(**_OPTIONS)
def spike(distance: Any, slope: Any, surrogate: Any) -> Any:
    """1 where distance >= 0, else 0; NaN stays."""
    return distance if distance != distance else type(distance)(distance >= 0)


@njit(**_OPTIONS)
def surrogate_derivative(distance: Any, slope: Any, surrogate: Any) -> Any:
    """What `neurons.surrogates` says of a spike's derivative, for the surrogate of that code; NaN for no such code."""
    one = type(distance)(1)
    away = slope * abs(distance)
    if surrogate == FAST_SIGMOID:
        return one / ((one + away) * (one + away))
    if surrogate == ARCTAN:
        return one / (one + away * away)
    if surrogate == TRIANGULAR:
        return type(distance)(TRIANGLE_HEIGHT) * rectify(one - away)
    return type(distance)(math.nan)


class Single:
    """Constants of `tanh` in float32."""

    log2_e, magic = np.float32(1 / math.log(2)), np.float32(1.5 * 2**23 + 127)
    """Added to a small number, `magic` leaves it rounded, and 127 more, in the last bits: an exponent's."""
    ln2_high, ln2_low = np.float32(0.693359375), np.float32(math.log(2) - 0.693359375)
    """ln 2 in two parts, the first exact times any exponent."""
    largest, one, two = np.float32(20), np.float32(1), np.float32(2)
    taylor = tuple(np.float32(1 / math.factorial(k)) for k in range(8, 0, -1))
    """e^r - 1 for |r| <= ln(2) / 2, to half a unit in the last place."""


class Double:
    """The same in float64."""

    log2_e, magic = 1 / math.log(2), 1.5 * 2**52 + 1023
    ln2_high, ln2_low = 0.693147180369123816490, 1.90821492927058770002e-10
    largest, one, two = 40.0, 1.0, 2.0
    taylor = tuple(1 / math.factorial(k) for k in range(14, 0, -1))


@njit(**_OPTIONS)
def _power_of_two_single(biased: Any) -> Any:
    return np.int32(np.float32(biased).view(np.int32) << 23).view(np.float32)


@njit(**_OPTIONS)
def _power_of_two_double(biased: Any) -> Any:
    return np.int64(np.float64(biased).view(np.int64) << 52).view(np.float64)


def _tanh_of(numbers: Any, power_of_two: Any) -> Callable[[Any], Any]:
    """tanh |x| = (e^2|x| - 1) / (e^2|x| + 1), with e^z - 1 = 2^k (e^r - 1) + (2^k - 1), z = k ln 2 + r."""
    log2_e, magic, ln2_high, ln2_low = numbers.log2_e, numbers.magic, numbers.ln2_high, numbers.ln2_low
    largest, one, two, first, rest = numbers.largest, numbers.one, numbers.two, numbers.taylor[0], numbers.taylor[1:]

    def tanh(x):  # type: ignore[no-untyped-def]
        z = two * abs(x)
        z = largest if z > largest else z
        biased = z * log2_e + magic
        k = biased - magic
        r = (z - k * ln2_high) - k * ln2_low
        series = first
        for coefficient in rest:
            series = series * r + coefficient
        scale = power_of_two(biased)
        grown = scale * (series * r) + (scale - one)
        return math.copysign(grown / (grown + two), x)

    return njit(**_OPTIONS)(tanh)


_TANH = {
    types.float32: _tanh_of(Single, _power_of_two_single),
    types.float64: _tanh_of(Double, _power_of_two_double),
}


def tanh(x: Any) -> Any:
    """Hyperbolic tangent; NaN stays."""
    raise NotImplementedError("only compiled code calls this")


@overload(tanh, jit_options=_OPTIONS)
def _compiled_tanh(x: Any) -> Any:
    chosen = _TANH[x]

    def of_its_precision(x: Any) -> Any:
        return chosen(x)

    return of_its_precision
