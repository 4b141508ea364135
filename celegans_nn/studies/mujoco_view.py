"""The body as MuJoCo's own renderer shows it; it needs OpenGL, without a display MUJOCO_GL=egl or osmesa."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from PIL import Image, ImageDraw

from celegans_nn.errors import CelegansError, one_line
from celegans_nn.simulation.recording import Recording
from celegans_nn.studies.animation import FAINT, HEIGHT, INK, SUPERSAMPLING, WIDTH, font
from celegans_nn.tasks.task import LocomotionTask

VIEWS = ("flat", "mujoco")
FILLED = 1.4
"""Distance of the camera, in the largest extents of the body."""


class MujocoView:
    """The body at each step of a recording, WIDTH x HEIGHT pixels; the camera goes with it.

    Raises CelegansError where there is no OpenGL.
    """

    def __init__(self, recording: Recording, task: LocomotionTask, title: str):
        self.recording, self.model, self.title = recording, task.model, title
        self.data = mujoco.MjData(task.model)
        try:
            self.renderer = mujoco.Renderer(task.model, HEIGHT, WIDTH)
        except Exception as error:
            raise CelegansError(
                f"--view mujoco: no OpenGL here ({one_line(error, 80)}); set MUJOCO_GL=egl or osmesa, or leave it out"
            ) from None
        extent = float(np.ptp(recording.segments, axis=(1, 2)).max())
        self.camera = mujoco.MjvCamera()
        self.camera.distance = FILLED * extent
        from_above = np.ptp(recording.segments[..., 1]) > 0 and task.model.opt.gravity[2] == 0
        self.camera.azimuth, self.camera.elevation = 90, -89 if from_above else -12

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
        image = Image.fromarray(self.renderer.render())
        large = image.resize((WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
        draw, left = ImageDraw.Draw(large), 16 * SUPERSAMPLING
        draw.rectangle((0, 0, large.width, 54 * SUPERSAMPLING), fill="white")
        draw.text((left, 12 * SUPERSAMPLING), self.title, fill=INK, font=font(15, bold=True))
        told = f"{step * self.recording.control_dt:4.1f} s"
        draw.text((left, 33 * SUPERSAMPLING), told, fill=FAINT, font=font(13))
        return large.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
