"""The body as MuJoCo's own renderer shows it; it needs OpenGL, without a display MUJOCO_GL=egl or osmesa."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import mujoco
import numpy as np
from PIL import Image, ImageColor, ImageDraw

from celegans_nn.errors import CelegansError, one_line
from celegans_nn.simulation.recording import Recording
from celegans_nn.studies.animation import FAINT, HEIGHT, INK, SUPERSAMPLING, WATER, WIDTH, font
from celegans_nn.tasks.task import LocomotionTask

VIEWS = ("flat", "mujoco")
FILLED = 1.4
"""Distance of the camera, in the largest extents of the body."""


class MujocoView:
    """The body at each step of a recording, WIDTH x HEIGHT pixels; the camera goes with it.

    Raises CelegansError where there is no OpenGL.
    """

    def __init__(self, recording: Recording, task: LocomotionTask, title: str):
        self.recording, self.title = recording, title
        self.model = copy.copy(task.model)
        self.model.vis.headlight.ambient[:], self.model.vis.headlight.diffuse[:] = 0.45, 0.6
        self.data = mujoco.MjData(self.model)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a window system's own complaints
                self.renderer = mujoco.Renderer(self.model, HEIGHT, WIDTH)
        except Exception as error:
            raise CelegansError(
                f"--view mujoco: no OpenGL here ({one_line(error, 80)}); set MUJOCO_GL=egl or osmesa, or leave it out"
            ) from None
        extent = float(np.ptp(recording.segments, axis=(1, 2)).max())
        self.camera = mujoco.MjvCamera()
        self.camera.distance = FILLED * extent
        self.camera.azimuth, self.camera.elevation = 90, -89 if self._lies_flat() else -12

    def _lies_flat(self) -> bool:
        """Whether the body moves in the x-y plane, so that it is seen from above."""
        places = []
        for qpos in self.recording.qpos[:: max(len(self.recording.qpos) // 10, 1)]:
            self.data.qpos[:] = qpos
            mujoco.mj_kinematics(self.model, self.data)
            places.append(self.data.xpos[1:].copy())
        _, across, upwards = np.ptp(places, axis=(0, 1))
        return bool(upwards < across)

    @property
    def colours(self) -> Sequence[tuple[int, ...]]:
        """A coarse cube of all colours, for a GIF's palette."""
        levels = (0, 85, 170, 255)
        return [(255, 255, 255), *((r, g, b) for r in levels for g in levels for b in levels[::2])]

    def frame(self, step: int) -> Image.Image:
        """The picture at row `step` of the recording."""
        self.data.qpos[:] = self.recording.qpos[step]
        mujoco.mj_forward(self.model, self.data)
        self.camera.lookat[:] = self.data.subtree_com[1 if self.model.nbody > 1 else 0]
        self.renderer.update_scene(self.data, self.camera)
        pixels = self.renderer.render()
        if not self.model.ntex:  # no sky of its own
            pixels[(pixels == 0).all(axis=2)] = ImageColor.getrgb(WATER)
        image = Image.fromarray(pixels)
        large = image.resize((WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
        draw, left = ImageDraw.Draw(large), 16 * SUPERSAMPLING
        draw.rectangle((0, 0, large.width, 54 * SUPERSAMPLING), fill="white")
        draw.text((left, 12 * SUPERSAMPLING), self.title, fill=INK, font=font(15, bold=True))
        told = f"{step * self.recording.control_dt:4.1f} s"
        draw.text((left, 33 * SUPERSAMPLING), told, fill=FAINT, font=font(13))
        return large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
