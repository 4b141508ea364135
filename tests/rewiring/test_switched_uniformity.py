"""Where nulls made by edge switching are uniform: ensembles listed whole, each member equally often (chi-square)."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest

from celegans_nn.errors import RewiringError
from celegans_nn.rewiring.degree_sign import degree_sign
from celegans_nn.rewiring.reciprocity import reciprocity
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
        ("AC BD BE CB CD DA EA", 24),
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
