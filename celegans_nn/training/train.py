"""One call trains a network on a task and says what it reached, and what that cost in all stages together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from celegans_nn.errors import LARGEST_SEED, TrainingError, nearest, one_line, whole_number
from celegans_nn.networks.network import Network
from celegans_nn.tasks.task import Task
from celegans_nn.training import evolution_strategies as es
from celegans_nn.training import genetic as ga
from celegans_nn.training.evolution_strategies import ESOptions
from celegans_nn.training.genetic import GAOptions
from celegans_nn.training.gradient import BPTTOptions, batch_size, fit
from celegans_nn.training.objective import accuracy, held_out_scores, objective_for
from celegans_nn.training.vector import Layout

METHODS = ("es", "ga", "es+ga", "bptt")
HELD_OUT_SEED = 1_000_003
"""Episodes of evaluation start from seeds of this stream, which no training seed enters."""


@dataclass(frozen=True)
class TrainOptions:
    """Hyperparameters of `train`, nested by method. In a spec: `options = { es = { population = 32 } }`."""

    es: ESOptions = field(default_factory=ESOptions)
    ga: GAOptions = field(default_factory=GAOptions)
    bptt: BPTTOptions = field(default_factory=BPTTOptions)
    pretraining_share: float = 0.5
    """Of the budget, for evolution strategies in "es+ga"."""
    evaluation_episodes: int = 8
    """Held-out episodes of each evaluation."""
    evolution_batch: int = 256
    """Images an individual sees a generation, where evolution trains a classifier."""

    @classmethod
    def of(cls, values: Mapping[str, Any] | TrainOptions | None) -> TrainOptions:
        """From nested plain values; TrainingError with the nearest known key for a wrong one."""
        if isinstance(values, TrainOptions):
            return values
        nested = {"es": ESOptions, "ga": GAOptions, "bptt": BPTTOptions}
        known = {f.name: getattr(cls(), f.name) for f in fields(cls)}
        chosen: dict[str, Any] = {}
        for key, value in (values or {}).items():
            if key not in known:
                raise TrainingError(f"unknown training option {one_line(key)!r}; {nearest(key, known)}")
            if key in nested:
                chosen[key] = nested[key](**_checked(key, value, asdict(known[key])))
            else:
                chosen.update(_checked("", {key: value}, known))
        options = cls(**chosen)
        for key in ("evaluation_episodes", "evolution_batch"):
            whole_number(f"training option {key}", getattr(options, key), 1, 10**9, TrainingError)
        if not 0 < options.pretraining_share < 1:
            raise TrainingError(f"pretraining_share is {options.pretraining_share}; give a share between 0 and 1")
        return options


class CurvePoint(NamedTuple):
    """One point of a learning curve."""

    cost: int
    """Environment steps, or samples, seen in all stages up to here."""
    score: float
    """Mean held-out return (locomotion, while training: the centre's or best individual's training return), or
    validation accuracy."""
    stage: str


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


def train(
    net: nn.Module,
    task: Task,
    *,
    method: str = "es+ga",
    seed: int,
    budget: int,
    options: Mapping[str, Any] | TrainOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TrainResult:
    """Trains a copy of `net` on `task`.

    Parameters
    ----------
    net
        Any module with `(y, state) = net(x, state)`; it is not changed.
    method
        "es": evolution strategies on all trained values. "ga": the genetic algorithm on all weights. "es+ga":
        the two stages of Schmidgall et al. 2022, the first on a network built with `share="sign"`, the second
        on every weight of its own. "bptt": backpropagation through time (classification).
    seed
        The same seed gives the same bits, whatever runs beside it.
    budget
        Environment steps (locomotion) or samples (classification), all stages together; never exceeded.
    options
        See `TrainOptions`.
    progress
        Called with (cost so far, budget).

    Raises
    ------
    TrainingError
        Unknown method or option; a budget too small for one generation; "bptt" on a locomotion task.
    """
    if method not in METHODS:
        raise TrainingError(f"unknown training method {one_line(method)!r}; {nearest(method, METHODS)}")
    if method == "bptt" and task.kind != "classification":
        raise TrainingError(f"bptt needs a classification task, and {task.name!r} is a body; use es, ga or es+ga")
    whole_number("seed", seed, 0, LARGEST_SEED, TrainingError)
    whole_number("budget", budget, 1, 10**15, TrainingError)
    run = _Run(copy.deepcopy(net), task, TrainOptions.of(options), seed, budget, progress or (lambda done, total: None))
    run.score("untrained")
    if method == "bptt":
        run.gradient()
    elif method == "es+ga":
        run.evolution_strategies(int(budget * run.options.pretraining_share))
        run.score("after_pretraining")
        run.genetic(budget)
    else:
        (run.evolution_strategies if method == "es" else run.genetic)(budget)
    run.score("final")
    return TrainResult(run.net, tuple(run.curve), run.scores, {**run.cost, "total": run.spent})


class _Run:
    """The stages of one training run share the network, the budget and the curve."""

    def __init__(
        self, net: nn.Module, task: Task, options: TrainOptions, seed: int, budget: int,
        progress: Callable[[int, int], None],
    ):  # fmt: skip
        self.net, self.task, self.options, self.budget, self.progress = net, task, options, budget, progress
        self.curve: list[CurvePoint] = []
        self.scores: dict[str, float] = {}
        self.cost: dict[str, int] = {}
        streams = np.random.SeedSequence(seed).spawn(3)
        self.es_rng, self.ga_rng, self.bptt_rng = (np.random.default_rng(s) for s in streams)

    @property
    def spent(self) -> int:
        return sum(self.cost.values())

    def score(self, when: str) -> None:
        """Held-out scores now, under `when`."""
        seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + self.options.evaluation_episodes)
        found = held_out_scores(self.net, self.task, seeds)
        main = "return" if self.task.kind == "locomotion" else "test_accuracy"
        self.scores[when] = found.pop(main)
        self.scores.update({f"{when}_{name}": value for name, value in found.items()})
        if self.task.kind == "locomotion":
            self.curve.append(CurvePoint(self.spent, self.scores[when], when))

    def evolution_strategies(self, until: int) -> None:
        """Generations of evolution strategies while they fit into `until`; the network becomes the centre."""
        layout, options = Layout.of(self.net), self.options.es
        objective = objective_for(self.net, self.task, layout, self.options.evolution_batch)
        state = es.initial(layout.flatten(self.net))
        generation_cost = (options.population + 1) * objective.unit_cost
        self._need(generation_cost, until, "es")
        while self.spent + generation_cost <= until:
            individuals, noise = es.ask(state, options, self.es_rng)
            seed = int(self.es_rng.integers(HELD_OUT_SEED))
            fitness, cost = objective(np.concatenate([individuals, state.centre[None]]), seed)
            state = es.tell(state, options, noise, fitness[:-1])
            self._point("es", cost, float(fitness[-1]))
        layout.load(self.net, state.centre)

    def genetic(self, until: int) -> None:
        """Generations of the genetic algorithm while they fit into `until`; the network becomes the best elite."""
        if isinstance(self.net, Network):
            self.net = self.net.unshared()
        layout, options = Layout.of(self.net), self.options.ga
        objective = objective_for(self.net, self.task, layout, self.options.evolution_batch)
        scale = layout.spread(_mutation_scale(self.net, options))
        state = ga.initial(layout.flatten(self.net))
        generation_cost = options.population * objective.unit_cost
        self._need(generation_cost, until, "ga")
        while self.spent + generation_cost <= until:
            individuals = ga.ask(state, options, scale, self.ga_rng)
            seed = int(self.ga_rng.integers(HELD_OUT_SEED))
            fitness, cost = objective(individuals, seed)
            state = ga.tell(state, options, individuals, fitness)
            self._point("ga", cost, float(fitness.max()))
        layout.load(self.net, state.elites[0])

    def gradient(self) -> None:
        """Backpropagation through time over the whole budget."""
        task: Any = self.task
        self._need(batch_size(self.options.bptt, task), self.budget, "bptt")

        def after_epoch(seen: int) -> None:
            self.curve.append(CurvePoint(seen, accuracy(self.net, task.validation, task.steps), "bptt"))
            self.progress(seen, self.budget)

        self.cost["bptt"] = fit(self.net, task, self.options.bptt, self.budget, self.bptt_rng, after_epoch)

    def _point(self, stage: str, cost: int, score: float) -> None:
        self.cost[stage] = self.cost.get(stage, 0) + cost
        self.curve.append(CurvePoint(self.spent, score, stage))
        self.progress(self.spent, self.budget)

    def _need(self, cost: int, until: int, stage: str) -> None:
        if self.spent + cost > until:
            unit = "batch" if stage == "bptt" else "generation"
            raise TrainingError(
                f"{stage}: a {unit} costs {cost}, and {until - self.spent} of the budget are left; "
                "raise the budget, or lower the population, the batch or the episode's length"
            )


def _mutation_scale(net: nn.Module, options: GAOptions) -> dict[str, float]:
    """Each parameter's mutation: wiring, the rest, and none for neuron constants (fixed after pretraining)."""
    wiring = net.connectome_parameters() if isinstance(net, Network) else ()
    scale = {}
    for name, _ in net.named_parameters():
        scale[name] = options.mutation_connectome if name in wiring else options.mutation_interface
        if name.startswith("log_constants."):
            scale[name] = 0.0
    return scale


def _checked(where: str, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Known keys with values of the default's type."""
    prefix = f"{where}." if where else ""
    if not isinstance(values, Mapping):
        raise TrainingError(f"training option {where!r} is {one_line(values)!r}; give a table of options")
    for key, value in values.items():
        if key not in defaults:
            raise TrainingError(f"unknown training option {prefix}{one_line(key)}; {nearest(key, defaults)}")
        kind = type(defaults[key])
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise TrainingError(
                f"training option {prefix}{key} is {one_line(value)!r}; give a value of type {kind.__name__}"
            )
    return dict(values)
