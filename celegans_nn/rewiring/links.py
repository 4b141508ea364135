"""Which cells are linked: a table of bits over the cells that have edges to move, with compiled look-ups.

It takes 11 kB for 300 cells, so every look-up is in the fastest cache, and 2.4 GB for the 139,000 neurons of a fly's
brain. Cells without an edge to move have no place in it.
"""

from __future__ import annotations

import numpy as np

from celegans_nn.compiled import njit_kept
from celegans_nn.errors import RewiringError

LARGEST_TABLE = 8 * 2**30
"""Bytes: 262,144 cells with edges."""


def link_table(cells: int) -> np.ndarray:
    """No links yet, uint8 [cells, cells / 8 rounded up]; RewiringError where it would exceed `LARGEST_TABLE`."""
    size = cells * ((cells + 7) >> 3)
    try:
        if size <= LARGEST_TABLE:
            return np.zeros((cells, (cells + 7) >> 3), dtype=np.uint8)
    except MemoryError:
        pass
    raise RewiringError(
        f"{cells} cells have edges that may move: a table of which of them are linked would take {size} bytes, more "
        f"than there are or than the {LARGEST_TABLE} allowed; choose a smaller circuit, or density or lattice, which "
        "need none"
    ) from None


def renumbered(*ends: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The cells that occur, ascending, int64 [C], and the arrays of cells, int64, with their places in it instead."""
    present = np.zeros(max(end.max(initial=-1) for end in ends) + 1, dtype=np.bool_)
    for end in ends:
        present[end] = True
    number = np.cumsum(present) - 1
    return np.flatnonzero(present), [number[end] for end in ends]


@njit_kept(nogil=True)
def linked(bits: np.ndarray, a: int, b: int) -> bool:
    """Whether bit b of row a is set."""
    return (bits[a, b >> 3] >> (b & 7)) & 1 != 0


@njit_kept(nogil=True)
def flip(bits: np.ndarray, a: int, b: int) -> None:
    """Sets or clears bit b of row a."""
    bits[a, b >> 3] ^= np.uint8(1 << (b & 7))
