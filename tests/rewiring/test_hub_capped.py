"""`hub_capped` caps every hub, moves the surplus alone, and never breaks Dale's law."""

from __future__ import annotations

from collections import Counter
from math import floor

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
from celegans_nn.rewiring.hub_capped import hub_capped
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples, in_scope, role_of

ROLES = {"motor": "neuron", "muscle": "muscle", "other": "other"}


def graph(words):
    rows = [(w[0], w[1], "electrical" if w[2:] == "=" else "chemical") for w in words.split()]
    sign = [{"+": 1, "-": -1}.get(w[2:], 0) for w in words.split()]
    cells = pd.DataFrame({"name": sorted({c for w in words.split() for c in w[:2]}), "role": "motor"})
    return Connectome.from_edges(pd.DataFrame(rows, columns=["pre", "post", "kind"]).assign(sign=sign), cells)


def degrees(worm, scope):
    """Degree of each cell by (direction, kind of the cell, kind of its partner), for every kind that occurs."""
    role, counts = role_of(worm), Counter()
    for a, b, *_ in chemical_rows(worm):
        if in_scope(worm, a, b, scope):
            counts["out", role[a], role[b], a] += 1
            counts["in", role[b], role[a], b] += 1
    for a, b, _ in electrical_rows(worm):
        if in_scope(worm, a, b, scope):
            counts["gap", role[a], role[b], a] += 1
            counts["gap", role[b], role[a], b] += 1
    return {
        key: {name: counts[*key, name] for name, r in role.items() if r == key[1]}
        for key in {key[:3] for key in counts}
    }


def surplus(of_cell):
    cap = floor(np.percentile(list(of_cell.values()), 90))
    return cap, sum(max(0, d - cap) for d in of_cell.values())


@examples
@given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))
def test_no_cell_is_above_the_cap_and_nothing_but_the_surplus_has_moved(worm, scope, seed):
    before = degrees(worm, scope)
    too_many = Counter()
    for (direction, *_), of_cell in before.items():
        cap, above = surplus(of_cell)
        too_many[direction] += above if cap else 0
    try:
        control = rewire(worm, "hub_capped", seed=seed, scope=scope)
    except RewiringError as e:
        assert ("has room under the cap" in str(e)) or sum(too_many.values()) == 0
        return
    after = degrees(control, scope)
    for key, of_cell in before.items():
        cap, _ = surplus(of_cell)
        now = after[key]
        assert max(now.values()) <= cap or cap == 0
        assert all(now[c] >= min(d, cap) for c, d in of_cell.items())
    same = len(set(chemical_rows(worm)) & set(chemical_rows(control)))
    assert same >= len(chemical_rows(worm)) - too_many["out"] - too_many["in"]
    same_gaps = len(set(electrical_rows(worm)) & set(electrical_rows(control)))
    assert same_gaps >= len(electrical_rows(worm)) - too_many["gap"]
    record = control.provenance["rewired"]
    assert record["chemical"]["accepted"] == too_many["out"] + too_many["in"]
    assert record["electrical"]["accepted"] == too_many["gap"]
    assert ("not_capped" in record) == any(surplus(of_cell)[0] == 0 for of_cell in before.values())
    for (direction, own, other), of_cell in before.items():
        between = f"{ROLES[own]} to {ROLES[other]}" if direction == "out" else f"{ROLES[other]} to {ROLES[own]}"
        what = {"out": f"outputs {between} ", "in": f"inputs {between} ", "gap": "gap junctions "}[direction]
        assert what in record["caps"]
        if direction != "gap":
            assert f"{what}{surplus(of_cell)[0]}" in record["caps"].split(", ")


def signs_of(worm):
    signs = {name: set() for name in worm.names}
    for a, _, _, sign in chemical_rows(worm):
        signs[a].add(sign)
    return signs


@examples
@given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))
def test_where_each_cell_has_one_sign_it_keeps_it(worm, scope, seed):
    before = signs_of(worm)
    if any(len(s) > 1 for s in before.values()):
        return
    try:
        after = signs_of(rewire(worm, "hub_capped", seed=seed, scope=scope))
    except RewiringError:
        return
    assert all(len(s) <= 1 for s in after.values())
    assert all(after[name] in (s, set()) for name, s in before.items() if s)


def test_the_cell_that_takes_over_is_any_with_room_equally_often():
    # Cap 2 of ten cells: A has one input too many. J hears from two; B - I hear from one or none.
    worm = graph("BA CA DA FG GH HI IJ EJ EB BC")
    seen = Counter()
    for seed in range(1600):
        control = rewire(worm, "hub_capped", seed=seed)
        (gone,) = set(chemical_rows(worm)) - set(chemical_rows(control))
        (new,) = set(chemical_rows(control)) - set(chemical_rows(worm))
        assert gone[0] == new[0]
        seen[gone[0] + new[1]] += 1
    takers = {"B": "DEFGHI", "C": "BDEFGHI", "D": "BCEFGHI"}  # not itself, and B synapses on C already
    assert set(seen) == {a + b for a, cells in takers.items() for b in cells}
    for a, cells in takers.items():
        assert chisquare([seen[a + b] for b in cells]).pvalue > 1e-3
    assert chisquare([sum(seen[a + b] for b in cells) for a, cells in takers.items()]).pvalue > 1e-3


def test_an_output_moves_to_a_cell_of_its_sign_and_to_one_without_output_only_if_no_other_has_room():
    # Ten cells, cap 2: A has three outputs. B is excitatory too, with room; C is inhibitory; the rest are silent.
    with_room = graph("AD+ AE+ AF+ BG+ CH- CI- JA-")
    assert surplus(degrees(with_room, "neurons")["out", "motor", "motor"])[0] == 2
    for seed in range(40):
        control = rewire(with_room, "hub_capped", seed=seed)
        assert Counter(a for a, *_ in chemical_rows(control)) == Counter("AABBCCJ")
    full = graph("AD+ AE+ AF+ BG+ BI+ CH- CI- JH-")
    takers = Counter()
    for seed in range(200):
        signs = signs_of(rewire(full, "hub_capped", seed=seed))
        (taker,) = [c for c in "DEFGHI" if signs[c]]
        assert signs[taker] == {1}
        takers[taker] += 1
    assert set(takers) == set("DEFGHI")


def test_a_cap_of_zero_is_not_applied_and_a_star_is_refused_for_it():
    star = graph(" ".join(f"A{c}" for c in "BCDEFGHIJKLMN"))
    with pytest.raises(RewiringError, match=r"\(one of 0 is not applied: outputs neuron to neuron\)"):
        rewire(star, "hub_capped", seed=0)


def test_a_hub_of_gap_junctions_is_capped_where_chemical_edges_have_none():
    worm = graph("AB BC CD DE EF FG GH HI IJ JA AB= AC= AD= BE= FG=")
    record = rewire(worm, "hub_capped", seed=0).provenance["rewired"]
    assert record["frozen"] == "chemical edges: no cell has more partners than the cap, the 90th percentile"
    assert record["electrical"]["accepted"] > 0


@pytest.mark.parametrize("scope", ["all", "muscles"])
def test_the_worms_muscles_are_capped_but_for_their_gap_junctions_with_neurons(scope):
    record = rewire(load_connectome("cook2019"), "hub_capped", seed=0, scope=scope).provenance["rewired"]
    assert record["not_capped"] == (
        "the 90th percentile is 0: gap junctions neuron - muscle, a neuron, gap junctions neuron - muscle, a muscle"
    )
    assert record["chemical"]["accepted"] > 0


def test_a_ring_has_no_hub():
    with pytest.raises(RewiringError, match="no cell has more partners than the cap"):
        rewire(graph("AB BC CD DE EA"), "hub_capped", seed=0)


@pytest.mark.parametrize(("name", "circuit"), [("cook2019", None), ("cook2019", "command_vnc79"), ("haspel2012", None)])
def test_hubs_of_the_worm_are_capped_and_most_edges_stay(name, circuit):
    worm = load_connectome(name, circuit=circuit)
    made = hub_capped(worm, "neurons", np.random.default_rng(0))
    neurons = np.flatnonzero(worm.cells["neuron"])
    for end in (0, 1):
        old = worm.chemical.query("pre != post and post in @worm.neurons.name[@worm.neurons.neuron]")
        degree = old[("pre", "post")[end]].value_counts().reindex(worm.cells["name"][neurons], fill_value=0)
        cap = floor(np.percentile(degree, 90))
        new = [worm.names[c] for c, o in zip(made.chemical[end], made.chemical[1 - end], strict=True)
               if c in neurons and o in neurons and c != o]  # fmt: skip
        assert max(Counter(new).values()) == cap < degree.max()
    kept = (made.chemical.pre == worm.chemical_edges.pre) & (made.chemical.post == worm.chemical_edges.post)
    assert 0.7 < kept.mean() < 1
    assert made.chemical_moves.movable == (~kept).sum()
