"""One run at a time in a results folder. The lock dies with the runner and the last of its workers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from celegans_nn.errors import SpecError
from celegans_nn.files import disk_error

LOCK = ".lock"
PATIENCE_S = 5.0
"""How long to wait for the workers of a run that was killed: they see that it is gone, and end."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[tuple[int, ...]]:
    """Make the folder, and refuse a second run into it, which would run trials twice.

    Gives the open files (descriptors) that workers keep open too, so that the lock holds until they are gone.
    """
    with _opened(folder / LOCK) as file:
        until = time.monotonic() + PATIENCE_S
        while not _held(file):
            if time.monotonic() > until:
                raise SpecError(f"{folder}: another run is writing here; wait for it, or choose another --out")
            time.sleep(0.05)
        yield (file.fileno(),)


def is_locked(folder: Path) -> bool:
    """Whether a run is writing into the folder, as far as this machine can tell."""
    try:
        with open(folder / LOCK, encoding="utf-8") as file:
            return not _held(file, shared=True)
    except FileNotFoundError:
        return False


def _held(file: IO[str], shared: bool = False) -> bool:
    """Whether we have the lock now; it goes when the file is closed."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "a", encoding="utf-8")
    except OSError as error:
        raise disk_error(path, error) from None
