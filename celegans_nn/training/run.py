"""One training run: its stages share the network, the budget, the curve and the checkpoint."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from celegans_nn.networks.network import Network
from celegans_nn.tasks.task import Task
from celegans_nn.training.budget import stage_limits
from celegans_nn.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from celegans_nn.training.evolution import Evolution, evolution, from_arrays, to_arrays
from celegans_nn.training.gradient import batch_size, epochs
from celegans_nn.training.normalise import Normaliser
from celegans_nn.training.objective import accuracy, objective_for, unit_cost
from celegans_nn.training.options import TrainOptions
from celegans_nn.training.result import CurvePoint, Progress
from celegans_nn.training.vector import Layout

HELD_OUT_SEED = 1_000_003
"""Episodes of evaluation start from seeds of this stream, which no training seed enters."""
STREAMS = ("es", "ga", "bptt", "ars", "cma")
"""Each stage draws from a stream of its own; a new one goes to the end, so that the others keep theirs."""
RECENT = 20
"""Generations over which the speed is measured."""


class Keeper:
    """The checkpoint of a run: what was read at the start, and what is written on the way."""

    def __init__(self, path: str | Path | None, every: int, run: Mapping[str, str]):
        self.path, self.every, self.run = path, every, run
        self.kept = None if path is None else read_checkpoint(path, run)

    def write(self, generation: int, last: bool, make: Callable[[], Checkpoint]) -> None:
        if self.path is not None and (last or generation % self.every == 0):
            write_checkpoint(self.path, make())


class Run:
    """A run as it stands; `score` and `train` bring it forward."""

    def __init__(
        self, net: nn.Module, task: Task, options: TrainOptions, seed: int, budget: int,
        progress: Callable[[Progress], None] | None, keeper: Keeper, threads: int | None,
    ):  # fmt: skip
        self.net, self.task, self.options, self.budget = net, task, options, budget
        self.progress, self.keeper, self.threads = progress, keeper, threads
        self.curve: list[CurvePoint] = []
        self.scores: dict[str, float] = {}
        self.cost: dict[str, int] = {}
        self.normaliser = Normaliser.fresh(len(task.observations)) if options.normalise else None
        streams = np.random.SeedSequence(seed).spawn(len(STREAMS))
        self.rng = {stage: np.random.default_rng(s) for stage, s in zip(STREAMS, streams, strict=True)}
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)
        self._prepare()
        if keeper.kept is not None:
            self._resume(keeper.kept)

    @property
    def spent(self) -> int:
        return sum(self.cost.values())

    @property
    def normalise(self) -> tuple[np.ndarray, np.ndarray] | None:
        return None if self.normaliser is None else self.normaliser.mean_and_std()

    def score(self, when: str) -> None:
        """Held-out scores now, under `when`."""
        if when in self.scores:  # a run that went on from there
            return
        found = self._held_out()
        main = "return" if self.task.kind == "locomotion" else "test_accuracy"
        self.scores[when] = found.pop(main)
        self.scores.update({f"{when}_{name}": value for name, value in found.items()})
        if self.task.kind == "locomotion":
            self.curve.append(CurvePoint(self.spent, self.scores[when], when))

    def train(self, stage: str, more: bool) -> None:
        """One stage, from its start or from the checkpoint; `more`: another stage follows."""
        kept = self.keeper.kept
        if kept is not None and stage != kept.facts["stage"]:
            return  # it was over when the checkpoint was written
        if stage == "ga" and isinstance(self.net, Network):
            self.net = self.net.unshared()
            self._prepare()
        arrays = None if kept is None else _part(kept.arrays, "state.")
        if stage == "bptt":
            self._gradient(arrays)
        else:
            self._evolve(stage, more, arrays)
        self.keeper.kept = None

    def _evolve(self, stage: str, more: bool, arrays: dict[str, np.ndarray] | None) -> None:
        """Generations of an evolutionary method while they fit; the network becomes their result."""
        method, rng = evolution(stage, self.net, self.layout, self.options), self.rng[stage]
        state = method.initial(copy.deepcopy(rng) if arrays else rng)
        if arrays is not None:
            state = from_arrays(state, arrays)
        cost, begun = method.individuals * unit_cost(self.task, self.options), bool(self.cost.get(stage))
        until, most = stage_limits(stage, more, cost, self.budget, self.task, self.options, self.spent, begun)
        while self.spent + cost <= until and state.generation < most:
            state = self._generation(stage, method, state, rng)
            last = self.spent + cost > until or state.generation == most
            self.keeper.write(state.generation, last, lambda s=state: self._checkpoint(stage, to_arrays(s)))  # type: ignore[misc]
        self.layout.load(self.net, method.result(state))

    def _generation(self, stage: str, method: Evolution, state: Any, rng: np.random.Generator) -> Any:
        options = self.options
        individuals, memory = method.ask(state, rng)
        rows = 1 if options.common_random_numbers else len(individuals)
        seeds = rng.integers(HELD_OUT_SEED, size=(rows, options.episodes)).repeat(len(individuals) // rows, axis=0)
        found = self.objective(individuals, seeds, self.normalise)
        if self.normaliser is not None and found.seen is not None:
            self.normaliser = self.normaliser.after(found.seen)
        state, score = method.tell(state, memory, found.values)
        self.cost[stage] = self.cost.get(stage, 0) + found.cost
        self.curve.append(CurvePoint(self.spent, score, stage))
        if options.evaluate_every and state.generation % options.evaluate_every == 0:
            self.layout.load(self.net, method.result(state))
            main = "return" if self.task.kind == "locomotion" else "validation_accuracy"
            self.curve.append(CurvePoint(self.spent, self._held_out()[main], "held_out"))
        self._report(stage, state.generation, score)
        return state

    def _gradient(self, arrays: dict[str, np.ndarray] | None) -> None:
        """Backpropagation through time over the whole budget."""
        task: Any = self.task
        batch, rng = batch_size(self.options.bptt, task), self.rng["bptt"]
        whole = self.budget // batch * batch
        done = len(self.curve)
        for epoch in epochs(self.net, task, self.options.bptt, self.budget, rng, arrays):
            self.cost["bptt"], done = epoch.seen, done + 1
            self.curve.append(CurvePoint(epoch.seen, accuracy(self.net, task.validation, task.steps), "bptt"))
            self._report("bptt", done, self.curve[-1].score)
            self.keeper.write(
                done, epoch.seen == whole, lambda e=epoch: self._checkpoint("bptt", e.arrays())  # type: ignore[misc]
            )  # fmt: skip

    def _prepare(self) -> None:
        """What belongs to the network as it is now."""
        self.layout = Layout.of(self.net)
        self.objective = objective_for(self.net, self.task, self.layout, self.options, self.threads)

    def _held_out(self) -> dict[str, float]:
        """Scores on episodes or images that training never used; they teach nothing, so they are no training cost."""
        seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + self.options.evaluation_episodes)
        return self.objective.held_out(seeds, self.normalise)

    def _report(self, stage: str, generation: int, score: float) -> None:
        self._recent.append((time.monotonic(), self.spent))
        if self.progress is not None:
            (then, before), (now, spent) = self._recent[0], self._recent[-1]
            speed = (spent - before) / (now - then) if now > then else 0.0
            self.progress(Progress(self.spent, self.budget, stage, generation, score, speed))

    def _checkpoint(self, stage: str, state: dict[str, np.ndarray]) -> Checkpoint:
        arrays = {f"state.{name}": value for name, value in state.items()}
        stages = list(dict.fromkeys(point.stage for point in self.curve))
        arrays["curve.cost"] = np.array([point.cost for point in self.curve], np.int64)
        arrays["curve.score"] = np.array([point.score for point in self.curve], np.float64)
        arrays["curve.stage"] = np.array([stages.index(point.stage) for point in self.curve], np.int32)
        if self.normaliser is not None:
            arrays |= {f"normaliser.{name}": np.asarray(v) for name, v in self.normaliser._asdict().items()}
        facts = {
            "stage": stage, "random": self.rng[stage].bit_generator.state, "scores": self.scores, "cost": self.cost,
            "stages": stages,
        }  # fmt: skip
        return Checkpoint(self.keeper.run, facts, arrays)

    def _resume(self, kept: Checkpoint) -> None:
        facts, arrays = kept.facts, kept.arrays
        points = zip(arrays["curve.cost"], arrays["curve.score"], arrays["curve.stage"], strict=True)
        self.curve = [CurvePoint(int(cost), float(score), facts["stages"][k]) for cost, score, k in points]
        self.scores, self.cost = dict(facts["scores"]), dict(facts["cost"])
        self.rng[facts["stage"]].bit_generator.state = facts["random"]
        if self.normaliser is not None:
            own = _part(arrays, "normaliser.")
            self.normaliser = Normaliser(float(own["number"]), own["mean"], own["deviation"])


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
