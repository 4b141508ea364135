"""Augmented random search: the step by hand, its four variants, and that it climbs."""

import numpy as np
import pytest

from celegans_nn.errors import TrainingError
from celegans_nn.training import ars

NOISE = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], np.float32)
RETURNS = np.array([3.0, 1.0, 0.0, 8.0, 2.0, 2.0])
"""Plus and minus of each direction: the best is the second, then the first."""


def step(top, returns=RETURNS, **more):
    options = ars.ARSOptions(directions=3, top=top, learning_rate=0.5, **more)
    return ars.tell(ars.initial(np.zeros(2, np.float32)), options, NOISE, returns).centre


def test_the_step_weighs_directions_by_the_difference_of_their_returns_over_the_spread():
    expected = 0.5 / (3 * RETURNS.std()) * np.array([2.0, -8.0])
    np.testing.assert_allclose(step(top=0), expected, rtol=1e-6)
    np.testing.assert_array_equal(step(top=0), step(top=3))


def test_only_the_best_directions_and_the_spread_of_their_returns_make_the_step():
    used = np.array([3.0, 1.0, 0.0, 8.0])
    np.testing.assert_allclose(step(top=2), 0.5 / (2 * used.std()) * np.array([2.0, -8.0]), rtol=1e-6)
    np.testing.assert_allclose(step(top=1), 0.5 / 4.0 * np.array([0.0, -8.0]), rtol=1e-6)


def test_the_step_does_not_depend_on_the_unit_of_the_returns():
    np.testing.assert_allclose(step(top=2, returns=1000 * RETURNS - 7), step(top=2), rtol=1e-5)


@pytest.mark.parametrize("returns", [np.zeros(6), np.full(6, -np.inf), np.full(6, np.nan)])
def test_returns_without_a_difference_leave_the_centre_where_it_is(returns):
    np.testing.assert_array_equal(step(top=0, returns=returns), np.zeros(2))


def test_a_direction_that_failed_is_left_out():
    failed = np.array([3.0, 1.0, 0.0, 8.0, np.nan, 2.0])
    np.testing.assert_array_equal(step(top=2, returns=failed), step(top=2))
    np.testing.assert_array_equal(step(top=0, returns=failed), step(top=2))


def test_individuals_mirror_each_other_around_the_centre_at_the_given_distance():
    state = ars.initial(np.arange(4000, dtype=np.float32) / 1000)
    individuals, noise = ars.ask(state, ars.ARSOptions(directions=2, sigma=0.5), np.random.default_rng(0))
    assert individuals.shape == (4, 4000)
    np.testing.assert_allclose(individuals[0::2] - individuals[1::2], noise, rtol=1e-3, atol=1e-5)
    assert abs((individuals[0] - state.centre).std() - 0.5) < 0.02


def test_it_climbs_a_known_hill():
    target = np.linspace(-1, 1, 7)
    options = ars.ARSOptions(directions=8, top=4, learning_rate=0.02, sigma=0.05)
    state, rng = ars.initial(np.zeros(7, np.float32)), np.random.default_rng(0)
    for _ in range(300):
        individuals, noise = ars.ask(state, options, rng)
        state = ars.tell(state, options, noise, -((individuals - target) ** 2).sum(1))
    assert np.abs(state.centre - target).max() < 0.1


@pytest.mark.parametrize("wrong", [{"directions": -1}, {"directions": 4, "top": 5}, {"sigma": 0.0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(TrainingError, match=r"ars: .*give"):
        ars.ARSOptions(**wrong)
