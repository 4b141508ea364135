"""Writing files: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from celegans_nn.errors import CelegansError


def write_atomic(path: str | Path, data: bytes | str) -> None:
    """Writes the file through a temporary one beside it (fsync, rename); its folder is made where it is missing.

    A reader sees the old file or the whole new one. Raises CelegansError where the disk says no.
    """
    path = Path(path)
    content = data.encode() if isinstance(data, str) else data
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CelegansError(f"{path}: {error.strerror or type(error).__name__}; choose another place") from None
        raise
