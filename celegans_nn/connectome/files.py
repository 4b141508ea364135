"""Reading and writing a user's files: whole or not at all, and one line when the disk says no."""

from __future__ import annotations

from pathlib import Path

from celegans_nn.errors import CelegansError, ConnectomeError
from celegans_nn.files import write_atomic


def read_bytes(path: Path, remedy: str) -> bytes:
    """The file's content; ConnectomeError with `remedy` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConnectomeError(f"{path}: {error.strerror or type(error).__name__}; {remedy}") from None


def write_text(path: Path, text: str) -> None:
    """The whole file or nothing; ConnectomeError where the text or the disk does not allow it."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ConnectomeError(f"{path}: a cell's text is not valid Unicode; rename the cell") from None
    try:
        write_atomic(path, data)
    except CelegansError as error:
        raise ConnectomeError(str(error)) from None
