"""What evolution maximises: the fitness of a population of one module on a task, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from celegans_nn.networks.network import Network
from celegans_nn.simulation.policies import PolicyStack
from celegans_nn.simulation.population import PopulationSimulator
from celegans_nn.tasks.task import ClassificationTask, LocomotionTask, Split, Task
from celegans_nn.training.vector import Layout


class Fitness(NamedTuple):
    """A population's scores."""

    values: np.ndarray
    """[P], higher is better."""
    cost: int
    """Environment steps, or samples seen, by the whole population."""


class LocomotionObjective:
    """The return of one episode; every individual of a generation starts from the same seed."""

    def __init__(self, net: nn.Module, task: LocomotionTask, layout: Layout):
        self.task, self.layout, self.policies = task, layout, PolicyStack(net)
        self._simulators: dict[int, PopulationSimulator] = {}

    @property
    def unit_cost(self) -> int:
        """Cost of one individual at most."""
        return self.task.episode_steps

    def __call__(self, individuals: np.ndarray, seed: int) -> Fitness:
        n = len(individuals)
        if n not in self._simulators:
            self._simulators[n] = PopulationSimulator(self.task, n)
        policy = self.policies(self.layout.stack(individuals))
        episodes = self._simulators[n].evaluate(policy, [seed] * n)
        return Fitness(episodes.returns, int(episodes.steps.sum()))


class ClassificationObjective:
    """Minus the cross-entropy on one batch; every individual of a generation sees the same images."""

    def __init__(self, net: nn.Module, task: ClassificationTask, layout: Layout, batch: int):
        self.net, self.task, self.layout, self.batch = net, task, layout, min(batch, len(task.train))

    @property
    def unit_cost(self) -> int:
        return self.batch

    def __call__(self, individuals: np.ndarray, seed: int) -> Fitness:
        chosen = np.random.default_rng(seed).choice(len(self.task.train), self.batch, replace=False)
        x, y = torch.from_numpy(self.task.train.x[chosen]), torch.from_numpy(self.task.train.y[chosen])
        with torch.inference_mode():
            logits = torch.func.vmap(lambda own: present(self.net, x, self.task.steps, own), randomness="error")(
                self.layout.stack(individuals)
            )
            loss = nn.functional.cross_entropy(
                logits.transpose(1, 2), y.expand(len(individuals), -1), reduction="none"
            ).mean(1)
        values = np.nan_to_num(-loss.double().numpy(), nan=-np.inf)
        return Fitness(values, self.batch * len(individuals))


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


def objective_for(
    net: nn.Module, task: Task, layout: Layout, batch: int
) -> LocomotionObjective | ClassificationObjective:
    """The objective that fits the task's kind; `batch` is the images an individual sees."""
    if task.kind == "locomotion":
        return LocomotionObjective(net, task, layout)  # type: ignore[arg-type]
    return ClassificationObjective(net, task, layout, batch)  # type: ignore[arg-type]


def held_out_scores(net: nn.Module, task: Task, seeds: Sequence[int]) -> dict[str, float]:
    """Scores on episodes or images that training never used; they teach nothing, so they are no training cost."""
    if task.kind == "locomotion":
        simulator = PopulationSimulator(task, len(seeds))  # type: ignore[arg-type]
        with torch.inference_mode():
            episodes = simulator.evaluate(net, list(seeds))
        means = {name: float(np.mean(values)) for name, values in episodes.metrics.items()}
        return {"return": float(np.mean(episodes.returns)), **means, "failed_episodes": float(episodes.failed.sum())}
    splits = {"validation": task.validation, "test": task.test}  # type: ignore[union-attr]
    return {f"{name}_accuracy": accuracy(net, split, task.steps) for name, split in splits.items()}  # type: ignore[union-attr]


def accuracy(net: nn.Module, split: Split, steps: int) -> float:
    """The share of images whose class has the largest output."""
    with torch.inference_mode():
        return float((present(net, torch.from_numpy(split.x), steps).argmax(1).numpy() == split.y).mean())
