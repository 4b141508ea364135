"""How far coupled relaxations come within a tick: phi(M) = (1 - exp(-M)) / M of a symmetric matrix, with gradients.

The solution of dx/dt = f - M x from x(0) = 0 is phi(M) f at t = 1. M has no negative eigenvalue; those that are zero,
or equal, do no harm. Backwards, phi's derivative in a direction E is V (phi[a, b] * (V^T E V)) V^T with V the
eigenvectors and phi[a, b] the divided differences over the eigenvalues (Daleckii and Krein 1965; Higham 2008,
Functions of Matrices, section 3.2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEAR_ZERO = 1e-3
"""Below this eigenvalue a divided difference is summed as a series, which is then exact to 1e-11."""


def share(x: Tensor) -> Tensor:
    """(1 - exp(-x)) / x of every entry, 1 at 0; x >= 0 up to rounding.

    >>> share(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.6321])
    """
    zero = x == 0
    return torch.where(zero, 1.0, -torch.expm1(-x) / torch.where(zero, 1.0, x))


def matrix_share(m: Tensor) -> Tensor:
    """The same function of a symmetric matrix [N, N]; first derivatives only. All NaN where one entry is not finite.

    >>> matrix_share(torch.diag(torch.tensor([0.0, 1.0])))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.6321]])
    """
    return _MatrixShare.apply(m)[0]


class _MatrixShare(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # in double, since slow modes stand beside fast ones; some hundred rows are quickest on the CPU
        whole = m.to("cpu", torch.float64)
        values, vectors = torch.linalg.eigh(whole.nan_to_num(0.0, 0.0, 0.0))
        # `eigh` would end the program where a number is not finite; as everywhere else, NaN comes of it
        values = values + (0 * whole).sum()
        return ((vectors * share(values)) @ vectors.mT).to(m), values, vectors

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Any) -> Tensor:
        values, vectors = ctx.saved_tensors
        inner = vectors.mT @ grad.to(vectors) @ vectors
        return (vectors @ (_differences(values) * inner) @ vectors.mT).to(grad)


def _differences(x: Tensor) -> Tensor:
    """(phi(a) - phi(b)) / (a - b) for all a, b in x, and phi'(a) where they are equal, without cancellation."""
    a, b = torch.maximum(x[:, None], x), torch.minimum(x[:, None], x)
    series = -1 / 2 + (a + b) / 6 - (a * a + a * b + b * b) / 24
    near = a < NEAR_ZERO
    return torch.where(near, series, (torch.exp(-b) * share(a - b) - share(b)) / torch.where(near, 1.0, a))
