"""Backpropagation through time with surrogate gradients, for classification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


def fit(
    net: nn.Module,
    task: ClassificationTask,
    options: BPTTOptions,
    samples: int,
    rng: np.random.Generator,
    after_epoch: Callable[[int], None],
) -> int:
    """Trains in place on as many whole batches as `samples` images hold; returns how many images were seen.

    `after_epoch(seen)` may look on. The learning rate falls from its start to zero along half a cosine.
    """
    adam = torch.optim.Adam(net.parameters(), lr=options.learning_rate)
    batch = batch_size(options, task)
    total = samples // batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, total)
    order = np.empty(0, np.int64)
    for step in range(total):
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
            after_epoch((step + 1) * batch)
    return total * batch
