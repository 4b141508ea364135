"""A user's tables become a Connectome, or one clear line says which row does not fit and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from celegans_nn.connectome.connectome import ROLES, ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import ConnectomeError, nearest, one_line

KINDS = ("chemical", "electrical")


class _Rows:
    """A table that knows how to name its rows in an error."""

    def __init__(self, table: pd.DataFrame, source: str, first_line: int | None):
        if not isinstance(table, pd.DataFrame):
            raise ConnectomeError(
                f"{source} is {one_line(table)!r}; give a pandas DataFrame, or read a folder by Connectome.from_csv"
            )
        if table.columns.duplicated().any():
            name = table.columns[table.columns.duplicated()][0]
            raise ConnectomeError(f"{source}: column {one_line(name)!r} is there twice; keep one")
        self.table = table.reset_index(drop=True)
        self.source = source
        self.first_line = first_line

    def where(self, bad: np.ndarray | pd.Series) -> tuple[str, int]:
        """'edges row 3' (rows from 1) or 'edges.csv line 4' (lines from 1, header included), and the position."""
        i = int(np.argmax(np.asarray(bad)))
        if self.first_line is None:
            return f"{self.source} row {i + 1}", i
        return f"{self.source} line {i + self.first_line}", i

    def require(self, column: str, mapped: str) -> pd.Series:
        if mapped not in self.table.columns:
            has = one_line(", ".join(map(str, self.table.columns)))
            raise ConnectomeError(
                f"{self.source}: column {mapped!r} is missing (it has: {has}); "
                f'name the column that holds it: columns={{"{column}": "..."}}'
            )
        return self.table[mapped]

    def numbers(self, column: pd.Series, what: str, remedy: str) -> np.ndarray:
        """The column as float64; a text that is no number is an error, an empty cell is NaN."""
        values = pd.to_numeric(column, errors="coerce")
        bad = values.isna().to_numpy() & column.notna().to_numpy()
        if bad.any():
            where, i = self.where(bad)
            raise ConnectomeError(f"{where}: {what} {one_line(column.iloc[i])!r} is not a number; {remedy}")
        return values.to_numpy(dtype=np.float64, na_value=np.nan)

    def names(self, column: pd.Series, what: str) -> pd.Series:
        """The column as text; an empty name is an error."""
        text = column.astype(str)
        bad = column.isna().to_numpy() | (text.str.strip() == "").to_numpy()
        if bad.any():
            where, _ = self.where(bad)
            raise ConnectomeError(f"{where}: the {what} cell has no name; give its name or remove the row")
        return text


def connectome_from_tables(
    edges: pd.DataFrame,
    neurons: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    source: str = "edges",
    neurons_source: str = "neurons",
    first_line: int | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Connectome:
    """A Connectome from a table of edges and, if there is one, a table of cells: any animal's.

    Needed are who synapses on whom and whether by chemical synapse or gap junction. Cell classes, roles, positions,
    transmitters and signs are optional: what needs one of them says so in an error (`build` asks what becomes of
    edges of unknown sign, null models by class or distance refuse), and all else works.

    Parameters
    ----------
    edges
        One row an edge: `pre`, `post`, `kind` ("chemical" or "electrical"), and optionally `weight` (above 0;
        1 where the column is missing) and `sign` (+1, -1, 0 unknown; unknown where missing or empty; an
        electrical row has none). A gap junction may come once, or twice (both ways) with equal weight.
        Other columns are ignored.
    neurons
        One row a cell: `name`, and optionally `cell_class`, `role` (sensory, inter, motor, pharyngeal, muscle,
        other), `neuron` (true or false; where missing, every cell but muscles and others), `transmitter`,
        `x`, `y`, `z`. Without this table the cells are those of the edges, in alphabetical order.
    columns
        Our name to yours, for edge tables with other headings: `{"pre": "from", "post": "to"}`. Columns of edges
        only; rename those of `neurons` with `DataFrame.rename`.
    source, neurons_source, first_line
        How errors name the tables, and the line of the first row where they come from a file.
    provenance
        JSON values to keep with the connectome.

    Raises
    ------
    ConnectomeError
        One line naming table, row, value and remedy.

    >>> table = pd.DataFrame({"source": ["Mi1", "L1"], "target": ["T4a", "Mi1"], "n_syn": [120, 92],
    ...                       "type": "chemical"})
    >>> fly = connectome_from_tables(
    ...     table, columns={"pre": "source", "post": "target", "kind": "type", "weight": "n_syn"})
    >>> fly.names, fly.chemical["weight"].tolist()
    (('L1', 'Mi1', 'T4a'), [92.0, 120.0])
    """
    columns = dict(columns or {})
    for key in columns:
        if key not in ("pre", "post", "kind", "weight", "sign"):
            raise ConnectomeError(
                f"columns: unknown name {one_line(key)!r}; {nearest(key, ('pre', 'post', 'kind', 'weight', 'sign'))}"
            )
    rows = _Rows(edges, source, first_line)
    pre = rows.names(rows.require("pre", columns.get("pre", "pre")), "presynaptic")
    post = rows.names(rows.require("post", columns.get("post", "post")), "postsynaptic")
    cells = _cells(pre, post) if neurons is None else _cells_from_table(neurons, neurons_source, first_line)
    pre_index, post_index = (_positions(rows, ends, cells["name"], neurons_source) for ends in (pre, post))
    electrical = _kinds(rows, columns) == "electrical"
    weight, sign = _weights(rows, columns), _signs(rows, columns, electrical)
    _refuse_duplicates(rows, pre_index, post_index, electrical, pre, post)
    chemical = ~electrical
    return Connectome(
        cells,
        ChemicalEdges(pre_index[chemical], post_index[chemical], weight[chemical], sign[chemical]),
        _gap_pairs(rows, pre_index, post_index, weight, electrical, pre, post),
        json.dumps({"source": source, **(provenance or {})}),
    )


def _cells(pre: pd.Series, post: pd.Series) -> dict[str, np.ndarray]:
    names = np.array(sorted(pd.concat([pre, post]).unique().tolist()), dtype=object)
    empty = np.full(len(names), "", dtype=object)
    nan = np.full(len(names), np.nan)
    return {
        "name": names, "cell_class": empty, "role": empty, "neuron": np.ones(len(names), bool),
        "transmitter": empty, "x": nan, "y": nan, "z": nan,
    }  # fmt: skip


def _cells_from_table(neurons: pd.DataFrame, source: str, first_line: int | None) -> dict[str, np.ndarray]:
    rows = _Rows(neurons, source, first_line)
    names = rows.names(rows.require("name", "name"), "listed")
    if names.duplicated().any():
        where, i = rows.where(names.duplicated())
        raise ConnectomeError(f"{where}: cell {one_line(names.iloc[i])!r} is listed twice; keep one row")
    text = {c: _text(rows, c) for c in ("cell_class", "role", "transmitter")}
    unknown = ~np.isin(text["role"].astype(str), ("", *ROLES))
    if unknown.any():
        where, i = rows.where(unknown)
        role = text["role"][i]
        raise ConnectomeError(f"{where}: unknown role {one_line(role)!r}; {nearest(role, ROLES)}")
    position = {
        c: rows.numbers(rows.table[c], c, "give micrometres or leave it empty")
        if c in rows.table.columns
        else np.full(len(names), np.nan)
        for c in ("x", "y", "z")
    }
    return {"name": names.to_numpy(object), **text, "neuron": _is_neuron(rows, text["role"]), **position}


def _text(rows: _Rows, column: str) -> np.ndarray:
    if column not in rows.table.columns:
        return np.full(len(rows.table), "", dtype=object)
    values = rows.table[column]
    return np.array(["" if missing else str(v) for v, missing in zip(values, values.isna(), strict=True)], object)


def _is_neuron(rows: _Rows, role: np.ndarray) -> np.ndarray:
    by_role = ~np.isin(role.astype(str), ("muscle", "other"))
    if "neuron" not in rows.table.columns:
        return by_role
    known = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    column = rows.table["neuron"]
    given = [None if missing else str(v).lower() for v, missing in zip(column, column.isna(), strict=True)]
    bad = np.array([g is not None and g not in known for g in given], bool)
    if bad.any():
        where, i = rows.where(bad)
        raise ConnectomeError(f"{where}: neuron {one_line(column.iloc[i])!r} is neither true nor false")
    return np.array([d if g is None else known[g] for g, d in zip(given, by_role, strict=True)], bool)


def _positions(rows: _Rows, ends: pd.Series, names: np.ndarray, neurons_source: str) -> np.ndarray:
    positions = pd.Index(names).get_indexer(pd.Index(ends))
    if (positions < 0).any():
        where, i = rows.where(positions < 0)
        raise ConnectomeError(
            f"{where}: unknown cell {one_line(ends.iloc[i])!r}; add it to {neurons_source} or correct the name"
        )
    return positions.astype(np.int32)


def _kinds(rows: _Rows, columns: Mapping[str, str]) -> np.ndarray:
    kinds = rows.require("kind", columns.get("kind", "kind"))
    bad = ~kinds.isin(KINDS).to_numpy()
    if bad.any():
        where, i = rows.where(bad)
        kind = one_line(kinds.iloc[i])
        raise ConnectomeError(f"{where}: unknown kind {kind!r}; {nearest(kind, KINDS)}")
    return kinds.to_numpy(object)


def _weights(rows: _Rows, columns: Mapping[str, str]) -> np.ndarray:
    name = columns.get("weight", "weight")
    if name not in rows.table.columns and "weight" not in columns:
        return np.ones(len(rows.table))
    weight = rows.numbers(rows.require("weight", name), "weight", "give a number above 0")
    bad = ~(np.isfinite(weight) & (weight > 0))
    if bad.any():
        where, i = rows.where(bad)
        raise ConnectomeError(f"{where}: weight {weight[i]} is not above 0 and finite; put the sign in column sign")
    return weight


def _signs(rows: _Rows, columns: Mapping[str, str], electrical: np.ndarray) -> np.ndarray:
    name = columns.get("sign", "sign")
    if name not in rows.table.columns and "sign" not in columns:
        return np.zeros(len(rows.table), np.int8)
    sign = np.nan_to_num(rows.numbers(rows.require("sign", name), "sign", "use +1, -1 or 0 (unknown)"))
    bad = ~np.isin(sign, (-1, 0, 1))
    if bad.any():
        where, i = rows.where(bad)
        raise ConnectomeError(f"{where}: sign {sign[i]:g} is none of +1, -1, 0 (unknown)")
    if (electrical & (sign != 0)).any():
        where, _ = rows.where(electrical & (sign != 0))
        raise ConnectomeError(f"{where}: a gap junction has no sign; leave it empty or 0")
    return sign.astype(np.int8)


def _refuse_duplicates(
    rows: _Rows, pre: np.ndarray, post: np.ndarray, electrical: np.ndarray, pre_name: pd.Series, post_name: pd.Series
) -> None:
    twice = pd.DataFrame({"a": pre, "b": post, "k": electrical}).duplicated()
    if twice.any():
        where, i = rows.where(twice)
        kind = "electrical" if electrical[i] else "chemical"
        raise ConnectomeError(
            f"{where}: {kind} edge {one_line(pre_name.iloc[i])} -> {one_line(post_name.iloc[i])} is given twice; "
            "add the weights up into one row"
        )


def _gap_pairs(
    rows: _Rows,
    pre: np.ndarray,
    post: np.ndarray,
    weight: np.ndarray,
    electrical: np.ndarray,
    pre_name: pd.Series,
    post_name: pd.Series,
) -> ElectricalEdges:
    low, high = np.minimum(pre, post)[electrical], np.maximum(pre, post)[electrical]
    pairs = pd.DataFrame({"low": low, "high": high, "weight": weight[electrical]})
    first = pairs.groupby(["low", "high"])["weight"].transform("first")
    if (first != pairs["weight"]).any():
        uneven = np.zeros(len(pre), bool)
        uneven[np.flatnonzero(electrical)[(first != pairs["weight"]).to_numpy()]] = True
        where, i = rows.where(uneven)
        raise ConnectomeError(
            f"{where}: gap junction {one_line(pre_name.iloc[i])} - {one_line(post_name.iloc[i])} is asymmetric "
            f"(weight {weight[i]:g} one way, {first[(first != pairs['weight'])].iloc[0]:g} the other); "
            "give the pair once, or both ways with equal weight"
        )
    pairs = pairs.drop_duplicates(["low", "high"])
    return ElectricalEdges(pairs["low"].to_numpy(), pairs["high"].to_numpy(), pairs["weight"].to_numpy())
