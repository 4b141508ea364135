"""Where nulls made by edge switching are uniform: ensembles listed whole, each member equally often (chi-square)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from functools import partial
from itertools import combinations, permutations

import numpy as np
import pytest

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring.boundary import boundary
from celegans_nn.rewiring.class_block import class_block, class_block_degree
from celegans_nn.rewiring.degree_sign import degree_sign
from celegans_nn.rewiring.reciprocity import reciprocity
from celegans_nn.rewiring.spatial import spatial
from tests.rewiring.test_uniformity import assert_uniform, draws, graph


def signed_edges(worm):
    return list(zip(*(worm.chemical_edges[k].tolist() for k in (0, 1, 3)), strict=True))


def ensemble(worm, kept):
    """Every set of signed edges, by brute force, for which `kept` is what it is for the worm. No gap junctions."""
    edges = signed_edges(worm)
    pairs = list(permutations(range(len(worm)), 2))
    deals = set(permutations(s for *_, s in edges))
    made = ([(*p, s) for p, s in zip(c, d, strict=True)] for c in combinations(pairs, len(edges)) for d in deals)
    return [(frozenset(m), frozenset()) for m in made if kept(m) == kept(edges)]


def signed_degrees(edges):
    return Counter((a, s) for a, _, s in edges), Counter((b, s) for _, b, s in edges)


@pytest.mark.parametrize(
    ("edges", "size"),
    [
        ("AB- BC- CA-", 2),  # only the reversal of the three-cycle leads from one to the other
        ("AB+ BC+ CA+ DA- DB-", 2),
        ("AB+ BC+ CD+ DA-", 3),
        ("AB+ BC+ CA+ AD+ DB- DC-", 4),
        ("AB BC+ CD+ DA+", 3),
    ],
)
def test_degree_sign_null_is_uniform_where_each_cell_has_one_sign(edges, size):
    worm = graph(edges)
    members = ensemble(worm, signed_degrees)
    assert len(members) == size
    assert_uniform(draws(degree_sign, worm, "neurons", 200 * size), members)


def test_degree_sign_null_does_not_reach_every_graph_where_cells_have_two_signs():
    worm = graph("AB- AC+ BA+ BC- CA- CB+")
    assert len(ensemble(worm, signed_degrees)) == 2  # the other one has each edge's sign turned
    with pytest.raises(RewiringError, match="one sign"):
        degree_sign(worm, "neurons", np.random.default_rng(0))


def dyads(edges):
    """One-way partners in each direction, and mutual ones, of every cell."""
    linked = {(a, b) for a, b, _ in edges}
    mutual = Counter(a for a, b in linked if (b, a) in linked)
    single = [(a, b) for a, b in linked if (b, a) not in linked]
    return mutual, Counter(a for a, _ in single), Counter(b for _, b in single)


@pytest.mark.parametrize(
    ("edges", "size"),
    [
        ("AB BC CA", 2),
        ("AC CD DB", 2),  # only the turn of the path leads from one to the other
        ("AB BA CD DC", 3),
        ("AB BC CD DA", 6),
        ("AB BA BC CD DA", 2),
        ("AC BE CB DB DC EA", 14),
    ],
)
def test_reciprocity_null_is_uniform_over_sparse_digraphs(edges, size):
    worm = graph(edges)
    members = ensemble(worm, dyads)
    assert len(members) == size
    assert_uniform(draws(reciprocity, worm, "neurons", 200 * size), members)


def test_reciprocity_null_is_uniform_between_two_kinds_of_cells():
    worm = graph("AX XA BY YB", muscles="XY")
    members = ensemble(worm, lambda edges: (dyads(edges), {(a < 2) == (b < 2) for a, b, _ in edges}))
    assert len(members) == 2
    assert_uniform(draws(reciprocity, worm, "muscles", 400), members)


def with_cells(worm, **columns):
    return Connectome(worm.cells | columns, worm.chemical_edges, worm.electrical_edges)


def between(part):
    """Degrees by sign, and edges from part to part by sign, of a list of signed edges."""
    return lambda edges: (signed_degrees(edges), Counter((part[a], part[b], s) for a, b, s in edges))


@pytest.mark.parametrize(
    ("edges", "inputs", "outputs", "size"),
    [
        ("AB BC CA AD DB", (2, 3), (), 5),
        ("AB BC CD DE EA", (3, 4), (), 18),
        ("AB BC CD DE EA", (3,), (4,), 9),
    ],
)
def test_boundary_null_is_uniform_on_small_rings(edges, inputs, outputs, size):
    worm = graph(edges)
    part = [(cell in inputs, cell in outputs) for cell in range(len(worm))]
    members = ensemble(worm, between(part))
    assert len(members) == size

    def null(*arguments):
        return boundary(*arguments, np.array(inputs, int), np.array(outputs, int))

    assert_uniform(draws(null, worm, "neurons", 200 * size), members)


def test_boundary_null_does_not_reach_every_graph():
    worm = graph("AB BC CD DA")  # from here to AC CD DB BA no single switch keeps the counts
    assert len(ensemble(worm, between("hhio"))) == 2
    with pytest.raises(RewiringError, match="keeps the numbers of edges"):
        boundary(worm, "neurons", np.random.default_rng(0), np.array([2]), np.array([3]))


def test_class_block_null_is_uniform_where_each_cell_has_one_sign_and_a_silent_cell_takes_that_of_its_class():
    worm = with_cells(graph("AB+ BC- DA+ DC+"), cell_class=np.array(list("PPQQ"), object))
    classes, voice = "PPQQ", (1, -1, 1, 1)
    members = ensemble(
        worm, lambda m: (all(s == voice[a] for a, _, s in m), Counter((classes[a], classes[b], s) for a, b, s in m))
    )
    assert len(members) == 1 * 2 * 4 * 2
    assert_uniform(draws(class_block, worm, "neurons", 100 * len(members)), members)


def test_class_block_null_is_uniform_over_edges_and_their_signs_where_cells_have_two():
    worm = with_cells(graph("AB+ AC- AD+"), cell_class=np.array(list("PPQQ"), object))
    members = ensemble(worm, lambda m: Counter(("PPQQ"[a], "PPQQ"[b], s) for a, b, s in m))
    assert len(members) == 2 * 12
    assert_uniform(draws(class_block, worm, "neurons", 100 * len(members)), members)


def test_class_block_null_is_uniform_over_gap_junctions_by_class():
    worm = with_cells(graph(electrical="AB CD"), cell_class=np.array(list("PPPQ"), object))
    members = [(frozenset(), frozenset([frozenset(p), frozenset((q, 3))]))
               for p in combinations(range(3), 2) for q in range(3)]  # fmt: skip
    assert_uniform(draws(class_block, worm, "neurons", 900), members)


@pytest.mark.parametrize(
    ("edges", "classes", "size"),
    [("AB+ BC+ CA+ AD+ DB+", "PPQQ", 5), ("AC+ BD+ CB- DA-", "PPQQ", 4)],
)
def test_class_block_degree_null_is_uniform_on_small_graphs(edges, classes, size):
    worm = with_cells(graph(edges), cell_class=np.array(list(classes), object))
    members = ensemble(worm, between(classes))
    assert len(members) == size
    few = partial(class_block_degree, attempts_per_edge=200.0)
    assert_uniform(draws(few, worm, "neurons", 100 * size), members)


@pytest.mark.parametrize(
    ("edges", "places", "size"),
    [
        ("AB BC CA AD DB", (0, 1, 2, 3), 3),
        ("AB BC CD DE EA", (0, 1, 2, 3, 4), 6),
        ("AC BE CB DB DC EA", (0, 0, 1, 1, 2), 6),  # two pairs of cells share a place
    ],
)
def test_spatial_null_is_uniform_on_small_graphs(edges, places, size):
    zero = np.zeros(len(places))
    worm = with_cells(graph(edges), x=np.array(places, float), y=zero, z=zero)
    own = sorted(abs(places[a] - places[b]) for a, b, _ in signed_edges(worm))
    bounds = [own[-(-tenth * len(own) // 10) - 1] for tenth in range(1, 10)]

    def kept(edges):
        return signed_degrees(edges), Counter(bisect_left(bounds, abs(places[a] - places[b])) for a, b, _ in edges)

    members = ensemble(worm, kept)
    assert len(members) == size
    few = partial(spatial, attempts_per_edge=200.0)
    assert_uniform(draws(few, worm, "neurons", 200 * size), members)


def test_spatial_null_does_not_reach_every_graph():
    worm = graph("AB BC CD DA")
    zero = np.zeros(4)
    line = with_cells(worm, x=np.arange(4.0), y=zero, z=zero)  # its reverse has the same lengths, three switches away
    with pytest.raises(RewiringError, match="keeps degrees and distances"):
        spatial(line, "neurons", np.random.default_rng(0))
