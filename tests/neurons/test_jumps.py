"""A spike and the reset after it: exact where they choose, and with the gradients that the rules' files state."""

import math

import pytest
import torch

from celegans_nn.neurons import jumps, ops

FINITE = [-3e38, -1e30, -7.25, -1e-45, -0.0, 1e-45, 0.1, 1.0, 3.3e7, 3e38]


@pytest.mark.parametrize("chosen", [0.0, -58.0, 1e-3, 1e30])
def test_select_gives_one_or_the_other_to_the_last_bit(chosen):
    x = torch.tensor(FINITE)
    for condition, expected in ((torch.zeros(len(x)), x), (torch.ones(len(x)), torch.full_like(x, chosen))):
        assert torch.equal(ops.select(condition, chosen, x), expected)


def test_a_reset_takes_infinity_away_and_nan_is_not_hidden():
    largest = torch.finfo(torch.float32).max
    x = torch.tensor([math.inf, -math.inf, math.inf, math.nan, 1.0])
    got = ops.select(torch.tensor([1.0, 0.0, 0.0, 0.0, math.nan]), -2.0, x)
    assert got[:3].tolist() == [-2.0, -largest, largest]
    assert got[3:].isnan().all()


def test_a_spike_is_told_apart_from_none_by_the_smallest_step_of_a_float():
    for dtype in (torch.float32, torch.float64):
        one = torch.ones((), dtype=dtype)
        below, at = torch.nextafter(one, torch.zeros((), dtype=dtype)), one
        assert ops.spike(torch.stack([below, at]) - one, 10.0, 0).tolist() == [0, 1]
        assert ops.spike(torch.tensor([-5e-324, 0.0], dtype=torch.float64), 10.0, 0).tolist() == [0, 1]


def test_select_passes_gradients_to_what_was_taken_alone_and_none_to_the_condition():
    condition = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    x = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    reset = torch.tensor(-0.7, dtype=torch.float64, requires_grad=True)
    passed = torch.tensor([[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]], dtype=torch.float64)
    none, to_reset, to_x = torch.autograd.grad(
        ops.select(condition, reset, x), [condition, reset, x], passed, allow_unused=True
    )
    assert none is None
    assert float(to_reset) == 2 + 4 + 7
    assert torch.equal(to_x, passed * (1 - condition))
    still = condition.detach()
    assert torch.autograd.gradcheck(lambda reset, x: ops.select(still, reset, x), (reset, x))
    assert torch.autograd.gradgradcheck(lambda reset, x: ops.select(still, reset, x) ** 3, (reset, x))


def test_under_the_transforms_of_torch_func_both_are_what_they_are_without():
    generator = torch.Generator().manual_seed(0)
    x, v, slope = torch.randn(4, 7, generator=generator), torch.randn(4, 7, generator=generator), torch.tensor(2.0)

    def voltage(x, v):
        return (jumps.select(jumps.spike(x, slope, 0), torch.tensor(-0.3), v) + jumps.spike(x, slope, 0)).sin().sum()

    x.requires_grad_(), v.requires_grad_()
    plain = torch.autograd.grad(sum(voltage(a, b) for a, b in zip(x, v, strict=True)), [x, v])
    for ours, theirs in zip(torch.func.vmap(torch.func.grad(voltage, (0, 1)))(x, v), plain, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    twice = torch.func.vmap(torch.func.jacrev(torch.func.grad(voltage, 1), 1))(x.detach(), v.detach())
    own = torch.autograd.functional.hessian(lambda v: voltage(x[0].detach(), v), v[0].detach())
    torch.testing.assert_close(twice[0], own, rtol=1e-6, atol=1e-7)
