"""The nulls that leave every edge in place and deal weights, or the signs of neurons, anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import permutations, product

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
from celegans_nn.rewiring.sign_shuffle import sign_shuffle
from celegans_nn.rewiring.weight_shuffle import weight_shuffle
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples, in_scope, role_of

cases = given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))
LEAST_P = 1e-3


def graph(words, muscles=""):
    """A connectome from words: "AB+3" is an excitatory edge of weight 3 from A to B, "AB=3" a gap junction."""
    rows = [(w[0], w[1], "electrical" if w[2] == "=" else "chemical", int(w[3:])) for w in words.split()]
    sign = [{"+": 1, "-": -1}.get(w[2], 0) for w in words.split()]
    names = sorted({c for w in words.split() for c in w[:2]})
    cells = pd.DataFrame({"name": names, "role": ["muscle" if n in muscles else "motor" for n in names]})
    edges = pd.DataFrame(rows, columns=["pre", "post", "kind", "weight"]).assign(sign=sign)
    return Connectome.from_edges(edges, cells)


def strata(worm, scope):
    """The weights in scope by sign and kinds of cell, gap junctions apart."""
    role, weights = role_of(worm), defaultdict(list)
    for a, b, weight, sign in chemical_rows(worm):
        if in_scope(worm, a, b, scope):
            weights["chemical", role[a], role[b], sign].append(weight)
    for a, b, weight in electrical_rows(worm):
        if in_scope(worm, a, b, scope):
            weights["electrical", *sorted((role[a], role[b]))].append(weight)
    return {stratum: Counter(w) for stratum, w in weights.items()}


@examples
@cases
def test_weight_shuffle_keeps_every_edge_and_sign_and_the_weights_of_each_stratum(worm, scope, seed):
    if not any(len(weights) > 1 for weights in strata(worm, scope).values()):
        with pytest.raises(RewiringError, match="weight_shuffle: no"):
            rewire(worm, "weight_shuffle", seed=seed, scope=scope)
        return
    control = rewire(worm, "weight_shuffle", seed=seed, scope=scope)
    assert [(a, b, s) for a, b, _, s in chemical_rows(control)] == [(a, b, s) for a, b, _, s in chemical_rows(worm)]
    assert [r[:2] for r in electrical_rows(control)] == [r[:2] for r in electrical_rows(worm)]
    assert strata(control, scope) == strata(worm, scope)
    record = control.provenance["rewired"]
    movable = {kind: sum(w.total() for s, w in strata(worm, scope).items() if s[0] == kind and len(w) > 1)
               for kind in ("chemical", "electrical")}  # fmt: skip
    assert {kind: record[kind]["movable"] for kind in movable} == movable


def test_every_way_of_dealing_the_weights_is_equally_likely():
    worm = graph("AB+1 BC+2 CA+3 CB-5 BA-6 AX+7 BX+9 AB=1 AC=2", muscles="X")
    seen = Counter()
    for seed in range(4800):
        made = weight_shuffle(worm, "neurons", np.random.default_rng(seed))
        seen[(*made.chemical.weight.tolist(), *made.electrical.weight.tolist())] += 1
    by_edge = {(a, b): k for k, (a, b, *_) in enumerate(chemical_rows(worm))}
    members = set()
    for positive, negative, gaps in product(permutations((1, 2, 3)), permutations((5, 6)), permutations((1, 2))):
        weights = np.zeros(7)
        for edge, weight in zip(["AB", "BC", "CA", "CB", "BA", "AX", "BX"], [*positive, *negative, 7, 9], strict=True):
            weights[by_edge[tuple(edge)]] = weight
        members.add((*weights.tolist(), *gaps))
    assert set(seen) == members
    assert len(members) == 24
    assert chisquare(list(seen.values())).pvalue > LEAST_P


def test_weight_shuffle_of_the_whole_worm_keeps_its_wiring_and_loses_its_strengths():
    worm = load_connectome("cook2019", circuit=None)
    control = rewire(worm, "weight_shuffle", seed=0)
    assert (control.adjacency("chemical", "sign") == worm.adjacency("chemical", "sign")).all()
    strengths = [w.adjacency("chemical", "weight").sum(axis=1) for w in (worm, control)]
    assert strengths[0].sum() == strengths[1].sum()
    assert (strengths[0] != strengths[1]).mean() > 0.4


def signs_of(worm):
    """The signs that each cell's outgoing edges have."""
    signs = {name: set() for name in worm.names}
    for a, _, _, sign in chemical_rows(worm):
        signs[a].add(sign)
    return signs


def may_change(worm, scope):
    """Cells with output whose every edge is in scope, by kind."""
    cells = defaultdict(set)
    for name, role in role_of(worm).items():
        own = [in_scope(worm, a, b, scope) for a, b, *_ in chemical_rows(worm) if a == name]
        if own and all(own):
            cells[role].add(name)
    return cells


@examples
@cases
def test_sign_shuffle_keeps_edges_and_weights_and_the_number_of_cells_of_each_sign(worm, scope, seed):
    before = signs_of(worm)
    free = may_change(worm, scope)
    two_signs = any(len(s) > 1 for s in before.values())
    if two_signs or all(len({min(before[c]) for c in cells}) < 2 for cells in free.values()):
        with pytest.raises(RewiringError, match="of two signs" if two_signs else "sign_shuffle: no"):
            rewire(worm, "sign_shuffle", seed=seed, scope=scope)
        return
    control = rewire(worm, "sign_shuffle", seed=seed, scope=scope)
    after = signs_of(control)
    assert [r[:3] for r in chemical_rows(control)] == [r[:3] for r in chemical_rows(worm)]
    assert electrical_rows(control) == electrical_rows(worm)
    assert all(len(signs) <= 1 for signs in after.values())
    for role in set(role_of(worm).values()):
        cells = [name for name, r in role_of(worm).items() if r == role]
        assert Counter(frozenset(before[c]) for c in cells) == Counter(frozenset(after[c]) for c in cells)
        assert all(before[c] == after[c] for c in cells if c not in free[role])
    with_output = {a for a, b, *_ in chemical_rows(worm) if in_scope(worm, a, b, scope)}
    kept = len(with_output) - sum(map(len, free.values()))
    assert control.provenance["rewired"]["cells_with_kept_sign"] == f"{kept} of {len(with_output)} with output in scope"


def test_every_permutation_of_the_signs_is_equally_likely():
    worm = graph("AB+1 BC+1 CD-1 DA-1 DB-1 EA?1 FF+1 FA+1 XA+1 YA-1 AB=1", muscles="XY")
    seen = Counter()
    for seed in range(3000):
        made = sign_shuffle(worm, "all", np.random.default_rng(seed))
        new = dict(zip([worm.names[i] for i in made.chemical.pre], made.chemical.sign.tolist(), strict=True))
        assert new["F"] == 1  # its self-loop stays, and so does its sign
        seen["".join(str(new[c]) for c in "ABCDE"), new["X"], new["Y"]] += 1
    assert len(seen) == 30 * 2  # five neurons, two +, two -, one unknown; two muscles
    assert {key[0] for key in seen} == {"".join(map(str, p)) for p in permutations((1, 1, -1, -1, 0))}
    assert chisquare(list(seen.values())).pvalue > LEAST_P


def test_sign_shuffle_names_the_cell_with_two_signs():
    with pytest.raises(RewiringError, match="cell 'B' has outgoing edges of two signs") as raised:
        rewire(graph("AB+1 BC+1 BA-1 CA-1"), "sign_shuffle", seed=0)
    assert "\n" not in str(raised.value)


def test_sign_shuffle_says_what_to_do_where_muscle_edges_hold_every_sign():
    worm = load_connectome("haspel2012")
    with pytest.raises(RewiringError, match='scope="all"'):
        rewire(worm, "sign_shuffle", seed=0)
    control = rewire(worm, "sign_shuffle", seed=0, scope="all")
    inhibitory = [{c for c, s in signs_of(w).items() if s == {-1}} for w in (worm, control)]
    assert len(inhibitory[0]) == len(inhibitory[1])
    assert inhibitory[0] != inhibitory[1]
    assert control.provenance["rewired"]["cells_with_kept_sign"] == "0 of 66 with output in scope"
