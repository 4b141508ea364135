"""One call trains a network on a task and says what it reached, and what that cost in all stages together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits
from torch import nn

from celegans_nn.errors import LARGEST_SEED, TrainingError, nearest, one_line, whole_number
from celegans_nn.networks.baselines import count_parameters
from celegans_nn.networks.ncap import NCAP
from celegans_nn.networks.network import Network
from celegans_nn.tasks.task import Task
from celegans_nn.training import cmaes
from celegans_nn.training.budget import check_budget, fitted
from celegans_nn.training.checkpoint import run_identity
from celegans_nn.training.options import TrainOptions
from celegans_nn.training.result import Progress, TrainResult
from celegans_nn.training.run import Keeper, Run

STAGES = {
    "es": ("es",), "ga": ("ga",), "es+ga": ("es", "ga"), "ars": ("ars",), "cma": ("cma",), "bptt": ("bptt",),
}  # fmt: skip
"""Each method's stages, in their order."""
METHODS = tuple(STAGES)


def train(
    net: nn.Module,
    task: Task,
    *,
    method: str | None = None,
    seed: int,
    budget: int,
    options: Mapping[str, Any] | TrainOptions | None = None,
    preset: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: str | Path | None = None,
    every: int = 10,
    threads: int | None = None,
) -> TrainResult:
    """Trains a copy of `net` on `task`.

    A budget alone is enough: method and population follow from it. On `haspel2012` 100,000 environment steps, some 20 s
    of processor time, teach `swimmer6` to swim and Hopper to stand, 200,000 HalfCheetah to run. The numbers of a paper
    are presets.

    Parameters
    ----------
    net
        Any module with `(y, state) = net(x, state)`; it is not changed.
    method
        If not given, "ars" for a body, "bptt" for images, and "es+ga" for a preset. "es": evolution strategies on all
        trained values. "ga": the genetic algorithm on all weights. "es+ga": the two stages of Schmidgall et al. 2022,
        the first on a network built with `share="sign"`, the second on every weight of its own. "ars": augmented random
        search. "cma": CMA-ES. "bptt": backpropagation through time (classification).
    seed
        The same seed gives the same bits, whatever runs beside it, interrupted or not.
    budget
        Environment steps (locomotion) or samples (classification), all stages together; never exceeded.
    options
        See `TrainOptions`.
    preset
        A name in `PRESETS`, such as "s22_realism": numbers that `options` goes before.
    progress
        Called after each generation.
    checkpoint
        A file. Where it is there, training goes on from it; it is written every `every` generations (epochs, for
        "bptt") and at the end of a stage, and stays when training ends.
    threads
        Of the simulation, one a core if not given; they change the time it takes, never the result.

    Raises
    ------
    TrainingError
        Unknown method, option or preset; a budget too small for one generation; "bptt" on a locomotion task.
    CheckpointError
        The checkpoint is another run's, or damaged.
    """
    whole_number("seed", seed, 0, LARGEST_SEED, TrainingError)
    whole_number("every", every, 1, 10**9, TrainingError)
    chosen = TrainOptions.of(options, preset)
    method = default_method(task, chosen) if method is None else method
    chosen = check_training(net, task, method=method, budget=budget, options=chosen)
    settings = {"method": method, "seed": seed, "budget": budget, "options": asdict(chosen)}
    keeper = Keeper(checkpoint, every, {} if checkpoint is None else run_identity(net, task, settings))
    run = Run(copy.deepcopy(net), task, chosen, seed, budget, progress, keeper, threads)
    with threadpool_limits(1, "blas"):  # the order of a sum depends on the number of threads
        run.score("untrained")
        for stage in STAGES[method]:
            run.train(stage, more=stage != STAGES[method][-1])
            run.score("final" if stage == STAGES[method][-1] else "after_pretraining")
    return TrainResult(run.net, tuple(run.curve), run.scores, {**run.cost, "total": run.spent}, run.normaliser)


def default_method(task: Task, options: TrainOptions) -> str:
    """The method of a training of which none is told: a preset is of "es+ga", and images are learned by "bptt".

    A body is by "ars", which needed no hand on any of them: on the worm's circuit it learned two to three times as much
    as evolution strategies or the genetic algorithm did on swimmer6 in 100,000 steps, and on HalfCheetah in 200,000,
    where neither of these learned anything without normalised observations (one seed).
    """
    if options.preset:
        return "es+ga"
    return "ars" if task.kind == "locomotion" else "bptt"


def check_training(net: nn.Module, task: Task, *, method: str, budget: int, options: TrainOptions) -> TrainOptions:
    """All that can be said against a training before it begins; the options, with what the budget chooses of them.

    Raises TrainingError, one line: an unknown method, options that do not go together, or not with this network or
    task, a budget that holds no generation.
    """
    if method not in METHODS:
        raise TrainingError(f"unknown training method {one_line(method)!r}; {nearest(method, METHODS)}")
    whole_number("budget", budget, 1, 10**15, TrainingError)
    _check(net, task, method, options)
    options = fitted(options, task, budget)
    check_budget(net, task, STAGES[method], budget, options)
    if method == "cma":
        cmaes.check(count_parameters(net), options.cma)
    return options


def _check(net: nn.Module, task: Task, method: str, options: TrainOptions) -> None:
    """TrainingError for options that do not go together, or not with this task or network."""
    body = task.kind == "locomotion"
    if method == "bptt" and body:
        raise TrainingError(f"bptt needs a classification task, and {task.name!r} is a body; use es, ga, ars or cma")
    if not body and options.normalise:
        raise TrainingError(f"normalise is for bodies, and the images of {task.name!r} are standardised; leave it out")
    if not body and options.episodes != 1:
        raise TrainingError(f"episodes = {options.episodes} is for bodies; raise evolution_batch for {task.name!r}")
    if options.normalise and isinstance(net, NCAP):
        raise TrainingError("normalise: ncap feels the joints' angles as they are, in rad; leave normalise out")
    shared = not isinstance(net, Network) or net.chemical.share == "sign"
    if options.preset and method == "es+ga" and not shared:
        raise TrainingError(
            f"preset {options.preset!r} pretrains one shared weight a sign, and this network has one an edge; "
            'build it with share="sign"'
        )
