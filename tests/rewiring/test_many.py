"""Ensembles of controls: streamed, the same for any number of workers, each remade from its own seed."""

from __future__ import annotations

import gc
import io
import sys
import threading
import weakref
from itertools import islice

import pytest

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring import control_seed, rewire, rewire_many
from tests.worms import random_worm


@pytest.fixture(scope="module")
def worm():
    return load_connectome("haspel2012")


@pytest.mark.parametrize("null", ["degree", "statistics"])
def test_the_same_controls_come_in_the_same_order_from_any_number_of_workers(worm, null):
    made = [list(rewire_many(worm, null, n=12, seed=3, workers=workers)) for workers in (1, 2, 5)]
    assert made[0] == made[1] == made[2]
    assert len(set(made[0])) == 12


def test_each_control_is_made_again_alone_from_the_seed_in_its_provenance(worm):
    for k, control in enumerate(rewire_many(worm, "degree", n=4, seed=9)):
        seed = control.provenance["rewired"]["seed"]
        assert seed == control_seed(9, k)
        assert rewire(worm, "degree", seed=seed) == control


def test_an_ensemble_begins_alike_however_long_it_is_and_differs_with_the_seed(worm):
    assert list(rewire_many(worm, "degree", n=3, seed=0)) == list(islice(rewire_many(worm, "degree", n=9, seed=0), 3))
    assert set(rewire_many(worm, "degree", n=3, seed=0)).isdisjoint(rewire_many(worm, "degree", n=3, seed=1))


def test_an_ensemble_is_streamed_not_kept():
    seen = []
    for control in rewire_many(random_worm(edges=60), "degree", n=200, seed=0, workers=2):
        seen.append(weakref.ref(control))
        del control
    gc.collect()
    assert sum(ref() is not None for ref in seen) == 0


def test_a_reader_who_leaves_early_leaves_no_thread_behind():
    stream = rewire_many(random_worm(edges=60), "degree", n=10**9, seed=0, workers=2)
    next(stream)
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("rewire")]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"null": "degre"}, "did you mean 'degree'"),
        ({"n": 0}, "n is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"workers": 0}, "workers is 0"),
        ({"scope": "neuron"}, "did you mean 'neurons'"),
        ({"null": "weight_shuffle", "initial_weights": "shared"}, "void under shared initial weights"),
        ({"initial_weights": "tables"}, "did you mean 'table'"),
    ],
)
def test_wrong_arguments_are_refused_before_the_first_control(worm, options, part):
    with pytest.raises(RewiringError, match=part):
        rewire_many(worm, **{"null": "degree", "n": 2, "seed": 0, **options})


def test_a_control_that_cannot_be_made_is_refused_as_rewire_refuses_it(worm):
    with pytest.raises(RewiringError, match="no edge is in scope"):
        next(rewire_many(worm.subset(["hm_DA1"]), "degree", n=2, seed=0))


def test_progress_is_shown_only_where_it_takes_long(worm, monkeypatch):
    shown = {}
    for seconds in (0.0, 1000.0):
        monkeypatch.setattr("sys.stderr", io.StringIO())
        monkeypatch.setattr("celegans_nn.rewiring.many.SECONDS_WITHOUT_A_BAR", seconds)
        list(rewire_many(worm, "degree", n=20, seed=0, progress=True))
        shown[seconds] = sys.stderr.getvalue()
    assert "rewiring, degree" in shown[0.0]
    assert "/20" in shown[0.0]
    assert shown[1000.0] == ""
