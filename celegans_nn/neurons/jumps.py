"""What is not smooth in an update rule, a spike and the reset after it, as operations with gradients of their own.

They are made of arithmetic alone, since comparing and choosing (`>=`, `torch.where`) take ten times as long on a CPU.
Each stands here twice. The transforms of torch.func (vmap, grad) want a `forward` that is given no context and writes
nothing in place; that is several times slower to call, because torch then inspects its signature at every call.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from celegans_nn.neurons.surrogates import DERIVATIVES


def spike(distance: Tensor, slope: Tensor, code: int) -> Tensor:
    """1 where distance >= 0, else 0; backwards the surrogate of that code.

    NaN stays NaN: a network that diverged must not pass for a silent one.
    """
    result: Tensor = (_TransformedSpike if _transformed() else _Spike).apply(distance, slope, code)
    return result


def select(condition: Tensor, chosen: Tensor, otherwise: Tensor) -> Tensor:
    """`chosen` where the condition is 1, `otherwise` where it is 0; no gradient flows to the condition."""
    result: Tensor = (_TransformedSelect if _transformed() else _Select).apply(condition, chosen, otherwise)
    return result


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: Tensor, slope: Tensor, code: int) -> Tensor:
        ctx.save_for_backward(distance, slope)
        ctx.code = code
        return distance.floor().clamp_(-1, 0).add_(1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        distance, slope = ctx.saved_tensors
        return grad * DERIVATIVES[ctx.code](distance, slope), None, None


class _TransformedSpike(_Spike):
    generate_vmap_rule = True

    @staticmethod
    def forward(distance: Tensor, slope: Tensor, code: int) -> Tensor:  # type: ignore[override]
        return distance.floor().clamp(-1, 0) + 1

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
        distance, slope, ctx.code = inputs
        ctx.save_for_backward(distance, slope)


class _Select(torch.autograd.Function):
    """A point of the line between the two, at one of its ends; with an infinite end there is no line."""

    @staticmethod
    def forward(ctx: Any, condition: Tensor, chosen: Tensor, otherwise: Tensor) -> Tensor:
        ctx.save_for_backward(condition)
        return _finite(otherwise).lerp_(chosen, condition)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor]:
        condition = ctx.saved_tensors[0].detach()
        to_chosen = grad * condition if ctx.needs_input_grad[1] else None
        return None, to_chosen, torch.addcmul(grad, grad, condition, value=-1)


class _TransformedSelect(_Select):
    generate_vmap_rule = True

    @staticmethod
    def forward(condition: Tensor, chosen: Tensor, otherwise: Tensor) -> Tensor:  # type: ignore[override]
        return torch.lerp(_finite(otherwise), chosen, condition)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])


def _finite(x: Tensor) -> Tensor:
    largest = torch.finfo(x.dtype).max
    return x.clamp(-largest, largest)


def _transformed() -> bool:
    return torch._C._functorch.peek_interpreter_stack() is not None
