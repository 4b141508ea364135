"""Where to draw each cell: along the body from left (head) to right (tail), in rows from dorsal to ventral."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from celegans_nn.connectome.connectome import Connectome

DORSAL, VENTRAL = "dorsal muscles", "ventral muscles"
ROWS = (
    DORSAL,
    "DD",
    "AS",
    "DA",
    "DB",
    "sensory",
    "inter",
    "pharyngeal",
    "motor",
    "other",
    "VB",
    "VA",
    "VC",
    "VD",
    VENTRAL,
)
"""Dorsal to ventral; the inhibitory classes stand beside the muscles that they relax."""
MIDDLE = {
    "sensory": "sensory neurons", "inter": "interneurons", "pharyngeal": "pharyngeal neurons",
    "motor": "other motor neurons", "other": "other cells",
}  # fmt: skip
QUADRANT = 24
"""Body-wall muscles of a quadrant; MVL has one fewer."""

_CORD = set(ROWS) - {DORSAL, VENTRAL, *MIDDLE}
_CELL = re.compile(r"(?:[a-z]+_)?(?P<kind>AS|DA|DB|DD|VA|VB|VC|VD|M[DV](?:LR|lr|L|R)?)(?P<number>\d+)")


@dataclass(frozen=True)
class Layout:
    """Positions of N cells: `x` in [0, 1] from head to tail, `y` in rows downwards, the first row at 0."""

    x: np.ndarray
    y: np.ndarray
    rows: tuple[str, ...]
    """Label of each row, dorsal first."""
    row: tuple[str, ...]
    """The row of each cell."""


def layout(worm: Connectome) -> Layout:
    """Rows by motor class and muscle side, places by soma (or by number along the body where none is known)."""
    keys = [_row_key(name, role) for name, role in zip(worm.names, worm.cells["role"], strict=True)]
    rows = tuple(key for key in ROWS if key in keys)
    y = np.array([rows.index(key) for key in keys], dtype=float)
    x = _along_body(worm)
    for key in rows:
        members = np.flatnonzero([k == key for k in keys])
        x[members] = _spread(x[members])
    labels = MIDDLE if set(rows) & _CORD else {**MIDDLE, "motor": "motor neurons"}
    return Layout(x, y, tuple(labels.get(key, key) for key in rows), tuple(labels.get(k, k) for k in keys))


def _row_key(name: str, role: str) -> str:
    match = _CELL.fullmatch(name)
    if match:
        kind = match["kind"]
        return DORSAL if kind.startswith("MD") else VENTRAL if kind.startswith("MV") else kind
    return role if role in MIDDLE else "other"


def _along_body(worm: Connectome) -> np.ndarray:
    """[N] in [0, 1]: the soma's place between the first and the last one, else the cell's number in its class."""
    soma = np.asarray(worm.cells["y"], dtype=float)
    known = np.isfinite(soma)
    x = np.full(len(worm), np.nan)
    if known.any():
        low, high = soma[known].min(), soma[known].max()
        x[known] = (soma[known] - low) / (high - low) if high > low else 0.5
    numbered = [_CELL.fullmatch(name) for name in worm.names]
    last = dict.fromkeys(("MDL", "MDR", "MVL", "MVR"), QUADRANT)  # of the worm, even where only the head is known
    for match in numbered:
        if match:
            last[match["kind"]] = max(last.get(match["kind"], 1), int(match["number"]))
    for i, match in enumerate(numbered):
        if match and not known[i]:
            x[i] = (int(match["number"]) - 0.5) / last[match["kind"]]
    missing = np.isnan(x)
    x[missing] = (np.arange(missing.sum()) + 0.5) / max(missing.sum(), 1)
    return x


def _spread(x: np.ndarray) -> np.ndarray:
    """Keep the order, move neighbours apart until none touch, stay inside [0, 1]."""
    n = len(x)
    gap = min(0.022, 1.0 / max(n, 1))
    order = np.argsort(x, kind="stable")
    placed = x[order].copy()
    for _ in range(200):
        overlap = gap - np.diff(placed)
        push = np.clip(overlap, 0, None) / 2
        if not (push > 1e-6).any():
            break
        placed[:-1] -= push
        placed[1:] += push
        np.clip(placed, 0, 1, out=placed)
    out = np.empty(n)
    out[order] = placed
    return out
