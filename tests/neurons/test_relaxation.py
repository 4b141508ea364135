"""The share of a relaxation that a tick completes, of numbers and of symmetric matrices, and its derivative."""

import numpy as np
import pytest
import scipy.linalg
import torch

from celegans_nn.neurons.relaxation import matrix_share, share

RING = 2 * torch.eye(6) - torch.roll(torch.eye(6), 1, 0) - torch.roll(torch.eye(6), -1, 0)
PAIR = torch.tensor([[1.0, -1], [-1, 1]])
MATRICES = {
    "ring, with pairs of equal eigenvalues and a zero": RING.double(),
    "two pairs apart, with two zeros": torch.block_diag(PAIR, PAIR).double(),
    "nothing": torch.zeros(3, 3).double(),
    "next to nothing": 1e-5 * RING.double(),
    "across the border of the series": torch.diag(torch.tensor([0, 9.99e-4, 1.001e-3, 0.5])).double(),
    "stiff": 300 * RING.double() + torch.eye(6),
}


def by_block(m):
    """The same from the exponential of [[-M, 1], [0, 0]]."""
    n = len(m)
    return scipy.linalg.expm(np.block([[-m, np.eye(n)], [np.zeros((n, 2 * n))]]))[:n, n:]


def test_the_share_of_a_number_keeps_its_digits_near_zero():
    x = torch.tensor([0.0, 1e-300, 1e-12, 1.0, 800.0], dtype=torch.float64)
    expected = [1.0, 1.0, 1 - 5e-13, 1 - np.exp(-1), 1 / 800]
    np.testing.assert_allclose(share(x), expected, rtol=1e-15)


@pytest.mark.parametrize("m", MATRICES.values(), ids=MATRICES)
def test_the_share_of_a_matrix_and_its_derivative(m):
    np.testing.assert_allclose(matrix_share(m), by_block(m.numpy()), atol=1e-13)
    direction = torch.randn(m.shape, dtype=m.dtype, generator=torch.Generator().manual_seed(0))

    def symmetric(change):
        return matrix_share(m + change + change.T)

    change = torch.zeros_like(m, requires_grad=True)
    assert torch.autograd.gradcheck(symmetric, (change,), atol=1e-8)
    (ours,) = torch.autograd.grad((symmetric(change) * direction).sum(), change)
    by_functorch = torch.func.vmap(torch.func.grad(lambda c: (symmetric(c) * direction).sum()))(
        torch.stack([change] * 2)
    )
    torch.testing.assert_close(by_functorch, torch.stack([ours] * 2))


def test_a_matrix_of_float32_gets_a_share_right_to_its_last_digits_however_stiff():
    for scale in (1e-3, 1.0, 1e6):
        m = scale * RING
        np.testing.assert_allclose(matrix_share(m), by_block(m.double().numpy()), rtol=1e-6, atol=1e-8)
        assert matrix_share(m).dtype == torch.float32
        assert float((matrix_share(m).sum(0) - 1).abs().max()) < 1e-6  # the ring as a whole keeps what it is given


def test_a_second_derivative_is_refused_rather_than_wrong():
    m = RING.clone().requires_grad_()
    (first,) = torch.autograd.grad(matrix_share(m).square().sum(), m, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_matrix_that_is_not_finite_gives_nan_and_leaves_those_beside_it_alone(wrong):
    m = RING.clone()
    m[0, 0] = wrong
    assert matrix_share(m).isnan().all()
    both = torch.func.vmap(matrix_share)(torch.stack([m, RING]))
    assert both[0].isnan().all()
    torch.testing.assert_close(both[1], matrix_share(RING))
