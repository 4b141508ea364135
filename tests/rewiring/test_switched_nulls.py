"""Each null made by edge switching keeps exactly what its name promises, on graphs of every awkward kind."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import LARGEST_SEED, RewiringError
from celegans_nn.rewiring import SCOPES, rewire
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples, role_of

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
        rewire(w, "degree_sign", seed=0).provenance["rewired"].get("signs", "")
        for w in (worm, excitatory, worm.with_edges(worm.chemical_edges._replace(sign=mixed)))
    ]
    assert notes[0] == ""
    assert "the same as degree" in notes[1]
    assert "not every graph" in notes[2]
    assert rewire(excitatory, "degree_sign", seed=0) == rewire(excitatory, "degree", seed=0)
