"""Surrogate gradients: the published formulas backwards, the same spikes forwards."""

import math

import numba
import numpy as np
import pytest
import torch

from celegans_nn.errors import NetworkError
from celegans_nn.networks import build, fast_ops
from celegans_nn.neurons import ops
from celegans_nn.neurons.surrogates import CODES, SURROGATES, surrogate_parameters
from tests.worms import random_worm

# derivative and its primitive, each from its paper with the numbers given there (10: ours)
PUBLISHED = {
    "fast_sigmoid": (lambda x: 1 / (1 + 10 * abs(x)) ** 2, lambda x: x / (1 + 10 * abs(x))),
    "arctan": (lambda x: 1 / (1 + (math.pi * x) ** 2), lambda x: math.atan(math.pi * x) / math.pi),
    "triangular": (
        lambda x: 0.3 * max(0.0, 1 - abs(x)),
        lambda x: 0.3 * (math.copysign(0.5, x) if abs(x) > 1 else x - x * abs(x) / 2),
    ),
}
POINTS = [-7.0, -1.0, -0.3, -1e-3, 0.0, 1e-9, 0.2, 0.999, 4.0]


@pytest.mark.parametrize("name", SURROGATES)
def test_the_gradient_is_the_published_one(name):
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    given = surrogate_parameters(name)
    (3.0 * ops.spike(x, given["slope"], given["surrogate"])).sum().backward()
    np.testing.assert_allclose(x.grad, [3 * PUBLISHED[name][0](p) for p in POINTS], rtol=1e-12)


@pytest.mark.parametrize("name", SURROGATES)
def test_the_gradient_is_the_slope_of_the_primitive(name):
    x = torch.tensor([p for p in POINTS if p not in (-1.0, 0.999)], dtype=torch.float64, requires_grad=True)
    ops.spike(x, *surrogate_parameters(name).values()).sum().backward()
    h, primitive = 1e-6, PUBLISHED[name][1]
    numeric = [(primitive(p + h) - primitive(p - h)) / (2 * h) for p in x.tolist()]
    np.testing.assert_allclose(x.grad, numeric, atol=2e-5)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_spike_is_0_or_1_and_stands_at_the_threshold_itself(name):
    x = torch.tensor(POINTS)
    assert ops.spike(x, *surrogate_parameters(name).values()).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_voltage_that_is_nan_stays_nan_and_an_infinite_one_spikes_in_torch_and_compiled_alike(dtype):
    x = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0], dtype=dtype)
    expected = torch.tensor([torch.nan, 1, 0, 1], dtype=dtype)
    torch.testing.assert_close(ops.spike(x, 10.0, 0), expected, equal_nan=True, rtol=0, atol=0)
    compiled = numba.njit(lambda x: fast_ops.spike(x, x, 0))
    got = torch.tensor([compiled(value) for value in x.numpy()], dtype=dtype)
    torch.testing.assert_close(got, expected, equal_nan=True, rtol=0, atol=0)


def test_compiled_code_knows_the_derivative_of_every_surrogate_and_of_no_other_code():
    compiled = numba.njit(lambda x, slope, code: fast_ops.surrogate_derivative(x, slope, code))
    for name, code in CODES.items():
        slope = SURROGATES[name].slope
        expected = [PUBLISHED[name][0](p) for p in POINTS]
        np.testing.assert_allclose([compiled(p, slope, code) for p in POINTS], expected, rtol=1e-12)
    for code in (-1, len(CODES)):
        assert math.isnan(compiled(0.0, 1.0, code))


@pytest.mark.parametrize("neuron", ["lif", "alif", "izhikevich"])
def test_a_networks_outputs_are_the_same_under_every_surrogate_and_its_gradients_are_not(neuron):
    x, outputs, gradients = torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(0)), [], []
    for surrogate in (None, *SURROGATES):
        net = build(random_worm(), neuron, inputs=5, outputs=3, surrogate=surrogate)
        y, _ = net.unroll(x)
        y.square().sum().backward()
        outputs.append(y.detach())
        gradients.append(net.chemical.log_weight.grad)
    assert outputs[0].abs().max() > 0
    assert all(torch.equal(outputs[0], y) for y in outputs[1:])
    assert torch.equal(gradients[0], gradients[1 + CODES["fast_sigmoid"]])
    assert len({g.abs().sum().item() for g in gradients[1:]}) == len(SURROGATES)


def test_the_gradients_of_a_population_by_vmap_are_each_members_own():
    slope, codes = torch.tensor(2.0), CODES.values()
    x = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
    for code in codes:
        one = torch.func.grad(lambda row, code=code: ops.spike(row, slope, code).sum())
        torch.testing.assert_close(torch.func.vmap(one)(x), torch.stack([one(row) for row in x]))


def test_an_unknown_surrogate_and_one_for_a_model_without_spikes_are_refused():
    with pytest.raises(NetworkError, match="unknown surrogate 'arctn'; did you mean 'arctan'"):
        build(random_worm(), "lif", inputs=1, outputs=1, surrogate="arctn")
    with pytest.raises(NetworkError, match="rate does not spike"):
        build(random_worm(), "rate", inputs=1, outputs=1, surrogate="arctan")
