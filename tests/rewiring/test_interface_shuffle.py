"""`shuffle_interface` keeps the graph, the counts and the kinds, and draws the cells fairly or refuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import celegans_nn
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import LARGEST_SEED, RewiringError
from celegans_nn.networks import Interface, build
from celegans_nn.networks.interface import default_interface
from celegans_nn.rewiring import shuffle_interface
from tests.rewiring.graphs import connectomes, examples, role_of


@pytest.fixture(scope="module")
def worm():
    return load_connectome()


def interface(inputs, outputs):
    return Interface(("light",), ("turn", "run"), tuple(inputs), tuple(outputs), hidden=5)


def small():
    """Three neurons and two muscles."""
    edges = pd.DataFrame({"pre": list("ABC"), "post": list("BXY"), "kind": "chemical"})
    cells = pd.DataFrame({"name": list("ABCXY"), "role": ["motor"] * 3 + ["muscle"] * 2})
    return Connectome.from_edges(edges, cells)


def refusal(*arguments, **options):
    with pytest.raises(RewiringError) as raised:
        shuffle_interface(*arguments, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@examples
@given(worm=connectomes(), data=st.data(), seed=st.integers(0, LARGEST_SEED))
def test_counts_kinds_and_overlap_are_kept_and_void_ones_refused(worm, data, seed):
    some = st.lists(st.sampled_from(worm.names), unique=True, min_size=1)
    before = interface(data.draw(some), data.draw(some))
    role = role_of(worm)
    ends = [[{c for c in cells if role[c] == r} for r in ("motor", "muscle", "other")]
            for cells in (before.input_cells, before.output_cells)]  # fmt: skip
    of_kind = [{c for c in worm.names if role[c] == r} for r in ("motor", "muscle", "other")]
    if all(named in (set(), all_) for cells in ends for named, all_ in zip(cells, of_kind, strict=True)):
        assert "void" in refusal(worm, before, seed=seed)
        return
    after = shuffle_interface(worm, before, seed=seed)
    assert replace(after, input_cells=before.input_cells, output_cells=before.output_cells) == before
    for old, new in ((before.input_cells, after.input_cells), (before.output_cells, after.output_cells)):
        assert [role[c] for c in old] == [role[c] for c in new]
        assert len(set(new)) == len(new)
    stand_in = dict(zip(before.input_cells, after.input_cells, strict=True))
    shared = set(before.input_cells) & set(before.output_cells)
    assert {stand_in[c] for c in shared} == set(after.input_cells) & set(after.output_cells)
    assert after == shuffle_interface(worm, before, seed=seed)


def test_every_permutation_within_neurons_and_within_muscles_is_equally_likely():
    worm, before = small(), interface("ABX", "BYXC")
    seen = Counter()
    for seed in range(2400):
        after = shuffle_interface(worm, before, seed=seed)
        seen["".join(after.input_cells), "".join(after.output_cells)] += 1
    members = {(a + b + x, b + y + x + c) for (a, b, c), (x, y) in product(permutations("ABC"), permutations("XY"))}
    assert set(seen) == members
    assert len(members) == 12
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_another_seed_gives_other_cells_and_the_interface_given_stays(worm):
    before = default_interface(worm, 4, 2)
    copy = replace(before)
    made = {shuffle_interface(worm, before, seed=seed).input_cells for seed in range(20)}
    assert len(made) == 20
    assert before == copy


def test_a_generator_as_seed_is_drawn_from(worm):
    before = default_interface(worm, 4, 2)
    first = shuffle_interface(worm, before, seed=np.random.default_rng(3))
    assert first == shuffle_interface(worm, before, seed=np.random.default_rng(3))
    assert first != shuffle_interface(worm, before, seed=np.random.default_rng(4))


def test_a_network_can_be_built_on_the_shuffled_cells(worm):
    shuffled = celegans_nn.shuffle_interface(worm, default_interface(worm, 4, 2), seed=1)
    assert build(worm, interface=shuffled, seed=0).interface == shuffled


def test_all_neurons_in_and_all_muscles_out_is_void():
    message = refusal(small(), interface("ABC", "XY"), seed=0)
    assert message.startswith("interface_shuffle is void: the inputs and the outputs are each all or none")
    assert shuffle_interface(small(), interface("ABC", "X"), seed=0).input_cells  # one muscle of two: not void


@dataclass(frozen=True)
class Ends:
    input_cells: tuple[str, ...]
    output_cells: tuple[str, ...]


def test_any_dataclass_with_input_and_output_cells_will_do():
    after = shuffle_interface(small(), Ends(("A",), ("X",)), seed=0)
    assert type(after) is Ends
    assert after.input_cells[0] in "ABC"
    assert after.output_cells[0] in "XY"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"interface": interface("AZ", "X")}, "unknown cell 'Z'"),
        ({"interface": interface("A", "Q")}, "unknown cell 'Q'"),
        ({"interface": ("A", "X")}, "give an Interface"),
        ({"interface": Ends}, "give an Interface"),
        ({"worm": "haspel2012"}, "give a Connectome"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments, part):
    given = {"worm": small(), "interface": interface("A", "X"), "seed": 0} | arguments
    assert part in refusal(given["worm"], given["interface"], seed=given["seed"])
