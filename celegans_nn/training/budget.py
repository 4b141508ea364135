"""What a run's budget holds: how much of it each stage may spend, and whether that is enough for a generation."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torch import nn

from celegans_nn.errors import TrainingError
from celegans_nn.tasks.task import Task
from celegans_nn.training.evolution import evolution
from celegans_nn.training.gradient import batch_size
from celegans_nn.training.objective import unit_cost
from celegans_nn.training.options import TrainOptions
from celegans_nn.training.vector import Layout

LEAST_DIRECTIONS, MOST_DIRECTIONS = 4, 16
"""Of random search where the budget chooses. Few make a noisy step, and many few steps; 32 individuals fill the
compiled loop on two cores."""
INDIVIDUALS_A_DIRECTION = 60
"""Of the whole budget: 30 generations, where it is neither small nor large."""


class StageLimits(NamedTuple):
    """Of one stage of evolution."""

    until: int
    """The cost, of all stages up to here, that it may reach."""
    generations: int
    """It may run no more."""


def fitted(options: TrainOptions, task: Task, budget: int) -> TrainOptions:
    """The options, with what they leave to the budget chosen: `ars.directions`."""
    if options.ars.directions:
        return options
    individuals = budget // unit_cost(task, options)
    directions = min(max(individuals // INDIVIDUALS_A_DIRECTION, LEAST_DIRECTIONS), MOST_DIRECTIONS)
    return replace(options, ars=replace(options.ars, directions=max(min(directions, individuals // 2), 1)))


def generation_cost(stage: str, net: nn.Module, task: Task, options: TrainOptions) -> int:
    """Environment steps or samples, at most: of a generation, or of a batch where the stage is "bptt"."""
    if stage == "bptt":
        return batch_size(options.bptt, task)  # type: ignore[arg-type]
    return evolution(stage, net, Layout.of(net), options).individuals * unit_cost(task, options)


def check_budget(net: nn.Module, task: Task, stages: tuple[str, ...], budget: int, options: TrainOptions) -> None:
    """TrainingError, one line with the remedy, where the budget holds no generation of one of the stages."""
    cost = generation_cost(stages[0], net, task, options)
    if stages[0] == "bptt":
        need(cost, budget, "bptt")
    else:
        stage_limits(stages[0], len(stages) > 1, cost, budget, task, options)


def stage_limits(
    stage: str, more: bool, cost: int, budget: int, task: Task, options: TrainOptions, spent: int = 0,
    begun: bool = False,
) -> StageLimits:  # fmt: skip
    """How far a stage may go whose generation costs `cost`, where the stages before it have `spent`.

    more: the genetic algorithm follows it. TrainingError where the budget holds no generation of it, unless it has
    `begun`, or none of what follows.
    """
    until = most = budget
    if stage == "es" and options.es.generations:
        most = options.es.generations
    if more:
        after = options.ga.population * unit_cost(task, options)
        if most == budget:
            until = int(budget * options.pretraining_share)
            need(after, budget - until, "ga")
        elif most * cost + after > budget:
            raise TrainingError(
                f"es: {most} generations cost {most * cost}, one of ga {after}, and the budget is {budget}; "
                "raise it, or lower es.generations (0 gives pretraining its share of the budget)"
            )
    if not begun:
        need(cost, until - spent, stage)
    return StageLimits(until, most)


def need(cost: int, left: int, stage: str) -> None:
    """TrainingError where a stage's generation costs more than is left."""
    if cost > left:
        unit = "batch" if stage == "bptt" else "generation"
        raise TrainingError(
            f"{stage}: a {unit} costs {cost}, and {left} of the budget are left; "
            "raise the budget, or lower the population, the batch or the episode's length"
        )
