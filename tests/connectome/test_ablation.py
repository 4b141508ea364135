"""Ablation takes away what a cell does, and says so."""

import numpy as np
import pytest

from celegans_nn.connectome.ablation import PHENOTYPES, ablate
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import ConnectomeError
from tests.worms import random_worm


def edges_with(worm, kind, names):
    table = getattr(worm, kind)
    return int((table.pre.isin(names) | table.post.isin(names)).sum())


@pytest.mark.parametrize("cells", [["AVBL"], "AVB", ["DB1", "VB"]])
def test_an_ablated_cell_has_no_synapse_left_and_all_others_have_theirs(cells):
    worm = load_connectome()
    mute = ablate(worm, cells)
    dead = mute.provenance["ablated"][0]["cells"]
    assert mute.names == worm.names
    for kind in ("chemical", "electrical"):
        assert edges_with(worm, kind, dead) > 0 == edges_with(mute, kind, dead)
        assert len(getattr(mute, kind)) == len(getattr(worm, kind)) - edges_with(worm, kind, dead)
    c = mute.chemical_edges
    np.testing.assert_array_equal(c.weight, worm.adjacency()[c.pre, c.post])


def test_a_class_means_all_its_cells():
    assert ablate(load_connectome(), "AVB") == ablate(load_connectome(), ["AVBL", "AVBR"])


def test_gap_junctions_go_without_any_chemical_synapse():
    worm = load_connectome("haspel2012")
    mute = ablate(worm, gap_junctions=True)
    assert len(mute.electrical) == 0 < len(worm.electrical)
    assert mute.chemical.equals(worm.chemical)


def test_one_ablation_after_another_is_both_and_both_are_in_the_provenance():
    worm = random_worm()
    twice = ablate(ablate(worm, "n01"), ["n02"], gap_junctions=True)
    assert [done["cells"] for done in twice.provenance["ablated"]] == [["n01"], ["n02"]]
    assert twice == ablate(worm, ["n02", "n01"], gap_junctions=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cells": "AVX"}, "no cell and no class is called 'AVX'; did you mean"),
        ({"cells": ["DB1", 7]}, "called '7'"),
        ({"cells": []}, "nothing is ablated"),
        ({"cells": "", "gap_junctions": True}, "no cell and no class"),
        ({"gap_junctions": 1}, "give True or False"),
    ],
)
def test_what_names_no_cell_is_refused(arguments, message):
    with pytest.raises(ConnectomeError, match=message):
        ablate(load_connectome(), **arguments)


def test_every_published_ablation_can_be_made_on_the_ventral_cord():
    worm = load_connectome()
    for phenotype in PHENOTYPES:
        assert ablate(worm, phenotype.ablated, phenotype.gap_junctions) != worm
