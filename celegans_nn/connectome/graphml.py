"""A Connectome to and from GraphML, without loss; a file is data from a stranger and is read as such."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from xml.parsers import expat

import networkx

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.files import read_bytes, write_text
from celegans_nn.connectome.graphs import Edge, cell_rows, from_parts, graph
from celegans_nn.errors import ConnectomeError, one_line

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_graphml(worm: Connectome, path: str | Path) -> None:
    """Writes `graph(worm)` as GraphML, atomically; edges are numbered e0, e1, ...

    Raises ConnectomeError for a control character in a text, which XML cannot hold.
    """
    for row in cell_rows(worm):
        for value in row.values():
            if isinstance(value, str) and (found := _NOT_XML.search(value)):
                raise ConnectomeError(
                    f"cell {one_line(ascii(row['name']))}: GraphML cannot hold the character {found[0]!a}; use to_csv"
                )
    named = graph(worm)
    # the key becomes the XML id, which has to be unique in the file, so the kind cannot be the key here
    numbered = networkx.MultiDiGraph(**named.graph)
    numbered.add_nodes_from(named.nodes(data=True))
    for i, (u, v, data) in enumerate(named.edges(data=True)):
        numbered.add_edge(u, v, key=f"e{i}", **data)
    text = io.BytesIO()
    networkx.write_graphml_xml(numbered, text)
    write_text(Path(path), text.getvalue().decode())


def from_graphml(path: str | Path) -> Connectome:
    """From a GraphML file, ours or another program's; a cell is named by its node's id, the rest is as in `from_graph`.

    Errors name the file and the position of the edge or node in it. A file with a DOCTYPE is refused: GraphML
    needs none, and entities in it could make a small file expand without end.
    """
    path = Path(path)
    root = _xml(path)
    keys = {key.get("id"): key for key in root if _tag(key) == "key"}
    top = next((element for element in root if _tag(element) == "graph"), None)
    if _tag(root) != "graphml" or top is None:
        raise ConnectomeError(f"{path}: no <graph> in it; give a GraphML file")
    directed = top.get("edgedefault") != "undirected"
    parts: dict[str, list[ElementTree.Element]] = {"node": [], "edge": []}
    for element in top:
        parts.setdefault(_tag(element), []).append(element)
    nodes = [
        (_required(node, "id", path, f"node {i}"), _data(node, keys)) for i, node in enumerate(parts["node"], start=1)
    ]
    edges = [
        Edge(
            _required(edge, "source", path, f"edge {i}"),
            _required(edge, "target", path, f"edge {i}"),
            _data(edge, keys),
            {"true": True, "false": False}.get(edge.get("directed", ""), directed),
        )
        for i, edge in enumerate(parts["edge"], start=1)
    ]
    return from_parts(nodes, edges, path.name, _data(top, keys).get("provenance"))


def _xml(path: Path) -> ElementTree.Element:
    def refuse(*_: object) -> None:
        raise ConnectomeError(f"{path}: has a DOCTYPE, which GraphML does not need; remove it")

    guard = expat.ParserCreate()
    guard.StartDoctypeDeclHandler = refuse
    data = read_bytes(path, "give a GraphML file")
    try:
        guard.Parse(data, True)
        return ElementTree.fromstring(data)
    except ConnectomeError:
        raise
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise ConnectomeError(f"{path}: not XML ({one_line(error)}); give a GraphML file") from None


def _tag(element: ElementTree.Element) -> str:
    """The tag without its namespace, which some programs leave out."""
    return str(element.tag).rpartition("}")[2]


def _data(element: ElementTree.Element, keys: Mapping[str | None, ElementTree.Element]) -> dict[str, str]:
    """The attributes of a node, an edge or the graph, as text, with the defaults of their keys."""
    found: dict[str, str] = {}
    for key in keys.values():
        default = next((child.text for child in key if _tag(child) == "default"), None)
        if default and key.get("for") in (_tag(element), "all"):
            found[key.get("attr.name", "")] = default
    for data in element:
        name = keys[data.get("key")].get("attr.name", "") if data.get("key") in keys else ""
        if _tag(data) == "data" and data.text:
            found[name] = data.text
    return found


def _required(element: ElementTree.Element, attribute: str, path: Path, where: str) -> str:
    value = element.get(attribute)
    if value is None:
        raise ConnectomeError(f"{path.name} {where}: has no {attribute}; give it one")
    return value
