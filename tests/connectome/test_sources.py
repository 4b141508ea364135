"""The shipped data sets against numbers and edges read off the papers' own files by hand."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from celegans_nn.connectome import sources
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.polarity import transmitter_signs
from celegans_nn.connectome.sources import SOURCES, load_connectome
from celegans_nn.errors import ConnectomeError


def weight(worm: Connectome, pre: str, post: str, kind: str = "chemical", values: str = "signed") -> float:
    return float(worm.adjacency(kind, values)[worm.index[pre], worm.index[post]])


# -- edges read off the files by hand -----------------------------------------------------------------------------

COOK = [("I1L", "I2L", 10), ("I1L", "I3", 3), ("I2L", "I1L", 2), ("I2L", "I4", 13), ("I1R", "M1", 1)]
VARSHNEY = [("AVFL", "AVFR", 7), ("AVFR", "AVFL", 1)]
HASPEL = {
    "AS1": 1.0,
    "AS2": 1.0,
    "DD1": 3.5,
    "VD1": 16.5,
    "VD2": 21.0,
    "MD01": 6.1,
    "MD02": 6.1,
    "MD03": 6.1,
    "DD2": 6.0,
}


def test_cook_edges_are_the_sheets_cells_row_to_column() -> None:
    worm = load_connectome("cook2019", circuit=None)
    assert [(a, b, weight(worm, a, b, values="weight")) for a, b, _ in COOK] == COOK
    assert weight(worm, "I1L", "I2R", values="weight") == 0


def test_varshney_adds_monadic_and_polyadic_sendings_only() -> None:
    worm = load_connectome("varshney2011", circuit=None)
    assert [(a, b, weight(worm, a, b, values="weight")) for a, b, _ in VARSHNEY] == VARSHNEY
    assert weight(worm, "ADAL", "ADAR", "electrical") == 1
    assert weight(worm, "AVFL", "AVFR", "electrical") == 23
    assert weight(worm, "AVDR", "ADAL", "electrical") == 2
    assert not any(name.islower() for name in worm.names)


def test_witvliets_edges_have_our_names_and_their_counts() -> None:
    young, adult = load_connectome("witvliet2021_1"), load_connectome("witvliet2021_8")
    assert [weight(young, "ADAL", post, values="weight") for post in ("AIBR", "AVAL")] == [1, 1]
    assert [weight(adult, "ADAL", post, values="weight") for post in ("AVAL", "AVAR", "AVBL")] == [2, 1, 16]
    assert weight(young, "ADAL", "ASHL", "electrical") == 9
    assert weight(adult, "MDL02", "RMDDR", "electrical") == 1  # BWM-DL02
    assert "exc_gl" in load_connectome("witvliet2021_2").names  # excgl


def test_the_head_grows_from_birth_to_adulthood() -> None:
    synapses = [load_connectome(f"witvliet2021_{n}").chemical_edges.weight.sum() for n in range(1, 9)]
    assert synapses == sorted(synapses) == [1296, 1895, 2128, 2777, 4116, 4456, 7467, 7970]


def test_haspel_matrix_is_read_as_post_by_pre_with_its_signs() -> None:
    worm = load_connectome("haspel2012")
    assert worm.chemical.query("pre == 'hm_DB1'").set_index("post")["weight"].to_dict() == pytest.approx(
        {f"hm_{post}": w for post, w in HASPEL.items()}
    )
    assert weight(worm, "hm_DD1", "hm_VD1") == -1.0
    assert weight(worm, "hm_DD1", "hm_MD01") == -11.6
    assert weight(worm, "hm_VD1", "hm_DD1") == 0


def test_haspel_gap_junctions_are_the_mean_of_both_directions() -> None:
    worm = load_connectome("haspel2012")
    assert weight(worm, "hm_VD2", "hm_VA1", "electrical") == 0.5
    assert weight(worm, "hm_VB2", "hm_DB2", "electrical") == 0.75
    assert weight(worm, "hm_AS1", "hm_VA3", "electrical") == 1.5
    assert any("17 of 89" in note and "hm_VA1 - hm_VD2" in note for note in worm.provenance["notes"])


def test_haspel_keeps_segment_and_row_of_every_cell() -> None:
    facts = load_connectome("haspel2012").provenance
    assert facts["segment"]["hm_AS1"] == 1 and facts["segment"]["hm_VB12"] == 6
    assert facts["muscle_row"] == {f"hm_M{side}{row:02d}": row for side in "DV" for row in range(1, 19)}


# -- counts -------------------------------------------------------------------------------------------------------

SHAPES = {
    "cook2019": (473, 302, 4879, 1450),
    "cook2019_male": (598, 384, 5306, 1758),
    "varshney2011": (279, 279, 2194, 517),
    "haspel2012": (102, 66, 336, 89),
    "witvliet2021_1": (187, 161, 775, 83),
    "witvliet2021_2": (194, 162, 986, 124),
    "witvliet2021_3": (198, 162, 1012, 94),
    "witvliet2021_4": (204, 168, 1136, 209),
    "witvliet2021_5": (211, 174, 1515, 292),
    "witvliet2021_6": (216, 175, 1525, 214),
    "witvliet2021_7": (222, 181, 2202, 291),
    "witvliet2021_8": (219, 180, 2186, 310),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_whole_table_has_its_cells_neurons_edges_and_pairs(source: str) -> None:
    worm = load_connectome(source, circuit=None)
    counts = len(worm), worm.cells["neuron"].sum(), len(worm.chemical_edges.pre), len(worm.electrical_edges.pre)
    assert counts == SHAPES[source]


def test_only_neurons_are_presynaptic() -> None:
    for source in SOURCES:
        worm = load_connectome(source, circuit=None)
        assert worm.cells["neuron"][worm.chemical_edges.pre].all()


def test_roles_of_the_hermaphrodites_neurons_follow_cook() -> None:
    cells = load_connectome("cook2019", circuit=None).neurons.set_index("name")
    counts = cells[cells["neuron"]]["role"].value_counts().to_dict()
    assert counts == {"motor": 116, "sensory": 83, "inter": 81, "pharyngeal": 20, "other": 2}
    expected = {"ASHL": "sensory", "AVAL": "inter", "DD1": "motor", "HSNL": "motor", "M1": "pharyngeal"}
    expected |= {"CANL": "other", "MDL07": "muscle", "vm1AL": "muscle", "pm3D": "muscle", "hyp": "other"}
    assert cells["role"].reindex(expected.keys()).to_dict() == expected
    assert cells["neuron"][["CANL", "CANR"]].all()


def test_every_neuron_of_both_sexes_has_a_class_and_no_name_has_a_leading_zero() -> None:
    for source in ("cook2019", "cook2019_male"):
        cells = load_connectome(source, circuit=None).neurons
        neurons = cells[cells["neuron"]]
        assert (neurons["cell_class"] != "").all() and (neurons["role"] != "").all()
        assert not neurons["name"].str.contains(r"[A-Z]0\d").any()


def test_all_302_neurons_have_a_soma_and_the_head_lies_before_the_tail() -> None:
    cells = load_connectome("cook2019", circuit=None).neurons.set_index("name")
    assert cells["y"].notna().sum() == 302
    assert cells["y"]["I1L"] < cells["y"]["AVAL"] < cells["y"]["DD3"] < cells["y"]["PLML"]
    assert cells["x"]["ADAL"] > 0 > cells["x"]["ADAR"]


# -- signs --------------------------------------------------------------------------------------------------------


def test_a_sign_follows_the_presynaptic_transmitter() -> None:
    worm = load_connectome("cook2019", circuit=None)
    transmitter = worm.neurons["transmitter"].to_numpy()
    edges = worm.chemical_edges
    assert (edges.sign == transmitter_signs(transmitter[edges.pre])).all()
    known = dict(zip(worm.names, transmitter, strict=True))
    expected = {"DD1": "GABA", "DA1": "ACh", "AVM": "Glu", "DB1": "ACh", "DB3": "ACh", "SMDDL": "ACh"}
    expected |= {"PDEL": "Glu", "RICL": "Glu", "ADEL": "DA", "NSML": "5-HT", "AVFL": "", "RID": "", "CANL": ""}
    assert {name: known[name] for name in expected} == expected


def test_477_of_3671_neuron_to_neuron_edges_have_an_unknown_sign_and_the_provenance_counts_them() -> None:
    worm = load_connectome("cook2019", circuit=None, muscles=False)
    edges = worm.chemical_edges
    between = edges.pre != edges.post
    assert (between.sum(), (edges.sign[between] == 0).sum()) == (3671, 477)
    assert worm.provenance["unknown_sign_edges"] == 480
    assert any(note.startswith("480 of 3709") for note in worm.provenance["notes"])


def test_the_signs_of_haspels_table_are_those_of_its_cells_transmitters() -> None:
    worm = load_connectome("haspel2012", polarity="transmitter")
    assert worm.provenance["polarity"] == "haspel2012"
    assert worm == load_connectome("haspel2012", polarity="haspel2012")
    edges = worm.chemical_edges
    assert (edges.sign == transmitter_signs(worm.cells["transmitter"][edges.pre])).all()


def test_a_circuit_without_inhibition_says_so_when_it_is_loaded() -> None:
    with pytest.warns(UserWarning, match="tap_withdrawal16 has no inhibitory chemical edge"):
        worm = load_connectome(circuit="tap_withdrawal16")
    assert any("no inhibitory" in note for note in worm.provenance["notes"])


def test_a_circuit_with_inhibition_is_loaded_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source in SOURCES:
            load_connectome(source)


# -- circuits and muscles -----------------------------------------------------------------------------------------


def test_the_default_is_the_command_circuit_with_the_muscles_it_reaches() -> None:
    worm = load_connectome()
    assert worm == load_connectome("cook2019", "command_vnc79", True, "transmitter")
    cells = worm.neurons
    assert (cells["neuron"].sum(), (cells["role"] == "muscle").sum(), len(cells)) == (79, 73, 152)
    received = set(worm.chemical["post"])
    assert set(cells["name"][cells["role"] == "muscle"]) <= received


def test_a_named_circuit_leaves_every_end_organ_but_body_wall_muscles_behind() -> None:
    worm = load_connectome(circuit="full_locomotor149")
    others = worm.neurons[~worm.neurons["neuron"]]
    assert set(others["cell_class"]) == {"MDL", "MDR", "MVL", "MVR"}


def test_without_muscles_only_neurons_stay() -> None:
    for source in SOURCES:
        assert load_connectome(source, muscles=False).cells["neuron"].all()
    assert len(load_connectome("cook2019", circuit=None, muscles=False)) == 302


def test_a_circuits_edges_are_those_of_the_table_between_its_cells() -> None:
    whole, part = load_connectome(circuit=None), load_connectome()
    at = [whole.index[name] for name in part.names]
    for kind in ("chemical", "electrical"):
        assert np.array_equal(part.adjacency(kind), whole.adjacency(kind)[np.ix_(at, at)])


def test_varshney_adds_no_muscle_and_says_why() -> None:
    worm = load_connectome("varshney2011", muscles=True)
    assert len(worm) == 79
    assert any("1410 neuromuscular junctions" in note for note in worm.provenance["notes"])


def test_a_head_is_whole_by_default_and_says_that_it_is_a_head() -> None:
    worm = load_connectome("witvliet2021_8")
    assert worm == load_connectome("witvliet2021_8", circuit=None)
    assert worm.provenance["notes"][1].startswith("the head only")
    assert "MVR08" in worm.names and "MVR09" not in worm.names and "DA1" not in worm.names


def test_cells_that_a_source_lacks_are_named() -> None:
    with pytest.warns(UserWarning, match=r"varshney2011 lacks 1 of the vnc75 cells: VC6"):
        assert len(load_connectome("varshney2011", circuit="vnc75")) == 74
    with pytest.warns(UserWarning, match=r"cook2019_male lacks 6 of the vnc75 cells"):
        load_connectome("cook2019_male", circuit="vnc75")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "cook2020"}, "did you mean 'cook2019'"),
        ({"source": None}, "unknown source 'None'"),
        ({"circuit": "comand_vnc79"}, "did you mean 'command_vnc79'"),
        ({"circuit": ["AVAL"]}, "unknown circuit"),
        ({"circuit": "haspel2012"}, r"load_connectome\('haspel2012'\)"),
        ({"source": "haspel2012", "circuit": "vnc75"}, "model's cells"),
        ({"source": "witvliet2021_9"}, "did you mean 'witvliet2021_"),
        ({"source": "witvliet2021_8", "circuit": "command_vnc79"}, "head only, and lacks 69 of the 79 cells .*: DA1"),
        ({"source": "witvliet2021_8", "circuit": "tap_withdrawal16"}, "lacks 4 of the 16 .*: PLML, PLMR, PVDL, PVDR;"),
        ({"polarity": "transmiter"}, "did you mean 'transmitter'"),
        ({"polarity": "haspel2012"}, "use 'transmitter'"),
    ],
)
def test_an_unknown_name_gets_one_line_with_the_nearest(arguments: dict, message: str) -> None:
    with pytest.raises(ConnectomeError, match=message) as error:
        load_connectome(**arguments)
    assert "\n" not in str(error.value)


# -- provenance and cost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_provenance_says_where_a_worm_comes_from_in_json(source: str) -> None:
    facts = load_connectome(source).provenance
    assert json.loads(json.dumps(facts)) == facts
    assert facts["source"] == source and facts["citation"] and facts["weight_unit"] and facts["polarity_means"]
    sums = (sources.data_folder() / "SHA256SUMS").read_text()
    assert f"{facts['table_sha256']}  {source}.csv" in sums


def test_a_second_call_reads_no_file_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_connectome()
    monkeypatch.setattr(sources, "data_folder", lambda: pytest.fail("read again"))
    assert load_connectome() == first


def test_loading_a_worm_loads_neither_torch_nor_mujoco() -> None:
    code = "import sys, celegans_nn as c; c.load_connectome(); print({'torch', 'mujoco'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
