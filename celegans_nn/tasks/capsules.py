"""Where a body's capsules lie: enough to draw it without OpenGL."""

from __future__ import annotations

import mujoco
import numpy as np

from celegans_nn.tasks.body import Array

FROM_THE_SIDE, FROM_ABOVE = (0, 2), (0, 1)
"""Axes of the plane that a body is drawn in."""


def capsule_ends(model: mujoco.MjModel, qpos: Array, plane: tuple[int, int]) -> Array:
    """Both ends of each capsule of the model, seen in a plane (m): [..., nq] -> [..., capsules, 2 ends, 2]."""
    data, axes = mujoco.MjData(model), np.array(plane)
    capsules = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
    half = model.geom_size[capsules, 1, None]
    drawn = []
    for row in np.reshape(qpos, (-1, model.nq)):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        centre = data.geom_xpos[capsules][:, axes]
        along = half * data.geom_xmat[capsules][:, 3 * axes + 2]  # the z axis of each geom
        drawn.append(np.stack((centre - along, centre + along), axis=1))
    return np.stack(drawn).reshape(*np.shape(qpos)[:-1], len(capsules), 2, 2)
