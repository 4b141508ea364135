"""A module's trained values as one flat vector, which evolution works on, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """Where each parameter of a module stands in the vector; parameters in their own order."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, net: nn.Module) -> Layout:
        named = list(net.named_parameters())
        return cls(tuple(n for n, _ in named), tuple(tuple(p.shape) for _, p in named))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(int(np.prod(shape)) for shape in self.shapes)

    def flatten(self, net: nn.Module) -> np.ndarray:
        """float32 [D]."""
        parameters = dict(net.named_parameters())
        return np.concatenate([parameters[n].detach().cpu().numpy().ravel() for n in self.names])

    def stack(self, vectors: np.ndarray) -> dict[str, Tensor]:
        """[P, D] -> name to [P, *shape]."""
        parts = np.split(vectors, np.cumsum(self.sizes)[:-1], axis=1)
        return {
            name: torch.from_numpy(np.ascontiguousarray(part)).view(len(vectors), *shape)
            for name, shape, part in zip(self.names, self.shapes, parts, strict=True)
        }

    def load(self, net: nn.Module, vector: np.ndarray) -> None:
        """Sets the module's parameters in place."""
        values = self.stack(vector[None])
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(values[name][0])

    def spread(self, scale: dict[str, float]) -> np.ndarray:
        """float32 [D]: each parameter's scale, repeated over its values."""
        return np.repeat(np.array([scale[n] for n in self.names], np.float32), self.sizes)
