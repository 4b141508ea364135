"""Chemical synapses and gap junctions as parameters that keep their sign, and as the matrices a tick needs."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError, nearest, one_line

UNKNOWN_SIGNS = ("drop", "excitatory", "free")
SHARING = ("edge", "sign", "class")
START_LOAD = 0.5
LARGEST_LOAD = 0.9
"""Just below 1, at which two cells would exchange their potentials for ever."""


class ChemicalSynapses(nn.Module):
    """w = sign * exp(log_weight): no update can flip a synapse (Dale's law; Schmidgall et al. 2022).

    Parameters: `log_weight` [groups], one entry an edge (`share="edge"`), one for all excitatory and one for all
    inhibitory edges ("sign"), or one for the edges of each sign from each cell class to each ("class");
    `free_weight` [F], the edges of unknown sign where those are trained with their sign, outside Dale's law.
    Edges that share a parameter keep the ratios that they start with (`log_scale`). Weight decay on `log_weight`
    would pull |w| towards 1, so no trainer here applies any.

    log_weights: ln |w| of every chemical edge at the start, float64 [E].
    """

    flat: Tensor
    sign: Tensor
    group: Tensor
    log_scale: Tensor
    free_flat: Tensor

    def __init__(self, worm: Connectome, log_weights: np.ndarray, share: str, unknown_sign: str | None):
        super().__init__()
        if share not in SHARING:
            raise NetworkError(f"unknown share {share!r}; {nearest(share, SHARING)}")
        edges = worm.chemical_edges
        sign, free = _resolve_unknown(edges.sign, unknown_sign)
        flat = edges.pre.astype(np.int64) * len(worm) + edges.post
        signed = sign != 0
        self.cells, self.share, self.unknown_sign = len(worm), share, unknown_sign
        self.register_buffer("flat", torch.from_numpy(flat[signed]), persistent=False)
        self.register_buffer("sign", torch.from_numpy(sign[signed].astype(np.float32)), persistent=False)
        self.register_buffer("free_flat", torch.from_numpy(flat[free]), persistent=False)
        group = _groups(worm, sign, signed, share)
        start = log_weights[signed]
        members = np.bincount(group, minlength=2 if share == "sign" else 0)
        mean = np.bincount(group, start, len(members)) / np.maximum(members, 1)
        self.register_buffer("group", torch.from_numpy(group), persistent=False)
        scale = torch.from_numpy((start - mean[group]).astype(np.float32))
        self.register_buffer("log_scale", scale, persistent=share != "edge")  # there it is zero
        self.log_weight = nn.Parameter(torch.from_numpy(mean.astype(np.float32)))
        if free.any():
            self.free_weight = nn.Parameter(torch.from_numpy(np.exp(log_weights[free]).astype(np.float32)))

    def weights(self) -> Tensor:
        """[signed edges], in the order of the wiring's edges."""
        return self.sign * torch.exp(self.log_weight[self.group] + self.log_scale)

    def edge_places(self) -> Tensor:
        """Presynaptic * cells + postsynaptic of every edge that has a weight, int64 [E]."""
        return torch.cat([self.flat, self.free_flat])

    def edge_weights(self) -> Tensor:
        """[E], in the same order."""
        return torch.cat([self.weights(), self.free_weight]) if self.free_flat.numel() else self.weights()

    def unshared(self) -> ChemicalSynapses:
        """A copy with one weight an edge, each at its present value."""
        twin = copy.deepcopy(self)
        twin.share, twin.group = "edge", torch.arange(len(self.flat), device=self.group.device)
        twin.log_weight = nn.Parameter((self.log_weight.detach()[self.group] + self.log_scale).clone())
        twin.register_buffer("log_scale", torch.zeros_like(self.log_scale), persistent=False)
        return twin

    def rescale(self, factor: float) -> None:
        """Multiplies every weight by `factor`, in place."""
        with torch.no_grad():
            self.log_weight.add_(math.log(factor))
            if self.free_flat.numel():
                self.free_weight.mul_(factor)

    def matrix(self) -> Tensor:
        """[N, N]; row = presynaptic."""
        weights = self.edge_weights()
        flat = weights.new_zeros(self.cells * self.cells).index_put((self.edge_places(),), weights)
        return flat.view(self.cells, self.cells)


class GapJunctions(nn.Module):
    """One positive conductance a pair, g = exp(log_conductance); the current into i is sum_j g_ij (x_j - x_i).

    An explicit step overshoots where `input_gain` * sum_j g_ij, a cell's load, reaches 1. So pairs start at
    ln g = `log_conductances` [G], or all lower by as much as brings the largest load to `START_LOAD`; and wherever
    training takes `log_conductance`, pairs of a cell with a load above `LARGEST_LOAD` conduct as much less as brings
    it there. A model that integrates gap currents exactly has `input_gain` 0 and no limit. Self-gaps carry no current
    and are dropped.
    """

    pre: Tensor
    post: Tensor

    def __init__(self, worm: Connectome, log_conductances: np.ndarray, input_gain: float):
        super().__init__()
        edges = worm.electrical_edges
        keep = edges.pre != edges.post
        self.cells = len(worm)
        self.register_buffer("pre", torch.from_numpy(edges.pre[keep].astype(np.int64)), persistent=False)
        self.register_buffer("post", torch.from_numpy(edges.post[keep].astype(np.int64)), persistent=False)
        start = log_conductances[keep]
        ends = np.concatenate([edges.pre[keep], edges.post[keep]])
        load = input_gain * np.bincount(ends, np.exp(np.tile(start, 2)), minlength=1).max()
        if load > START_LOAD:
            start = start - math.log(load / START_LOAD)
        self.log_conductance = nn.Parameter(torch.from_numpy(start.astype(np.float32)))

    def conductances(self, input_gain: Any = 0.0) -> Tensor:
        """[G]: g of each pair, kept below the limit for what one unit of current adds to a potential in a tick."""
        g = torch.exp(self.log_conductance)
        if not isinstance(input_gain, Tensor) and input_gain == 0:
            return g
        load = input_gain * g.new_zeros(self.cells).index_add(0, self.pre, g).index_add(0, self.post, g)
        share = LARGEST_LOAD / load.clamp(min=LARGEST_LOAD)
        return g * torch.minimum(share[self.pre], share[self.post])

    def matrix(self, input_gain: Any = 0.0) -> Tensor:
        """Symmetric [N, N] with a zero diagonal."""
        g = self.conductances(input_gain)
        flat = g.new_zeros(self.cells * self.cells)
        flat = flat.index_put((self.pre * self.cells + self.post,), g)
        return flat.index_put((self.post * self.cells + self.pre,), g).view(self.cells, self.cells)


def gap_current(potential: Tensor, conductance: Tensor) -> Tensor:
    """[batch, N]: sum_j g_ij (x_j - x_i). Over the network it sums to zero."""
    return potential @ conductance - potential * conductance.sum(-1)


def _groups(worm: Connectome, sign: np.ndarray, signed: np.ndarray, share: str) -> np.ndarray:
    """The parameter that each signed edge has, int64 [signed edges]."""
    inhibitory = (sign[signed] < 0).astype(np.int64)
    if share == "edge":
        return np.arange(len(inhibitory))
    if share == "sign":
        return inhibitory
    classes = worm.cells["cell_class"]
    nameless = np.flatnonzero(classes == "")
    if len(nameless):
        raise NetworkError(
            f'share="class" needs a class of every cell, and {one_line(worm.names[nameless[0]])!r} (with '
            f'{len(nameless) - 1} more) has none; give cell_class, or share "edge" or "sign"'
        )
    number = np.unique(classes.astype(str), return_inverse=True)[1].astype(np.int64)
    edges = worm.chemical_edges
    pair = (number[edges.pre[signed]] * (number.max() + 1) + number[edges.post[signed]]) * 2 + inhibitory
    return np.unique(pair, return_inverse=True)[1].astype(np.int64)


def _resolve_unknown(sign: np.ndarray, unknown_sign: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Signs with the unknown ones treated as the user said, and which edges are free of Dale's law."""
    unknown = sign == 0
    if unknown_sign is not None and unknown_sign not in UNKNOWN_SIGNS:
        raise NetworkError(f"unknown unknown_sign {unknown_sign!r}; {nearest(unknown_sign, UNKNOWN_SIGNS)}")
    if unknown.any() and unknown_sign is None:
        raise NetworkError(
            f"{int(unknown.sum())} of {len(sign)} chemical edges have no known sign; say what to do with them: "
            'unknown_sign="drop", "excitatory" or "free" (sign is trained)'
        )
    if unknown_sign == "excitatory":
        return np.where(unknown, 1, sign), np.zeros_like(unknown)
    return sign, unknown if unknown_sign == "free" else np.zeros_like(unknown)
