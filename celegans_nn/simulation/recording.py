"""One episode of one individual, written down step by step, to draw or to analyse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from celegans_nn.simulation.policies import Policy
from celegans_nn.simulation.population import PopulationSimulator
from celegans_nn.tasks.task import Array, LocomotionTask


@dataclass(frozen=True)
class Recording:
    """An episode of T control steps; row 0 of what has T + 1 rows is the start.

    control_dt: s between rows. qpos: [T + 1, nq] float64, MuJoCo's generalised positions.
    segments: [T + 1, segments, 2 ends, 2] float64, m: the body in its plane of motion, enough to draw it
        without OpenGL. observations: [T, n_obs] float64, what the network saw before each step.
    outputs: [T, n_act] float32, what it answered, unbounded. actions: [T, n_act] float32, in [-1, 1].
    rewards: [T] float64. failed: whether the episode ended in a non-finite action or state.
    """

    control_dt: float
    qpos: Array
    segments: Array
    observations: Array
    outputs: Array
    actions: Array
    rewards: Array
    failed: bool


def record_episode(policy: Policy, task: LocomotionTask, seed: int, episode_steps: int | None = None) -> Recording:
    """Run one episode from `seed`; the policy (or a network itself) is called with one row, `[1, n_obs]`."""
    simulator = PopulationSimulator(task, 1)
    length = task.episode_steps if episode_steps is None else episode_steps
    simulator.reset([seed])
    qpos, observations = [simulator.bodies.qpos[0].copy()], [task.observe(simulator.bodies)[0]]
    outputs, actions, rewards, failed = [], [], [], False
    for step in simulator.control_steps(policy, length):
        qpos.append(simulator.bodies.qpos[0].copy())
        observations.append(task.observe(simulator.bodies)[0])
        outputs.append(step.outputs[0])
        actions.append(step.actions[0])
        rewards.append(step.rewards[0])
        failed = failed or bool(step.failed[0])
    positions = np.stack(qpos)
    return Recording(
        control_dt=task.control_dt,
        qpos=positions,
        segments=task.segments(positions),
        observations=np.stack(observations[:-1]),
        outputs=np.stack(outputs),
        actions=np.stack(actions),
        rewards=np.array(rewards),
        failed=failed,
    )
