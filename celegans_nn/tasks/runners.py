"""Rules of gymnasium's Swimmer-v5 and HalfCheetah-v5: paid for running, never ended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from celegans_nn.tasks.body import Array, Body, BodyRules, no_force
from celegans_nn.tasks.sums import LARGEST_ACTION, squares


class RunnerConstants(NamedTuple):
    """What the rules need to know of the body."""

    skipped: int
    """Of qpos, the first that are not observed."""
    control_dt: float
    """s."""
    forward_weight: float
    """Reward a m/s."""
    control_weight: np.float32
    """Cost of the sum of squared actions; gymnasium takes float32 actions, and so is their cost."""


def _observe(c: RunnerConstants, body: Body, seen: Array) -> None:
    """Positions but the first (m, rad), then velocities (m/s, rad/s)."""
    positions = len(body.qpos) - c.skipped
    for k in range(positions):
        seen[k] = body.qpos[c.skipped + k]
    for k in range(len(body.qvel)):
        seen[positions + k] = body.qvel[k]


def keep_x(c: object, body: Body, kept: Array) -> None:
    """x of the torso before the step, m."""
    kept[0] = body.qpos[0]


def _reward(c: RunnerConstants, kept: Array, action: Array, body: Body) -> tuple[float, bool]:
    """Mean forward velocity over the control step (m/s) less the control cost."""
    velocity = (body.qpos[0] - kept[0]) / c.control_dt
    return c.forward_weight * velocity - c.control_weight * squares(action, LARGEST_ACTION), False


def torso_progress(c: object, body: Body, now: Array) -> None:
    """Of the torso."""
    now[0], now[1] = body.qvel[0], body.qpos[0]


RULES = BodyRules(_observe, keep_x, _reward, torso_progress, no_force)
