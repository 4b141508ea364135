"""Functions compiled by numba whose machine code is kept on disk, for as long as nothing that it is made of changes.

numba's own cache takes a function for the same while the file that it stands in is, whatever became of what it calls
in other files. Here a digest of that file and of every file of this package that it imports, directly or not, is part
of the key. Where the code is kept is numba's choice: NUMBA_CACHE_DIR, else __pycache__ beside the file, else the
user's cache folder. Where none of these can be written to, every process compiles anew, and a warning says so.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.sigutils import normalize_signature

HOME = Path(__file__).parents[1]
REMEDY = "every process will compile anew; set NUMBA_CACHE_DIR to a folder that can be written to"
_IMPORT = re.compile(r"^\s*(?:from (celegans_nn[.\w]*) import (\([^)]*\)|.*)|import (celegans_nn[.\w]*))", re.MULTILINE)


def njit_kept(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """numba's `njit` with these options, whose code is kept on disk. All that the function is made of must be
    imported, directly or not, by the file that it stands in.

        @njit_kept(nogil=True)
        def twice(x): ...
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        try:
            dispatcher._cache = _Cache(function)
        except RuntimeError:  # numba found no folder
            _warn(f"no folder for compiled code can be written to: {REMEDY}")
        return dispatcher

    return decorate


class _Cache(FunctionCache):
    """numba's, with the digest in the key. A disk that is full or closed costs time, not the result."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        # now, not when the first call compiles: by then the files may be others than those that were imported
        self._digest = digest(Path(inspect.getfile(function)))

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), self._digest)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # cut off or damaged: it is made anew
            return None
        args, _ = normalize_signature(sig)
        # two processes that compile different calls at the same moment may give both the same file
        return found if found is not None and found.signature.args == tuple(args) else None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            try:
                super().save_overload(sig, data)
            except (ImportError, AttributeError, EOFError, pickle.UnpicklingError):
                self.flush()  # the index is cut off, or names a type that has since been removed: it is begun anew
                super().save_overload(sig, data)
        except OSError as error:
            _warn(f"compiled code cannot be kept in {self.cache_path} ({error.strerror}): {REMEDY}")


@functools.cache
def _warn(text: str) -> None:
    """Once a process."""
    warnings.warn(text, stacklevel=3)


@functools.cache
def digest(file: Path, home: Path = HOME) -> str:
    """Of the file and of all files of the package in the folder `home` that it imports, directly or not."""
    found, waiting = {file: b""}, [file]
    while waiting:
        source = waiting.pop()
        found[source] = source.read_bytes()
        for other in _imported(found[source].decode(), home):
            if other not in found:
                found[other] = b""
                waiting.append(other)
    parts = (hashlib.sha256(found[source]).digest() for source in sorted(found))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _imported(text: str, home: Path) -> Iterator[Path]:
    """The files of the package that a source's import statements name."""
    for base, names, whole in _IMPORT.findall(text):
        modules = [f"{base}.{name}" for name in re.findall(r"\w+", names)] if base else []
        files = [_file_of(module, home) for module in modules]
        if not files or None in files:  # a name that is no module stands in the one it is taken from
            files.append(_file_of(base or whole, home))
        yield from (file for file in files if file is not None)


def _file_of(module: str, home: Path) -> Path | None:
    path = home.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
