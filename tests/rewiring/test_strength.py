"""`strength` keeps signed degrees and weights exactly and every strength within a twentieth."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import LARGEST_SEED, RewiringError
from celegans_nn.rewiring import SCOPES, rewire
from celegans_nn.rewiring.strength import exchange, strength
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples

WORMS = [("cook2019", None), ("cook2019", "command_vnc79"), ("haspel2012", None), ("varshney2011", None)]


def role_of(worm):
    """Neuron, muscle or other."""
    columns = worm.names, worm.cells["role"], worm.cells["neuron"]
    return {n: "muscle" if r == "muscle" else "neuron" if is_neuron else "other"
            for n, r, is_neuron in zip(*columns, strict=True)}  # fmt: skip


def in_scope(role, a, b, scope):
    roles = {role[a], role[b]}
    return a != b and (scope == "all" or (roles == {"neuron"} if scope == "neurons" else "muscle" in roles))


def kept_exactly(worm, scope):
    """Out-degrees with weights, in-degrees by sign and gap degrees, by kind of partner; and all gap weights."""
    role = role_of(worm)
    sent, heard, gaps, gap_weights = Counter(), Counter(), Counter(), Counter()
    for a, b, weight, sign in chemical_rows(worm):
        if in_scope(role, a, b, scope):
            sent[a, role[b], sign, weight] += 1
            heard[b, role[a], sign] += 1
    for a, b, weight in electrical_rows(worm):
        if in_scope(role, a, b, scope):
            gap_weights[(*sorted((role[a], role[b])), weight)] += 1
            gaps[a, role[b]] += 1
            gaps[b, role[a]] += 1
    return sent, heard, gaps, gap_weights


def strengths(worm, scope):
    """What each cell hears by sign and kind of partner, in all, and over its gap junctions."""
    role, total = role_of(worm), defaultdict(float)
    for a, b, weight, sign in chemical_rows(worm):
        if in_scope(role, a, b, scope):
            total[b, role[a], sign] += weight
            total[b, "in all"] += weight
            total[a, "sent"] += weight
    for a, b, weight in electrical_rows(worm):
        if in_scope(role, a, b, scope):
            total[a, role[b], "gap"] += weight
            total[b, role[a], "gap"] += weight
    return total


def assert_kept(worm, control, scope):
    assert kept_exactly(control, scope) == kept_exactly(worm, scope)
    before, after = strengths(worm, scope), strengths(control, scope)
    assert before.keys() == after.keys()
    assert all(abs(after[key] - s) <= 0.05 * s + 1e-6 for key, s in before.items())
    assert all(after[key] == pytest.approx(s) for key, s in before.items() if key[1] == "sent")


@examples
@given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))
def test_signed_degrees_and_weights_are_kept_and_every_strength_is_within_a_twentieth(worm, scope, seed):
    try:
        control = rewire(worm, "strength", seed=seed, scope=scope)
    except RewiringError as e:
        assert "no exchange of two targets keeps every strength" in str(e) or "no edge" in str(e)
        return
    assert_kept(worm, control, scope)


@pytest.mark.parametrize(("name", "circuit"), WORMS)
def test_on_worms_it_holds_and_leaves_nearly_every_edge_free(name, circuit):
    worm = load_connectome(name, circuit=circuit)
    control = rewire(worm, "strength", seed=0)
    assert_kept(worm, control, "neurons")
    role = role_of(worm)
    edges = [{r[:2] for r in chemical_rows(w) if in_scope(role, *r[:2], "neurons")}
             for w in (worm, control, rewire(worm, "strength", seed=1))]  # fmt: skip
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert len(edges[one] & edges[other]) < 0.3 * len(edges[0])
    record = control.provenance["rewired"]["chemical"]
    assert record["movable"] > 0.95 * record["edges"]


def test_in_scope_all_gap_junctions_of_hundreds_of_sections_are_no_obstacle():
    worm = load_connectome("cook2019", circuit=None)
    control = rewire(worm, "strength", seed=0, scope="all")
    assert_kept(worm, control, "all")
    gaps = [{r[:2] for r in electrical_rows(w)} for w in (worm, control)]
    assert len(gaps[0] & gaps[1]) < 0.5 * len(gaps[0])


def test_where_every_weight_differs_too_much_the_graph_is_refused():
    pairs = [("A", "B", 1), ("C", "D", 10), ("E", "F", 100)]
    worm = Connectome.from_edges(pd.DataFrame(pairs, columns=["pre", "post", "weight"]).assign(kind="chemical"))
    with pytest.raises(RewiringError, match="no exchange of two targets keeps every strength within 5 %"):
        rewire(worm, "strength", seed=0)


def test_where_weights_are_alike_every_graph_with_these_degrees_comes_up():
    pairs = [("A", "B", 100), ("C", "D", 102), ("E", "F", 104)]
    worm = Connectome.from_edges(pd.DataFrame(pairs, columns=["pre", "post", "weight"]).assign(kind="chemical"))
    seen = {tuple(b for _, b, *_ in chemical_rows(rewire(worm, "strength", seed=seed))) for seed in range(60)}
    assert len(seen) == 6


def test_within_bands_every_graph_that_can_be_reached_comes_up_equally_often():
    # Weights 1, 2, 3, 4 on a matching, strengths free by one: all orders in which no weight moves by over one place.
    near, weight, group = np.arange(4), np.array([100.0, 101.0, 102.0, 103.0]), np.zeros(4, dtype=np.int64)
    seen = Counter()
    for seed in range(2000):
        far = np.arange(4, 8)
        exchange(near, far, weight, group, group, False, 250, np.random.default_rng(seed), tolerance=0.0101)
        seen[tuple(far.tolist())] += 1
    assert set(seen) == {tuple(4 + i for i in order) for order in permutations(range(4))
                         if all(abs(i - k) <= 1 for k, i in enumerate(order))}  # fmt: skip
    assert len(seen) == 5
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_effort_beyond_the_default_moves_no_more_edges_away():
    worm = load_connectome()
    pairs = {r[:2] for r in chemical_rows(worm)}
    neurons = {n for n, is_neuron in zip(worm.names, worm.cells["neuron"], strict=True) if is_neuron}
    pairs = {(a, b) for a, b in pairs if {a, b} <= neurons and a != b}

    def overlap(attempts):
        made = [strength(worm, "neurons", np.random.default_rng(seed), attempts).chemical for seed in range(5)]
        names = np.array(worm.names)
        return np.mean([len(pairs & set(zip(names[m.pre], names[m.post], strict=True))) / len(pairs) for m in made])

    assert overlap(3) > 1.2 * overlap(1000)
    assert overlap(3000) == pytest.approx(overlap(1000), rel=0.15)
