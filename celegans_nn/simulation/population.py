"""The closed loop of a population: P networks, each with its own MuJoCo body, stepped together.

Physics runs in `mujoco.batch.Batch` (bit-identical to one MjData a body, at any number of threads), the
networks as one batched torch call a control step. Works for any torch module; see `stack_policies`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch, SimulationError

from celegans_nn.errors import TaskError
from celegans_nn.simulation.policies import Policy, PolicyStack, stack_policies
from celegans_nn.tasks.task import Array, LocomotionTask, whole_number

__all__ = [
    "ControlStep",
    "Episodes",
    "Policy",
    "PolicyStack",
    "PopulationSimulator",
    "evaluate_population",
    "stack_policies",
]


@dataclass(frozen=True)
class Episodes:
    """One episode of each of P individuals.

    returns: [P] float64, rewards summed from the end of settling until the episode ended. A failed episode returns
        `task.failure_reward` times the episode's full length, whatever it had earned.
    steps: [P] int64, control steps simulated (what they cost), the failing one included.
    failed: [P] bool, episodes that ended in a non-finite action or state, or an error of the simulator.
    metrics: name -> [P] float64; `forward_speed` is the mean forward velocity (m/s) and `displacement_x` how far
        the body came along x (m), both over the scored steps lived; NaN where the episode failed.
    """

    returns: Array
    steps: Array
    failed: Array
    metrics: dict[str, Array]


class ControlStep(NamedTuple):
    """What one control step of the population did. Rows of individuals that are not `running` mean nothing.

    running: [P] bool, whose episode this step belongs to. failed: [P] bool, who failed in this step.
    """

    outputs: Array
    actions: Array
    rewards: Array
    running: Array
    failed: Array


class PopulationSimulator:
    """P bodies of one task, kept from one evaluation to the next. Nothing of an episode stays behind.

    threads: physics threads. They change the time it takes, never a bit of the result.
    """

    def __init__(self, task: LocomotionTask, n: int, threads: int = 1) -> None:
        if getattr(task, "kind", None) != "locomotion":
            raise TaskError(f"task {getattr(task, 'name', task)!r} has no body to simulate; give a locomotion task")
        self.task = task
        self.n = whole_number(task.name, "individuals", n, 1, 10**7)
        # persistent: sensors made current at the end of a step are the start of the next one, at no cost
        self.bodies = Batch(task.model, self.n, whole_number(task.name, "threads", threads, 1, 1024), True)
        self._unfit = np.zeros(self.n, dtype=bool)
        self._stage = int(mujoco.mjtStage.mjSTAGE_VEL if task.current_sensors else mujoco.mjtStage.mjSTAGE_NONE)

    def evaluate(self, policy: Policy, seeds: Sequence[int], episode_steps: int | None = None) -> Episodes:
        """One episode of each individual, individual p starting from `seeds[p]`."""
        task, length = self.task, self._length(episode_steps)
        returns, speed = np.zeros(self.n), np.zeros(self.n)
        steps, failed = np.zeros(self.n, dtype=np.int64), np.zeros(self.n, dtype=bool)
        self.reset(seeds)
        start = end = task.progress(self.bodies)["x"]
        scored = np.zeros(self.n, dtype=np.int64)
        for t, step in enumerate(self.control_steps(policy, length)):
            now = task.progress(self.bodies)
            steps += step.running
            failed |= step.failed
            end = np.where(step.running, now["x"], end)
            if t < task.settle_steps:
                start = end
                continue
            scored += step.running
            returns += np.where(step.running, step.rewards, 0.0)
            speed += np.where(step.running, now["forward_velocity"], 0.0)
        returns[failed] = task.failure_reward * length
        metrics = {"forward_speed": speed / np.maximum(scored, 1), "displacement_x": end - start}
        for values in metrics.values():
            values[failed] = np.nan
        return Episodes(returns, steps, failed, metrics)

    def reset(self, seeds: Sequence[int]) -> None:
        """Put every body at the start of its episode, all derived quantities computed (`mj_forward`)."""
        if len(seeds) != self.n:
            raise TaskError(f"{len(seeds)} seeds for {self.n} individuals; give one seed each")
        qpos, qvel = self.task.initial_state(seeds)
        self.bodies.reset(stage=int(mujoco.mjtStage.mjSTAGE_NONE))
        self.bodies.qpos[:], self.bodies.qvel[:] = qpos, qvel
        if self.task.current_sensors:
            self.bodies.bind("sensordata")
        self._unfit = np.zeros(self.n, dtype=bool)
        try:
            self.bodies.forward()
        except SimulationError as error:
            self._unfit[error.ids] = True

    def control_steps(self, policy: Policy, length: int) -> Iterator[ControlStep]:
        """Run the loop from the present state, yielding after each control step; the caller reads `bodies`.

        Ends after `length` steps, or when nobody is left running.
        """
        task, bodies = self.task, self.bodies
        running, state = np.ones(self.n, dtype=bool), None
        for _ in range(length):
            if not running.any():
                return
            with torch.inference_mode():
                y, state = policy(self._observed(), state)
                outputs = y.numpy()
            if outputs.shape != (self.n, len(task.actions)):
                raise TaskError(
                    f"the policy gave outputs of shape {list(outputs.shape)} for {self.n} individuals with "
                    f"{len(task.actions)} actions; {task.name} needs [{self.n}, {len(task.actions)}]"
                )
            actions = np.clip(task.squash(outputs), -1.0, 1.0)
            usable = np.isfinite(actions).all(axis=1) & ~self._unfit
            moving = running & usable
            bodies.ctrl[:] = np.where(moving[:, None], actions, 0.0)
            before = task.before(bodies)
            broken = self._step(moving)
            rewards, terminated = task.reward(before, actions, bodies)
            failed = running & (~usable | broken | ~np.isfinite(rewards))
            yield ControlStep(outputs, actions, rewards, running, failed)
            running = running & ~failed & ~terminated

    def _observed(self) -> torch.Tensor:
        with np.errstate(over="ignore"):  # a body about to fail may be too fast for float32
            return torch.from_numpy(self.task.observe(self.bodies).astype(np.float32))

    def _step(self, moving: Array) -> Array:
        """Advance the bodies in `moving` by one control step; [P] bool, whose physics broke down."""
        broken = np.zeros(self.n, dtype=bool)
        ids = None if moving.all() else np.flatnonzero(moving)
        try:
            if ids is None or len(ids):
                self.bodies.step(ids, nstep=self.task.frame_skip, stage=self._stage)
        except SimulationError as error:  # these kept their state, the others ran to completion
            broken[error.ids] = True
        # MuJoCo answers a non-finite state by resetting it, and a lack of memory by leaving out constraints: what it
        # counts as a warning is an episode that means nothing from there on
        return broken | self.bodies.warning[:, :, 1].any(axis=1)

    def _length(self, episode_steps: int | None) -> int:
        if episode_steps is None:
            return self.task.episode_steps
        return whole_number(self.task.name, "episode_steps", episode_steps, 1, 10**9)


def evaluate_population(
    policy: Policy,
    task: LocomotionTask,
    seeds: Sequence[int],
    episode_steps: int | None = None,
    threads: int = 1,
) -> Episodes:
    """One episode of each of `len(seeds)` individuals; see `Episodes` for what comes back.

    policy: (observations float32 [P, n_obs], state or None) -> (outputs [P, n_act], state), as made by
        `stack_policies`, or a network itself (the same network in P bodies).
    episode_steps: control steps of an episode; the task's own where None.
    threads: physics threads; the result is the same for any number.

    To evaluate again and again, keep a `PopulationSimulator` and a `PolicyStack`.
    """
    return PopulationSimulator(task, len(seeds), threads).evaluate(policy, seeds, episode_steps)
