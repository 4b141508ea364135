"""A trained network after some of its cells were killed."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from celegans_nn.connectome.ablation import ablate
from celegans_nn.networks.network import Network
from celegans_nn.networks.synapses import ChemicalSynapses, GapJunctions


def ablated(net: Network, cells: str | Iterable[str] = (), gap_junctions: bool = False) -> Network:
    """A copy of the network without what these cells do: see `celegans_nn.ablate`, whose arguments they are.

    Every synapse and gap junction that is left has the value it had, as have constants, encoder and decoder.
    `graded` settles anew, since its thresholds are what the wiring that is left makes of them.
    """
    twin = copy.deepcopy(net)
    twin.worm = ablate(net.worm, cells, gap_junctions)
    chemical, electrical = twin.worm.chemical_edges, twin.worm.electrical_edges
    places = torch.from_numpy(chemical.pre.astype("int64") * len(twin.worm) + chemical.post)
    twin.chemical = _chemical(net.chemical.unshared(), places)
    if net.gap is not None:
        pairs = torch.from_numpy(electrical.pre.astype("int64") * len(twin.worm) + electrical.post)
        twin.gap = _electrical(copy.deepcopy(net.gap), pairs)
    return twin


def _chemical(synapses: ChemicalSynapses, places: Tensor) -> ChemicalSynapses:
    """The synapses at these places, presynaptic * cells + postsynaptic."""
    places = places.to(synapses.flat.device)
    kept = torch.isin(synapses.flat, places)
    synapses.flat, synapses.sign, synapses.log_scale = (
        values[kept] for values in (synapses.flat, synapses.sign, synapses.log_scale)
    )
    synapses.group = torch.arange(len(synapses.flat), device=synapses.flat.device)
    synapses.log_weight = nn.Parameter(synapses.log_weight.detach()[kept])
    if synapses.free_flat.numel():
        kept = torch.isin(synapses.free_flat, places)
        synapses.free_flat = synapses.free_flat[kept]
        if kept.any():
            synapses.free_weight = nn.Parameter(synapses.free_weight.detach()[kept])
        else:
            del synapses.free_weight  # as in a network that is built without such edges
    return synapses


def _electrical(gap: GapJunctions, pairs: Tensor) -> GapJunctions | None:
    """The gap junctions of these pairs; None where there are none."""
    kept = torch.isin(gap.pre * gap.cells + gap.post, pairs.to(gap.pre.device))
    if not kept.any():
        return None
    gap.pre, gap.post = gap.pre[kept], gap.post[kept]
    gap.log_conductance = nn.Parameter(gap.log_conductance.detach()[kept])
    return gap
