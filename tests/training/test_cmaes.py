"""CMA-ES by the package `cma`, as a function of what it has been told."""

import sys

import numpy as np
import pytest

from celegans_nn.errors import TrainingError
from celegans_nn.training import cmaes
from celegans_nn.training.evolution import from_arrays, to_arrays

OPTIONS = cmaes.CMAOptions(population=8, sigma=0.3)
SCALE = np.array([1.0, 10.0, 0.1, 3.0])


def fitness(individuals):
    return -(((individuals - 1) * SCALE) ** 2).sum(1)


def run(state, generations, options=OPTIONS):
    for _ in range(generations):
        state = cmaes.tell(state, options, fitness(cmaes.ask(state, options)))
    return state


def start(options=OPTIONS, seed=0):
    return cmaes.initial(np.zeros(4, np.float32), options, np.random.default_rng(seed))


@pytest.mark.parametrize("diagonal", [False, True])
def test_it_climbs_a_hill_whose_slopes_differ_a_hundredfold(diagonal):
    options = cmaes.CMAOptions(population=8, sigma=0.3, diagonal=diagonal)
    np.testing.assert_allclose(cmaes.centre(run(start(options), 120, options), options), 1.0, atol=1e-3)


def test_a_state_read_from_disk_goes_on_to_the_bit():
    state = run(start(), 7)
    again = from_arrays(start(seed=5), to_arrays(state))
    np.testing.assert_array_equal(cmaes.ask(again, OPTIONS), cmaes.ask(state, OPTIONS))
    np.testing.assert_array_equal(cmaes.centre(run(again, 3), OPTIONS), cmaes.centre(run(state, 3), OPTIONS))


def test_asking_is_a_function_of_the_state_even_of_one_long_past():
    early = run(start(), 2)
    first = cmaes.ask(early, OPTIONS)
    late = run(early, 4)
    latest = cmaes.ask(late, OPTIONS)
    np.testing.assert_array_equal(cmaes.ask(early, OPTIONS), first)
    np.testing.assert_array_equal(cmaes.ask(late, OPTIONS), latest)


def test_only_the_order_of_the_fitness_counts_and_failures_are_the_worst():
    told = np.array([3.0, -np.inf, 5.0, 1.0, -np.inf, 0.0, 2.0, 4.0])
    other = np.array([30.0, -99.0, 31.0, 28.0, -99.0, 27.0, 29.0, 30.5])
    a, b = (cmaes.tell(start(), OPTIONS, values) for values in (told, other))
    assert a.ranks.tolist() == b.ranks.tolist() == [[3, 7, 1, 5, 7, 6, 4, 2]]
    np.testing.assert_array_equal(cmaes.ask(a, OPTIONS), cmaes.ask(b, OPTIONS))


def test_numpys_global_random_state_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    for values in (4, 300):  # the package would take another step-size rule for the larger
        state = cmaes.initial(np.zeros(values, np.float32), OPTIONS, np.random.default_rng(0))
        for _ in range(6):
            state = cmaes.tell(state, OPTIONS, -(cmaes.ask(state, OPTIONS) ** 2).sum(1))
    after = np.random.get_state()  # noqa: NPY002
    assert before[2] == after[2] and np.array_equal(before[1], after[1])


def test_what_cannot_run_is_refused_in_one_line(monkeypatch):
    with pytest.raises(TrainingError, match=r"5000 trained values .* set cma.diagonal"):
        cmaes.initial(np.zeros(5000, np.float32), OPTIONS, np.random.default_rng(0))
    with pytest.raises(TrainingError, match="population of 2 or more"):
        cmaes.CMAOptions(population=1)
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(TrainingError, match=r"pip install 'celegans_nn\[cma\]'"):
        start()
