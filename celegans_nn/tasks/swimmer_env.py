"""The swimmer as a gymnasium environment: the same body, observation and reward as the task's."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces

from celegans_nn.errors import TaskError
from celegans_nn.tasks.body import KEPT, Array, Body
from celegans_nn.tasks.swimmer import RULES, make_swimmer

SEEDS = 2**32
"""Episodes that a reset draws from."""


class SwimmerEnv(gymnasium.Env[Array, Array]):
    """A swimmer of `n_links` (2 to 25); `head_drive` as in `make_swimmer`. Actions are torques in [-1, 1].

    render_mode: "rgb_array" or None; it needs OpenGL (MUJOCO_GL=egl without a display).

    A reset with a seed begins an episode of its own; in `make_swimmer`'s `initial_state` the same seed gives another.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": ["rgb_array"],
        "render_fps": 33,
    }

    def __init__(
        self,
        n_links: int = 6,
        head_drive: str = "none",
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise TaskError(f"render_mode is {render_mode!r}; give 'rgb_array' or None")
        self.task = make_swimmer(n_links, head_drive=head_drive)
        self.render_mode = render_mode
        seen, acted = len(self.task.observations), len(self.task.actions)
        self.observation_space = spaces.Box(-np.inf, np.inf, (seen,), np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (acted,), np.float32)
        self._constants, self._size = self.task.constants, (height, width)
        self._data = mujoco.MjData(self.task.model)
        self._renderer: mujoco.Renderer | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """An episode's first observation; a body as `make_swimmer` says, drawn by gymnasium's generator."""
        super().reset(seed=seed)
        mujoco.mj_resetData(self.task.model, self._data)
        qpos, qvel = self.task.initial_state([int(self.np_random.integers(SEEDS))])
        self._data.qpos[:], self._data.qvel[:] = qpos[0], qvel[0]
        mujoco.mj_forward(self.task.model, self._data)
        return self._observe(), self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One control step; it never terminates, and gymnasium's time limit truncates it."""
        action = np.asarray(action, dtype=np.float32)
        self._data.ctrl[:] = action
        mujoco.mj_step(self.task.model, self._data, self.task.frame_skip)
        mujoco.mj_step1(self.task.model, self._data)  # sensors of the new state
        reward, terminated = RULES.reward(self._constants, np.zeros(KEPT), action, self._body())
        return self._observe(), float(reward), terminated, False, self._info()

    def render(self) -> Array | None:
        """The body from above, uint8 [height, width, 3]; None where no render mode was asked for."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            self._renderer = mujoco.Renderer(self.task.model, *self._size)
        camera = mujoco.MjvCamera()
        camera.lookat[:] = self._data.subtree_com[0]
        camera.distance, camera.elevation, camera.azimuth = 0.25 * self.task.n_links, -90, 90
        self._renderer.update_scene(self._data, camera)
        return self._renderer.render()

    def close(self) -> None:
        """Free what rendering took."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _body(self) -> Body:
        data = self._data
        return Body(
            time=np.array([data.time]),
            qpos=data.qpos,
            qvel=data.qvel,
            ctrl=data.ctrl,
            qfrc_applied=data.qfrc_applied,
            sensordata=data.sensordata,
            xpos=data.xpos.ravel(),
            cfrc_ext=data.cfrc_ext.ravel(),
        )

    def _observe(self) -> Array:
        seen = np.empty(len(self.task.observations))
        RULES.observe(self._constants, self._body(), seen)
        return seen

    def _info(self) -> dict[str, Any]:
        """`forward_velocity` of the head (m/s) and `x` of the centre of mass (m)."""
        now = np.empty(2)
        RULES.progress(self._constants, self._body(), now)
        return {"forward_velocity": float(now[0]), "x": float(now[1])}
