"""How well many individuals of one module do: each with parameters of its own and a body of its own.

`Evaluator` runs compiled code, on all cores and without the interpreter in the loop, wherever there is some for the
module and the task. For anything else `PolicyStack` and `PopulationSimulator` do the same, slower, and a warning says
so once.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from celegans_nn.cores import usable_cores
from celegans_nn.errors import TaskError
from celegans_nn.simulation.episodes import Episodes, Normalisation, Watch, check_normalisation, side_by_side
from celegans_nn.simulation.policies import PolicyStack, count_individuals
from celegans_nn.simulation.population import PopulationSimulator
from celegans_nn.simulation.recording import Recording, record_episode
from celegans_nn.tasks.rules import rules_of
from celegans_nn.tasks.task import Array, LocomotionTask, whole_number


class Evaluator:
    """Episodes of `net` on `task`. Keep it while parameters change: what was compiled and allocated stays.

    net: a module with `(y, state) = net(x, state)`; see `PolicyStack`. threads: they change the time it takes, never a
    bit of the result; all cores where None.
    """

    def __init__(self, net: nn.Module, task: LocomotionTask, threads: int | None = None):
        if getattr(task, "kind", None) != "locomotion":
            raise TaskError(f"task {getattr(task, 'name', task)!r} has no body to simulate; give a locomotion task")
        self.net, self.task = net, task
        threads = usable_cores() if threads is None else threads
        self.threads = whole_number(task.name, "threads", threads, 1, 1024)
        self._policies = PolicyStack(net)
        self._simulators: dict[int, PopulationSimulator] = {}
        self._crew: Any = None
        self._fits = False

    def evaluate(
        self,
        parameters: Mapping[str, Tensor],
        seeds: Sequence[int] | Array,
        episode_steps: int | None = None,
        normalise: Normalisation | None = None,
        watch: Watch | None = None,
    ) -> Episodes:
        """Every individual's episodes.

        parameters: parameter name -> `[P, *shape]`; what is not named is the module's own, as it is now.
        seeds: `[P]`, for one episode of each individual, or `[P, E]` for E of each; the results have that shape, and
            observations are summed over an individual's episodes.
        episode_steps: control steps of an episode; the task's own where None.
        normalise: (mean, std) of every observation, both [n_obs]: the module is given (o - mean) / std, at most 10 in
            size. A std may be infinite.
        watch: called now and then with the number of episodes done so far, those under way in part.

        Raises NetworkError for parameters that do not fit the module, TaskError for seeds and lengths that are none.
        """
        grid = _grid(self.task, seeds, count_individuals(parameters, self._own()))
        steps, normalise = self._length(episode_steps), check_normalisation(self.task, normalise)
        if (why := self.obstacle(parameters)) is None:
            found = self._compiled(parameters, grid, steps, normalise, watch)
        else:
            _warn(f"{why}: its episodes run through torch, several times slower")
            found = self._through_torch(parameters, grid, steps, normalise, watch)
        return found if np.ndim(seeds) == 2 else _first_column(found)

    def record(
        self,
        parameters: Mapping[str, Tensor],
        seed: int,
        episode_steps: int | None = None,
        normalise: Normalisation | None = None,
        watch: Watch | None = None,
    ) -> Recording:
        """One episode of one individual (P = 1), step by step: the one that `evaluate` scores. `watch` as there."""
        steps, normalise = self._length(episode_steps), check_normalisation(self.task, normalise)
        if (individuals := count_individuals(parameters, self._own())) != 1:
            raise TaskError(f"parameters hold {individuals} individuals; a recording is of one individual")
        _grid(self.task, [seed], 1)
        if self.obstacle(parameters) is None:
            from celegans_nn.simulation.crew import record_compiled

            return record_compiled(self._threads(), self._packed(parameters), seed, steps, normalise, watch=watch)
        return record_episode(self._policies(parameters), self.task, seed, steps, normalise, watch)

    def obstacle(self, parameters: Mapping[str, Tensor] | None = None) -> str | None:
        """Why these parameters of the module must go the slow way, in words; None where they need not."""
        if rules_of(self.task) is None:
            return f"{type(self.task).__name__} has no compiled rules"
        from celegans_nn.simulation.programs import obstacle

        return obstacle(self.net, parameters or ())

    def _length(self, episode_steps: int | None) -> int:
        steps = self.task.episode_steps if episode_steps is None else episode_steps
        return whole_number(self.task.name, "episode_steps", steps, 1, 10**9)

    def _threads(self) -> Any:
        from celegans_nn.simulation.crew import Crew

        self._crew = self._crew or Crew(self.task, self.threads)
        return self._crew

    def _own(self) -> dict[str, Tensor]:
        return dict(self.net.named_parameters()) | dict(self.net.named_buffers())

    def _packed(self, parameters: Mapping[str, Tensor]) -> Any:
        """The population as a program, once it is known that the module fits the task: compiled code does not ask."""
        from celegans_nn.simulation.programs import pack

        if not self._fits:
            with torch.inference_mode():
                y, _ = self.net(torch.zeros(1, len(self.task.observations)))
            if y.shape[-1] != len(self.task.actions):
                raise TaskError(
                    f"the network gives {y.shape[-1]} outputs and {self.task.name} has {len(self.task.actions)} "
                    "actions; build it with one output for each"
                )
            self._fits = True
        return pack(self.net, parameters)

    def _compiled(
        self,
        parameters: Mapping[str, Tensor],
        seeds: Array,
        steps: int,
        normalise: Normalisation | None,
        watch: Watch | None,
    ) -> Episodes:
        from celegans_nn.simulation.crew import Start

        starts = [Start(p, seed) for p, row in enumerate(seeds.tolist()) for seed in row]
        found = self._threads().run(self._packed(parameters), starts, steps, normalise, watch=watch)
        shape = seeds.shape
        return Episodes(
            returns=found.returns.reshape(shape),
            steps=found.steps.reshape(shape),
            failed=found.failed.reshape(shape),
            metrics={
                "forward_speed": found.speed.reshape(shape),
                "displacement_x": found.displacement.reshape(shape),
            },
            seen_count=np.where(found.failed, 0, found.steps).reshape(shape).sum(1),
            seen_sum=found.seen_sum.reshape(*shape, -1).sum(1),
            seen_square=found.seen_square.reshape(*shape, -1).sum(1),
        )

    def _through_torch(
        self,
        parameters: Mapping[str, Tensor],
        seeds: Array,
        steps: int,
        normalise: Normalisation | None,
        watch: Watch | None,
    ) -> Episodes:
        individuals = len(seeds)
        if individuals not in self._simulators:
            self._simulators[individuals] = PopulationSimulator(self.task, individuals, self.threads)
        simulator, policy, columns = self._simulators[individuals], self._policies(parameters), []
        for number, column in enumerate(seeds.T.tolist()):
            seen = None if watch is None else functools.partial(_watch_after, watch, number * individuals)
            columns.append(simulator.evaluate(policy, column, steps, normalise, seen))
        return side_by_side(columns)


def _watch_after(watch: Watch, before: int, episodes: float) -> None:
    watch(before + episodes)


def _grid(task: LocomotionTask, seeds: Sequence[int] | Array, individuals: int) -> Array:
    """[P, E] int64."""
    grid = np.asarray(seeds)
    if grid.ndim not in (1, 2) or len(grid) != individuals or not grid.size:
        raise TaskError(
            f"seeds have the shape {list(grid.shape)} for {individuals} individuals; give [{individuals}] of them, "
            f"or [{individuals}, episodes]"
        )
    if not np.issubdtype(grid.dtype, np.integer) or (grid < 0).any():
        raise TaskError(f"seeds of {task.name} are whole numbers from 0 on; got {grid.reshape(-1)[0]!r}")
    return grid.reshape(individuals, -1).astype(np.int64)


def _first_column(episodes: Episodes) -> Episodes:
    """`[P, 1]` -> `[P]`."""
    return dataclasses.replace(
        episodes,
        returns=episodes.returns[:, 0],
        steps=episodes.steps[:, 0],
        failed=episodes.failed[:, 0],
        metrics={name: values[:, 0] for name, values in episodes.metrics.items()},
    )


@functools.cache
def _warn(text: str) -> None:
    """Once a process."""
    warnings.warn(text, stacklevel=3)
