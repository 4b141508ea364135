"""Rules of gymnasium's Ant-v5: paid for walking along x and for being upright, charged for contact forces."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from celegans_nn.tasks.body import Array, Body, BodyRules, no_force
from celegans_nn.tasks.runners import torso_progress
from celegans_nn.tasks.sums import LARGEST_ACTION, squares

TORSO_X, FIRST_FORCE = 3, 6
"""In `xpos` and `cfrc_ext`, where the torso's x and the first body's contact force stand: after the world's."""


class AntConstants(NamedTuple):
    """What the rules need to know of the body."""

    control_dt: float
    """s."""
    forward_weight: float
    """Reward a m/s."""
    control_weight: np.float32
    """Cost of the sum of squared actions, float32 as they are."""
    contact_weight: float
    """Cost of the sum of squared contact forces."""
    largest_force: float
    """N and N m; larger contact forces count as this."""
    healthy_reward: float
    """A step that ends upright."""
    lowest: float
    highest: float
    """m, between which the torso must be, both included."""


def _observe(c: AntConstants, body: Body, seen: Array) -> None:
    """Positions without x and y (m, quaternion, rad), velocities (m/s, rad/s), then contact forces on each body
    (torques, N m, and forces, N), within +-1."""
    positions, velocities = len(body.qpos) - 2, len(body.qvel)
    for k in range(positions):
        seen[k] = body.qpos[2 + k]
    for k in range(velocities):
        seen[positions + k] = body.qvel[k]
    for k in range(len(body.cfrc_ext) - FIRST_FORCE):
        force = body.cfrc_ext[FIRST_FORCE + k]
        if force > c.largest_force:
            force = c.largest_force
        if force < -c.largest_force:
            force = -c.largest_force
        seen[positions + velocities + k] = force


def _before(c: AntConstants, body: Body, kept: Array) -> None:
    """x of the torso, m: the body's, which RK4 leaves a little behind the coordinate."""
    kept[0] = body.xpos[TORSO_X]


def _healthy(c: AntConstants, body: Body) -> bool:
    for k in range(len(body.qpos)):
        if not math.isfinite(body.qpos[k]):
            return False
    for k in range(len(body.qvel)):
        if not math.isfinite(body.qvel[k]):
            return False
    return c.lowest <= body.qpos[2] <= c.highest


def _reward(c: AntConstants, kept: Array, action: Array, body: Body) -> tuple[float, bool]:
    """Mean forward velocity over the control step (m/s), and what being upright is worth, less the costs of control
    and contact."""
    healthy = _healthy(c, body)
    velocity = (body.xpos[TORSO_X] - kept[0]) / c.control_dt
    earned = velocity * c.forward_weight + (c.healthy_reward if healthy else 0.0)
    control = c.control_weight * squares(action, LARGEST_ACTION)
    return earned - (control + c.contact_weight * squares(body.cfrc_ext, c.largest_force)), not healthy


RULES = BodyRules(_observe, _before, _reward, torso_progress, no_force)
HELPERS = (_healthy,)
"""What rules call (see `rules.HELPERS`)."""
