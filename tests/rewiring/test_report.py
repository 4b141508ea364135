"""`compare` measures what networkx measures, and its verdicts say what is true."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring import compare, measures, paths, rewire
from celegans_nn.rewiring.measures import (
    clustering,
    component_sizes,
    gap_clustering,
    gap_degrees,
    reciprocity,
    soma_distance,
    spectral_radius,
)
from celegans_nn.rewiring.paths import path_lengths


@pytest.fixture(scope="module")
def worm():
    return load_connectome("cook2019")


@pytest.fixture(scope="module")
def reports(worm):
    return {null: compare(worm, rewire(worm, null, seed=0)) for null in ("density", "statistics", "degree")}


def digraph(worm):
    """An independent copy of the chemical edges in networkx, self-loops left out."""
    g = nx.DiGraph()
    g.add_nodes_from(range(len(worm)))
    e = worm.chemical_edges
    g.add_edges_from((a, b) for a, b in zip(e.pre.tolist(), e.post.tolist(), strict=True) if a != b)
    return g


def gap_graph(worm):
    g = nx.Graph()
    g.add_nodes_from(range(len(worm)))
    e = worm.electrical_edges
    g.add_edges_from((a, b) for a, b in zip(e.pre.tolist(), e.post.tolist(), strict=True) if a != b)
    return g


def test_graph_measures_equal_networkx(worm):
    for w in (worm, rewire(worm, "degree", seed=0), load_connectome("haspel2012")):
        g, gaps = digraph(w), gap_graph(w)
        assert reciprocity(w) == pytest.approx(nx.overall_reciprocity(g), abs=1e-12)
        assert clustering(w) == pytest.approx(nx.average_clustering(g), abs=1e-12)
        assert gap_clustering(w) == pytest.approx(nx.average_clustering(gaps), abs=1e-12)
        for connection, components in (
            ("strong", nx.strongly_connected_components(g)),
            ("weak", nx.weakly_connected_components(g)),
            ("gap", nx.connected_components(gaps)),
        ):
            assert component_sizes(w, connection).tolist() == sorted(map(len, components), reverse=True)


def test_gap_degrees_equal_networkx_where_a_self_gap_counts_once():
    edges = pd.DataFrame({"pre": list("AABC"), "post": list("ABCC"), "kind": "electrical", "weight": [2, 3, 4, 5]})
    worm = Connectome.from_edges(edges)
    assert gap_degrees(worm).tolist() == [2, 2, 2]
    assert gap_degrees(worm, weighted=True).tolist() == [5, 7, 9]
    apart = nx.Graph([("A", "B"), ("B", "C")])
    assert (gap_degrees(worm) - [1, 0, 1]).tolist() == [apart.degree[c] for c in "ABC"]


def test_path_lengths_equal_networkx_and_leave_out_a_cell_to_itself(worm):
    motor, muscle = (np.flatnonzero(worm.cells["role"] == role) for role in ("motor", "muscle"))
    length = dict(nx.all_pairs_shortest_path_length(digraph(worm)))
    for outputs in (muscle, motor):
        expected = [length[a][b] for a in motor.tolist() for b in outputs.tolist() if a != b and b in length[a]]
        assert path_lengths(worm, motor, outputs).tolist() == np.bincount(expected).tolist()
        assert path_lengths(worm, np.repeat(motor, 2), outputs).tolist() == np.bincount(expected).tolist()


def test_paths_that_would_take_too_long_are_not_measured(worm, monkeypatch):
    report = compare(worm, worm)
    monkeypatch.setattr(paths, "MOST_STEPS", 50 * len(worm.chemical_edges.pre))
    unmeasured = compare(worm, worm)
    for measure in ("input-output pairs connected", "mean shortest path, input to output"):
        assert report[measure].original > 0
        assert np.isnan(unmeasured[measure].original)
        assert unmeasured[measure].verdict == ""
    assert compare(worm, worm, inputs=["AVAL"])["input-output pairs connected"].original > 0


def test_where_no_output_is_reached_paths_have_no_length(worm):
    muscle = worm.names[int(np.flatnonzero(worm.cells["role"] == "muscle")[0])]
    report = compare(worm, worm, inputs=[muscle], outputs=["AVAL"])
    assert report["input-output pairs connected"].original == 0
    assert np.isnan(report["longest shortest path, input to output"].original)
    assert path_lengths(worm, np.array([], int), np.arange(3)).tolist() == [0]


def test_soma_distance_is_the_sum_over_edges_whose_cells_both_have_a_position():
    cells = pd.DataFrame({"name": list("ABCD"), "x": [0, 3, 3, None], "y": [0, 4, 4, None], "z": [0, 0, 12, None]})
    edges = pd.DataFrame({"pre": list("AABCA"), "post": list("BCCDA"), "kind": "chemical"})
    worm = Connectome.from_edges(edges, cells)
    assert soma_distance(worm, worm.chemical_edges) == pytest.approx(5 + 13 + 12)
    assert np.isnan(soma_distance(worm, worm.electrical_edges))
    report = compare(worm, worm)
    assert report["sum of soma distances, chemical (um)"].verdict == "kept exactly"
    assert report["sum of soma distances, gap junctions (um)"].verdict == ""


def test_spectral_radius_equals_that_of_the_whole_matrix_and_is_0_for_a_chain(worm):
    for values in ("weight", "signed"):
        whole = np.abs(np.linalg.eigvals(worm.adjacency("chemical", values))).max()
        assert spectral_radius(worm, values) == pytest.approx(whole, rel=1e-9)
    chain = pd.DataFrame({"pre": range(40), "post": range(1, 41), "kind": "chemical"}).astype({"pre": str, "post": str})
    assert spectral_radius(Connectome.from_edges(chain), "weight") == 0


def test_spectral_radius_of_several_components_is_that_of_the_largest_self_loops_too():
    ring = [("A", "B", 2.0), ("B", "A", 8.0), ("B", "C", 50.0), ("C", "D", 3.0), ("D", "C", 3.0)]
    for loop, radius in ((3.0, 4.0), (7.0, 7.0)):
        edges = pd.DataFrame([*ring, ("E", "E", loop)], columns=["pre", "post", "weight"]).assign(kind="chemical")
        assert spectral_radius(Connectome.from_edges(edges), "weight") == pytest.approx(radius)


def test_spectral_radius_of_a_large_component_is_found_without_all_its_eigenvalues(worm, monkeypatch):
    monkeypatch.setattr(measures, "LARGEST_DENSE", 60)
    for w in (worm, rewire(worm, "density", seed=0)):
        for values in ("weight", "signed"):
            whole = np.abs(np.linalg.eigvals(w.adjacency("chemical", values))).max()
            assert spectral_radius(w, values) == pytest.approx(whole, rel=1e-7)
            assert spectral_radius(w, values) == spectral_radius(w, values)


def test_excitation_is_held_against_inhibition_by_edges_and_by_weights(worm):
    table = worm.chemical
    plus, minus = table[table.sign > 0], table[table.sign < 0]
    report = compare(worm, worm)
    assert report["excitatory to inhibitory, edges"].original == pytest.approx(len(plus) / len(minus))
    ratio = plus.weight.sum() / minus.weight.sum()
    assert report["excitatory to inhibitory, weights"].original == pytest.approx(ratio)
    assert report["inhibitory weight, sum"].original == pytest.approx(minus.weight.sum())
    excited = worm.with_edges(worm.chemical_edges._replace(sign=np.ones(len(table), np.int8)))
    row = compare(worm, excited)["excitatory to inhibitory, edges"]
    assert np.isnan(row.control)
    assert row.verdict == "changed"


def test_degrees_and_strengths_by_sign_equal_those_of_the_table(worm):
    profile = compare(worm, worm).profiles[0]
    table = worm.chemical
    for name, sign in (("excitatory", 1), ("inhibitory", -1), ("unknown", 0)):
        for way, end in (("in", "post"), ("out", "pre")):
            by_cell = table[table.sign == sign].groupby(end).weight.agg(["size", "sum"]).reindex(worm.names).fillna(0)
            assert profile[f"{way}-degree, {name}"].values.tolist() == by_cell["size"].tolist()
            assert profile[f"{way}-strength, {name}"].values == pytest.approx(by_cell["sum"].to_numpy())


def test_a_connectome_keeps_everything_of_itself(worm):
    report = compare(worm, worm)
    assert {row.verdict for row in report} <= {"kept exactly", ""}
    assert all(row.difference == 0 or np.isnan(row.difference) for row in report)
    assert report["chemical edges in common"].control == 1


EVERY_NULL_KEEPS = (
    "cells and their attributes", "chemical edges", "gap-junction pairs", "self-loops, chemical",
    "self-loops, gap junctions", "chemical weights (multiset)", "gap-junction weights (multiset)",
    "excitatory edges", "inhibitory edges", "excitatory weights (multiset)", "inhibitory weights (multiset)",
    "neuron-to-muscle edges in common",
)  # fmt: skip
SIGNS_OF_CELLS = ("excitatory cells", "inhibitory cells", "cells without chemical output")
DEGREES = ("in-degree", "out-degree", "gap-junction degree", "out-degree, excitatory", "out-strength")


@pytest.mark.parametrize(
    ("null", "keeps", "changes"),
    [
        ("density", (), (*SIGNS_OF_CELLS, *DEGREES)),
        ("statistics", SIGNS_OF_CELLS, DEGREES),
        ("degree", (*SIGNS_OF_CELLS, *DEGREES), ("in-degree, excitatory", "in-strength", "reciprocity", "clustering")),
    ],
)
def test_verdicts_are_what_each_null_promises(reports, null, keeps, changes):
    report = reports[null]
    for measure in (*EVERY_NULL_KEEPS, *keeps):
        assert report[measure].verdict == "kept exactly", measure
    for measure in (*changes, "neuron-to-neuron edges in common", "gap junctions between neurons in common"):
        assert report[measure].verdict == "changed", measure
        assert not report.kept(measure)


def test_overlap_is_the_share_of_the_originals_edges(worm, reports):
    control = rewire(worm, "density", seed=0)
    common = digraph(worm).edges & digraph(control).edges
    share = len(common) / digraph(worm).number_of_edges()
    assert reports["density"]["chemical edges in common"].control == pytest.approx(share)


def test_moves_are_reported_from_the_provenance(worm, reports):
    record = rewire(worm, "degree", seed=0).provenance["rewired"]
    for kind in ("chemical", "electrical"):
        for what, name in (
            ("attempted", "moves attempted"),
            ("accepted", "moves accepted"),
            ("movable", "edges moved"),
        ):
            row = reports["degree"][f"{name}, {kind}"]
            assert row.control == record[kind][what] > 0
            assert not reports["degree"].kept(row.measure)


def test_a_record_without_the_edges_that_moved_leaves_out_that_row(worm):
    old = {"null": "degree", "seed": 1, "chemical": {"attempted": 7, "accepted": 5}, "electrical": "none"}
    report = compare(worm, worm.with_edges(provenance={"rewired": old}))
    assert report["moves attempted, chemical"].control == 7
    assert not [r for r in report if r.measure.startswith("edges moved") or r.measure.endswith("electrical")]
    assert report.title == "cook2019 command_vnc79, null degree, seed 1"


def test_a_small_change_is_kept_within_its_percentage_and_a_large_one_is_changed(worm):
    def strengthened(factor):
        e = worm.chemical_edges
        return compare(worm, worm.with_edges(e._replace(weight=e.weight * factor)))

    assert strengthened(1.02)["in-strength"].verdict == "kept within 2 %"
    assert strengthened(1.02).kept("in-strength")
    assert strengthened(1.02)["chemical weights (multiset)"].verdict == "changed"
    assert strengthened(1.06)["in-strength"].verdict == "changed"


def test_one_cell_out_of_all_is_enough_to_change_a_degree():
    pairs = [(f"C{i:02d}", f"C{(i + k) % 50:02d}") for i in range(50) for k in (1, 2, 3)]
    worm = Connectome.from_edges(pd.DataFrame(pairs, columns=["pre", "post"]).assign(kind="chemical"))
    e = worm.chemical_edges
    post = e.post.copy()
    post[0] = 40
    row = compare(worm, worm.with_edges(e._replace(post=post)))["in-degree"]
    assert (row.original, row.control, row.difference, row.verdict) == (3, 3, 1, "changed")


def test_an_attribute_that_was_edited_is_a_change(worm):
    role = np.where(worm.cells["name"] == "AVAL", "sensory", worm.cells["role"])
    other = Connectome({**worm.cells, "role": role}, worm.chemical_edges, worm.electrical_edges)
    assert compare(worm, other)["cells and their attributes"].verdict == "changed"


def test_chosen_inputs_and_outputs_change_the_paths_measured(worm):
    report = compare(worm, worm, inputs=["AVAL"], outputs=["AVAR", "AVAL"])
    expected = nx.shortest_path_length(digraph(worm), worm.index["AVAL"], worm.index["AVAR"])
    assert report["input-output pairs connected"].original == 1
    assert report["mean shortest path, input to output"].original == expected


def test_wrong_cells_and_unknown_measures_are_named_in_one_line(worm, reports):
    for call, part in (
        (lambda: compare(worm, worm.subset(worm.names[1:])), "same order"),
        (lambda: compare(worm, worm, inputs=["AVA"]), "unknown cell 'AVA'"),
        (lambda: compare(worm, "cook2019"), "the control is 'cook2019'; give a Connectome"),
        (lambda: reports["degree"].kept("reciprocty"), "did you mean 'reciprocity'"),
    ):
        with pytest.raises(RewiringError) as raised:
            call()
        assert part in str(raised.value)
        assert "\n" not in str(raised.value)


def test_the_printed_table_is_aligned_and_holds_every_measure(reports):
    title, heads, rule, *lines = str(reports["degree"]).splitlines()
    assert title == "cook2019 command_vnc79, null degree, seed 0, scope neurons"
    assert len(lines) == len(reports["degree"].rows)
    where = heads.index("verdict")
    assert rule.rindex(" -") + 1 == where
    for row, line in zip(reports["degree"], lines, strict=True):
        assert line.startswith(row.measure)
        assert line[where:] == row.verdict


def test_the_frame_has_a_row_a_measure(reports):
    frame = reports["statistics"].frame()
    assert list(frame.columns) == ["measure", "original", "control", "difference", "verdict"]
    assert frame.measure.is_unique
    assert len(frame) == len(reports["statistics"].rows)


def test_the_spectral_radius_of_a_large_ring_whose_eigenvalues_all_have_one_modulus_is_found(monkeypatch):
    cells = [f"C{i:04d}" for i in range(600)]
    ring = pd.DataFrame({"pre": cells, "post": cells[1:] + cells[:1], "kind": "chemical", "weight": 3.0})
    assert spectral_radius(Connectome.from_edges(ring), "weight") == pytest.approx(3)
    monkeypatch.setattr(measures, "LAST_RESORT", 500)
    assert np.isnan(spectral_radius(Connectome.from_edges(ring), "weight"))


def test_kept_within_rounds_up():
    worm = load_connectome("haspel2012")
    e = worm.chemical_edges
    for factor, said in ((1.0234, "kept within 2.4 %"), (1.02, "kept within 2 %"), (1.0499, "kept within 5 %")):
        assert compare(worm, worm.with_edges(e._replace(weight=e.weight * factor)))["in-strength"].verdict == said


def test_what_a_null_model_says_of_itself_stands_below_the_table():
    worm = load_connectome(muscles=False)
    text = str(compare(worm, rewire(worm, "class_block", seed=0)))
    assert "movable_share: " in text.splitlines()[-1] or "movable_share: " in text
