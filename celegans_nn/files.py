"""Writing files: whole or not at all."""

from __future__ import annotations

import contextlib
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


def check_writable(folder: str | Path) -> None:
    """DiskError where no file can be written into `folder`, which need not be there yet; nothing stays behind.

    For a command to ask before its work, not after.
    """
    folder, made = Path(folder), list[Path]()
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        if not made and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise disk_error(folder, error) from None
    finally:
        for each in made:
            with contextlib.suppress(OSError):
                each.rmdir()


def disk_error(path: str | Path, error: OSError) -> DiskError:
    """What went wrong at `path`, with the remedy, in one line.

    >>> disk_error("a.csv", OSError(errno.ENOSPC, "No space left on device"))
    DiskError('a.csv: No space left on device; make room there, or choose another place')
    """
    remedy = "make room there, or choose another place" if error.errno in FULL else "choose another place"
    return DiskError(f"{path}: {error.strerror or type(error).__name__}; {remedy}")
