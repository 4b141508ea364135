"""A columnar brain, given as cell types with offsets between columns, unrolled into tables of cells and edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from celegans_nn.errors import ConnectomeError, one_line, whole_number

LARGEST_RADIUS = 1000
SQRT3 = 3**0.5


def unroll_columns(spec: Mapping[str, Any], radius: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Edges and cells of a hexagonal patch of columns, from a wiring that is given by cell type.

    The format is that of flyvis (Lappalainen et al. 2024, Nature 634:1132), whose wheel holds the fly's visual
    column as `flyvis/connectome/fib25-fib19_v2.2.json`:
    `{"nodes": [{"name", "pattern": ["stride", [su, sv]] | ["tile", s] | ["single", null]}, ...],
    "edges": [{"src", "tar", "alpha": sign, "offsets": [[[du, dv], n_syn], ...]}, ...], "input_units": [...]}`.
    A cell of type `src` in column (u, v) has n_syn synapses on the cell of type `tar` in (u + du, v + dv), if there
    is one. No gap in the data is filled.

    Parameters
    ----------
    radius
        Columns (u, v) with |u|, |v| and |u + v| at most this: 3 r (r + 1) + 1 of them.

    Returns
    -------
    edges, cells
        Edges under the format's own names (src, tar, n_syn, alpha, edge_type), so that `Connectome.from_edges` takes
        them with `columns=FLYVIS_COLUMNS`. Cells named "Mi1_0_-2" by type and column, with the type as `cell_class`,
        `role` "sensory" for input units and x, y the centre of their column, in columns.

    Raises
    ------
    ConnectomeError
        For a radius below 0, and for a spec that lacks a part of the format or names an unknown type.

    >>> eye = {"nodes": [{"name": n, "pattern": ["stride", [1, 1]]} for n in ("R1", "L1")], "input_units": ["R1"],
    ...        "edges": [{"src": "R1", "tar": "L1", "alpha": -1, "offsets": [[[0, 0], 40], [[1, 0], 2]]}]}
    >>> edges, cells = unroll_columns(eye, radius=1)
    >>> len(cells), len(edges), edges["n_syn"].sum()
    (14, 11, np.float64(288.0))
    """
    whole_number("radius", radius, 0, LARGEST_RADIUS, ConnectomeError)
    try:
        lattices = {str(node["name"]): _stride(node["pattern"]) for node in spec["nodes"]}
        inputs = {str(name) for name in spec.get("input_units", ())}
        patch = _patch(radius)
        places = {name: patch[_on_lattice(patch, stride)] for name, stride in lattices.items()}
        tables = [_edges(edge, places, lattices, radius) for edge in spec["edges"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {one_line(error)}"
        raise ConnectomeError(f"not a wiring by cell type ({what}); see unroll_columns for the format") from None
    names = [_names(name, at) for name, at in places.items()]
    u, v = np.concatenate(list(places.values())).T
    cell_class = np.repeat(list(places), [len(at) for at in places.values()])
    role = np.where(np.isin(cell_class, sorted(inputs)), "sensory", "")
    cells = {"name": np.concatenate(names), "cell_class": cell_class, "role": role, "x": u + v / 2, "y": v * SQRT3 / 2}
    return pd.concat([_NO_EDGES, *tables], ignore_index=True), pd.DataFrame(cells)


FLYVIS_COLUMNS = {"pre": "src", "post": "tar", "kind": "edge_type", "weight": "n_syn", "sign": "alpha"}
"""Our names to those of the format, for `Connectome.from_edges`."""
_NO_EDGES = pd.DataFrame({"src": [], "tar": [], "n_syn": [], "alpha": [], "edge_type": []}).astype(
    {"src": object, "tar": object, "n_syn": float, "alpha": int, "edge_type": object}
)


def _patch(radius: int) -> np.ndarray:
    """[columns, 2], int."""
    u, v = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside = np.abs(u + v) <= radius
    return np.stack([u[inside], v[inside]], axis=1)


def _stride(pattern: Any) -> tuple[int, int]:
    """Every how many columns there is a cell, in u and v; (0, 0) for a single one in the middle."""
    kind, steps = pattern
    if kind == "stride":
        u, v = steps
        return int(u), int(v)
    if kind not in ("tile", "single"):
        raise ValueError(f"unknown pattern {kind!r}")
    return (int(steps), int(steps)) if kind == "tile" else (0, 0)


def _on_lattice(at: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """[n] bool: which of the columns have a cell."""
    on = [at[:, k] % step == 0 if step else at[:, k] == 0 for k, step in enumerate(stride)]
    return on[0] & on[1]


def _edges(
    edge: Mapping[str, Any], places: Mapping[str, np.ndarray], lattices: Mapping[str, tuple[int, int]], radius: int
) -> pd.DataFrame:
    """All edges of one type to another."""
    pre, post = str(edge["src"]), str(edge["tar"])
    start = places[pre]
    stride = lattices[post]
    parts = []
    for (du, dv), count in edge["offsets"]:
        end = start + np.array([du, dv], dtype=int)
        there = (np.abs(end).max(axis=1) <= radius) & (np.abs(end.sum(axis=1)) <= radius) & _on_lattice(end, stride)
        parts.append((_names(pre, start[there]), _names(post, end[there]), np.full(there.sum(), float(count))))
    src, tar, n_syn = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else ([], [], [])
    return pd.DataFrame({"src": src, "tar": tar, "n_syn": n_syn, "alpha": int(edge["alpha"]), "edge_type": "chemical"})


def _names(cell_type: str, at: np.ndarray) -> np.ndarray:
    return np.array([f"{cell_type}_{u}_{v}" for u, v in at.tolist()], dtype=object)
