"""A fresh learner inherits a connectome: a weight that is not in it is exactly zero and stays so."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number
from celegans_nn.generations.model_connectome import ModelConnectome
from celegans_nn.generations.prunable import Prunable, canonical, owner_of, prunable
from celegans_nn.generations.recurrent import list_masked_weights, list_plain_weights

WHAT = "mask+signs", "mask", "signs"


class Masked(nn.Module):
    """weight -> the weight where the mask is True, exactly 0 elsewhere, where nothing receives a gradient either.

    `torch.where`, not a product: 0 x inf is not 0. The mask is a buffer, so that checkpoints carry it.
    """

    mask: Tensor

    def __init__(self, mask: Tensor):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return torch.where(self.mask, weight, 0.0)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is assigned is masked as it is stored."""
        return torch.where(self.mask, weight, 0.0)


def inherit(fresh_model: nn.Module, connectome: ModelConnectome, what: str = "mask+signs", seed: int = 0) -> nn.Module:
    """The model, changed in place, with what it inherits:

    what          held through training     starts from
    "mask+signs"  the connectome's mask     the inherited sign, at the inherited scale
    "mask"        the connectome's mask     the fresh model's own values, where the mask is True
    "signs"       nothing: it is dense      the scale everywhere, with the inherited sign where there is one, and
                                            elsewhere a sign drawn from `seed`

    The mask is held by `torch.nn.utils.parametrize`: forward and backward see zeros that no optimiser can move, be it
    one with weight decay, momentum or a step that mixes a matrix's entries (Muon, whose stored parameter does drift
    where it is masked; the weight does not). Parameters stay the same objects, so an optimiser made before goes on.
    Tied weights share one mask. Parameters that the connectome does not name stay as they are.

    `model.layer.weight` is the weight in use; the stored parameter is
    `model.layer.parametrizations.weight.original`, which is the name in `named_parameters` and `state_dict`. To go on
    from a checkpoint, inherit first, then load the state. Assignment (`layer.weight = ...`) is masked.

    GenerationsError, in one line, for an unknown name, another shape, or a model that inherited before.

    >>> layer = nn.Linear(2, 2, bias=False)
    >>> mask = np.array([[True, False], [True, True]])
    >>> worm = ModelConnectome({"weight": mask}, {"weight": mask * np.int8(-1)}, {"weight": 0.5})
    >>> inherit(layer, worm).weight.detach()
    tensor([[-0.5000,  0.0000],
            [-0.5000, -0.5000]])
    """
    if what not in WHAT:
        raise GenerationsError(f"what is {one_line(repr(what), 60)}; {nearest(str(what), WHAT)}")
    rng = np.random.default_rng(whole_number("seed", seed, 0, LARGEST_SEED, GenerationsError))
    heirs = _heirs(fresh_model, connectome)
    if what != "mask":
        for name, heir in heirs.items():
            sign = connectome.sign[name] if what == "mask+signs" else every_sign(connectome.sign[name], rng)
            with torch.no_grad():
                heir.parameter.copy_(torch.tensor(sign, dtype=heir.parameter.dtype) * connectome.scale[name])
    if what != "signs":
        for name, heir in heirs.items():
            _hold(fresh_model, heir, connectome.mask[name])
    return fresh_model


def every_sign(sign: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The signs, with those that are 0 drawn, either one as likely: int8."""
    drawn = rng.integers(0, 2, sign.shape, dtype=np.int8) * np.int8(2) - np.int8(1)
    return np.where(sign == 0, drawn, sign)


def remove(model: nn.Module) -> nn.Module:
    """The model, in place, with plain parameters again: masked weights are stored as exact zeros and nothing holds
    them there any longer. Other parametrizations stay; a model that inherited no mask is left as it is."""
    for module in list(model.modules()):
        if not parametrize.is_parametrized(module):
            continue
        for attribute in list(module.parametrizations):  # type: ignore[arg-type]
            if isinstance(module.parametrizations[attribute][0], Masked):  # type: ignore[index]
                parametrize.remove_parametrizations(module, attribute)
        if isinstance(module, nn.RNNBase):
            list_plain_weights(module)
    return model


def _heirs(model: nn.Module, connectome: ModelConnectome) -> dict[str, Prunable]:
    """The parameters that inherit, by their name in the connectome."""
    for name, module in model.named_modules():
        if isinstance(module, Masked):
            at = name.split(".parametrizations")[0].removeprefix("parametrizations.")
            raise GenerationsError(f"the model has inherited before (at {at!r}); give a fresh one, or remove() first")
    found = prunable(model)
    heirs = {name: found[canonical(found, name)] for name in connectome.mask}
    for name, heir in heirs.items():
        shape, wanted = tuple(heir.parameter.shape), connectome.mask[name].shape
        if shape != wanted:
            raise GenerationsError(f"{name!r} has shape {shape} in the model and {wanted} in the connectome")
        if any(getattr(owner_of(model, place)[0], "sparse", False) for place in heir.names):
            raise GenerationsError(f"{name!r} has sparse gradients, which no mask can hold; make it with sparse=False")
    return heirs


def _hold(model: nn.Module, heir: Prunable, mask: np.ndarray) -> None:
    """Tied weights are one parameter: one mask, at each of its places."""
    held = Masked(torch.tensor(mask, device=heir.parameter.device))
    for module, attribute in dict.fromkeys(owner_of(model, name) for name in heir.names):
        parametrize.register_parametrization(module, attribute, held)
        if isinstance(module, nn.RNNBase):
            list_masked_weights(module)
