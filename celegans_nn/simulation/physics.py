"""MuJoCo's batches of bodies (`mjbatch.h`), for Python and for compiled code: many simulations of one model.

The package's own binding `mujoco.batch.Batch` keeps its batch to itself, and compiled code needs the batch's address.
What MuJoCo raises within a body is trapped by the batch and told by `status`, so that no body ends the process.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from typing import Any

import mujoco
import numpy as np

from celegans_nn.errors import TaskError
from celegans_nn.tasks.quiet import library_path, quiet
from celegans_nn.tasks.task import Array

NO_STAGE, VELOCITY_STAGE, ALL_STAGES = (
    int(stage) for stage in (mujoco.mjtStage.mjSTAGE_NONE, mujoco.mjtStage.mjSTAGE_VEL, mujoco.mjtStage.mjSTAGE_ACC)
)
"""How much of the new state is computed after a step; VELOCITY_STAGE makes sensors current, at no cost."""
STATE = {
    name: int(getattr(mujoco.mjtState, f"mjSTATE_{name.upper()}"))
    for name in ("time", "qpos", "qvel", "act", "ctrl", "qfrc_applied")
}
"""Parts of a state row, by their bit."""
OUTPUTS = {"sensordata": (), "xpos": (3,), "cfrc_ext": (6,)}
"""Derived fields that are copied out after every call, with the shape of one entry."""


class _Config(ctypes.Structure):
    """mjBatchConfig."""

    _fields_ = (("nthread", ctypes.c_int), ("persistent", ctypes.c_bool))


@functools.cache
def library() -> ctypes.CDLL:
    """MuJoCo's functions, also for compiled code, which finds them by name."""
    import llvmlite.binding

    llvmlite.binding.load_library_permanently(str(library_path()))
    lib = ctypes.CDLL(str(library_path()))
    address, number = ctypes.c_void_p, ctypes.c_int
    for name, result, *arguments in (
        ("mjb_makeBatch", address, address, number, address, ctypes.c_char_p, number),
        ("mjb_deleteBatch", None, address),
        ("mjb_nstate", number, address),
        ("mjb_state", address, address),
        ("mjb_stateComponent", address, address, number, address),
        ("mjb_output", address, address, ctypes.c_char_p, address, address),
        ("mjb_warning", address, address),
        ("mjb_status", address, address),
        ("mjb_error", ctypes.c_char_p, address, number),
        ("mjb_reset", number, address, address, number, address, number),
        ("mjb_forward", number, address, address, number, number),
        ("mjb_step", number, address, address, number, number, number),
        ("mjb_apply", number, address, address, number, address, address, number),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def contact_forces_address() -> int:
    """The address of `mj_rnePostConstraint`, which brings `cfrc_ext` up to date."""
    return ctypes.cast(library().mj_rnePostConstraint, ctypes.c_void_p).value or 0


class _Batch:
    """The batch itself: freed when neither the bodies nor an array of theirs is left."""

    def __init__(self, model: mujoco.MjModel, n: int, threads: int):
        why = ctypes.create_string_buffer(500)
        config = _Config(threads, True)
        self.address: int = library().mjb_makeBatch(model._address, n, ctypes.byref(config), why, len(why))
        if not self.address:
            raise TaskError(f"MuJoCo cannot make {n} bodies: {why.value.decode()}")
        weakref.finalize(self, library().mjb_deleteBatch, self.address)


class Bodies:
    """`n` simulations of `model`, each with memory of its own; arrays have one row a body, and are MuJoCo's own.

    `time` [n] (s), `qpos`, `qvel`, `act`, `ctrl`, `qfrc_applied` [n, size] are the state, to read and to write;
    `sensordata` [n, sensors], `xpos` [n, bodies, 3] and `cfrc_ext` [n, bodies, 6] are what the last call left.
    `warning` [n, kinds, 2] counts warnings since the reset (in its last column), `status` [n] is not 0 where the last
    call ended in an error. `rows` [n, size] holds the whole state; part `name` of it starts at column `place[name]`.

    threads: of each call, this one included.
    """

    def __init__(self, model: mujoco.MjModel, n: int, threads: int = 1):
        lib = library()
        self.model, self.n = model, n
        self._batch = _Batch(model, n, threads)
        self.address = self._batch.address
        self.rows = self._array(lib.mjb_state(self.address), np.float64, (n, lib.mjb_nstate(self.address)))
        self.place: dict[str, int] = {}
        for name, bit in STATE.items():
            size = ctypes.c_int()
            first = lib.mjb_stateComponent(self.address, bit, ctypes.byref(size)) - self.rows.ctypes.data
            self.place[name] = start = first // self.rows.itemsize
            setattr(self, name, self.rows[:, start] if name == "time" else self.rows[:, start : start + size.value])
        for name, entry in OUTPUTS.items():
            size = ctypes.c_int()
            address = lib.mjb_output(self.address, name.encode(), ctypes.byref(size), None)
            shape = (n, size.value // int(np.prod(entry)), *entry) if entry else (n, size.value)
            values = self._array(address, np.float64, shape)
            values.flags.writeable = False
            setattr(self, name, values)
        kinds = int(mujoco.mjtWarning.mjNWARNING)
        self.warning = self._array(lib.mjb_warning(self.address), np.int32, (n, kinds, 2))
        self.status = self._array(lib.mjb_status(self.address), np.int32, (n,))

    time: Array
    qpos: Array
    qvel: Array
    act: Array
    ctrl: Array
    qfrc_applied: Array
    sensordata: Array
    xpos: Array
    cfrc_ext: Array

    def reset(self) -> None:
        """All bodies as the model has them; derived fields are not computed."""
        library().mjb_reset(self.address, None, 0, None, NO_STAGE)

    def forward(self, ids: Array | None = None, stage: int = ALL_STAGES) -> None:
        """Compute what follows from the state of the bodies `ids` (sorted; None: all)."""
        with quiet():
            library().mjb_forward(self.address, *_selection(ids), stage)

    def step(self, ids: Array | None, steps: int, stage: int) -> None:
        """`steps` physics steps of the bodies `ids` (sorted; None: all), then what follows up to `stage`."""
        with quiet():
            library().mjb_step(self.address, *_selection(ids), steps, stage)

    def compute_contact_forces(self, ids: Array | None) -> None:
        """Bring `cfrc_ext` up to date with the last physics step."""
        library().mjb_apply(self.address, *_selection(ids), contact_forces_address(), None, 0)
        self.forward(ids, NO_STAGE)  # nothing to compute: this copies the field out

    def error(self, body: int) -> str:
        """What MuJoCo said where `status` is not 0, else nothing."""
        return library().mjb_error(self.address, body).decode()

    def _array(self, address: int, kind: Any, shape: tuple[int, ...]) -> Array:
        size = int(np.prod(shape))
        if not size:
            return np.zeros(shape, kind)
        memory: Any = (np.ctypeslib.as_ctypes_type(kind) * size).from_address(address)
        memory.owner = self._batch  # alive as long as the array
        return np.frombuffer(memory, kind).reshape(shape)


def _selection(ids: Array | None) -> tuple[Any, int]:
    """(pointer that keeps the array, length)."""
    if ids is None:
        return None, 0
    chosen = np.ascontiguousarray(ids, np.int32)
    return chosen.ctypes.data_as(ctypes.c_void_p), len(chosen)
