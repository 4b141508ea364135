"""The random numbers of the compiled kernels: SplitMix64, whose whole state is one integer handed in.

Numba's own generator is global to the process, so two rewirings in one worker would depend on each other.
"""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF_WORD = np.uint64(32)


def kernel_seed(rng: np.random.Generator) -> np.uint64:
    """64 bits of `rng` to start a kernel from."""
    return np.uint64(rng.integers(2**64, dtype=np.uint64))


@njit_kept()
def next_bits(state: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The next state and 64 random bits (Steele, Lea & Flood 2014, with Vigna's mixing constants)."""
    state = state + _INCREMENT
    z = (state ^ (state >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return state, z ^ (z >> np.uint64(31))


@njit_kept()
def below_high(bits: np.uint64, n: int) -> np.int64:
    """A number from 0 to n - 1 from the upper 32 bits; its bias is below n / 2^32."""
    return np.int64(((bits >> _HALF_WORD) * np.uint64(n)) >> _HALF_WORD)


@njit_kept()
def below_low(bits: np.uint64, n: int) -> np.int64:
    """A number from 0 to n - 1 from the lower 32 bits, independent of `below_high` of the same bits."""
    return np.int64(((bits & _LOW_HALF) * np.uint64(n)) >> _HALF_WORD)
