"""A connectome network as a module whose synapses can be pruned: an edge is an entry, and a pruned one leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome
from celegans_nn.generations.prunable import weight_of
from celegans_nn.generations.wiring_overcomplete import blocks
from celegans_nn.networks import Interface, build
from celegans_nn.networks.network import Network

SMALLEST = float(np.finfo(np.float32).tiny)
"""A weight below it would be taken for one that is not there."""


@dataclass(frozen=True)
class Making:
    """What a network is made of beside its wiring; see `celegans_nn.build`."""

    neuron: str
    interface: Interface
    ticks: int
    spectral_radius: float | None
    share: str
    seed: int

    def network(self, wiring: Connectome) -> Network:
        return build(
            wiring, self.neuron, self.interface, ticks=self.ticks, spectral_radius=self.spectral_radius,
            share=self.share, seed=self.seed,
        )  # fmt: skip


class WiringModel(nn.Module):
    """The trained values of a network on the wiring `start`.

    Parameters `to_neurons` and `to_muscles` [1, edges of `start`], in the order of its edges: signed weights, each as
    a multiple of the weight that an untrained edge of its sign has, so ±1 at the start. Pruning by |w| itself would
    take every inhibitory edge before the first excitatory one wherever a neuron model begins with weaker inhibition.
    What else a network trains (coders, constants, gap junctions) stands beside them under its own name, in `rest`.
    """

    def __init__(self, start: Connectome, making: Making):
        super().__init__()
        self.start, self.making, self.parts = start, making, blocks(start)
        for name, part in self.parts.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(start.chemical_edges.sign[part][None]).float()))
        net = making.network(start)
        self.unit = _magnitudes(net)
        """What 1 stands for where edges keep their weights from one generation to the next: float32 [edges]."""
        net.chemical = nn.Module()  # type: ignore[assignment]
        self.rest = net

    def edge_weights(self) -> np.ndarray:
        """float32 [edges of `start`], 0 where an edge was pruned."""
        weights = np.zeros(len(self.start.chemical_edges.pre), np.float32)
        for name, part in self.parts.items():
            weights[part] = weight_of(self, name)[0].float().cpu().numpy()
        return weights

    def network(self, trained: bool) -> tuple[Network, np.ndarray]:
        """A network on the edges that there still are, and what 1 stands for on each of them.

        trained: with the weights and all else of this module in place of the network's own beginning.
        """
        weights = self.edge_weights()
        net = self.making.network(thinned(self.start, weights != 0))
        if not trained:
            return net, _magnitudes(net)
        own, unit = dict(self.rest.named_parameters()), self.unit[weights != 0]
        with torch.no_grad():
            for name, value in net.named_parameters():
                if name in own:
                    value.copy_(own[name])
            net.chemical.log_weight.copy_(torch.from_numpy(np.log(unit * np.abs(weights[weights != 0]))))
        return net, unit

    def take(self, net: Network, unit: np.ndarray) -> None:
        """What a network of `network` was trained to."""
        weights, there = self.edge_weights(), self.edge_weights() != 0
        size = np.maximum(_magnitudes(net) / unit, SMALLEST)
        weights[there] = self.start.chemical_edges.sign[there] * size
        stored, own = dict(self.named_parameters()), dict(self.rest.named_parameters())
        with torch.no_grad():
            for name, part in self.parts.items():
                held = f"parametrizations.{name}.original"
                stored[held if held in stored else name].copy_(torch.from_numpy(weights[part][None]))
            for name, value in net.named_parameters():
                if name in own:
                    own[name].copy_(value)


def _magnitudes(net: Network) -> np.ndarray:
    """|w| of every edge, float32 [edges]."""
    return net.chemical.edge_weights().detach().abs().float().cpu().numpy()


def thinned(start: Connectome, stays: np.ndarray, weight: np.ndarray | None = None) -> Connectome:
    """The wiring with these of its edges, bool [edges], and perhaps with other weights, [edges]."""
    edges = start.chemical_edges if weight is None else start.chemical_edges._replace(weight=weight)
    return start.with_edges(ChemicalEdges(*(column[stays] for column in edges)))


def edges_kept(start: Connectome, masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which of its edges the masks of `WiringModel`'s parameters keep: bool [edges]."""
    stays = np.zeros(len(start.chemical_edges.pre), bool)
    for name, part in blocks(start).items():
        stays[part] = masks[name][0]
    return stays
