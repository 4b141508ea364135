"""Chemical synapses and gap junctions as parameters that keep their sign, and as the matrices a tick needs."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError, nearest

UNKNOWN_SIGNS = ("drop", "excitatory", "free")
SHARING = ("edge", "sign")
LARGEST_GAP_SUM = 0.5


class ChemicalSynapses(nn.Module):
    """w = sign * exp(log_weight): no update can flip a synapse (Dale's law; Schmidgall et al. 2022).

    Parameters: `log_weight` [groups], one entry an edge (`share="edge"`) or one for all excitatory and one for
    all inhibitory edges (`share="sign"`); `free_weight` [F], the edges of unknown sign where those are trained
    with their sign, outside Dale's law. Weight decay on `log_weight` would pull |w| towards 1, so no trainer
    here applies any.
    """

    flat: Tensor
    sign: Tensor
    group: Tensor
    free_flat: Tensor

    def __init__(self, worm: Connectome, initial: tuple[float, float], share: str, unknown_sign: str | None):
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
        inhibitory = torch.from_numpy((sign[signed] < 0).astype(np.int64))
        group = inhibitory if share == "sign" else torch.arange(len(inhibitory))
        self.register_buffer("group", group, persistent=False)
        start = torch.tensor(initial, dtype=torch.float32)
        self.log_weight = nn.Parameter(start.clone() if share == "sign" else start[inhibitory])
        if free.any():
            self.free_weight = nn.Parameter(torch.full((int(free.sum()),), math.exp(initial[0])))

    def weights(self) -> Tensor:
        """[signed edges], in the order of the wiring's edges."""
        return self.sign * torch.exp(self.log_weight)[self.group]

    def unshared(self) -> ChemicalSynapses:
        """A copy with one weight an edge, each at its present value."""
        twin = copy.deepcopy(self)
        twin.share, twin.group = "edge", torch.arange(len(self.flat), device=self.group.device)
        twin.log_weight = nn.Parameter(self.log_weight.detach()[self.group].clone())
        return twin

    def matrix(self) -> Tensor:
        """[N, N]; row = presynaptic."""
        weights = self.weights()
        flat = weights.new_zeros(self.cells * self.cells).index_put((self.flat,), weights)
        if self.free_flat.numel():
            flat = flat.index_put((self.free_flat,), self.free_weight)
        return flat.view(self.cells, self.cells)


class GapJunctions(nn.Module):
    """One positive conductance a pair, g = exp(log_conductance); the current into i is sum_j g_ij (x_j - x_i).

    All pairs start equal at the neuron model's `initial_log_conductance`, or lower where a cell with many partners
    would otherwise come near the limit of an explicit step (`LARGEST_GAP_SUM` of it; a model that integrates gap
    currents implicitly has `input_gain` 0 and no limit). Self-gaps carry no current and are dropped.
    """

    pre: Tensor
    post: Tensor

    def __init__(self, worm: Connectome, initial_log_conductance: float, input_gain: float):
        super().__init__()
        edges = worm.electrical_edges
        keep = edges.pre != edges.post
        self.cells = len(worm)
        self.register_buffer("pre", torch.from_numpy(edges.pre[keep].astype(np.int64)), persistent=False)
        self.register_buffer("post", torch.from_numpy(edges.post[keep].astype(np.int64)), persistent=False)
        partners = np.bincount(np.concatenate([edges.pre[keep], edges.post[keep]]), minlength=1).max()
        load = max(int(partners), 1) * input_gain
        start = min(initial_log_conductance, math.log(LARGEST_GAP_SUM / load)) if load else initial_log_conductance
        self.log_conductance = nn.Parameter(torch.full((int(keep.sum()),), start))

    def matrix(self) -> Tensor:
        """Symmetric [N, N] with a zero diagonal."""
        g = torch.exp(self.log_conductance)
        flat = g.new_zeros(self.cells * self.cells)
        flat = flat.index_put((self.pre * self.cells + self.post,), g)
        return flat.index_put((self.post * self.cells + self.pre,), g).view(self.cells, self.cells)


def gap_current(potential: Tensor, conductance: Tensor) -> Tensor:
    """[batch, N]: sum_j g_ij (x_j - x_i). Over the network it sums to zero."""
    return potential @ conductance - potential * conductance.sum(-1)


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
