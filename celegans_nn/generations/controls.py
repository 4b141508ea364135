"""Controls that differ from an inherited connectome in one thing at a time.

                  weights            starts at        signs
connectome        the evolved mask   ±scale           evolved
shuffled_signs    the evolved mask   ±scale           the same, dealt anew within each parameter
mask              the evolved mask   the fresh model's own (Gaussian) values
random_mask       as many of each parameter, anywhere; ±scale, signs dealt
degree_mask       as many in each row and column;      ±scale, signs dealt
signs             all                ±scale           evolved where there are any, drawn elsewhere
dense_scale       all                ±scale           drawn
dense_gaussian    all                the fresh model's own (Gaussian) values

The evolved mask or none, evolved signs or none: connectome, shuffled_signs, signs and dense_scale cross these two, at
one magnitude. Fixed magnitude or not: shuffled_signs and mask, dense_scale and dense_gaussian. Which mask: random_mask,
degree_mask and shuffled_signs. What trains on other data (dense on outer plus inner data; a mask that evolved on
shuffled text) is a `Control` that the user adds, see `compare_controls`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch import nn

from celegans_nn.errors import GenerationsError
from celegans_nn.generations.inherit import every_sign, inherit
from celegans_nn.generations.model_connectome import ModelConnectome
from celegans_nn.generations.random_masks import degree_matched_mask, random_mask


class Start(NamedTuple):
    """What a fresh model begins with."""

    connectome: ModelConnectome | None
    """None: nothing is inherited."""
    what: str = "mask+signs"
    """As `inherit` takes it."""


class Control(NamedTuple):
    """One arm of a comparison."""

    start: Callable[[ModelConnectome, np.random.Generator], Start]
    """From an evolved connectome and the arm's own random numbers."""
    inherits: bool = True
    """Whether anything comes from the evolved connectome, whose cost then counts; else one run stands for all."""


def begin(model: nn.Module, start: Start) -> nn.Module:
    """The fresh model, in place, with this start."""
    return model if start.connectome is None else inherit(model, start.connectome, start.what)


def connectome(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    return Start(evolved)


def mask_alone(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    return Start(evolved, "mask")


def signs_alone(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    return Start(_dense(evolved, {name: every_sign(sign, rng) for name, sign in evolved.sign.items()}), "signs")


def shuffled_signs(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    return Start(_dealt(evolved, dict(evolved.mask), rng))


def random_places(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    return Start(_dealt(evolved, {name: random_mask(mask, rng) for name, mask in evolved.mask.items()}, rng))


def degree_matched(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    """GenerationsError where rows and columns leave no other mask, so that the control would be void."""
    masks = {name: degree_matched_mask(mask, rng) for name, mask in evolved.mask.items()}
    if all(np.array_equal(masks[name], mask) for name, mask in evolved.mask.items()):
        raise GenerationsError(
            "no other mask has these sums over rows and columns; leave the control 'degree_mask' out"
        )
    return Start(_dealt(evolved, masks, rng))


def dense_at_scale(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    drawn = {name: every_sign(np.zeros(mask.shape, np.int8), rng) for name, mask in evolved.mask.items()}
    return Start(_dense(evolved, drawn), "signs")


def dense_gaussian(evolved: ModelConnectome, rng: np.random.Generator) -> Start:
    return Start(None)


CONTROLS: dict[str, Control] = {
    "connectome": Control(connectome),
    "mask": Control(mask_alone),
    "signs": Control(signs_alone),
    "random_mask": Control(random_places),
    "degree_mask": Control(degree_matched),
    "shuffled_signs": Control(shuffled_signs),
    "dense_scale": Control(dense_at_scale, inherits=False),
    "dense_gaussian": Control(dense_gaussian, inherits=False),
}


def _dense(evolved: ModelConnectome, sign: dict[str, np.ndarray]) -> ModelConnectome:
    return replace(evolved, mask={name: np.ones(s.shape, dtype=bool) for name, s in sign.items()}, sign=sign)


def _dealt(evolved: ModelConnectome, mask: dict[str, np.ndarray], rng: np.random.Generator) -> ModelConnectome:
    """The evolved signs of each parameter, in random order at the places of `mask`, which are as many."""
    sign = {}
    for name, places in mask.items():
        sign[name] = np.zeros(places.shape, dtype=np.int8)
        sign[name][places] = rng.permutation(evolved.sign[name][evolved.mask[name]])
    return replace(evolved, mask=mask, sign=sign)
