"""Writing files: whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from celegans_nn.errors import DiskError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a write says where there is no room, or none left of a quota."""


def write_atomic(path: str | Path, data: bytes | str) -> None:
    """Writes the file through a temporary one beside it (fsync, rename); its folder is made where it is missing.

    A reader sees the old file or the whole new one. Raises DiskError where the disk says no.
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
            raise disk_error(path, error) from None
        raise


def disk_error(path: str | Path, error: OSError) -> DiskError:
    """What went wrong at `path`, with the remedy, in one line.

    >>> disk_error("a.csv", OSError(errno.ENOSPC, "No space left on device"))
    DiskError('a.csv: No space left on device; make room there, or choose another place')
    """
    remedy = "make room there, or choose another place" if error.errno in FULL else "choose another place"
    return DiskError(f"{path}: {error.strerror or type(error).__name__}; {remedy}")
