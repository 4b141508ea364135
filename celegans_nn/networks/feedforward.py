"""The cyclic wiring as a feedforward network, in two ways: cut (`sparse_mlp`) or unrolled (`unrolled_mlp`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.networks.initial import initial_log_weights
from celegans_nn.networks.interface import Interface
from celegans_nn.networks.network import Network
from celegans_nn.networks.synapses import ChemicalSynapses
from celegans_nn.neurons import MODELS

FEEDFORWARD = ("sparse_mlp", "unrolled_mlp")


class SparseMLP(Network):
    """A feedforward ReLU network whose non-zero weights are exactly the wiring's edges that run forward.

    With `layers` given it is unrolled instead: that many copies of all cells, each layer connected to the next by
    the whole wiring with the same weights, so that no edge is cut and cycles become depth. It loses the gap
    junctions and the memory alone.

    Rule where `layers` is None: cells are put in an order that leaves few edges running backwards
    (`forward_order`); an edge stays when it runs forward in that order, and is cut otherwise. A cell's layer is its
    longest path from a cell without kept inputs; an edge may skip layers. Every input cell receives its current
    whatever its layer. Weights are sign * exp(log_weight) as in any network here.

    It loses: every edge of a cycle that runs backwards, self-loops, all gap junctions, and memory from one
    control step to the next (the state is always None). `edges_cut` counts the chemical edges lost.

    The layers are computed as `depth` ticks of the same synchronous update from rest, which on a graph without
    cycles gives each cell its final value: what a layer-by-layer pass would.
    """

    def __init__(
        self,
        worm: Connectome,
        interface: Interface,
        share: str,
        unknown_sign: str | None,
        generator: torch.Generator,
        weights: str = "shared",
        seed: int = 0,
        layers: int | None = None,
    ):
        forward, depth = feedforward_wiring(worm) if layers is None else (_without_gaps(worm), layers)
        model = MODELS["relu"]
        start = initial_log_weights(forward, model.initial_log_weight, weights, seed)[0]
        chemical = ChemicalSynapses(forward, start, share, unknown_sign)
        super().__init__(
            forward, model, interface, ticks=depth, dt_ms=1.0, chemical=chemical, gap=None, generator=generator,
            weights=weights, seed=seed,
        )  # fmt: skip
        self.unrolled = layers is not None
        self.edges_cut = len(worm.chemical_edges.pre) - len(forward.chemical_edges.pre)

    def forward(self, x: Tensor, state: Any = None, effective: dict[str, Any] | None = None) -> tuple[Tensor, Any]:
        """x [batch, inputs] -> (y [batch, outputs], None); `state` is not used."""
        effective = self.precompute() if effective is None else effective
        drive, cells = self.drive(x), self.initial_state(x.shape[0], effective)
        for _ in range(self.ticks):
            cells = self.tick(drive, cells, effective)
        return self.readout(cells.output), None

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """x [time, batch, inputs] -> (y [time, batch, outputs], None): every step on its own."""
        return torch.stack([self(at)[0] for at in x]), None


def feedforward_wiring(worm: Connectome) -> tuple[Connectome, int]:
    """The wiring without the chemical edges that run backwards and without gap junctions, and its number of layers."""
    position = np.empty(len(worm), np.int64)
    position[forward_order(worm)] = np.arange(len(worm))
    e = worm.chemical_edges
    keep = position[e.pre] < position[e.post]
    kept = ChemicalEdges(*(array[keep] for array in e))
    layer = np.zeros(len(worm), np.int64)
    for i in np.argsort(position[kept.pre], kind="stable"):
        layer[kept.post[i]] = max(layer[kept.post[i]], layer[kept.pre[i]] + 1)
    cut = {"feedforward": {"chemical_edges_cut": int((~keep).sum()), "layers": int(layer.max()) + 1}}
    return _without_gaps(worm).with_edges(kept, provenance=cut), int(layer.max()) + 1


def _without_gaps(worm: Connectome) -> Connectome:
    return worm.with_edges(electrical=ElectricalEdges(*(array[:0] for array in worm.electrical_edges)))


def forward_order(worm: Connectome) -> np.ndarray:
    """Cells [N] in an order with few backward edges: the greedy heuristic of Eades, Lin and Smyth 1993.

    Repeatedly take sinks to the end and sources to the front; where there is neither, the cell with the largest
    out-degree minus in-degree (the first in the wiring's order among equals) goes to the front.
    Inf. Process. Lett. 47:319.
    """
    linked = worm.adjacency(values="weight") > 0
    np.fill_diagonal(linked, False)
    left = np.ones(len(worm), bool)
    front: list[int] = []
    back: list[int] = []
    while left.any():
        outward = np.where(left, (linked & left[None, :]).sum(1), -1)
        inward = np.where(left, (linked & left[:, None]).sum(0), -1)
        if (outward == 0).any():
            cell = int(np.argmax(outward == 0))
            back.append(cell)
        elif (inward == 0).any():
            cell = int(np.argmax(inward == 0))
            front.append(cell)
        else:
            cell = int(np.argmax(np.where(left, outward - inward, -len(worm))))
            front.append(cell)
        left[cell] = False
    return np.array(front + back[::-1])
