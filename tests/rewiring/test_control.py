"""`rewire` itself: seeds, scopes, refusals and the record in the provenance."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring import NULLS, rewire


def connectome(pairs, kind="chemical"):
    edges = pd.DataFrame([tuple(p) for p in pairs], columns=["pre", "post"]).assign(kind=kind)
    cells = pd.DataFrame({"name": sorted({*edges.pre, *edges.post})})
    return Connectome.from_edges(edges, cells.assign(cell_class="P", x=0.0, y=np.arange(len(cells)), z=0.0))


@pytest.fixture(scope="module")
def worm():
    return load_connectome("haspel2012")


OTHER_WORMS = {
    "lattice": ("cook2019", "command_vnc79"),
    "small_world": ("cook2019", "command_vnc79"),
    "boundary": ("cook2019", "command_vnc79"),
    "spatial": ("cook2019", "command_vnc79"),
    "sign_shuffle": ("cook2019", None),
}
"""haspel2012 will not do for these: it has no positions, and no neuron that is not motor and so an input; its neurons
on muscles, whose edges stay, keep their sign."""
NO_CONTROL_OF_MUSCLE_EDGES = {
    "lattice": "muscles have no positions",
    "small_world": "muscles have no positions",
    "boundary": "all edges onto muscles enter outputs",
    "spatial": "muscles have no positions",
    "hub_capped": "haspel2012 has no hub among the edges onto muscles",
    "sign_shuffle": "no neuron of our worms has edges onto muscles alone and could change sign",
}


def worm_for(null):
    name, circuit = OTHER_WORMS.get(null, ("haspel2012", None))
    return load_connectome(name, circuit=circuit)


def refusal(*arguments, **options):
    with pytest.raises(RewiringError) as raised:
        rewire(*arguments, **options)
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("null", NULLS)
def test_provenance_says_how_the_control_was_made_and_can_be_written_as_json(null):
    worm = worm_for(null)
    control = rewire(worm, null, seed=7)
    record = control.provenance["rewired"]
    assert (record["null"], record["seed"], record["scope"]) == (null, 7, "neurons")
    assert 0 < record["accepted"] <= record["attempted"]
    if null not in OTHER_WORMS:
        assert record["chemical"]["edges"] == 188
        assert record["electrical"]["edges"] == 89
    assert json.loads(json.dumps(control.provenance))["source"] == worm.provenance["source"]
    assert "rewired" not in worm.provenance


def test_rewiring_a_control_again_keeps_the_record_of_the_first_time(worm):
    twice = rewire(rewire(worm, "density", seed=1), "degree", seed=2)
    assert twice.provenance["rewired"]["null"] == "degree"
    assert twice.provenance["rewired"]["after"]["null"] == "density"


def test_a_generator_as_seed_gives_a_number_that_makes_the_same_control_again(worm):
    control = rewire(worm, "degree", seed=np.random.default_rng(3))
    again = rewire(worm, "degree", seed=control.provenance["rewired"]["seed"])
    assert again == control
    assert rewire(worm, "degree", seed=np.random.default_rng(4)) != control


def test_controls_do_not_depend_on_what_was_drawn_before(worm):
    alone = rewire(worm, "degree", seed=5)
    np.random.default_rng(0).random(10)
    rewire(worm, "statistics", seed=1)
    assert rewire(worm, "degree", seed=5) == alone


@pytest.mark.parametrize("null", NULLS)
def test_default_scope_leaves_every_muscle_edge_in_place(null):
    worm = worm_for(null)
    muscles = set(worm.neurons.query("role == 'muscle'").name)
    control = rewire(worm, null, seed=0)
    before, after = (w.chemical[w.chemical.post.isin(muscles)].reset_index(drop=True) for w in (worm, control))
    pd.testing.assert_frame_equal(before, after)
    between_neurons = [w.chemical[~w.chemical.post.isin(muscles)].reset_index(drop=True) for w in (worm, control)]
    assert not between_neurons[0].equals(between_neurons[1])


@pytest.mark.parametrize("null", [null for null in NULLS if null not in NO_CONTROL_OF_MUSCLE_EDGES])
def test_scope_muscles_moves_muscle_edges_alone(null):
    worm = worm_for(null)
    muscles = set(worm.neurons.query("role == 'muscle'").name)
    control = rewire(worm, null, seed=0, scope="muscles")
    tables = [[w.chemical[w.chemical.post.isin(muscles) == to].reset_index(drop=True) for w in (worm, control)]
              for to in (False, True)]  # fmt: skip
    pd.testing.assert_frame_equal(*tables[0])
    assert not tables[1][0].equals(tables[1][1])


@pytest.mark.parametrize(
    ("null", "scope", "seed", "part"),
    [
        ("degre", "neurons", 0, "did you mean 'degree'"),
        ("degree", "neuron", 0, "did you mean 'neurons'"),
        ("degree", "neurons", -1, "seed is -1"),
        ("degree", "neurons", 1.5, "seed is 1.5"),
        ("degree", "neurons", True, "seed is True"),
        ("degree", "neurons", None, "seed is None"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(worm, null, scope, seed, part):
    assert part in refusal(worm, null, seed=seed, scope=scope)


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("kind", ["chemical", "electrical"])
def test_a_complete_graph_is_refused_because_nothing_can_move(null, kind):
    pairs = [(a, b) for a in "ABCD" for b in "ABCD" if a < b or (a > b and kind == "chemical")]
    message = refusal(connectome(pairs, kind), null, seed=0, inputs=["A"], outputs=["B"])
    assert "none of" in message or (null, kind) == ("sign_shuffle", "electrical")  # which has no sign to move


@pytest.mark.parametrize("null", NULLS)
def test_a_graph_without_an_edge_in_scope_is_refused(null):
    assert "no edge is in scope 'muscles'" in refusal(connectome(["AB", "BC"]), null, seed=0, scope="muscles")
    assert "no edge is in scope 'all'" in refusal(connectome(["AA", "BB"]), null, seed=0, scope="all")


def test_a_star_is_the_only_graph_with_its_degrees_but_not_with_its_number_of_edges():
    star = connectome(["AB", "AC", "AD", "AE"])
    assert "no other simple graph has these degrees" in refusal(star, "degree", seed=0)
    assert rewire(star, "density", seed=0) != star


def test_chemical_edges_that_cannot_move_are_left_with_a_note_where_gap_junctions_move():
    edges = pd.DataFrame({"pre": list("AACE"), "post": list("BCDF"), "kind": ["chemical"] * 2 + ["electrical"] * 2})
    worm = Connectome.from_edges(edges)
    control = rewire(worm, "degree", seed=0)
    assert control.provenance["rewired"]["frozen"] == "chemical edges: no other simple graph has these degrees"
    pd.testing.assert_frame_equal(control.chemical, worm.chemical)
    assert not control.electrical.equals(worm.electrical)


def test_where_neither_kind_of_edge_moves_the_reason_of_each_is_named():
    edges = pd.DataFrame({"pre": list("AAB"), "post": list("BCC"), "kind": ["chemical"] * 2 + ["electrical"]})
    assert refusal(Connectome.from_edges(edges), "reciprocity", seed=0) == (
        "reciprocity: none of 1000 attempts moved one of the 2 chemical edges in scope 'neurons': no switch of two "
        "single edges or of two mutual pairs, and no reversal of a path, is possible; none of 1000 attempts moved one "
        "of the 1 gap junctions in scope 'neurons': no other simple graph has these degrees; choose another null model "
        "or a larger circuit"
    )


@pytest.mark.parametrize("null", ["degree_sign", "reciprocity"])
def test_gap_junctions_alone_are_refused_for_their_own_reason_or_equal_degree(null):
    star = refusal(connectome(["AB", "AC"], "electrical"), null, seed=0)
    assert "no other simple graph has these degrees" in star
    assert "sign," not in star
    ring = connectome(["AB", "BC", "CD", "DE", "EF", "AF"], "electrical")
    control = rewire(ring, null, seed=0)
    assert control.provenance["rewired"]["equals"].startswith("degree: gap junctions")
    assert control == rewire(ring, "degree", seed=0)


def test_gap_junctions_that_cannot_move_are_left_and_counted():
    edges = pd.DataFrame({"pre": list("ABCDA"), "post": list("BCDAC"), "kind": ["chemical"] * 4 + ["electrical"]})
    worm = Connectome.from_edges(edges)
    control = rewire(worm, "degree", seed=1)
    assert control.provenance["rewired"]["electrical"] == {"edges": 1, "attempted": 1000, "accepted": 0, "movable": 0}
    assert control.provenance["rewired"]["frozen"] == "gap junctions: no other simple graph has these degrees"
    pd.testing.assert_frame_equal(control.electrical, worm.electrical)


def test_statistics_null_redraws_which_neurons_are_inhibitory_where_no_edge_is_left_out():
    worm = load_connectome("haspel2012", muscles=False)
    inhibitory = [set(w.chemical.query("sign < 0").pre) for w in (worm, rewire(worm, "statistics", seed=0))]
    assert len(inhibitory[0]) == len(inhibitory[1])
    assert inhibitory[0] != inhibitory[1]


def test_importing_the_room_loads_no_torch():
    code = "import sys, celegans_nn.rewiring; sys.exit('torch' in sys.modules or 'mujoco' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_name_of_a_source_is_no_wiring():
    with pytest.raises(RewiringError, match="give a Connectome"):
        rewire("haspel2012", "degree", seed=0)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"inputs": "hm_DA1"}, "give a list of names"),
        ({"inputs": 5}, "input or output cells are '5'"),
        ({"outputs": [["hm_DA1"]]}, "unknown cell"),
        ({"inputs": ["ZZ"]}, "unknown cell 'ZZ'"),
    ],
)
def test_wrong_cells_of_an_interface_are_refused_for_every_null(worm, options, part):
    for null in ("degree", "boundary"):
        assert part in refusal(worm, null, seed=0, **options)


def test_a_null_model_that_is_no_name_is_refused(worm):
    assert "give one name of" in refusal(worm, ["degree"], seed=0)
