"""A model connectome as a value: which weights of a network there are, and of which sign (Kotar & Tuckute 2025)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from celegans_nn.errors import GenerationsError, nearest, one_line

if TYPE_CHECKING:
    import pandas as pd


class Generation(NamedTuple):
    """What one generation left: it trained, then it was pruned."""

    number: int
    """From 0."""
    kept: Mapping[str, int]
    """Weights left after the pruning, by parameter."""
    samples: int | None
    """What training cost, in the trainer's own unit (images, tokens, steps); None where it did not say."""
    scores: Mapping[str, Any]
    """All else that the trainer returned, such as `loss`: plain values."""

    @property
    def weights(self) -> int:
        """Weights left, in all."""
        return sum(self.kept.values())

    @property
    def loss(self) -> float | None:
        return self.scores.get("loss")


@dataclass(frozen=True, eq=False)
class ModelConnectome:
    """Frozen; checked once when it is made; arrays are copied and cannot be written to.

    GenerationsError, in one line, where names, shapes or signs do not fit each other.

    >>> mask = np.array([[True, False], [True, True]])
    >>> worm = ModelConnectome({"weight": mask}, {"weight": np.where(mask, [[1, 1], [-1, 1]], 0)}, {"weight": 0.02})
    >>> worm.density()
    0.75
    """

    mask: Mapping[str, np.ndarray]
    """By the parameter's name: bool, of its shape; True where there is a weight."""
    sign: Mapping[str, np.ndarray]
    """int8, +1 or -1 where there is a weight and 0 elsewhere."""
    scale: Mapping[str, float]
    """The magnitude at which an heir's weights start."""
    history: tuple[Generation, ...] = ()
    """One entry a generation, oldest first; empty where none was evolved."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: plain values. `seed` is the outer loop's."""
    seconds: tuple[float, ...] = ()
    """Wall time of each generation's training: no result, so kept apart and left out of comparisons."""

    def __post_init__(self) -> None:
        if not self.mask:
            raise GenerationsError("a model connectome of no parameter; give the mask of at least one")
        for what, given in (("sign", self.sign), ("scale", self.scale)):
            if set(given) != set(self.mask):
                odd = sorted(set(given) ^ set(self.mask))[0]
                raise GenerationsError(
                    f"{what} and mask must name the same parameters; {odd!r} is in one of them alone"
                )
        mask = {name: _frozen(f"the mask of {name!r}", value, np.dtype(bool)) for name, value in self.mask.items()}
        sign = {name: _frozen(f"the sign of {name!r}", self.sign[name], np.dtype(np.int8)) for name in mask}
        for name in mask:
            _check(name, mask[name], sign[name], self.scale[name])
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "sign", sign)
        object.__setattr__(self, "scale", {name: float(self.scale[name]) for name in mask})
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "provenance", plain("provenance", dict(self.provenance)))
        object.__setattr__(self, "seconds", tuple(self.seconds))

    @property
    def seed(self) -> int | None:
        """Of the outer loop; None where none was told."""
        return self.provenance.get("seed")

    @property
    def samples(self) -> int | None:
        """What all generations cost together, in the trainer's unit; None where a trainer did not say."""
        costs = [generation.samples for generation in self.history]
        return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)

    def density(self, name: str | None = None) -> float:
        """The share of weights that there are, in one parameter or in all."""
        if name is not None and name not in self.mask:
            raise GenerationsError(f"no parameter {one_line(repr(name), 60)} here; {nearest(str(name), self.mask)}")
        masks = list(self.mask.values()) if name is None else [self.mask[name]]
        return sum(int(mask.sum()) for mask in masks) / sum(mask.size for mask in masks)

    def table(self) -> pd.DataFrame:
        """One row a parameter: parameter, shape, weights (of the dense one), kept, density, positive, scale.

        `positive` is the share of its weights that are; NaN where it has none.
        """
        import pandas as pd

        rows = []
        for name, mask in self.mask.items():
            kept = int(mask.sum())
            positive = int((self.sign[name] > 0).sum()) / kept if kept else float("nan")
            shape = "x".join(str(size) for size in mask.shape)
            rows.append((name, shape, mask.size, kept, kept / mask.size, positive, self.scale[name]))
        return pd.DataFrame(rows, columns=["parameter", "shape", "weights", "kept", "density", "positive", "scale"])

    def save(self, folder: str | Path) -> None:
        """Writes `connectome.json`, `connectome-*.safetensors` (masks and signs) and `seconds.json` into `folder`,
        which is made where it is missing; a connectome that was there stays whole until this one is."""
        from celegans_nn.generations.saving import save

        save(self, folder)

    @staticmethod
    def load(folder: str | Path) -> ModelConnectome:
        """What `save` wrote. GenerationsError, in one line that names the file, for anything else."""
        from celegans_nn.generations.saving import load

        return load(folder)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of names, masks, signs and scales, in hexadecimal; history and provenance are left out."""
        digest = hashlib.sha256()
        for name in self.mask:
            digest.update(f"{name} {self.mask[name].shape} {self.scale[name]!r}\n".encode())
            digest.update(self.mask[name].tobytes())
            digest.update(self.sign[name].tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelConnectome):
            return NotImplemented
        return (self.fingerprint, self.history, self.provenance) == (
            other.fingerprint, other.history, other.provenance,
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        weights = sum(int(mask.sum()) for mask in self.mask.values())
        return (
            f"<ModelConnectome: {weights} weights in {len(self.mask)} parameters, density {self.density():.4f}, "
            f"{len(self.history)} generations>"
        )


def _frozen(what: str, value: Any, dtype: np.dtype) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "bui" or not np.array_equal(array, array.astype(dtype)):
        raise GenerationsError(f"{what} is of type {array.dtype}; give {dtype} values")
    if array.dtype != dtype or array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, dtype=dtype, order="C")
    array.flags.writeable = False
    return array


def _check(name: str, mask: np.ndarray, sign: np.ndarray, scale: Any) -> None:
    if mask.ndim < 2 or mask.size == 0:
        raise GenerationsError(f"the mask of {name!r} has shape {mask.shape}; give one of two or more dimensions")
    if sign.shape != mask.shape:
        raise GenerationsError(f"{name!r} has a mask of shape {mask.shape} and signs of shape {sign.shape}")
    if not np.array_equal(np.abs(sign), mask):
        raise GenerationsError(f"the signs of {name!r} must be +1 or -1 where its mask is True, and 0 elsewhere")
    if not (isinstance(scale, (int, float, np.floating)) and 0 < scale < float("inf")):
        raise GenerationsError(f"the scale of {name!r} is {one_line(repr(scale), 60)}; give a number above 0")


def plain(what: str, value: Any) -> Any:
    """`value` as JSON would give it back. GenerationsError for what JSON cannot hold.

    >>> plain("scores", {"loss": np.float32(0.5), "layers": (1, 2)})
    {'loss': 0.5, 'layers': [1, 2]}
    """
    try:
        return json.loads(json.dumps(value, default=_number))
    except (TypeError, ValueError) as error:
        raise GenerationsError(f"{what} must hold plain values alone: {one_line(error, 80)}") from None


def _number(value: Any) -> Any:
    """Numbers of numpy, and tensors of one value."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is none")
