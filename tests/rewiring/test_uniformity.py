"""On graphs small enough to list the whole ensemble, every member comes up equally often (chi-square)."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise, permutations, product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.rewiring import rewire
from celegans_nn.rewiring.degree import degree
from celegans_nn.rewiring.density import density
from celegans_nn.rewiring.edges import SCOPES
from celegans_nn.rewiring.statistics import statistics
from celegans_nn.rewiring.switching import REVERSAL_SHARE, switch_directed

LEAST_P = 1e-3
NEEDS_THE_REVERSAL = ("AB BC CA", "AB AD BC BD CA CD", "AC BA BC BD CD DA", "AB AC AD BA BC CA CD DA DB")
"""The digraphs on up to four cells, up to names, in which switches alone do not reach all of their ensemble."""


def graph(chemical="", electrical="", muscles=""):
    """A connectome from words: "AB+" is an excitatory edge from A to B, "AB" one of unknown sign."""
    words = [(word, "chemical") for word in chemical.split()] + [(word, "electrical") for word in electrical.split()]
    sign = {"+": 1, "-": -1}
    rows = [(w[0], w[1], kind, sign.get(w[2:], 0)) for w, kind in words]
    names = sorted({c for w, _ in words for c in w[:2]} | set(muscles))
    cells = pd.DataFrame({"name": names, "role": ["muscle" if n in muscles else "motor" for n in names]})
    return Connectome.from_edges(pd.DataFrame(rows, columns=["pre", "post", "kind", "sign"]), cells)


def draws(null, worm, scope, count):
    """How often each set of edges came up: (chemical edges with signs, gap junctions)."""
    seen = Counter()
    for seed in range(count):
        made = null(worm, scope, np.random.default_rng(seed))
        chemical = zip(*(made.chemical[k].tolist() for k in (0, 1, 3)), strict=True)
        gaps = zip(*(e.tolist() for e in made.electrical[:2]), strict=True)
        seen[frozenset(chemical), frozenset(map(frozenset, gaps))] += 1
    return seen


def assert_uniform(seen, members):
    assert set(seen) <= set(members)
    counts = [seen[m] for m in members]
    assert min(np.mean(counts), len(members)) > 1
    assert chisquare(counts).pvalue > LEAST_P


def digraphs_with_degrees_of(worm):
    """Every simple digraph with the in- and out-degrees of `worm`, by brute force over all sets of edges."""
    n, edges = len(worm), list(zip(worm.chemical_edges.pre.tolist(), worm.chemical_edges.post.tolist(), strict=True))
    pairs = list(permutations(range(n), 2))

    def degrees(chosen):
        return Counter(a for a, _ in chosen), Counter(b for _, b in chosen)

    return [frozenset(c) for c in combinations(pairs, len(edges)) if degrees(c) == degrees(edges)]


ENSEMBLES = [
    *((edges, 2) for edges in NEEDS_THE_REVERSAL),
    ("AB BC CD DA", 9),  # the derangements of four cells
    ("AB BC CA AD DB", 7),
    ("AB AC BA BD CD DA", 6),
    ("AB BA CD DC", 9),
]


@pytest.mark.parametrize(("edges", "size"), ENSEMBLES)
def test_degree_null_is_uniform_over_simple_digraphs(edges, size):
    worm = graph(edges)
    members = [(frozenset((a, b, 0) for a, b in chosen), frozenset()) for chosen in digraphs_with_degrees_of(worm)]
    assert len(members) == size
    assert_uniform(draws(degree, worm, "neurons", 200 * size), members)


def p_of_uniformity(worm, reversal_share):
    """Chi-square of 20,000 graphs from the sampler against the list of all that there are."""
    pre, post = worm.chemical_edges[:2]
    group, rng = np.zeros(len(pre), int), np.random.default_rng(0)
    seen = Counter()
    for _ in range(20_000):
        new, _ = switch_directed(pre, post, group, 1000, rng, reversal_share=reversal_share)
        seen[new.tobytes()] += 1
    edges = {frozenset(zip(pre.tolist(), np.frombuffer(k, np.int64).tolist(), strict=True)): n for k, n in seen.items()}
    members = digraphs_with_degrees_of(worm)
    assert set(edges) <= set(members)
    return chisquare([edges.get(m, 0) for m in members]).pvalue


@pytest.mark.parametrize("edges", [edges for edges, _ in ENSEMBLES])
def test_the_sampler_is_uniform_in_twenty_thousand_graphs(edges):
    assert p_of_uniformity(graph(edges), REVERSAL_SHARE) > LEAST_P


@pytest.mark.parametrize("edges", NEEDS_THE_REVERSAL)
def test_without_the_reversal_of_three_cycles_twenty_thousand_graphs_are_not_uniform(edges):
    assert p_of_uniformity(graph(edges), 0.0) < 1e-12


def test_degree_null_is_uniform_through_rewire_too():
    worm = graph("AB BC CA")
    turned = sum(rewire(worm, "degree", seed=seed) != worm for seed in range(400))
    assert chisquare([turned, 400 - turned]).pvalue > LEAST_P


@pytest.mark.parametrize(("scope", "size"), [("neurons", 2), ("muscles", 6), ("all", 12)])
def test_degree_null_is_uniform_in_each_scope_and_never_mixes_neurons_with_muscles(scope, size):
    worm = graph("AB BC CA AX BY CZ", muscles="XYZ")
    of_neurons = {frozenset(m) for m in ([(0, 1), (1, 2), (2, 0)], [(0, 2), (2, 1), (1, 0)])}
    of_muscles = {frozenset(zip(range(3), p, strict=True)) for p in permutations((3, 4, 5))}
    if scope == "neurons":
        of_muscles = {frozenset([(0, 3), (1, 4), (2, 5)])}
    if scope == "muscles":
        of_neurons = {frozenset([(0, 1), (1, 2), (2, 0)])}
    members = [(frozenset((a, b, 0) for a, b in n | m), frozenset()) for n, m in product(of_neurons, of_muscles)]
    assert len(members) == size
    assert_uniform(draws(degree, worm, scope, 200 * size), members)


@pytest.mark.parametrize(
    ("pairs", "muscles", "size"), [("AB CD", "", 3), ("AB BC CD DE", "", 7), ("AX BY AB CX", "XY", 3)]
)
def test_degree_null_is_uniform_over_the_undirected_graphs_of_gap_junctions(pairs, muscles, size):
    worm = graph(electrical=pairs, muscles=muscles)
    role = worm.cells["role"]
    edges = list(zip(*(e.tolist() for e in worm.electrical_edges[:2]), strict=True))

    def kept(chosen):
        return Counter((c, role[d]) for a, b in chosen for c, d in ((a, b), (b, a)))

    members = [
        (frozenset(), frozenset(map(frozenset, c)))
        for c in combinations(combinations(range(len(worm)), 2), len(edges))
        if kept(c) == kept(edges)
    ]
    assert len(members) == size
    assert_uniform(draws(degree, worm, "all", 200 * size), members)


def test_degree_null_deals_a_cells_own_weights_to_its_targets_in_every_order_even_where_these_cannot_change():
    worm = graph("AB AC AD BC CD DB")  # A has every target there is
    worm = worm.with_edges(worm.chemical_edges._replace(weight=np.arange(1.0, 7.0)))
    seen = Counter()
    for seed in range(600):
        made = degree(worm, "neurons", np.random.default_rng(seed)).chemical
        seen[tuple(made.weight[made.pre == 0][np.argsort(made.post[made.pre == 0])])] += 1
    assert set(seen) == set(permutations((1.0, 2.0, 3.0)))
    assert chisquare(list(seen.values())).pvalue > LEAST_P


def test_density_null_is_uniform_over_placements_of_edges_and_signs():
    worm = graph("AB+ BC-", electrical="AB")
    pairs = list(permutations(range(3), 2))
    members = [
        (frozenset([(*p, 1), (*q, -1)]), frozenset([frozenset(gap)]))
        for p, q in permutations(pairs, 2)
        for gap in combinations(range(3), 2)
    ]
    assert len(members) == 90
    assert_uniform(draws(density, worm, "neurons", 20 * 90), members)


@pytest.mark.parametrize("cells", ["ABCD", "ABCDE"])
def test_density_null_is_uniform_over_gap_junctions(cells):
    worm = graph(electrical=" ".join(a + b for a, b in pairwise(cells)))
    pairs = list(combinations(range(len(cells)), 2))
    members = [(frozenset(), frozenset(map(frozenset, c))) for c in combinations(pairs, len(cells) - 1)]
    assert_uniform(draws(density, worm, "neurons", 20 * len(members)), members)


@pytest.mark.parametrize("scope", SCOPES)
def test_density_null_is_uniform_between_neurons_and_muscles(scope):
    worm = graph("AB CX", electrical="AX CB", muscles="XY")
    neurons, muscles = (0, 1, 2), (3, 4)
    of_neurons = [(0, 1)] if scope == "muscles" else list(permutations(neurons, 2))
    of_muscles = [(2, 3)] if scope == "neurons" else list(product(neurons, muscles))
    gaps = [(1, 2)] if scope == "muscles" else list(combinations(neurons, 2))
    muscle_gaps = [(0, 3)] if scope == "neurons" else list(product(neurons, muscles))
    members = [
        (frozenset([(*n, 0), (*m, 0)]), frozenset([frozenset(g), frozenset(h)]))
        for n, m, g, h in product(of_neurons, of_muscles, gaps, muscle_gaps)
    ]
    assert_uniform(draws(density, worm, scope, 6 * len(members)), members)


def signed_digraphs(n, counts, accept):
    """Every digraph on n cells with counts[sign] edges of each sign that `accept` admits."""
    pairs = list(permutations(range(n), 2))
    for chosen in combinations(pairs, sum(counts.values())):
        for signs in set(permutations([s for s, k in counts.items() for _ in range(k)])):
            edges = frozenset((*p, s) for p, s in zip(chosen, signs, strict=True))
            if accept(edges):
                yield edges


def cells_by_sign(edges):
    """Number of cells of each sign; None where a cell has two."""
    of_cell = Counter({(a, s) for a, _, s in edges})
    return Counter(s for _, s in of_cell) if len({a for a, _ in of_cell}) == len(of_cell) else None


def test_statistics_null_is_uniform_over_graphs_with_as_many_cells_of_each_sign():
    worm = graph("AB+ BC+ CD-")
    worm_cells = cells_by_sign(zip(*(worm.chemical_edges[k].tolist() for k in (0, 1, 3)), strict=True))
    members = [(m, frozenset()) for m in signed_digraphs(4, {1: 2, -1: 1}, lambda m: cells_by_sign(m) == worm_cells)]
    assert len(members) == 324
    assert_uniform(draws(statistics, worm, "neurons", 12 * 324), members)


@pytest.mark.parametrize(
    ("edges", "others"),
    [
        ("AB+", ()),  # the sign can go to B
        ("AX+ BX+ AB+", ((0, 2, 1), (1, 2, 1))),  # both cells keep their sign, either can have the edge
    ],
)
def test_statistics_null_of_two_neurons_puts_their_edge_either_way(edges, others):
    members = [(frozenset([way, *others]), frozenset()) for way in ((0, 1, 1), (1, 0, 1))]
    assert_uniform(draws(statistics, graph(edges, muscles="X" if others else ""), "neurons", 400), members)


def test_statistics_null_weighs_out_degrees_by_the_graphs_that_have_them():
    worm = graph("AB+ AC+ AD+ BA+")
    members = [(m, frozenset()) for m in signed_digraphs(4, {1: 4}, lambda m: cells_by_sign(m) == {1: 2})]
    assert len(members) == 6 * 15
    assert_uniform(draws(statistics, worm, "neurons", 20 * 90), members)


def test_statistics_null_leaves_the_sign_of_a_cell_that_keeps_an_edge_of_its_own():
    worm = graph("AX- AB- BC+ CA+", muscles="X")
    members = [
        (m | {(0, 3, -1)}, frozenset())
        for m in signed_digraphs(3, {1: 2, -1: 1}, lambda m: cells_by_sign(m | {(0, 3, -1)}) == {1: 2, -1: 1})
    ]
    assert all((0, b, 1) not in m for m, _ in members for b in range(4))
    assert_uniform(draws(statistics, worm, "neurons", 200 * len(members)), members)


def test_statistics_null_is_uniform_over_both_kinds_of_targets_of_a_cell():
    worm = graph("AX BC", muscles="XY")  # a cell without an edge to a neuron needs one to a muscle
    members = [
        (frozenset([(*n, 0), (*m, 0)]), frozenset())
        for n, m in product(permutations(range(3), 2), product(range(3), (3, 4)))
        if n[0] != m[0]
    ]
    assert_uniform(draws(statistics, worm, "all", 100 * len(members)), members)
