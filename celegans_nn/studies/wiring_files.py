"""Wirings of a study that stand in files of the user's: found, read, and kept with the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from celegans_nn.connectome import io
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import SOURCES
from celegans_nn.errors import ConnectomeError, one_line
from celegans_nn.studies.spec import NetworkSpec

COPIES = "wirings"
"""Folder, beside a study's specification, of copies of the wirings that it reads from files."""
ENDINGS = (".csv", ".graphml")


def is_path(source: str, beside: Path) -> bool:
    """Whether a network's `source` is a file or folder, or looks like one; named wirings come first."""
    if source in SOURCES or not source.strip() or "\0" in source:
        return False
    try:
        return source.endswith(ENDINGS) or "/" in source or (beside / source).exists() or _copy(source, beside).is_dir()
    except OSError:  # a name too long for a file
        return False


def locate(source: str, beside: Path) -> Path:
    """Where the wiring is: the copy that a run left beside the specification, else the file itself."""
    copy = _copy(source, beside)
    return copy if copy.is_dir() else (beside / source).absolute()


def fingerprint(path: Path) -> str:
    """Of the wiring in a file or folder. ConnectomeError, one line, for what is none."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stamp = tuple((str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files)
    except OSError as error:
        raise ConnectomeError(
            f"{one_line(path)}: {error.strerror}; give a CSV, a folder with edges.csv or GraphML"
        ) from None
    return _fingerprint(path, stamp)


@lru_cache(maxsize=64)
def _fingerprint(path: Path, stamp: object) -> str:
    return _read(path).fingerprint


@lru_cache(maxsize=8)
def read_wiring(path: str, graph: str) -> Connectome:
    """The wiring in a file, which must still be the one with this fingerprint."""
    worm = _read(Path(path))
    if worm.fingerprint != graph:
        raise ConnectomeError(f"{one_line(path)}: has changed since the study was read; run the study again")
    return worm


def _read(path: Path) -> Connectome:
    return io.from_graphml(path) if path.suffix == ".graphml" else io.from_csv(path)


def keep_wirings(networks: Iterable[NetworkSpec], folder: Path) -> None:
    """Copy every wiring that was read from a file into a results folder, so that the folder alone can go on."""
    files = {n.source: n for network in networks for n in (network, network.like) if n is not None and n.graph}
    for source, network in files.items():
        assert network.file is not None and network.graph is not None
        copy = _copy(source, folder)
        if copy.absolute() != Path(network.file):
            io.to_csv(read_wiring(network.file, network.graph), copy)


def _copy(source: str, folder: Path) -> Path:
    return (folder / COPIES / hashlib.sha256(source.encode()).hexdigest()[:16]).absolute()
