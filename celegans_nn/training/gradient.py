"""Backpropagation through time with surrogate gradients, for classification."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from celegans_nn.errors import TrainingError
from celegans_nn.tasks.task import ClassificationTask
from celegans_nn.training.objective import present


@dataclass(frozen=True)
class BPTTOptions:
    """Adam (Kingma and Ba 2015) without weight decay, which would pull every |w| = exp(log_w) towards 1."""

    batch: int = 64
    learning_rate: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient over all parameters."""

    def __post_init__(self) -> None:
        if self.batch < 1 or not (self.learning_rate > 0 and self.clip > 0):
            raise TrainingError("bptt: give a batch of at least 1, and learning_rate and clip above 0")


def batch_size(options: BPTTOptions, task: ClassificationTask) -> int:
    """Images of one update."""
    return min(options.batch, len(task.train))


class Epoch(NamedTuple):
    """Where training stands when all images were seen once more."""

    seen: int
    """Images so far."""
    arrays: Callable[[], dict[str, np.ndarray]]
    """All that training goes on from, but the state of `rng`: weights, moments, the images still to be shown."""


def epochs(
    net: nn.Module,
    task: ClassificationTask,
    options: BPTTOptions,
    samples: int,
    rng: np.random.Generator,
    kept: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Epoch]:
    """Trains in place on as many whole batches as `samples` images hold, and stops to be looked at after each epoch.

    The learning rate falls from its start to zero along half a cosine. `kept`: an epoch's `arrays`, to go on from.
    """
    adam = torch.optim.Adam(net.parameters(), lr=options.learning_rate)
    batch = batch_size(options, task)
    total = samples // batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, total)
    order, first = np.empty(0, np.int64), 0
    if kept is not None:
        order, first = kept["order"], int(kept["step"])
        _restore(net, adam, schedule, kept)
    for step in range(first, total):
        if len(order) < batch:
            order = rng.permutation(len(task.train))
        chosen, order = order[:batch], order[batch:]
        logits = present(net, torch.from_numpy(task.train.x[chosen]), task.steps)
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(task.train.y[chosen]))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), options.clip)
        adam.step()
        schedule.step()
        if len(order) < batch or step == total - 1:
            yield Epoch((step + 1) * batch, partial(_arrays, net, adam, order, step + 1))


def _arrays(net: nn.Module, adam: torch.optim.Adam, order: np.ndarray, step: int) -> dict[str, np.ndarray]:
    arrays = {"order": order, "step": np.asarray(step), "learning_rate": np.asarray(adam.param_groups[0]["lr"])}
    for name, parameter in net.named_parameters():
        arrays[f"value.{name}"] = parameter.detach().cpu().numpy()
        moments = adam.state.get(parameter, {})
        arrays |= {f"{moment}.{name}": value.cpu().numpy() for moment, value in moments.items()}
    return arrays


def _restore(
    net: nn.Module,
    adam: torch.optim.Adam,
    schedule: torch.optim.lr_scheduler.CosineAnnealingLR,
    kept: Mapping[str, np.ndarray],
) -> None:
    for name, parameter in net.named_parameters():
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(kept[f"value.{name}"]))
        moments = {m: kept[f"{m}.{name}"] for m in ("step", "exp_avg", "exp_avg_sq") if f"{m}.{name}" in kept}
        if moments:
            adam.state[parameter] = {m: torch.from_numpy(np.array(value)) for m, value in moments.items()}
    # the schedule computes each rate from the one before
    adam.param_groups[0]["lr"] = float(kept["learning_rate"])
    schedule.last_epoch, schedule._step_count = int(kept["step"]), int(kept["step"]) + 1
