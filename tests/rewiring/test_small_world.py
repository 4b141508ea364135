"""`lattice` puts each cell's edges on its nearest cells; `small_world` rewires until clustering is the worm's."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import networkx as nx
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
from celegans_nn.rewiring.small_world import _bisect, _new_ends
from tests.rewiring.graphs import chemical_rows, connectomes, electrical_rows, examples, in_scope, role_of

cases = given(worm=connectomes(), scope=st.sampled_from(SCOPES), seed=st.integers(0, LARGEST_SEED))
WORMS = [("cook2019", None), ("cook2019", "command_vnc79"), ("varshney2011", None)]


def along_the_body(chemical, electrical=(), muscles="", weight=None):
    """A connectome of cells with one letter each, in body order by the alphabet."""
    kind = ["chemical"] * len(chemical) + ["electrical"] * len(electrical)
    edges = pd.DataFrame([tuple(p) for p in (*chemical, *electrical)], columns=["pre", "post"]).assign(kind=kind)
    edges["weight"] = np.arange(len(edges)) + 1.0
    names = sorted({*edges.pre, *edges.post})
    cells = pd.DataFrame({"name": names, "role": ["muscle" if n in muscles else "motor" for n in names]})
    y = [float(ord(n)) for n in names]
    return Connectome.from_edges(edges, cells.assign(x=0.0, y=y, z=0.0))


def own(worm, scope):
    """What each cell sends to each kind of cell, and the gap weights of each pair of kinds."""
    role = role_of(worm)
    chemical = Counter((a, role[b], *r) for a, b, *r in chemical_rows(worm) if in_scope(worm, a, b, scope))
    gaps = Counter((*sorted((role[a], role[b])), w) for a, b, w in electrical_rows(worm) if in_scope(worm, a, b, scope))
    return chemical, gaps


@examples
@cases
@pytest.mark.parametrize("null", ["lattice", "small_world"])
def test_every_cell_keeps_its_outputs_with_weights_and_signs_and_cells_without_place_are_refused(
    null, worm, scope, seed
):
    rows = chemical_rows(worm) + electrical_rows(worm)
    used = {role_of(worm)[end] for a, b, *_ in rows if in_scope(worm, a, b, scope) for end in (a, b)}
    lost = [n for n, y in zip(worm.names, worm.cells["y"], strict=True) if np.isnan(y) and role_of(worm)[n] in used]
    try:
        control = rewire(worm, null, seed=seed, scope=scope)
    except RewiringError as e:
        assert (f"cell {lost[0]!r}" in str(e)) if lost else ("no position" not in str(e))
        return
    assert not lost
    assert own(control, scope) == own(worm, scope)
    for reader in (chemical_rows, electrical_rows):
        ends = [frozenset(r[:2]) if reader is electrical_rows else r[:2] for r in reader(control)]
        assert len(set(ends)) == len(ends)


@examples
@given(data=st.data(), n=st.integers(3, 9), seed=st.integers(0, LARGEST_SEED))
def test_on_the_lattice_every_target_is_a_nearest_cell(data, n, seed):
    names = "ABCDEFGHI"[:n]
    every = [a + b for a in names for b in names if a != b]
    chemical = data.draw(st.lists(st.sampled_from(every), unique=True, min_size=1, max_size=len(every) - 1))
    gaps = data.draw(st.lists(st.sampled_from([p for p in every if p[0] < p[1]]), unique=True, max_size=12))
    worm = along_the_body(chemical, gaps)
    n, place = len(worm), {name: i for i, name in enumerate(worm.names)}
    try:
        control = rewire(worm, "lattice", seed=seed)
    except RewiringError as e:
        sent = Counter(a for a, *_ in chemical_rows(worm))
        assert set(sent.values()) == {n - 1}, str(e)
        return
    steps = defaultdict(set)
    for a, b, *_ in chemical_rows(control):
        steps[a].add((place[b] - place[a]) % n)
    for taken in steps.values():
        nearest = [set(range(1, h + 1)) | {n - k for k in range(1, len(taken) - h + 1)}
                   for h in (len(taken) // 2, (len(taken) + 1) // 2)]  # fmt: skip
        assert taken in nearest
    distance = Counter(
        min((place[a] - place[b]) % n, (place[b] - place[a]) % n) for a, b, _ in electrical_rows(control)
    )
    if distance:
        for d in range(1, max(distance)):
            assert distance[d] == (n // 2 if 2 * d == n else n)


def test_odd_targets_and_the_last_gap_junctions_fall_on_either_side_at_random():
    worm = along_the_body(["AB", "CD", "CE", "CF", "DE", "EF"], ["AB", "BC", "CD", "DE", "EF", "AF", "AC"])
    sides, extra = Counter(), Counter()
    for seed in range(600):
        control = rewire(worm, "lattice", seed=seed)
        sides[next(b for a, b, *_ in chemical_rows(control) if a == "A")] += 1
        extra[next(a + b for a, b, _ in electrical_rows(control) if (ord(b) - ord(a)) in (2, 4))] += 1
    assert set(sides) == {"B", "F"}
    assert set(extra) == {"AC", "BD", "CE", "DF", "AE", "BF"}
    assert chisquare(list(sides.values())).pvalue > 1e-3
    assert chisquare(list(extra.values())).pvalue > 1e-3


def test_neurons_send_to_the_muscles_nearest_on_the_ring_of_both():
    # Body order A b C d E f, muscles in the even places; each neuron has two muscles, and "A" lies next to "f".
    worm = along_the_body(["AR", "AT", "QT", "QP", "SP", "SR"], muscles="PRT")
    names = dict(zip(sorted("AQSPRT"), range(6), strict=True))
    assert names == {"A": 0, "P": 1, "Q": 2, "R": 3, "S": 4, "T": 5}
    control = rewire(worm, "lattice", seed=0, scope="muscles")
    assert {a + b for a, b, *_ in chemical_rows(control)} == {"AP", "AT", "QP", "QR", "SR", "ST"}


def clusterings(worm):
    """networkx's directed clustering and that of the gap junctions, among neurons; networkx follows Fagiolo too."""
    neurons = [n for n, is_neuron in zip(worm.names, worm.cells["neuron"], strict=True) if is_neuron]
    graphs = []
    for make, rows in ((nx.DiGraph, chemical_rows(worm)), (nx.Graph, electrical_rows(worm))):
        graph = make()
        graph.add_nodes_from(neurons)
        graph.add_edges_from((a, b) for a, b, *_ in rows if a != b and {a, b} <= set(neurons))
        graphs.append(graph)
    return [nx.average_clustering(graph) for graph in graphs]


@pytest.mark.parametrize(("name", "circuit"), WORMS)
def test_small_world_matches_the_clustering_of_the_worms_neurons_within_a_hundredth(name, circuit):
    worm = load_connectome(name, circuit=circuit)
    control = rewire(worm, "small_world", seed=1)
    goal = clusterings(worm)
    assert clusterings(control) == pytest.approx(goal, rel=0.01)
    orderly, loose = clusterings(rewire(worm, "lattice", seed=1)), clusterings(rewire(worm, "degree", seed=1))
    assert all(high > 1.2 * middle > 2 * low for high, middle, low in zip(orderly, goal, loose, strict=True))
    assert rewire(worm, "small_world", seed=2) != control
    record = control.provenance["rewired"]
    assert record["clustering"].endswith(f"of {record['chemical']['edges']} edges rewired")
    assert record["gap_clustering"].endswith(f"of {record['electrical']['edges']} edges rewired")


@examples
@cases
def test_small_world_is_refused_where_clustering_is_off_by_over_a_twentieth(worm, scope, seed):
    if scope != "neurons":
        return
    try:
        control = rewire(worm, "small_world", seed=seed)
    except RewiringError:
        return
    goal, reached = clusterings(worm), clusterings(control)
    for wanted, got in zip(goal, reached, strict=True):
        if wanted:
            assert got == pytest.approx(wanted, rel=0.05)


def test_clustering_above_the_lattices_is_refused_with_the_three_numbers():
    cliques = [a + b for group in ("ABCD", "EFGH", "IJKL") for a in group for b in group if a != b]
    message = r"chemical clustering, 1\.0000, lies outside .* from 0\.\d{4} \(no edge rewired\) to 0\.\d{4} \(all 36\)"
    with pytest.raises(RewiringError, match=message):
        rewire(along_the_body(cliques), "small_world", seed=0)


def test_gap_junctions_without_a_triangle_get_the_fewest_and_are_rewired_as_much_as_that_allows():
    names = "ABCDEFGHIJKLMNOPQRSTUVWX"
    worm = along_the_body([], [a + b for a in names for b in names if ord(b) - ord(a) in (5, 8)])
    assert clusterings(worm)[1] == 0
    orderly, control = (rewire(worm, null, seed=0) for null in ("lattice", "small_world"))
    assert clusterings(control)[1] < 0.1 * clusterings(orderly)[1]
    assert re.search(r"0\.0\d{3}, the worm's 0\.0000; [1-3]\d of 35", control.provenance["rewired"]["gap_clustering"])


@pytest.mark.parametrize("seed", range(10))
def test_a_ring_without_a_triangle_has_a_control_without_one_for_every_seed(seed):
    names = "ABCDEFGHIJKL"
    worm = along_the_body([names[i] + names[(i + 1) % 12] for i in range(12)])
    assert clusterings(worm)[0] == 0
    assert clusterings(rewire(worm, "small_world", seed=seed))[0] == 0


def test_clustering_is_met_on_the_way_up_and_at_either_end_and_between_steps_that_bisection_passes_over():
    assert _bisect(lambda n: n / 1000, 1000, 0.3337, "clustering").rewired == 334
    assert _bisect(lambda n: 0.5 - 0.1 * (n > 3), 9, 0.51, "clustering").rewired == 0
    assert _bisect(lambda n: 0.5 - 0.1 * (n > 3), 9, 0.39, "clustering").rewired == 9
    assert _bisect(lambda n: (0.9, 0.5, 0.9, 0.9, 0.1)[n], 4, 0.51, "clustering").rewired == 1
    assert _bisect(lambda n: (0.0, 0.2, 0.1, 0.1, 0.2)[n], 4, 0.0, "clustering").rewired == 0
    assert _bisect(lambda n: (0.3, 0.2, 0.1, 0.1, 0.2)[n], 4, 0.0, "clustering").rewired == 3


def test_a_lattice_no_more_clustered_than_chance_is_refused_for_that():
    with pytest.raises(RewiringError, match=r"no more clustered than chance: .* 0\.0000 .* 0\.1000 .* is 0\.5000"):
        _bisect(lambda n: 0.1 * n, 1, 0.5, "clustering")


def test_a_rewired_end_is_any_free_cell_equally_often_and_links_stay_simple():
    stays, goes = np.array([0, 0, 1]), np.array([1, 2, 0])
    first, rng = Counter(), np.random.default_rng(0)
    for _ in range(1200):
        new = _new_ends(stays, goes, np.zeros(6, int), False, rng)
        first[int(new[0])] += 1
        assert new[0] != new[1]
        assert 0 not in new[:2]
        assert new[2] not in (0, 1)
    assert set(first) == {3, 4, 5}
    assert chisquare(list(first.values())).pvalue > 1e-3


def test_an_end_without_a_free_cell_stays_and_gap_junctions_never_double():
    rng = np.random.default_rng(0)
    assert _new_ends(np.array([0, 0]), np.array([1, 2]), np.zeros(3, int), False, rng).tolist() == [1, 2]
    for _ in range(200):
        stays, goes = np.array([0, 1, 3, 2]), np.array([1, 2, 0, 4])
        new = _new_ends(stays, goes, np.zeros(5, int), True, rng)
        assert len({frozenset(p) for p in zip(stays.tolist(), new.tolist(), strict=True)}) == 4


def test_bisection_finds_the_nearest_and_refuses_what_is_off_by_over_a_twentieth():
    assert _bisect(lambda n: 1 - n / 1000, 1000, 0.3337, "clustering").rewired == 666
    with pytest.raises(RewiringError, match=r"0\.6000, is met no nearer than 0\.5000, with 2 of 4 edges") as raised:
        _bisect(lambda n: 1 - n / 4, 4, 0.6, "clustering")
    assert "\n" not in str(raised.value)
    with pytest.raises(RewiringError, match=r"0\.1000, lies outside .* 0\.9000 .* 0\.2000"):
        _bisect(lambda n: 0.9 - 0.7 * n, 1, 0.1, "clustering")
