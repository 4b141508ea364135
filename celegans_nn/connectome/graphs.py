"""A Connectome to and from networkx, without loss; any graph may come in."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import networkx
import pandas as pd

from celegans_nn.connectome.connectome import CELL_COLUMNS, Connectome
from celegans_nn.connectome.tables import connectome_from_tables
from celegans_nn.errors import ConnectomeError, one_line

EDGE_COLUMNS = ("pre", "post", "kind", "weight", "sign")
NUMBERS = ("weight", "sign", "x", "y", "z")


class Edge(NamedTuple):
    """An edge as a graph or a file gives it."""

    first: object
    second: object
    attributes: Mapping[str, Any]
    directed: bool


def graph(worm: Connectome) -> networkx.MultiDiGraph:
    """The connectome as a `networkx.MultiDiGraph`.

    Nodes carry `cell_class`, `role`, `neuron` (bool), `transmitter`, `x`, `y`, `z`; an unknown attribute is left
    out. Edges carry `kind`, `weight` and `sign`, and their key is the kind; a gap junction is one edge, from the
    alphabetically first name, with sign 0. `graph.graph["provenance"]` is the provenance as JSON text.
    """
    result = networkx.MultiDiGraph(provenance=worm.provenance_json)
    for row in cell_rows(worm):
        known = {key: value for key, value in row.items() if value != "" and key != "name"}
        result.add_node(row["name"], **known)
    for pre, post, kind, weight, sign in edge_rows(worm):
        result.add_edge(pre, post, key=kind, kind=kind, weight=weight, sign=sign)
    return result


def from_graph(graph: networkx.Graph) -> Connectome:
    """A Connectome from any networkx graph.

    Nodes become cells under `str(node)`, in the graph's order; the attributes that `graph` writes are read where
    they are, and others ignored. An edge without `kind` is chemical, without `weight` has weight 1, without
    `sign` has sign 0 (unknown). In an undirected graph a chemical edge is a pair of synapses, one each way (as
    `networkx.to_directed` would have it), and an electrical one is one gap junction.

    Raises ConnectomeError, one line, for anything that `Connectome.from_edges` refuses; "row 3" is the third of
    `graph.edges` or `graph.nodes`.
    """
    if not isinstance(graph, networkx.Graph):
        raise ConnectomeError(f"from_graph takes a networkx graph, not {one_line(type(graph).__name__)}")
    directed = graph.is_directed()
    edges = [Edge(u, v, data, directed) for u, v, data in graph.edges(data=True)]
    return from_parts(graph.nodes(data=True), edges, "graph", graph.graph.get("provenance"))


def from_parts(
    nodes: Iterable[tuple[object, Mapping[str, Any]]], edges: list[Edge], source: str, provenance: object
) -> Connectome:
    cells = [
        {"name": _name(node, source), **{c: _plain(c, data.get(c)) for c in CELL_COLUMNS[1:]}} for node, data in nodes
    ]
    rows = [_edge_row(edge, source) for edge in edges]
    # mirrored rows come last, so that an error names the position of the edge that was given
    for edge, row in zip(edges, tuple(rows), strict=True):
        if not edge.directed and row[2] != "electrical" and row[0] != row[1]:
            rows.append((row[1], row[0], *row[2:]))
    return connectome_from_tables(
        pd.DataFrame(rows, columns=list(EDGE_COLUMNS), dtype=object),
        pd.DataFrame(cells, columns=list(CELL_COLUMNS), dtype=object),
        source=f"{source} edges",
        neurons_source=f"{source} nodes",
        provenance=_provenance(provenance),
    )


def _edge_row(edge: Edge, source: str) -> tuple[Any, ...]:
    defaults = {"kind": "chemical", "weight": 1.0, "sign": 0}
    given = {key: _plain(key, edge.attributes.get(key)) for key in defaults}
    return (
        _name(edge.first, source),
        _name(edge.second, source),
        *(default if given[key] is None else given[key] for key, default in defaults.items()),
    )


def _plain(column: str, value: object) -> object:
    """Text, number or None; anything else as text, which the checks then refuse by row."""
    if isinstance(value, str):
        return as_number(value) if column in NUMBERS else value
    if value is None or isinstance(value, numbers.Real):
        return value
    return one_line(repr(value))


def as_number(text: str) -> object:
    """The float64 that the text stands for, to the last bit (pandas rounds some); the text itself if it is none."""
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text


def _name(node: object, source: str) -> str:
    name = str(node)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ConnectomeError(f"{source}: cell {one_line(ascii(name))} is not valid Unicode; rename it") from None
    return name


def _provenance(text: object) -> dict[str, Any]:
    """What `graph` wrote; anything else that a graph calls provenance is not ours and is left."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def cell_rows(worm: Connectome) -> list[dict[str, Any]]:
    """One dict a cell with every column; "" where a value is unknown."""
    columns = [worm.cells[c].tolist() for c in CELL_COLUMNS]
    return [
        {c: "" if isinstance(v, float) and math.isnan(v) else v for c, v in zip(CELL_COLUMNS, values, strict=True)}
        for values in zip(*columns, strict=True)
    ]


def edge_rows(worm: Connectome) -> list[tuple[str, str, str, float, int]]:
    names = worm.names
    chemical, electrical = worm.chemical_edges, worm.electrical_edges
    rows = [
        (names[pre], names[post], "chemical", weight, sign)
        for pre, post, weight, sign in zip(*(array.tolist() for array in chemical), strict=True)
    ]
    pairs = zip(*(array.tolist() for array in electrical), strict=True)
    return rows + [(names[pre], names[post], "electrical", weight, 0) for pre, post, weight in pairs]
