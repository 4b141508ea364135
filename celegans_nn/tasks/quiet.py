"""MuJoCo told to keep its warnings to itself: it would print them and write a MUJOCO_LOG.TXT in the user's folder."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco

from celegans_nn.errors import TaskError

_LogHandler = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@_LogHandler
def _unsaid(message: Any) -> None:
    """A log handler that drops what it is told."""


@functools.cache
def library_path() -> Path:
    """The shared library that the `mujoco` package itself runs on."""
    found = [
        path
        for pattern in ("libmujoco.so*", "libmujoco*.dylib", "mujoco.dll")
        for path in sorted(Path(mujoco.__file__).parent.glob(pattern))
    ]
    if not found:
        raise TaskError(f"no MuJoCo library beside {mujoco.__file__}; reinstall the package: pip install mujoco")
    return found[0]


@functools.cache
def _set_handler() -> Any:
    """`mju_setLogHandler`, which gives the handler before."""
    function = ctypes.CDLL(str(library_path())).mju_setLogHandler
    function.restype, function.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    return function


class _Quiet:
    """How many hold `quiet` now, and the log handler before the first of them."""

    lock = threading.Lock()
    holders = 0
    before: int | None = None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """While this is held, MuJoCo writes no warnings to the terminal and to MUJOCO_LOG.TXT: what it warns of is
    counted with the body, and a population may have many bodies that fly apart. Errors are raised as ever."""
    with _Quiet.lock:
        if not _Quiet.holders:
            _Quiet.before = _set_handler()(ctypes.cast(_unsaid, ctypes.c_void_p))
        _Quiet.holders += 1
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.holders -= 1
            if not _Quiet.holders:
                _set_handler()(_Quiet.before)
