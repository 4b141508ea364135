"""Each null made by edge switching keeps exactly what its name promises, on graphs of every awkward kind."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import LARGEST_SEED, RewiringError
from celegans_nn.rewiring import SCOPES, rewire
from celegans_nn.rewiring.degree import degree_chemical, degree_electrical
from celegans_nn.rewiring.degree_sign import degree_sign
from celegans_nn.rewiring.switching import Labels
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples, in_scope, role_of

cases = given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))


def control_of(worm, null, scope, seed, **options):
    """The control, or None where the null model refuses this graph."""
    try:
        return rewire(worm, null, seed=seed, scope=scope, **options)
    except RewiringError:
        return None


def kind_of(worm):
    neuron = dict(zip(worm.names, worm.cells["neuron"], strict=True))
    return {name: "muscle" if role == "muscle" else bool(neuron[name]) for name, role in role_of(worm).items()}


def degrees(worm, by_sign):
    """Edges of every cell to and from each kind of cell, by sign if asked, and its gap junctions."""
    role = kind_of(worm)
    out_of, into, gaps = Counter(), Counter(), Counter()
    for a, b, _, sign in chemical_rows(worm):
        out_of[a, role[b], sign * by_sign] += 1
        into[b, role[a], sign * by_sign] += 1
    for a, b, _ in electrical_rows(worm):
        gaps[a, role[b]] += 1
        gaps[b, role[a]] += 1
    return out_of, into, gaps


def own_weights(worm):
    """Each cell's outgoing (weight, sign), by kind of target."""
    kind = kind_of(worm)
    return Counter((a, kind[b], *rest) for a, b, *rest in chemical_rows(worm))


@examples
@cases
def test_degree_sign_null_keeps_in_and_out_degree_by_sign_and_each_cells_own_weights(worm, scope, seed):
    control = control_of(worm, "degree_sign", scope, seed)
    if control is not None:
        assert degrees(worm, by_sign=True) == degrees(control, by_sign=True)
        assert own_weights(worm) == own_weights(control)


@examples
@cases
def test_reciprocity_null_keeps_single_in_single_out_and_mutual_degree(worm, scope, seed):
    control = control_of(worm, "reciprocity", scope, seed)
    if control is not None:
        assert dyads(worm) == dyads(control)
        assert degrees(worm, by_sign=False) == degrees(control, by_sign=False)
        assert own_weights(worm) == own_weights(control)
        overall = [nx.overall_reciprocity(chemical_graph(w)) for w in (worm, control) if chemical_rows(w)]
        assert len(set(overall)) <= 1


def chemical_graph(worm):
    return nx.DiGraph([(a, b) for a, b, *_ in chemical_rows(worm) if a != b] or [("", "-")])


def dyads(worm):
    """Each cell's partners by kind: those it only sends to, only hears from, or both."""
    graph, role = nx.DiGraph([(a, b) for a, b, *_ in chemical_rows(worm) if a != b]), kind_of(worm)
    kept = Counter()
    for a, b in graph.edges:
        state = ("mutual", "mutual") if graph.has_edge(b, a) else ("out", "in")
        kept[a, role[b], state[0]] += 1
        kept[b, role[a], state[1]] += 1
    return kept


@pytest.mark.parametrize("null", ["degree_sign", "reciprocity"])
@pytest.mark.parametrize("source", ["cook2019", "haspel2012"])
@pytest.mark.parametrize("scope", SCOPES)
def test_on_a_real_circuit_all_edges_but_a_few_move_and_the_promise_holds(null, source, scope):
    worm = load_connectome(source)
    control = rewire(worm, null, seed=1, scope=scope)
    moves = control.provenance["rewired"]["chemical"]
    assert moves["movable"] > 0.9 * moves["edges"]
    assert degrees(worm, null == "degree_sign") == degrees(control, null == "degree_sign")
    assert own_weights(worm) == own_weights(control)
    assert (dyads(worm) == dyads(control)) == (null == "reciprocity" or scope == "muscles")  # muscles never answer


def test_degree_sign_null_says_where_it_is_the_same_as_degree_and_where_not_every_graph_can_come_up():
    worm = load_connectome("haspel2012")
    excitatory = worm.with_edges(worm.chemical_edges._replace(sign=abs(worm.chemical_edges.sign)))
    mixed = worm.chemical_edges.sign.copy()
    mixed[::3] *= -1
    notes = [
        [rewire(w, "degree_sign", seed=0).provenance["rewired"].get(key, "") for key in ("signs", "equals")]
        for w in (worm, excitatory, worm.with_edges(worm.chemical_edges._replace(sign=mixed)))
    ]
    assert notes[:2] == [["", ""], ["", "degree: all chemical edges in scope have one sign"]]
    assert "not every graph" in notes[2][0]
    assert notes[2][1] == ""
    assert rewire(excitatory, "degree_sign", seed=0) == rewire(excitatory, "degree", seed=0)


def ends(worm):
    """Every third cell an input, every fourth an output, so that some are both and some are hidden."""
    return worm.names[::3], worm.names[::4]


@examples
@cases
def test_boundary_null_keeps_degrees_and_edges_between_inputs_outputs_and_hidden_cells(worm, scope, seed):
    inputs, outputs = ends(worm)
    control = control_of(worm, "boundary", scope, seed, inputs=inputs, outputs=outputs)
    if control is not None:
        part = {name: (name in inputs, name in outputs) for name in worm.names}
        assert between(worm, part, by_sign=False) == between(control, part, by_sign=False)
        assert degrees(worm, by_sign=False) == degrees(control, by_sign=False)
        assert own_weights(worm) == own_weights(control)


def between(worm, part, by_sign):
    """Edges from each part to each, and gap junctions between two parts, by kind of cell."""
    kind = kind_of(worm)
    at = {name: (part[name], str(kind[name])) for name in worm.names}
    chemical = Counter((at[a], at[b], sign * by_sign) for a, b, _, sign in chemical_rows(worm))
    return chemical, Counter(tuple(sorted((at[a], at[b]))) for a, b, _ in electrical_rows(worm))


@examples
@cases
def test_boundary_null_is_refused_as_void_only_where_degree_keeps_its_counts(worm, scope, seed):
    inputs, outputs = ends(worm)
    part = {name: (name in inputs, name in outputs) for name in worm.names}
    degree = control_of(worm, "degree", scope, seed)
    try:
        rewire(worm, "boundary", seed=seed, scope=scope, inputs=inputs, outputs=outputs)
    except RewiringError as error:
        if "void" in str(error) and degree is not None:
            assert between(worm, part, by_sign=False) == between(degree, part, by_sign=False)


@pytest.mark.parametrize(
    ("edges", "inputs", "void"),
    [
        ("AB BC CD DA", "AB", False),
        ("AB BC CD DA", "ABCD", True),
        ("AB BC CD DA", "A", True),  # degrees tell already how many edges A sends and hears
        ("AX BY CZ", "AB", True),  # all muscles are one part
        ("AX BY CZ", "ABX", False),
    ],
)
def test_boundary_null_is_void_where_parts_rule_no_switch_out(edges, inputs, void):
    table = pd.DataFrame([tuple(e) for e in edges.split()], columns=["pre", "post"]).assign(kind="chemical")
    names = sorted(set("".join(edges.split())))
    cells = pd.DataFrame({"name": names, "role": ["muscle" if n in "XYZ" else "motor" for n in names]})
    worm = Connectome.from_edges(table, cells)
    try:
        rewire(worm, "boundary", seed=0, scope="all", inputs=list(inputs), outputs=())
    except RewiringError as error:
        assert ("void" in str(error)) == void
    else:
        assert not void


def test_boundary_null_is_void_for_motor_neurons_in_and_muscles_out_without_hidden_cells():
    worm = load_connectome("haspel2012")
    for scope in SCOPES:
        with pytest.raises(RewiringError, match="void: among 0 hidden, 66 input, 36 output, 0 both cells, "):
            rewire(worm, "boundary", seed=0, scope=scope)
    control = rewire(worm, "boundary", seed=0, inputs=[n for n in worm.names if "VB" in n])
    assert control.provenance["rewired"]["parts"] == "54 hidden, 12 input, 36 output, 0 both"


def test_boundary_null_moves_the_command_circuit_and_differs_from_degree():
    worm = load_connectome("cook2019")
    role = role_of(worm)
    made = {null: rewire(worm, null, seed=2) for null in ("degree", "boundary")}
    part = {name: role[name] if role[name] in ("motor", "muscle") else "" for name in worm.names}
    assert between(made["boundary"], part, by_sign=False) == between(worm, part, by_sign=False)
    assert between(made["degree"], part, by_sign=False) != between(worm, part, by_sign=False)


def class_of(worm):
    return dict(zip(worm.names, worm.cells["cell_class"], strict=True))


@examples
@cases
@pytest.mark.parametrize("null", ["class_block", "class_block_degree"])
def test_class_block_nulls_keep_edges_by_class_class_and_sign(null, worm, scope, seed):
    control = control_of(worm, null, scope, seed)
    if control is not None:
        assert between(worm, class_of(worm), by_sign=True) == between(control, class_of(worm), by_sign=True)
        assert weights_between_classes(worm) == weights_between_classes(control) or null == "class_block_degree"
        if null == "class_block_degree":
            assert degrees(worm, by_sign=True) == degrees(control, by_sign=True)
            assert own_weights(worm) == own_weights(control)


def weights_between_classes(worm):
    part = class_of(worm)
    return Counter((part[a], part[b], *rest) for a, b, *rest in chemical_rows(worm))


@examples
@cases
def test_class_block_null_gives_no_cell_a_second_sign_where_each_has_one(worm, scope, seed):
    control = control_of(worm, "class_block", scope, seed)
    before, after = (
        {(a, sign) for a, _, _, sign in chemical_rows(w)} for w in (worm, worm if control is None else control)
    )
    if len(dict(before)) == len(before):
        assert len(dict(after)) == len(after)
        assert all(dict(before).get(cell, sign) == sign for cell, sign in after)


@examples
@cases
def test_class_block_null_is_refused_where_a_cell_in_scope_has_no_class_or_nothing_can_be_elsewhere(worm, scope, seed):
    touched = {n for rows in (chemical_rows(worm), electrical_rows(worm)) for r in rows
               if in_scope(worm, *r[:2], scope) for n in r[:2]}  # fmt: skip
    for null in ("class_block", "class_block_degree"):
        if touched and not worm.cells["cell_class"].any():
            with pytest.raises(RewiringError, match=f"has no class, one of {len(touched)} such cells"):
                rewire(worm, null, seed=seed, scope=scope)


def test_class_block_nulls_say_how_much_of_the_worm_can_move():
    worm = load_connectome("cook2019", circuit=None)
    share = {n: rewire(worm, n, seed=0).provenance["rewired"] for n in ("class_block", "class_block_degree")}
    assert share["class_block"]["chemical"]["movable"] > share["class_block_degree"]["chemical"]["movable"] > 0
    for record in share.values():
        moved = record["chemical"]["movable"] / 3671
        assert record["movable_share"].startswith(f"{moved:.2f} of 3671 chemical edges, ")


@examples
@cases
def test_spatial_null_keeps_degrees_and_in_small_graphs_every_decile_of_length_exactly(worm, scope, seed):
    control = control_of(worm, "spatial", scope, seed)
    if control is not None:
        assert degrees(worm, by_sign=False) == degrees(control, by_sign=False)
        assert own_weights(worm) == own_weights(control)
        for before, after in zip(deciles(worm, worm, scope), deciles(worm, control, scope), strict=True):
            assert before == after


def deciles(worm, control, scope):
    """How many chemical edges and gap junctions of the control are in each tenth of the worm's, by length."""
    place = {name: xyz for name, *xyz in zip(worm.names, *(worm.cells[c] for c in "xyz"), strict=True)}

    def lengths(rows):
        return sorted(
            sum((p - q) ** 2 for p, q in zip(place[r[0]], place[r[1]], strict=True))
            for r in rows
            if in_scope(worm, *r[:2], scope)
        )

    for rows in (chemical_rows, electrical_rows):
        own = lengths(rows(worm))
        bounds = [own[-(-tenth * len(own) // 10) - 1] for tenth in range(1, 10)] if own else []
        yield Counter(bisect_left(bounds, x) for x in lengths(rows(control)))


def test_spatial_null_keeps_the_worms_deciles_within_two_per_cent():
    whole = load_connectome("cook2019", circuit=None)
    worm = whole.subset(name for name, kind in kind_of(whole).items() if kind is True)
    control, loose = (rewire(worm, null, seed=0) for null in ("spatial", "degree"))
    own, kept, lost = (list(deciles(worm, w, "all")) for w in (worm, control, loose))
    off = [[abs(k[d] - o[d]) / o[d] for d in range(10)] for k, o in zip(kept, own, strict=True)]
    assert 0 < max(off[0]) <= 0.02
    assert max(off[1]) <= 0.02
    assert max(abs(lost[0][d] - own[0][d]) / own[0][d] for d in range(10)) > 0.2


def test_spatial_null_names_the_first_cell_without_a_position():
    with pytest.raises(RewiringError, match="cell 'hm_AS1' has no position, one of 66 such cells in scope 'neurons'"):
        rewire(load_connectome("haspel2012"), "spatial", seed=0)


def cells_of(worm, **columns):
    return Connectome(worm.cells | columns, worm.chemical_edges, worm.electrical_edges)


def equals(control):
    return control.provenance["rewired"].get("equals", "")


def test_boundary_and_spatial_nulls_that_refuse_no_attempt_of_theirs_alone_say_they_equal_degree():
    edges = pd.DataFrame({"pre": list("ABAB"), "post": list("CDDE"), "kind": "chemical"})
    names = list("ABCDEFG")
    cells = pd.DataFrame({"name": names, "role": "motor", "x": 0.0, "y": 0.0, "z": 0.0})
    worm = Connectome.from_edges(edges, cells)
    at_one_place = rewire(worm, "spatial", seed=0)
    assert equals(at_one_place) == "degree: no attempt of 1000 was refused by distances alone"
    assert at_one_place == rewire(worm, "degree", seed=0)
    # All pairs of A, B, C and D are linked, so no switch of theirs gets as far as the parts; the ring has but one.
    full = [(a, b, "chemical") for a in "ABCD" for b in "ABCD" if a != b]
    ring = [(a, b, "electrical") for a, b in zip("EFGHIJ", "FGHIJE", strict=True)]
    worm = Connectome.from_edges(pd.DataFrame(full + ring, columns=["pre", "post", "kind"]))
    control = rewire(worm, "boundary", seed=0, inputs=["A", "B"], outputs=[])
    assert equals(control) == "degree: no attempt of 2000 was refused by the counts between the parts alone"
    assert control == rewire(worm, "degree", seed=0)
    assert equals(rewire(worm, "boundary", seed=0, inputs=["A", "B", "E", "F"], outputs=[])) == ""


@examples
@cases
def test_a_chain_with_the_note_gives_the_graph_of_the_lower_rung_and_one_without_it_was_held_back(worm, scope, seed):
    rng = np.random.default_rng
    zero = np.zeros(len(worm), dtype=np.int64)
    part = np.arange(len(worm)) % 2
    refused = np.zeros(1, dtype=np.int64)
    free = [degree_chemical(worm, scope, rng(seed), 10.0)[0], degree_electrical(worm, scope, rng(seed), 10.0)[0]]
    for of_cell in (zero, part):
        refused[0] = 0
        labels = Labels(of_cell, refused)
        made = [
            degree_chemical(worm, scope, rng(seed), 10.0, labels=labels)[0],
            degree_electrical(worm, scope, rng(seed), 10.0, labels=labels)[0],
        ]
        same = all(np.array_equal(a, b) for x, y in zip(free, made, strict=True) for a, b in zip(x, y, strict=True))
        assert same or refused[0] > 0
        assert (refused[0] == 0) or of_cell is part


def test_nulls_of_classes_say_what_they_equal_where_all_cells_have_one_class():
    worm = load_connectome("haspel2012")
    one = cells_of(worm, cell_class=np.full(len(worm), "M", dtype=object))
    control = rewire(one, "class_block_degree", seed=0)
    assert equals(control) == "degree_sign: every kind of cell in scope has one class"
    same_effort = degree_sign(one, "neurons", np.random.default_rng(0), attempts_per_edge=1000.0)
    assert np.array_equal(control.chemical_edges.post, one.with_edges(same_effort.chemical).chemical_edges.post)
    assert "density among the cells of the class in scope, with the sign of every cell kept" in equals(
        rewire(one, "class_block", seed=0)
    )
    excitatory = one.with_edges(one.chemical_edges._replace(sign=abs(one.chemical_edges.sign)))
    assert "density among the cells of the class in scope: " in equals(rewire(excitatory, "class_block", seed=0))
    assert equals(rewire(worm, "class_block", seed=0)) == equals(rewire(worm, "class_block_degree", seed=0)) == ""


def test_the_refusal_of_class_block_degree_names_class_block_degree():
    worm = cells_of(load_connectome("haspel2012"), cell_class=np.full(102, "", dtype=object))
    with pytest.raises(RewiringError, match=r"^class_block_degree: cell "):
        rewire(worm, "class_block_degree", seed=0)


def test_strength_says_it_equals_degree_sign_where_weights_of_a_sign_do_not_differ():
    worm = load_connectome("haspel2012")
    alike = worm.with_edges(
        worm.chemical_edges._replace(weight=2.0 + worm.chemical_edges.sign),
        worm.electrical_edges._replace(weight=np.full(len(worm.electrical_edges.pre), 7.0)),
    )
    assert equals(rewire(alike, "strength", seed=0)).startswith("degree_sign (but for reversals of three-cycles")
    assert equals(rewire(worm, "strength", seed=0)) == ""


def isolated_cells(count, edges):
    """A ring of neurons, among many cells without any edge; a weight and sign for each edge."""
    blank = np.full(count, "", dtype=object)
    cells = {"name": np.array([f"c{i:06}" for i in range(count)], object), "role": np.full(count, "motor", object)}
    cells |= {"cell_class": blank, "transmitter": blank, "neuron": np.ones(count, bool)}
    cells |= {axis: np.arange(count, dtype=float) for axis in "xyz"}
    pre = np.arange(edges) * (count // edges)
    ends = pre, np.roll(pre, -1)
    return Connectome(
        cells,
        ChemicalEdges(*ends, np.arange(edges) % 3 + 1.0, np.ones(edges, int)),
        ElectricalEdges(np.minimum(*ends), np.maximum(*ends), np.ones(edges)),
    )


@pytest.mark.parametrize(
    "null", ["degree", "degree_sign", "reciprocity", "strength", "spatial", "lattice", "small_world"]
)
def test_cells_without_edges_take_no_room_and_change_nothing(null):
    alone, among_many = isolated_cells(40, 40), isolated_cells(600_000, 40)  # 42 GiB if each cell had a row of bits
    made = [rewire(worm, null, seed=0) for worm in (alone, among_many)]
    if null not in ("lattice", "small_world", "spatial"):  # these look at all places
        ends = [[a // (len(w) // 40) for a in (w.chemical_edges.post, w.electrical_edges.pre)] for w in made]
        assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))
    assert made[1].provenance["rewired"]["chemical"]["movable"] > 0


def test_a_table_of_links_too_large_is_refused_with_its_size():
    message = (
        r"^270000 cells have edges that may move: .* take 9112500000 bytes, .* choose a smaller circuit, or density"
    )
    for null in ("degree", "strength", "reciprocity"):
        with pytest.raises(RewiringError, match=message):
            rewire(isolated_cells(270_000, 270_000), null, seed=0)
