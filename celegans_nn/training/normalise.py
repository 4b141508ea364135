"""Running mean and standard deviation of the observations, as ARS V2 normalises them (Mania et al. 2018)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from celegans_nn.errors import TrainingError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.simulation.episodes import LIMIT

CONSTANT = 1e-7
"""Standard deviation below which an observation counts as constant and becomes 0, as in the code of Mania et al."""


class Seen(NamedTuple):
    """What a population observed, one row an individual, float64."""

    number: np.ndarray
    """[P], of observations."""
    total: np.ndarray
    """[P, n_obs], their sum."""
    square: np.ndarray
    """[P, n_obs], the sum of their squares."""


class Normaliser(NamedTuple):
    """Mean and spread of all observations so far; a value.

    >>> seen = Seen(np.array([2.0, 2.0]), np.array([[2.0], [6.0]]), np.array([[4.0], [20.0]]))
    >>> mean, std = Normaliser.fresh(1).after(seen).mean_and_std()
    >>> print(mean, std ** 2)
    [2.] [2.66666667]
    """

    number: float
    """Of observations."""
    mean: np.ndarray
    """[n_obs] float64."""
    deviation: np.ndarray
    """[n_obs] float64, the sum of squared deviations from the mean."""

    @classmethod
    def fresh(cls, observations: int) -> Normaliser:
        """Nothing seen yet: observations pass as they are, clipped."""
        return cls(0.0, np.zeros(observations), np.zeros(observations))

    def after(self, seen: Seen) -> Normaliser:
        """With what a population saw, merged individual by individual in their order (Chan et al. 1979).

        An individual that observed something that is not finite is left out.
        """
        number, mean, deviation = self
        for n, total, square in zip(seen.number, seen.total, seen.square, strict=True):
            if n == 0 or not (np.isfinite(total).all() and np.isfinite(square).all()):
                continue
            own = total / n
            apart = own - mean
            both = number + float(n)
            deviation = deviation + np.maximum(square - total * own, 0.0) + apart**2 * (number * n / both)
            mean, number = mean + apart * (n / both), both
        return Normaliser(number, mean, deviation)

    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        """([n_obs], [n_obs]) for `(o - mean) / std`; an observation that never changed has std infinite."""
        if self.number < 2:
            return np.zeros_like(self.mean), np.ones_like(self.mean)
        std = np.sqrt(self.deviation / (self.number - 1))
        return self.mean, np.where(std < CONSTANT, math.inf, std)

    def save(self, path: str | Path) -> None:
        """As JSON, to the last bit."""
        facts = {"number": self.number, "mean": self.mean.tolist(), "deviation": self.deviation.tolist()}
        write_atomic(path, json.dumps(facts, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Normaliser:
        """What `save` wrote; TrainingError for a file that is not that."""
        try:
            facts = json.loads(Path(path).read_text(encoding="utf-8"))
            mean, deviation = (np.array(facts[name], np.float64) for name in ("mean", "deviation"))
            if mean.ndim != 1 or mean.shape != deviation.shape:
                raise ValueError("mean and deviation differ in length")
            return cls(float(facts["number"]), mean, deviation)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(f"{path}: not a saved normaliser ({one_line(error, 80)}); train again") from None


class Normalised(nn.Module):
    """A trained network together with the normalisation that it was trained with: takes raw observations."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, normaliser: Normaliser):
        super().__init__()
        self.net = net
        for name, values in zip(("mean", "std"), normaliser.mean_and_std(), strict=True):
            self.register_buffer(name, torch.from_numpy(np.array(values)), persistent=False)

    def forward(self, x: Tensor, state: object = None) -> tuple[Tensor, object]:
        """One control step: x [batch, n_obs] -> (y [batch, n_act], state)."""
        scaled = ((x.double() - self.mean) / self.std).clamp(-LIMIT, LIMIT)
        return self.net(scaled.to(x.dtype), state)
