"""Formats in and out: nothing is lost on the way, and what does not fit gets one line."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celegans_nn.connectome import io
from celegans_nn.connectome.connectome import ROLES, ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import ConnectomeError

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
any_text = st.text(st.characters(codec="utf-8"), max_size=8)
xml_text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=8)
positive = st.floats(min_value=5e-324, max_value=1e308)
coordinate = st.one_of(st.just(float("nan")), st.floats(-1e300, 1e300))


@st.composite
def connectomes(draw: st.DrawFn, text: st.SearchStrategy[str] = any_text) -> Connectome:
    """A connectome of up to six cells with any names, self-loops and self-gaps included."""
    names = draw(st.lists(text.filter(str.strip), min_size=1, max_size=6, unique=True))
    cells = len(names)

    def column(values: st.SearchStrategy, dtype: object = object) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=cells, max_size=cells)), dtype=dtype)

    ends = st.tuples(st.integers(0, cells - 1), st.integers(0, cells - 1))
    chemical = draw(st.lists(ends, unique=True, max_size=12))
    pairs = draw(st.lists(ends, unique_by=lambda e: (min(e), max(e)), max_size=8))
    weights = draw(st.lists(positive, min_size=20, max_size=20))
    rows = [(*edge, weights[i], i % 3 - 1) for i, edge in enumerate(chemical)]
    gaps = [(*edge, weights[-1 - i]) for i, edge in enumerate(pairs)]
    return Connectome(
        {
            "name": np.array(names, object),
            "cell_class": column(text),
            "role": column(st.sampled_from(("", *ROLES))),
            "neuron": column(st.booleans(), bool),
            "transmitter": column(text),
            **{axis: column(coordinate, np.float64) for axis in "xyz"},
        },
        ChemicalEdges(*arrays(rows, 4)),
        ElectricalEdges(*arrays(gaps, 3)),
        json.dumps({"source": draw(text), "note": draw(text)}),
    )


def arrays(rows: list[tuple], columns: int) -> list[np.ndarray]:
    return [np.array([row[i] for row in rows]) for i in range(columns)]


def same(first: Connectome, second: Connectome) -> bool:
    return first == second and first.provenance == second.provenance


# -- nothing is lost ----------------------------------------------------------------------------------------------


@given(connectomes())
@reproducible
def test_a_connectome_comes_back_from_networkx_as_it_went(worm: Connectome) -> None:
    assert same(io.from_graph(io.graph(worm)), worm)


@given(worm=connectomes())
@reproducible
def test_a_connectome_comes_back_from_csv_as_it_went(
    worm: Connectome, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    io.to_csv(worm, folder)
    assert same(io.from_csv(folder), worm)


@given(worm=connectomes(xml_text))
@reproducible
def test_a_connectome_comes_back_from_graphml_as_it_went(worm: Connectome) -> None:
    with TemporaryDirectory() as folder:
        io.to_graphml(worm, Path(folder) / "worm.graphml")
        assert same(io.from_graphml(Path(folder) / "worm.graphml"), worm)


@pytest.mark.parametrize("source", ["cook2019", "haspel2012"])
def test_the_real_worm_comes_back_from_every_format(source: str, tmp_path: Path) -> None:
    worm = load_connectome(source)
    worm.to_csv(tmp_path / "folder" / "deeper")
    worm.to_graphml(tmp_path / "worm.graphml")
    assert same(Connectome.from_csv(tmp_path / "folder" / "deeper"), worm)
    assert same(Connectome.from_graphml(tmp_path / "worm.graphml"), worm)
    assert same(Connectome.from_graph(worm.graph()), worm)


def test_writing_leaves_no_temporary_file_behind(tmp_path: Path) -> None:
    load_connectome("haspel2012").to_csv(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["edges.csv", "neurons.csv", "provenance.json"]


def test_networkx_reads_our_graphml_as_the_same_graph(tmp_path: Path) -> None:
    worm = load_connectome("haspel2012")
    worm.to_graphml(tmp_path / "worm.graphml")
    read = nx.read_graphml(tmp_path / "worm.graphml", force_multigraph=True)
    assert dict(read.nodes(data=True)) == dict(worm.graph().nodes(data=True))
    edges = [sorted((u, v, *data.values()) for u, v, data in g.edges(data=True)) for g in (read, worm.graph())]
    assert edges[0] == edges[1]
    assert Connectome.from_graph(read) == worm


# -- what a graph carries -----------------------------------------------------------------------------------------


def test_a_node_leaves_out_what_is_unknown_and_an_edge_says_kind_weight_and_sign() -> None:
    graph = load_connectome("cook2019").graph()
    assert isinstance(graph, nx.MultiDiGraph)
    muscle, neuron = graph.nodes["MDL07"], graph.nodes["DD1"]
    assert muscle == {"cell_class": "MDL", "role": "muscle", "neuron": False}
    assert set(neuron) == {"cell_class", "role", "neuron", "transmitter", "x", "y", "z"}
    assert neuron["transmitter"] == "GABA" and neuron["neuron"] is True
    assert all(set(data) == {"kind", "weight", "sign"} for _, _, data in graph.edges(data=True))
    assert {data["sign"] for _, _, data in graph.out_edges("DD1", data=True) if data["kind"] == "chemical"} == {-1}


def test_a_gap_junction_is_one_edge_with_the_alphabetically_first_name_first() -> None:
    graph = load_connectome("cook2019").graph()
    gaps = [(u, v) for u, v, kind in graph.edges(data="kind") if kind == "electrical"]
    assert len(gaps) == 298
    assert all(u <= v for u, v in gaps)
    assert len({frozenset(pair) for pair in gaps}) == len(gaps)


def test_a_plain_digraph_becomes_chemical_edges_of_weight_one_and_unknown_sign() -> None:
    worm = io.from_graph(nx.DiGraph([(1, 2), (2, 3), (3, 3)]))
    assert worm.names == ("1", "2", "3")
    assert worm.chemical.values.tolist() == [["1", "2", 1.0, 0], ["2", "3", 1.0, 0], ["3", "3", 1.0, 0]]
    assert worm.electrical.empty


def test_an_undirected_edge_is_two_synapses_and_an_undirected_gap_junction_is_one() -> None:
    graph = nx.Graph()
    graph.add_edge("a", "b", weight=3)
    graph.add_edge("c", "c")
    graph.add_edge("b", "a2", kind="electrical", weight=2)
    worm = io.from_graph(graph)
    assert worm.chemical.values.tolist() == [["a", "b", 3.0, 0], ["b", "a", 3.0, 0], ["c", "c", 1.0, 0]]
    assert worm.electrical.values.tolist() == [["a2", "b", 2.0]]


def test_a_cell_may_excite_one_and_inhibit_another() -> None:
    graph = nx.DiGraph()
    graph.add_edge("a", "b", sign=1)
    graph.add_edge("a", "c", sign=-1)
    assert io.from_graph(graph).chemical["sign"].tolist() == [1, -1]


def test_a_gap_junction_given_both_ways_with_equal_weight_is_stored_once() -> None:
    graph = nx.DiGraph()
    graph.add_edge("b", "a", kind="electrical", weight=2)
    graph.add_edge("a", "b", kind="electrical", weight=2)
    assert io.from_graph(graph).electrical.values.tolist() == [["a", "b", 2.0]]


def edge(**attributes: object) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.add_edge("x", "y")
    graph.add_edge("a", "b", **attributes)
    return graph


def asymmetric() -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_edge("a", "b", kind="electrical", weight=1)
    graph.add_edge("b", "a", kind="electrical", weight=2)
    return graph


BAD_GRAPHS = {
    "negative weight": (edge(weight=-2), "graph edges row 2", "-2"),
    "weight NaN": (edge(weight=float("nan")), "graph edges row 2", "nan"),
    "weight as text": (edge(weight="strong"), "graph edges row 2", "'strong'"),
    "weight as list": (edge(weight=[1, 2]), "graph edges row 2", "[1, 2]"),
    "weight as array": (edge(weight=np.ones(2)), "graph edges row 2", "array"),
    "wrong kind": (edge(kind="chemcial"), "graph edges row 2", "did you mean 'chemical'"),
    "wrong sign": (edge(sign=2), "graph edges row 2", "sign 2"),
    "signed gap junction": (edge(kind="electrical", sign=1), "graph edges row 2", "no sign"),
    "parallel edges": (nx.MultiDiGraph([("a", "b"), ("a", "b")]), "graph edges row 2", "given twice"),
    "asymmetric gap junction": (asymmetric(), "graph edges row 2", "asymmetric"),
    "two nodes of one name": (nx.DiGraph([(1, "1")]), "graph nodes row 2", "listed twice"),
    "no node": (nx.DiGraph(), "selection has no cells", "name at least one"),
    "not a graph": ([("a", "b")], "networkx graph", "list"),
    "broken Unicode": (nx.DiGraph([("a", "\ud800")]), "not valid Unicode", "rename"),
}


@pytest.mark.parametrize("name", BAD_GRAPHS)
def test_a_bad_graph_gets_one_line_that_names_the_row(name: str) -> None:
    graph, where, what = BAD_GRAPHS[name]
    with pytest.raises(ConnectomeError) as error:
        io.from_graph(graph)
    message = str(error.value)
    assert where in message and what in message and "\n" not in message


# -- CSV ----------------------------------------------------------------------------------------------------------

HEADER = "pre,post,kind,weight,sign\n"
BAD_EDGES = {
    "empty file": ("", "edges.csv", "first line must name the columns"),
    "missing column": ("pre,post,weight\na,b,1\n", "edges.csv", "'kind' is missing"),
    "column twice": ("pre,post,kind,kind\na,b,chemical,chemical\n", "edges.csv line 1", "named twice"),
    "too few values": (HEADER + "a,b,chemical,1,0\na,c,chemical\n", "edges.csv line 3", "3 values"),
    "too many values": (HEADER + "a,b,chemical,1,0,7\n", "edges.csv line 2", "6 values"),
    "blank line inside": (HEADER + "\na,b,chemical,1,0\n", "edges.csv line 2", "0 values"),
    "text for a weight": (HEADER + "a,b,chemical,1,0\na,c,chemical,many,0\n", "edges.csv line 3", "'many'"),
    "underscored weight": (HEADER + "a,b,chemical,1_0,0\n", "edges.csv line 2", "'1_0'"),
    "negative weight": (HEADER + "a,b,chemical,-1,0\n", "edges.csv line 2", "-1"),
    "NaN weight": (HEADER + "a,b,chemical,nan,0\n", "edges.csv line 2", "nan"),
    "infinite weight": (HEADER + "a,b,chemical,inf,0\n", "edges.csv line 2", "inf"),
    "no name": (HEADER + ",b,chemical,1,0\n", "edges.csv line 2", "no name"),
    "wrong kind": (HEADER + "a,b,electric,1,0\n", "edges.csv line 2", "did you mean 'electrical'"),
    "duplicate edge": (HEADER + "a,b,chemical,1,0\na,b,chemical,2,0\n", "edges.csv line 3", "given twice"),
    "asymmetric gap": (HEADER + "a,b,electrical,1,0\nb,a,electrical,2,0\n", "edges.csv line 3", "asymmetric"),
    "no edges at all": (HEADER, "selection has no cells", ""),
    "unclosed quote": (HEADER + '"a,b,chemical,1,0\n', "edges.csv", "quotes"),
}


@pytest.mark.parametrize("name", BAD_EDGES)
def test_a_bad_edge_table_gets_one_line_with_file_and_line(name: str, tmp_path: Path) -> None:
    text, where, what = BAD_EDGES[name]
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(ConnectomeError) as error:
        io.from_csv(tmp_path)
    message = str(error.value)
    assert where in message and what in message and "\n" not in message


BAD_CELLS = {
    "unknown cell": ("name\na\n", "edges.csv line 2", "unknown cell 'b'"),
    "cell twice": ("name\na\nb\na\n", "neurons.csv line 4", "listed twice"),
    "wrong role": ("name,role\na,sensor\nb,\n", "neurons.csv line 2", "did you mean 'sensory'"),
    "text for a position": ("name,x\na,1\nb,left\n", "neurons.csv line 3", "'left'"),
    "neither true nor false": ("name,neuron\na,true\nb,maybe\n", "neurons.csv line 3", "'maybe'"),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_a_bad_cell_table_gets_one_line_with_file_and_line(name: str, tmp_path: Path) -> None:
    text, where, what = BAD_CELLS[name]
    (tmp_path / "edges.csv").write_text(HEADER + "a,b,chemical,1,0\n")
    (tmp_path / "neurons.csv").write_text(text)
    with pytest.raises(ConnectomeError) as error:
        io.from_csv(tmp_path)
    message = str(error.value)
    assert where in message and what in message and "\n" not in message


def test_a_spreadsheets_export_is_read_with_its_byte_order_mark_and_last_blank_lines(tmp_path: Path) -> None:
    text = "\ufeffpre, post ,kind\r\na,b,chemical\r\n,,\r\n\r\n"
    (tmp_path / "my edges.csv").write_bytes(text.encode())
    worm = io.from_csv(tmp_path / "my edges.csv")
    assert worm.chemical.values.tolist() == [["a", "b", 1.0, 0]]


def test_cells_named_like_missing_values_are_cells(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post,kind\nNA,nan,chemical\nnull,None,electrical\n")
    assert io.from_csv(tmp_path).names == ("NA", "None", "nan", "null")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00pre", b'"' + b"x" * 200_000 + b'",b\n'])
def test_a_file_that_is_no_table_gets_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_bytes(content)
    with pytest.raises(ConnectomeError, match=r"edges\.csv"):
        io.from_csv(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000])
def test_a_provenance_that_is_no_json_object_gets_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post,kind\na,b,chemical\n")
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(ConnectomeError, match=r"provenance\.json: not (JSON|a JSON object)"):
        io.from_csv(tmp_path)


@pytest.mark.parametrize("read", [io.from_csv, io.from_graphml])
def test_a_missing_file_is_named_with_what_to_give(read: object, tmp_path: Path) -> None:
    with pytest.raises(ConnectomeError, match="nowhere: No such file or directory; give "):
        read(tmp_path / "nowhere")


def test_a_place_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectomeError, match="choose another place"):
        io.to_csv(load_connectome("haspel2012"), tmp_path / "file")


# -- GraphML ------------------------------------------------------------------------------------------------------

BOMB = (
    '<!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<graphml><graph><node id="&b;"/></graph></graphml>'
)
EXTERNAL = '<!DOCTYPE g SYSTEM "file:///etc/passwd"><graphml><graph><node id="a"/></graph></graphml>'
KEYS = '<key id="w" for="edge" attr.name="weight" attr.type="double"/>'


def graphml(body: str, head: str = KEYS, attributes: str = 'edgedefault="directed"') -> str:
    return f"<graphml>{head}<graph {attributes}>{body}</graph></graphml>"


NODES = '<node id="a"/><node id="b"/>'
BAD_GRAPHML = {
    "entities": (BOMB, "DOCTYPE"),
    "external entity": (EXTERNAL, "DOCTYPE"),
    "not XML": ("pre,post\na,b\n", "not XML"),
    "cut off": ("<graphml><graph>", "not XML"),
    "other XML": ("<html/>", "no <graph>"),
    "no graph": ("<graphml/>", "no <graph>"),
    "node without id": (graphml("<node/>"), "node 1: has no id"),
    "edge without target": (graphml(NODES + '<edge source="a"/>'), "edge 1: has no target"),
    "edge to nowhere": (graphml(NODES + '<edge source="a" target="z"/>'), "edges row 1: unknown cell 'z'"),
    "text for a weight": (
        graphml(NODES + '<edge source="a" target="b"><data key="w">heavy</data></edge>'),
        "worm.graphml edges row 1: weight 'heavy' is not a number",
    ),
}


@pytest.mark.parametrize("name", BAD_GRAPHML)
def test_a_bad_graphml_file_gets_one_line_that_names_it(name: str, tmp_path: Path) -> None:
    text, what = BAD_GRAPHML[name]
    path = tmp_path / "worm.graphml"
    path.write_text(text)
    with pytest.raises(ConnectomeError) as error:
        io.from_graphml(path)
    message = str(error.value)
    assert "worm.graphml" in message and what in message and "\n" not in message


def test_graphml_without_namespace_with_defaults_and_mixed_directions_is_read(tmp_path: Path) -> None:
    head = '<key id="w" for="edge" attr.name="weight"><default>2.5</default></key>'
    head += '<key id="r" for="node" attr.name="role"/>'
    body = (
        '<node id="a"><data key="r">sensory</data><data key="other">x</data></node><node id="b"/>'
        '<edge source="a" target="b"/><edge source="b" target="b" directed="false"><data key="w">4</data></edge>'
        '<edge source="b" target="c" directed="false"/><node id="c"/>'
    )
    (tmp_path / "x.graphml").write_text(graphml(body, head))
    worm = io.from_graphml(tmp_path / "x.graphml")
    assert worm.neurons["role"].tolist() == ["sensory", "", ""]
    assert worm.chemical.values.tolist() == [
        ["a", "b", 2.5, 0],
        ["b", "b", 4.0, 0],
        ["b", "c", 2.5, 0],
        ["c", "b", 2.5, 0],
    ]


def test_a_character_that_xml_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    worm = io.from_graph(nx.DiGraph([("a\x00", "b")]))
    with pytest.raises(ConnectomeError, match="use to_csv"):
        worm.to_graphml(tmp_path / "x.graphml")
    assert list(tmp_path.iterdir()) == []


def test_reading_never_changes_the_graph_it_is_given() -> None:
    graph = load_connectome("haspel2012").graph()
    before = nx.to_dict_of_dicts(graph), dict(graph.nodes(data=True))
    before = json.dumps(before, default=str)
    io.from_graph(graph)
    assert json.dumps((nx.to_dict_of_dicts(graph), dict(graph.nodes(data=True))), default=str) == before
