"""Reading and writing a user's files: whole or not at all, and one line when the disk says no."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from celegans_nn.errors import ConnectomeError


def read_bytes(path: Path, remedy: str) -> bytes:
    """The file's content; ConnectomeError with `remedy` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConnectomeError(f"{path}: {error.strerror or type(error).__name__}; {remedy}") from None


def write_atomic(path: Path, text: str) -> None:
    """The whole file or nothing: temporary file in the same folder, fsync, rename."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ConnectomeError(f"{path}: a cell's text is not valid Unicode; rename the cell") from None
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise ConnectomeError(f"{path}: {error.strerror or type(error).__name__}; choose another place") from None
