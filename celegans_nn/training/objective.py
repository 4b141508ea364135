"""What evolution maximises: the fitness of a population of one module on a task, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from celegans_nn.networks.network import Network
from celegans_nn.simulation.episodes import Normalisation
from celegans_nn.simulation.evaluator import Evaluator
from celegans_nn.tasks.task import ClassificationTask, LocomotionTask, Split, Task
from celegans_nn.training.normalise import Seen
from celegans_nn.training.vector import Layout

if TYPE_CHECKING:
    from celegans_nn.training.options import TrainOptions

IMAGES_AT_ONCE = 1000
"""For scoring; more take no less time an image, and more memory."""


class Fitness(NamedTuple):
    """A population's scores."""

    values: np.ndarray
    """[P], higher is better."""
    cost: int
    """Environment steps, or samples seen, by the whole population; those of failed episodes too."""
    seen: Seen | None = None
    """What a body's observations were."""


class LocomotionObjective:
    """The mean return of each individual's episodes.

    threads: of the simulation; they change the time it takes, never a bit of the result. None: one a core.
    """

    def __init__(self, net: nn.Module, task: LocomotionTask, layout: Layout, episodes: int, threads: int | None):
        self.net, self.task, self.layout, self.episodes = net, task, layout, episodes
        self.evaluator = Evaluator(net, task, threads)

    def __call__(self, individuals: np.ndarray, seeds: np.ndarray, normalise: Normalisation | None) -> Fitness:
        """individuals: [P, D]. seeds: [P, episodes]."""
        found = self.evaluator.evaluate(self.layout.stack(individuals), seeds, normalise=normalise)
        seen = Seen(found.seen_count, found.seen_sum, found.seen_square)
        return Fitness(found.returns.mean(axis=1), int(found.steps.sum()), seen)

    def held_out(self, seeds: Sequence[int], normalise: Normalisation | None) -> dict[str, float]:
        """Means over one episode from each seed, of the network as it is."""
        own = {name: value.detach()[None] for name, value in self.net.named_parameters()}
        found = self.evaluator.evaluate(own, np.array([seeds]), normalise=normalise)
        means = {name: float(np.mean(values)) for name, values in found.metrics.items()}
        return {"return": float(np.mean(found.returns)), **means, "failed_episodes": float(found.failed.sum())}


class ClassificationObjective:
    """Minus the cross-entropy on one batch of images."""

    def __init__(self, net: nn.Module, task: ClassificationTask, layout: Layout, batch: int):
        self.net, self.task, self.layout, self.batch = net, task, layout, min(batch, len(task.train))

    def __call__(self, individuals: np.ndarray, seeds: np.ndarray, normalise: Normalisation | None = None) -> Fitness:
        """individuals: [P, D]. seeds: [P, 1], which draw the images; equal seeds the same ones."""
        groups = [np.arange(len(individuals))] if (seeds == seeds[0]).all() else np.arange(len(individuals))[:, None]
        values = np.concatenate([self._values(individuals[group], int(seeds[group[0], 0])) for group in groups])
        return Fitness(values, self.batch * len(individuals))

    def _values(self, individuals: np.ndarray, seed: int) -> np.ndarray:
        chosen = np.random.default_rng(seed).choice(len(self.task.train), self.batch, replace=False)
        x, y = torch.from_numpy(self.task.train.x[chosen]), torch.from_numpy(self.task.train.y[chosen])
        with torch.inference_mode():
            logits = torch.func.vmap(lambda own: present(self.net, x, self.task.steps, own), randomness="error")(
                self.layout.stack(individuals)
            )
            loss = nn.functional.cross_entropy(
                logits.transpose(1, 2), y.expand(len(individuals), -1), reduction="none"
            ).mean(1)
        return np.nan_to_num(-loss.double().numpy(), nan=-np.inf)

    def held_out(self, seeds: Sequence[int] = (), normalise: Normalisation | None = None) -> dict[str, float]:
        """Accuracy of the network as it is on images that training never saw."""
        splits = {"validation": self.task.validation, "test": self.task.test}
        return {f"{name}_accuracy": accuracy(self.net, split, self.task.steps) for name, split in splits.items()}


def present(net: nn.Module, x: torch.Tensor, steps: int, own: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
    """Logits [batch, classes]: the mean output of the last half of `steps` control steps with x [batch, d] held.

    The first half lets the activity arrive. `own` replaces the module's parameters.
    """
    if own is None and isinstance(net, Network):
        return net.unroll(x.expand(steps, *x.shape))[0][steps // 2 :].mean(0)
    state, late = None, []
    for step in range(steps):
        args = (x, state)
        y, state = net(*args) if own is None else torch.func.functional_call(net, own, args)
        if step >= steps // 2:
            late.append(y)
    return torch.stack(late).mean(0)


def unit_cost(task: Task, options: TrainOptions) -> int:
    """What one individual costs at most: environment steps, or images."""
    if task.kind == "locomotion":
        return task.episode_steps * options.episodes  # type: ignore[union-attr]
    return min(options.evolution_batch, len(task.train))  # type: ignore[union-attr]


def objective_for(
    net: nn.Module, task: Task, layout: Layout, options: TrainOptions, threads: int | None = None
) -> LocomotionObjective | ClassificationObjective:
    """The objective that fits the task's kind."""
    if task.kind == "locomotion":
        return LocomotionObjective(net, task, layout, options.episodes, threads)  # type: ignore[arg-type]
    return ClassificationObjective(net, task, layout, options.evolution_batch)  # type: ignore[arg-type]


def accuracy(net: nn.Module, split: Split, steps: int, watch: Callable[[float], None] | None = None) -> float:
    """The share of images whose class has the largest output. `watch` is called with the share that is done."""
    right = 0
    for first in range(0, len(split), IMAGES_AT_ONCE):
        chosen = slice(first, first + IMAGES_AT_ONCE)
        with torch.inference_mode():
            found = present(net, torch.from_numpy(split.x[chosen]), steps).argmax(1).numpy()
        right += int((found == split.y[chosen]).sum())
        if watch is not None:
            watch(min(first + IMAGES_AT_ONCE, len(split)) / len(split))
    return right / len(split)
