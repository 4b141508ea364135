"""The closed loop of a population: P networks, each with its own MuJoCo body, stepped together.

Physics runs in MuJoCo's batches (bit-identical to one MjData a body, at any number of threads), the networks as one
batched torch call a control step. Works for any torch module; see `stack_policies`. What can be compiled runs faster
in `Evaluator`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from celegans_nn.errors import TaskError
from celegans_nn.simulation.episodes import Episodes, Normalisation, Watch, normalised
from celegans_nn.simulation.physics import NO_STAGE, VELOCITY_STAGE, Bodies
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


class ControlStep(NamedTuple):
    """What one control step of the population did. Rows of individuals that are not `running` mean nothing.

    observations: [P, n_obs] float64, before they are normalised. outputs, actions: [P, n_act] float32.
    running: [P] bool, whose episode this step belongs to. failed: [P] bool, who failed in this step.
    """

    observations: Array
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
        threads = whole_number(task.name, "threads", threads, 1, 1024)
        own = getattr(task, "make_bodies", None)  # which begin and step as the task wants (`tasks.environment`)
        self.bodies: Any = own(self.n) if own else Bodies(task.model, self.n, threads)
        self._own = own is not None
        self._unfit = np.zeros(self.n, dtype=bool)
        self._stage = VELOCITY_STAGE if task.current_sensors else NO_STAGE

    def evaluate(
        self,
        policy: Policy,
        seeds: Sequence[int],
        episode_steps: int | None = None,
        normalise: Normalisation | None = None,
        watch: Watch | None = None,
    ) -> Episodes:
        """One episode of each individual, individual p starting from `seeds[p]`; the rest as in `Evaluator`."""
        task, length = self.task, self._length(episode_steps)
        returns, speed = np.zeros(self.n), np.zeros(self.n)
        seen_sum, seen_square = np.zeros((2, self.n, len(task.observations)))
        steps, failed = np.zeros(self.n, dtype=np.int64), np.zeros(self.n, dtype=bool)
        self.reset(seeds)
        start = end = task.progress(self.bodies)["x"]
        scored = np.zeros(self.n, dtype=np.int64)
        for t, step in enumerate(self.control_steps(policy, length, normalise)):
            now = task.progress(self.bodies)
            seen = np.where(step.running[:, None], step.observations, 0.0)
            seen_sum, seen_square = seen_sum + seen, seen_square + seen * seen
            steps += step.running
            failed |= step.failed
            end = np.where(step.running, now["x"], end)
            if watch is not None:
                watch(self.n + int(step.running.sum()) * ((t + 1) / length - 1))
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
        for values in (seen_sum, seen_square):
            values[failed] = 0.0
        return Episodes(returns, steps, failed, metrics, np.where(failed, 0, steps), seen_sum, seen_square)

    def reset(self, seeds: Sequence[int]) -> None:
        """Put every body at the start of its episode, all derived quantities computed (`mj_forward`)."""
        if len(seeds) != self.n:
            raise TaskError(f"{len(seeds)} seeds for {self.n} individuals; give one seed each")
        if self._own:
            self.bodies.begin(seeds)
        else:
            qpos, qvel = self.task.initial_state(seeds)
            self.bodies.reset()
            self.bodies.qpos[:], self.bodies.qvel[:] = qpos, qvel
            self.bodies.forward()
        self._unfit = self.bodies.status != 0

    def control_steps(
        self, policy: Policy, length: int, normalise: Normalisation | None = None
    ) -> Iterator[ControlStep]:
        """Run the loop from the present state, yielding after each control step; the caller reads `bodies`.

        Ends after `length` steps, or when nobody is left running.
        """
        task, bodies = self.task, self.bodies
        running, state = np.ones(self.n, dtype=bool), None
        for _ in range(length):
            if not running.any():
                return
            with torch.inference_mode():
                observations = task.observe(bodies)
                y, state = policy(torch.from_numpy(normalised(observations, normalise)), state)
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
            yield ControlStep(observations, outputs, actions, rewards, running, failed)
            running = running & ~failed & ~terminated

    def _step(self, moving: Array) -> Array:
        """Advance the bodies in `moving` by one control step; [P] bool, whose physics broke down."""
        task, bodies, broken = self.task, self.bodies, np.zeros(self.n, dtype=bool)
        ids = None if moving.all() else np.flatnonzero(moving)
        if ids is None or len(ids):
            # an error leaves a body as it was, and the others run to completion
            for left in range(task.frame_skip, 0, -1) if task.has_force else (1,):
                if task.has_force:
                    bodies.qfrc_applied[:] = task.force(bodies)
                bodies.step(ids, 1 if task.has_force else task.frame_skip, self._stage if left == 1 else NO_STAGE)
                broken |= moving & (bodies.status != 0)
            if task.contact_forces:
                bodies.compute_contact_forces(ids)
        # MuJoCo answers a non-finite state by resetting it, and a lack of memory by leaving out constraints: what it
        # counts as a warning is an episode that means nothing from there on
        return broken | bodies.warning[:, :, 1].any(axis=1)

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
