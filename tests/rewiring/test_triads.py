"""The triad census and the triangles of each cell are networkx's."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy import sparse

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.rewiring import compare, rewire
from celegans_nn.rewiring.measures import clustering, gap_clustering
from celegans_nn.rewiring.triads import CLOSED, OPEN, TRIADS, partners, triad_census, triangles
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples


def census(worm):
    graph = partners(worm.chemical_edges, len(worm))
    return triad_census(graph, triangles(graph))


def digraph(worm):
    g = nx.DiGraph([(a, b) for a, b, *_ in chemical_rows(worm) if a != b])
    g.add_nodes_from(worm.names)
    return g


def oracle(worm):
    found = nx.triadic_census(digraph(worm))
    return {name: found[name] for name in TRIADS}


@examples
@given(worm=connectomes())
def test_the_census_is_that_of_networkx_on_graphs_of_every_awkward_kind(worm):
    assert census(worm) == oracle(worm)


@examples
@given(worm=connectomes())
def test_clustering_is_that_of_networkx_on_graphs_of_every_awkward_kind(worm):
    gaps = nx.Graph([(a, b) for a, b, _ in electrical_rows(worm) if a != b])
    gaps.add_nodes_from(worm.names)
    assert clustering(worm) == pytest.approx(nx.average_clustering(digraph(worm)), abs=1e-12)
    assert gap_clustering(worm) == pytest.approx(nx.average_clustering(gaps), abs=1e-12)


def test_the_census_of_the_worms_and_their_controls_is_that_of_networkx():
    for worm in (load_connectome("cook2019", circuit=None), load_connectome(), load_connectome("haspel2012")):
        for w in (worm, rewire(worm, "density", seed=0)):
            assert census(w) == oracle(w)


def test_every_connected_triad_is_in_the_worm_and_named_once():
    assert sorted((*OPEN, *CLOSED)) == sorted(TRIADS)
    assert all(n > 0 for n in census(load_connectome()).values())


@pytest.mark.parametrize(
    ("edges", "name"),
    [
        ("BA BC", "021D"), ("AB CB", "021U"), ("AB BC", "021C"), ("AB BA CB", "111D"), ("AB BA BC", "111U"),
        ("AB CB AC", "030T"), ("BA CB AC", "030C"), ("AB BA BC CB", "201"), ("BA BC AC CA", "120D"),
        ("AB CB AC CA", "120U"), ("AB BC AC CA", "120C"), ("AB BC CB AC CA", "210"), ("AB BA BC CB AC CA", "300"),
    ],
)  # fmt: skip
def test_each_name_means_what_holland_and_leinhardt_drew(edges, name):
    table = pd.DataFrame([tuple(e) for e in [*edges.split(), "AA", "CC"]], columns=["pre", "post"])
    worm = Connectome.from_edges(table.assign(kind="chemical"))
    assert {triad: n for triad, n in census(worm).items() if n} == {name: 1}


def test_the_report_has_the_triads_of_both_graphs():
    worm = load_connectome()
    control = rewire(worm, "degree", seed=3)
    report = compare(worm, control)
    for of, w in (("original", worm), ("control", control)):
        assert {name: getattr(report[f"triad {name}"], of) for name in TRIADS} == oracle(w)


def test_a_graph_of_many_cells_needs_no_matrix_of_them():
    cells = 200_000
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, cells, (600_000, 2)), axis=0)
    blank = np.ones(len(pairs))
    graph = partners(ChemicalEdges(pairs[:, 0], pairs[:, 1], blank, blank.astype(np.int8)), cells)
    closed = triangles(graph)
    one_way = sparse.coo_array((blank, pairs.T), shape=(cells, cells)).tocsr()
    one_way.setdiag(0)
    linked = one_way.maximum(one_way.T)
    assert closed.by_code.sum() == (linked @ linked).multiply(linked).sum() / 6 > 0
