"""One episode of one individual, written down step by step, to draw or to analyse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from celegans_nn.networks.network import cells_of
from celegans_nn.simulation.episodes import Normalisation, Watch
from celegans_nn.simulation.policies import Policy
from celegans_nn.simulation.population import PopulationSimulator
from celegans_nn.tasks.task import Array, LocomotionTask


@dataclass(frozen=True)
class Recording:
    """An episode of T control steps; row 0 of what has T + 1 rows is the start.

    control_dt: s between rows. qpos: [T + 1, nq] float64, MuJoCo's generalised positions.
    segments: [T + 1, segments, 2 ends, 2] float64, m: the body in its plane of motion, enough to draw it
        without OpenGL. observations: [T, n_obs] float64, of before each step and before they were normalised.
    outputs: [T, n_act] float32, what the network answered, unbounded. actions: [T, n_act] float32, in [-1, 1].
    rewards: [T] float64, 0 in a step that failed. failed: whether the episode ended in a non-finite action or state.
    cells: [T, N] float32, the cells' outputs in the last tick of each step; N is 0 where the network has no cells.
    """

    control_dt: float
    qpos: Array
    segments: Array
    observations: Array
    outputs: Array
    actions: Array
    rewards: Array
    failed: bool
    cells: Array


def record_episode(
    policy: Policy,
    task: LocomotionTask,
    seed: int,
    episode_steps: int | None = None,
    normalise: Normalisation | None = None,
    watch: Watch | None = None,
) -> Recording:
    """Run one episode from `seed`; the policy (or a network itself) is called with one row, `[1, n_obs]`. The rest is
    as in `Evaluator`."""
    simulator = PopulationSimulator(task, 1)
    length = task.episode_steps if episode_steps is None else episode_steps
    cells: list[Array] = []

    def watched(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, after = policy(x, state)
        output = getattr(cells_of(after), "output", None)
        cells.append(np.zeros(0, np.float32) if output is None else output.numpy().reshape(-1).copy())
        return y, after

    simulator.reset([seed])
    steps, qpos = [], [simulator.bodies.qpos[0].copy()]
    for step in simulator.control_steps(watched, length, normalise):
        steps.append(step)
        qpos.append(simulator.bodies.qpos[0].copy())
        if watch is not None:
            watch(len(steps) / length)
    positions = np.stack(qpos)
    return Recording(
        control_dt=task.control_dt,
        qpos=positions,
        segments=task.segments(positions),
        observations=np.stack([step.observations[0] for step in steps]),
        outputs=np.stack([step.outputs[0] for step in steps]),
        actions=np.stack([step.actions[0] for step in steps]),
        rewards=np.array([0.0 if step.failed[0] else step.rewards[0] for step in steps]),
        failed=any(bool(step.failed[0]) for step in steps),
        cells=np.stack(cells),
    )
