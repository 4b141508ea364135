"""The rule of pruning, for any number of weights, prunings and ties."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import kept_after, prune

SHARE = st.floats(0.01, 0.9)


def every(weights):
    return {name: np.ones(values.shape, dtype=bool) for name, values in weights.items()}


@given(st.integers(1, 400), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_after_k_prunings_round_n_times_four_fifths_to_the_k_weights_are_left(n, prunings, seed):
    rng = np.random.default_rng(seed)
    masks = {"w": np.ones((1, n), dtype=bool)}
    for k in range(1, prunings + 1):
        masks = prune({"w": rng.normal(size=(1, n))}, masks, k)
        assert masks["w"].sum() == round(n * 0.8**k)


def test_six_prunings_of_a_fifth_leave_zeros_of_73_79_percent():
    """Kotar & Tuckute's embedding: 50304 x 768."""
    n = 50304 * 768
    assert 1 - kept_after(n, 6) / n == pytest.approx(0.737856, abs=1e-7)


@given(arrays(np.float32, (7, 9), elements=st.integers(-3, 3)), st.integers(0, 2**32 - 1), SHARE)
def test_what_stays_is_the_largest_of_those_alive_and_of_equals_the_first(weights, seed, fraction):
    alive = np.random.default_rng(seed).random((7, 9)) < kept_after(63, 1, fraction) / 63
    prunings = 2
    stays = prune({"w": weights}, {"w": alive}, prunings, fraction)["w"].ravel()
    order = sorted(np.flatnonzero(alive), key=lambda i: (-abs(weights.ravel()[i]), i))
    assert np.flatnonzero(stays).tolist() == sorted(order[: kept_after(63, prunings, fraction)])


def test_a_weight_that_was_pruned_does_not_come_back_however_large_it_is():
    alive = np.array([[True, False], [True, True]])
    stays = prune({"w": np.array([[0.0, 9.0], [0.0, 1.0]])}, {"w": alive}, 2, 0.2)["w"]
    assert not stays[0, 1] and stays.sum() == 3


def test_within_layers_each_loses_its_share_and_globally_the_weakest_go_wherever_they_are():
    weights = {"weak": np.full((10, 10), 0.1), "strong": np.full((10, 10), 1.0)}
    layers = prune(weights, every(weights), 1, 0.3, "layer")
    assert [layers[name].sum() for name in weights] == [70, 70]
    together = prune(weights, every(weights), 1, 0.3, "global")
    assert [together[name].sum() for name in weights] == [40, 100]
    assert together["weak"].ravel()[:40].all()


def test_weights_that_are_not_finite_and_unknown_scopes_are_refused():
    weights = {"w": np.array([[np.nan, 1.0]])}
    with pytest.raises(GenerationsError, match="'w' holds weights that are not finite"):
        prune(weights, every(weights), 1)
    with pytest.raises(GenerationsError, match="did you mean 'layer'"):
        prune(weights, every(weights), 1, scope="layers")
