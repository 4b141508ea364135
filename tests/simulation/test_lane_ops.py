"""The functions of update rules on lanes against float64, at ordinary numbers and at the edges of float32."""

import numpy as np
import pytest
import torch

from celegans_nn.compiled import njit_kept
from celegans_nn.neurons import ops
from celegans_nn.neurons.relaxation import share
from celegans_nn.simulation import lane_ops
from celegans_nn.simulation.lanes import LANES, empty_rows, load, store
from celegans_nn.simulation.spread import coefficients

EXP, TANH, SIGMOID, RECTIFY, SPIKE, CLIP = range(6)
EDGES = np.array(
    [0.0, -0.0, np.nan, np.inf, -np.inf, 88.6, 88.8, -86.9, -90.0, 1e-30, 3e38, -3e38, 1e-3, -1e-3, 1.0, -1.0]
)


@njit_kept(error_model="numpy")
def apply(which, x, low, high, y):
    for i in range(x.shape[0]):
        v = load(x, i)
        if which == EXP:
            v = lane_ops.exp(v)
        elif which == TANH:
            v = lane_ops.tanh(v)
        elif which == SIGMOID:
            v = lane_ops.sigmoid(v)
        elif which == RECTIFY:
            v = lane_ops.rectify(v)
        elif which == SPIKE:
            v = lane_ops.spike(v, v, 0)
        else:
            v = lane_ops.clip(v, load(low, 0), load(high, 0))
        store(y, i, v)


def on_lanes(which, x, low=-1.0, high=2.0):
    rows, y, bounds = empty_rows(len(x) // LANES), empty_rows(len(x) // LANES), (empty_rows(1), empty_rows(1))
    rows[:], bounds[0][:], bounds[1][:] = x.reshape(-1, LANES), low, high
    apply(which, rows, *bounds, y)
    return y.reshape(-1)


def numbers(scale):
    drawn = np.random.default_rng(0).normal(size=1600) * scale
    return np.concatenate([EDGES, drawn]).astype(np.float32)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
@pytest.mark.parametrize(("which", "exact"), [(EXP, torch.exp), (TANH, torch.tanh), (SIGMOID, torch.sigmoid)])
def test_curves_are_within_a_few_units_in_the_last_place(which, exact, scale):
    x = numbers(scale)
    expected = exact(torch.from_numpy(x).double()).float().numpy()
    found = on_lanes(which, x)
    assert np.array_equal(np.isnan(found), np.isnan(x))
    assert np.array_equal(np.isinf(found), np.isinf(expected))
    usual = np.isfinite(expected)
    apart = np.abs(found[usual] - expected[usual])
    no_normal_number = 2e-38  # may be 0 here
    assert (apart <= 4 * np.spacing(np.abs(expected[usual])) + no_normal_number).all()
    assert len(np.unique(found)) > 100


@pytest.mark.parametrize(
    ("which", "exact"),
    [
        (RECTIFY, ops.rectify),
        (SPIKE, lambda x: ops.spike(x, 1.0, 0)),
        (CLIP, lambda x: ops.clip(x, -1.0, 2.0)),
    ],
)
def test_steps_and_bounds_are_those_of_torch_to_the_bit(which, exact):
    x = numbers(3.0)
    assert np.array_equal(on_lanes(which, x), exact(torch.from_numpy(x)).numpy(), equal_nan=True)


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.11), (0.04, 3.0), (0.2, 40.0), (1.0, 2000.0), (0.1, 1e5)])
def test_the_series_is_phi_over_the_whole_interval(low, high):
    count, *series = coefficients(np.array([low]), np.array([high]), np.array([1.0]))[0]
    x = np.linspace(low, high, 4001)
    found = np.polynomial.chebyshev.chebval((2 * x - low - high) / (high - low), np.array(series, np.float64))
    assert np.abs(found - share(torch.from_numpy(x)).numpy()).max() < 2e-7
    assert count == len(series) <= 10 + 6 * np.sqrt(high)


def test_an_individuals_series_does_not_depend_on_the_others():
    low, high, scale = np.array([0.1, 0.2, np.nan]), np.array([0.3, 500.0, np.nan]), np.array([1.0, 2.0, 1.0])
    together = coefficients(low, high, scale)
    for p in range(2):
        alone = coefficients(low[p : p + 1], high[p : p + 1], scale[p : p + 1])[0]
        assert np.array_equal(together[p, : len(alone)], alone)
        assert not together[p, len(alone) :].any()
    assert np.isnan(together[2, 1])
