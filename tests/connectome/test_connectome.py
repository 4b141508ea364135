"""The Connectome value: frozen, checked once, equal by content; and every bad table gets one line."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import ConnectomeError
from tests.worms import random_worm

EDGES = pd.DataFrame(
    {
        "pre": ["AVBL", "DB1", "DB1", "AVBL"],
        "post": ["DB1", "MDL01", "DB1", "AVBR"],
        "kind": ["chemical", "chemical", "chemical", "electrical"],
        "weight": [3.0, 2.0, 1.0, 5.0],
        "sign": [1, -1, 0, 0],
    }
)
CELLS = pd.DataFrame(
    {
        "name": ["DB1", "AVBL", "AVBR", "MDL01"],
        "role": ["motor", "inter", "inter", "muscle"],
        "x": [1.0, None, 2.0, 3.0],
    }
)


def changed(table: pd.DataFrame, row: int, **values: object) -> pd.DataFrame:
    table = table.astype(object)
    for column, value in values.items():
        table.loc[row, column] = value
    return table


def test_cells_keep_the_order_of_their_table_and_edges_are_sorted_by_it():
    worm = Connectome.from_edges(EDGES, CELLS)
    assert worm.names == ("DB1", "AVBL", "AVBR", "MDL01")
    assert list(zip(worm.chemical["pre"], worm.chemical["post"], strict=True)) == [
        ("DB1", "DB1"),
        ("DB1", "MDL01"),
        ("AVBL", "DB1"),
    ]
    assert worm.neurons["neuron"].tolist() == [True, True, True, False]


def test_rows_of_the_adjacency_are_presynaptic_and_gap_junctions_are_symmetric():
    worm = Connectome.from_edges(EDGES, CELLS)
    i = worm.index
    weight, signed, gap = worm.adjacency(), worm.adjacency(values="signed"), worm.adjacency("electrical")
    assert weight[i["AVBL"], i["DB1"]] == 3 and weight[i["DB1"], i["AVBL"]] == 0
    assert signed[i["DB1"], i["MDL01"]] == -2
    assert signed[i["DB1"], i["DB1"]] == 0 and weight[i["DB1"], i["DB1"]] == 1
    assert np.array_equal(gap, gap.T) and gap[i["AVBL"], i["AVBR"]] == 5


def test_a_connectome_cannot_be_edited():
    worm = Connectome.from_edges(EDGES, CELLS)
    before = worm.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        worm.chemical_edges.weight[0] = 9
    with pytest.raises(TypeError):
        worm.cells["name"] = None
    with pytest.raises(AttributeError):
        worm.chemical_edges = None
    table, provenance = worm.chemical, worm.provenance
    table.loc[0, "weight"], provenance["source"] = 9.0, "elsewhere"
    assert worm.chemical["weight"][0] != 9.0 and worm.provenance["source"] == "edges"
    again = Connectome(worm.cells, worm.chemical_edges, worm.electrical_edges)
    assert again.fingerprint == before


def test_equal_content_is_equal_whatever_the_order_of_rows_and_the_provenance():
    worm = Connectome.from_edges(EDGES, CELLS)
    shuffled = Connectome.from_edges(EDGES.iloc[::-1], CELLS, source="elsewhere")
    assert worm == shuffled and hash(worm) == hash(shuffled)
    assert worm != Connectome.from_edges(changed(EDGES, 0, weight=4.0), CELLS)
    assert worm != Connectome.from_edges(EDGES, changed(CELLS, 0, role="inter"))
    assert worm != "a worm"


def test_copies_and_pickles_are_equal():
    worm = random_worm()
    assert copy.deepcopy(worm) == worm == pickle.loads(pickle.dumps(worm))


def test_a_gap_junction_may_come_once_or_twice_and_is_stored_once():
    twice = pd.concat([EDGES, pd.DataFrame([{**EDGES.iloc[3], "pre": "AVBR", "post": "AVBL"}])], ignore_index=True)
    assert Connectome.from_edges(twice, CELLS) == Connectome.from_edges(EDGES, CELLS)
    assert Connectome.from_edges(twice, CELLS).electrical.values.tolist() == [["AVBL", "AVBR", 5.0]]


def test_weight_and_sign_may_be_missing_and_columns_may_have_other_names():
    bare = EDGES[["pre", "post", "kind"]]
    worm = Connectome.from_edges(bare)
    assert worm.chemical["weight"].tolist() == [1.0, 1.0, 1.0] and worm.chemical["sign"].tolist() == [0, 0, 0]
    renamed = EDGES.rename(columns={"pre": "from", "post": "to", "weight": "n"})
    columns = {"pre": "from", "post": "to", "weight": "n"}
    assert Connectome.from_edges(renamed, CELLS, columns) == Connectome.from_edges(EDGES, CELLS)


BAD = {
    "edges row 2: unknown cell 'MDL99'; add it to neurons": changed(EDGES, 1, post="MDL99"),
    "edges row 1: weight -3.0 is not above 0": changed(EDGES, 0, weight=-3.0),
    "edges row 3: weight 0.0 is not above 0": changed(EDGES, 2, weight=0.0),
    "edges row 1: weight nan is not above 0": changed(EDGES, 0, weight=float("nan")),
    "edges row 1: weight inf is not above 0": changed(EDGES, 0, weight=float("inf")),
    "edges row 1: weight 'three' is not a number; give a number above 0": changed(EDGES, 0, weight="three"),
    "edges row 2: sign 'minus' is not a number": changed(EDGES, 1, sign="minus"),
    "edges row 2: sign 2 is none of": changed(EDGES, 1, sign=2),
    "edges row 4: a gap junction has no sign": changed(EDGES, 3, sign=1),
    "edges row 2: unknown kind 'chemcal'; did you mean 'chemical'": changed(EDGES, 1, kind="chemcal"),
    "edges row 2: the postsynaptic cell has no name": changed(EDGES, 1, post=None),
    "edges: column 'post' is missing (it has: pre, kind, weight, sign)": EDGES.drop(columns="post"),
    "edges: column 'kind' is missing": EDGES.drop(columns="kind"),
    "edges row 5: chemical edge AVBL -> DB1 is given twice": pd.concat([EDGES, EDGES.iloc[:1]]),
    "gap junction AVBR - AVBL is asymmetric (weight 6 one way, 5 the other)": pd.concat(
        [EDGES, pd.DataFrame([{**EDGES.iloc[3], "pre": "AVBR", "post": "AVBL", "weight": 6.0}])]
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_edge_table_gets_one_line_with_row_and_remedy(message):
    before = BAD[message].copy(deep=True)
    with pytest.raises(ConnectomeError) as caught:
        Connectome.from_edges(BAD[message], CELLS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    pd.testing.assert_frame_equal(BAD[message], before)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (changed(CELLS, 1, role="intr"), "neurons row 2: unknown role 'intr'; did you mean 'inter'"),
        (changed(CELLS, 1, name="DB1"), "neurons row 2: cell 'DB1' is listed twice"),
        (changed(CELLS, 2, x="far"), "neurons row 3: x 'far' is not a number"),
        (CELLS.assign(neuron=["yes", True, True, False]), "neurons row 1: neuron 'yes' is neither true nor false"),
        (CELLS.drop(columns="name"), "neurons: column 'name' is missing"),
    ],
)
def test_a_bad_cell_table_gets_one_line(cells, message):
    with pytest.raises(ConnectomeError) as caught:
        Connectome.from_edges(EDGES, cells)
    assert message in str(caught.value)


def test_a_name_of_many_lines_stays_one_short_line():
    with pytest.raises(ConnectomeError) as caught:
        Connectome.from_edges(changed(EDGES, 1, post="x\n" * 10_000), CELLS)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_an_empty_selection_and_an_unknown_cell_are_refused():
    worm = Connectome.from_edges(EDGES, CELLS)
    with pytest.raises(ConnectomeError, match="no cells"):
        worm.subset([])
    with pytest.raises(ConnectomeError, match="unknown cell 'AVB'; did you mean 'AVBR' or 'AVBL'"):
        worm.subset(["AVB"])
    with pytest.raises(ConnectomeError, match="no cells"):
        Connectome.from_edges(EDGES.iloc[:0])


def test_edges_made_by_hand_are_checked_too():
    worm = Connectome.from_edges(EDGES, CELLS)
    one = np.ones(1)
    for edges, words in (
        (ChemicalEdges(np.array([0]), np.array([4]), one, one), "outside 0 to 3"),
        (ChemicalEdges(np.array([0]), np.array([1]), -one, one), "DB1 -> AVBL has weight -1.0"),
        (ChemicalEdges(np.array([0, 0]), np.array([1, 1]), np.ones(2), np.ones(2)), "given twice"),
        (ChemicalEdges(np.array([0]), np.array([1]), one, 3 * one), "a sign other than"),
    ):
        with pytest.raises(ConnectomeError, match=words):
            worm.with_edges(edges)
    for end in (-1, 4):
        with pytest.raises(ConnectomeError, match="a gap junction names a cell position outside 0 to 3"):
            worm.with_edges(electrical=ElectricalEdges(np.array([0]), np.array([end]), one))
    with pytest.raises(ConnectomeError, match="unknown kind 'chem'; did you mean 'chemical'"):
        worm.adjacency("chem")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_a_subset_keeps_exactly_the_edges_between_its_cells(seed, data):
    worm = random_worm(seed)
    chosen = data.draw(st.sets(st.sampled_from(worm.names), min_size=1))
    part = worm.subset(chosen)
    assert part.names == tuple(n for n in worm.names if n in chosen)
    for kind in ("chemical", "electrical"):
        whole, kept = getattr(worm, kind), getattr(part, kind)
        expected = whole[whole["pre"].isin(chosen) & whole["post"].isin(chosen)]
        assert kept.values.tolist() == expected.values.tolist()


@pytest.mark.parametrize("table", [None, "edges.csv", {"pre": ["A"], "post": ["B"], "kind": ["chemical"]}])
def test_what_is_no_table_is_refused_with_the_way_to_one(table):
    with pytest.raises(ConnectomeError, match="give a pandas DataFrame"):
        Connectome.from_edges(table)


def test_a_column_that_is_there_twice_is_refused():
    twice = pd.concat([EDGES, EDGES[["pre"]]], axis=1)
    with pytest.raises(ConnectomeError, match="column 'pre' is there twice"):
        Connectome.from_edges(twice)
