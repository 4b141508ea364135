"""Rules of gymnasium's Hopper-v5 and Walker2d-v5: paid for walking and for being upright, ended by a fall."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from celegans_nn.tasks.body import Array, Body, BodyRules, no_force
from celegans_nn.tasks.runners import keep_x, torso_progress
from celegans_nn.tasks.sums import LARGEST_ACTION, squares

LARGEST_VELOCITY = 10.0
"""m/s and rad/s; faster is observed as this."""


class WalkerConstants(NamedTuple):
    """What the rules need to know of the body."""

    control_dt: float
    """s."""
    forward_weight: float
    """Reward a m/s."""
    control_weight: np.float32
    """Cost of the sum of squared actions, float32 as they are."""
    healthy_reward: float
    """A step that ends upright."""
    lowest: float
    highest: float
    """m, between which the torso must be."""
    largest_angle: float
    """rad, of the torso, either way."""
    largest_state: float
    """m, rad, m/s and rad/s: of every coordinate but x and z, and every velocity. Only Hopper has one."""


def _observe(c: WalkerConstants, body: Body, seen: Array) -> None:
    """Positions without x (m, rad), then velocities (m/s, rad/s) within +-10."""
    positions = len(body.qpos) - 1
    for k in range(positions):
        seen[k] = body.qpos[1 + k]
    for k in range(len(body.qvel)):
        velocity = body.qvel[k]
        if velocity > LARGEST_VELOCITY:
            velocity = LARGEST_VELOCITY
        if velocity < -LARGEST_VELOCITY:
            velocity = -LARGEST_VELOCITY
        seen[positions + k] = velocity


def _healthy(c: WalkerConstants, body: Body) -> bool:
    for k in range(2, len(body.qpos)):
        if not -c.largest_state < body.qpos[k] < c.largest_state:
            return False
    for k in range(len(body.qvel)):
        if not -c.largest_state < body.qvel[k] < c.largest_state:
            return False
    return c.lowest < body.qpos[1] < c.highest and -c.largest_angle < body.qpos[2] < c.largest_angle


def _reward(c: WalkerConstants, kept: Array, action: Array, body: Body) -> tuple[float, bool]:
    """Mean forward velocity over the control step (m/s), and what being upright is worth, less the control cost."""
    healthy = _healthy(c, body)
    velocity = (body.qpos[0] - kept[0]) / c.control_dt
    earned = c.forward_weight * velocity + (c.healthy_reward if healthy else 0.0)
    return earned - c.control_weight * squares(action, LARGEST_ACTION), not healthy


RULES = BodyRules(_observe, keep_x, _reward, torso_progress, no_force)
HELPERS = (_healthy,)
"""What rules call (see `rules.HELPERS`)."""
