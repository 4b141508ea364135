"""What training gives: a network, its learning curve, its scores, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from celegans_nn.training.normalise import Normaliser


class CurvePoint(NamedTuple):
    """One point of a learning curve."""

    cost: int
    """Environment steps, or samples, seen in all stages up to here."""
    score: float
    """Locomotion: mean held-out return; while training, the training return of the centre (es), of the best individual
    (ga) or the population's mean (ars, cma). Classification: validation accuracy (bptt), else minus the loss."""
    stage: str


class Progress(NamedTuple):
    """How far a training run has come; for looking on."""

    cost: int
    budget: int
    stage: str
    generation: int
    """Generations of this stage so far, or epochs."""
    score: float
    steps_per_second: float
    """Environment steps, or samples, over the last generations; 0 before there are two to tell by."""


@dataclass(frozen=True)
class TrainResult:
    """A trained network, how it got there, and what it cost."""

    net: nn.Module
    curve: tuple[CurvePoint, ...]
    scores: dict[str, float]
    """`untrained`, `after_pretraining` (two stages only) and `final`: the held-out return, or test accuracy; and
    the task's metrics as `<when>_<metric>`, such as `final_forward_speed` (m/s)."""
    cost: dict[str, int]
    """By stage, and `total`: environment steps, or samples. Held-out evaluation teaches nothing and is not in it."""
    normaliser: Normaliser | None = None
    """Of the observations, where they were normalised: `Normalised(net, normaliser)` takes raw ones."""
