"""Each null model keeps exactly what it promises, on graphs of every awkward kind."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import LARGEST_SEED, RewiringError
from celegans_nn.rewiring import NULLS, SCOPES, rewire
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples, in_scope, role_of


def controls(worm, scope, seed):
    """Every null model's control that this graph has, by name."""
    made = {}
    for null in NULLS:
        try:
            made[null] = rewire(worm, null, seed=seed, scope=scope)
        except RewiringError:
            continue
    return made


cases = given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))


@examples
@cases
def test_every_null_keeps_cells_and_leaves_its_argument_untouched(worm, scope, seed):
    before = worm.fingerprint
    arrays = [array.copy() for array in (*worm.chemical_edges, *worm.electrical_edges)]
    for control in controls(worm, scope, seed).values():
        pd.testing.assert_frame_equal(control.neurons, worm.neurons)
    unchanged = zip(arrays, (*worm.chemical_edges, *worm.electrical_edges), strict=True)
    assert all(np.array_equal(a, b) for a, b in unchanged)
    assert Connectome(worm.cells, worm.chemical_edges, worm.electrical_edges).fingerprint == before


@examples
@cases
def test_every_null_leaves_self_loops_and_edges_out_of_scope_in_place_and_makes_no_new_self_loop(worm, scope, seed):
    for control in controls(worm, scope, seed).values():
        for rows in (chemical_rows, electrical_rows):
            stays = [{r for r in rows(w) if not in_scope(w, *r[:2], scope)} for w in (worm, control)]
            assert stays[0] == stays[1]


@examples
@cases
def test_every_null_keeps_edges_weights_and_signs_by_kind_of_cell(worm, scope, seed):
    role = role_of(worm)
    for null, control in controls(worm, scope, seed).items():
        kept = slice(1) if null == "sign_shuffle" else slice(2)  # signs of cells move there, edges' signs with them
        chemical = [Counter((role[r[0]], role[r[1]], *r[2:][kept]) for r in chemical_rows(w)) for w in (worm, control)]
        gaps = [Counter((*sorted((role[a], role[b])), w) for a, b, w in electrical_rows(x)) for x in (worm, control)]
        assert chemical[0] == chemical[1]
        assert gaps[0] == gaps[1]


@examples
@cases
def test_every_null_gives_the_same_bits_for_the_same_seed(worm, scope, seed):
    assert {n: c.fingerprint for n, c in controls(worm, scope, seed).items()} == {
        n: c.fingerprint for n, c in controls(worm, scope, seed).items()
    }


@examples
@cases
def test_statistics_null_keeps_the_number_of_cells_of_each_sign_where_each_cell_has_one(worm, scope, seed):
    def signs(w):
        return {cell: frozenset(sign for a, _, _, sign in chemical_rows(w) if a == cell) for cell in w.names}

    control = controls(worm, scope, seed).get("statistics")
    if control is not None:
        of_neurons = all(len(s) <= 1 for s in signs(worm).values())
        assert control.provenance["rewired"]["signs"] == ("of neurons" if of_neurons else "of edges")
        if of_neurons:
            assert Counter(signs(control).values()) == Counter(signs(worm).values())


@examples
@cases
def test_degree_null_keeps_every_degree_by_kind_of_partner(worm, scope, seed):
    control = controls(worm, scope, seed).get("degree")
    if control is not None:
        kinds = set(role_of(worm).values())
        for kind in kinds:
            cells = [name for name, role in role_of(worm).items() if role == kind]
            for w_degrees, c_degrees in zip(degrees_to(worm, cells), degrees_to(control, cells), strict=True):
                assert w_degrees == c_degrees


def degrees_to(worm, cells):
    """networkx's count of each cell's edges to, from and gap junctions with `cells`."""
    chemical = nx.DiGraph([(a, b) for a, b, *_ in chemical_rows(worm)])
    electrical = nx.Graph([(a, b) for a, b, _ in electrical_rows(worm)])
    for graph in (chemical, electrical):
        graph.add_nodes_from(worm.names)
    into = chemical.edge_subgraph([e for e in chemical.edges if e[1] in cells])
    out_of = chemical.edge_subgraph([e for e in chemical.edges if e[0] in cells])
    gaps = electrical.edge_subgraph([e for e in electrical.edges if e[0] in cells or e[1] in cells])
    return dict(into.out_degree), dict(out_of.in_degree), dict(gaps.degree)


@examples
@cases
def test_degree_null_leaves_each_cell_its_own_outgoing_weights_and_signs(worm, scope, seed):
    control = controls(worm, scope, seed).get("degree")
    if control is not None:
        role = role_of(worm)
        own = [Counter((a, role[b], *rest) for a, b, *rest in chemical_rows(w)) for w in (worm, control)]
        assert own[0] == own[1]


@examples
@cases
def test_degree_null_is_refused_exactly_where_no_switch_and_no_reversal_is_possible(worm, scope, seed):
    possible = switchable(worm, scope)
    assert ("degree" in controls(worm, scope, seed)) == possible


def switchable(worm, scope):
    """Brute force over all pairs and triples of the edges in scope."""
    role = role_of(worm)
    edges = [(a, b) for a, b, *_ in chemical_rows(worm)]
    movable = [e for e in edges if in_scope(worm, *e, scope)]
    if movable:
        present = set(edges)
        swaps = any(
            role[a] == role[c] and role[b] == role[d] and a != d and c != b and not {(a, d), (c, b)} & present
            for (a, b), (c, d) in combinations(movable, 2)
        )
        turns = any(
            {(a, b), (b, c), (c, a)} <= present
            and not {(b, a), (c, b), (a, c)} & present
            and len({role[a], role[b], role[c]}) == 1
            for (a, b), c in ((e, c) for e in movable for c in worm.names)
            if c not in (a, b)
        )
        if swaps or turns:
            return True
    pairs = [(a, b) for a, b, _ in electrical_rows(worm)]
    present = {frozenset(p) for p in pairs}
    both_ways = [p for a, b in pairs if in_scope(worm, a, b, scope) for p in ((a, b), (b, a))]
    return any(
        role[a] == role[c]
        and role[b] == role[d]
        and len({a, b, c, d}) == 4
        and not {frozenset((a, d)), frozenset((c, b))} & present
        for (a, b), (c, d) in permutations(both_ways, 2)
    )


@examples
@cases
def test_density_null_is_refused_exactly_where_every_allowed_pair_is_connected(worm, scope, seed):
    role = role_of(worm)

    def room(rows, pairs, kind):
        present = {r[:2] for r in rows if in_scope(worm, *r[:2], scope)}
        used = {kind(*pair) for pair in present}
        return len({pair for pair in pairs(sorted(worm.names), 2) if kind(*pair) in used}) > len(present)

    chemical = room(chemical_rows(worm), permutations, lambda a, b: (role[a], role[b]))
    gaps = room(electrical_rows(worm), combinations, lambda a, b: frozenset((role[a], role[b])))
    assert ("density" in controls(worm, scope, seed)) == (chemical or gaps)


@examples
@cases
def test_every_null_says_which_kind_of_edge_stayed_as_it_was(worm, scope, seed):
    for control in controls(worm, scope, seed).values():
        record = control.provenance["rewired"]
        kinds = {"chemical": "chemical edges", "electrical": "gap junctions"}
        stayed = [name for kind, name in kinds.items() if record[kind]["edges"] and not record[kind]["accepted"]]
        assert len(stayed) <= 1
        assert record.get("frozen", "").partition(":")[0] == "".join(stayed)


@pytest.mark.parametrize("null", NULLS)
def test_another_seed_gives_another_control(null):
    draw = np.random.default_rng(0)
    cells = [f"C{i:02d}" for i in range(30)]
    place = {name: i for i, name in enumerate(cells)}

    def probability(a, b):
        near = min((place[a] - place[b]) % 30, (place[b] - place[a]) % 30) <= 3
        return 0.6 if near or place[a] < 4 else 0.08

    pairs = [(a, b) for a in cells for b in cells if a != b and draw.random() < probability(a, b)]
    kind = ["chemical"] * len(pairs) + ["electrical"] * 20
    pairs += [(cells[i], cells[i + 5]) for i in range(20)]
    edges = pd.DataFrame(pairs, columns=["pre", "post"]).assign(kind=kind, weight=draw.integers(1, 5, len(pairs)))
    of_cell = np.where(edges.kind == "electrical", 0, np.where(edges.pre < "C20", 1, -1))
    along = pd.DataFrame({"name": cells, "cell_class": list("PQR") * 10, "x": 0.0, "y": range(30), "z": 0.0})
    worm = Connectome.from_edges(edges.assign(sign=of_cell), along)
    made = {rewire(worm, null, seed=seed, inputs=cells[:10], outputs=cells[5:15]).fingerprint for seed in range(20)}
    assert len(made) == 20
    assert worm.fingerprint not in made
