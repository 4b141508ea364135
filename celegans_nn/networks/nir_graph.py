"""A network's cells and synapses as a graph of the Neuromorphic Intermediate Representation.

NIR (Pedersen et al. 2024, Nat. Commun. 15:8122) describes dynamics in continuous time; times are in seconds.
What it has nodes for is `lif`, and `rate` near rest. For tau dv/dt = v_leak - v + R I with I held through a tick,

    v(t + dt) = a v(t) + (1 - a) (v_leak + R I),  a = exp(-dt / tau),

so that R = gain / (1 - a) makes an exact integrator with the step dt of the network repeat its ticks.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import torch

from celegans_nn.errors import NetworkError
from celegans_nn.networks.export import require
from celegans_nn.networks.network import Network

MS = 1e-3
"""Seconds."""
WHY_NOT = {
    "relu": "its output is the rectified current of a tick, and NIR has no rectifier",
    "alif": "its threshold adapts, and NIR has no adaptive threshold",
    "izhikevich": "its voltage follows a parabola, and NIR's neurons are linear",
    "graded": "its synapses are conductances, and NIR's neurons take currents",
}


def to_nir(net: Network, linear: bool = False) -> Any:
    """The cells and chemical synapses of a `lif` network (with `linear`, of a `rate` one) as a nir.NIRGraph.

    Input is the current into the interface's input cells (what the encoder gives: it has a tanh, for which NIR has
    no node), Output what its output cells transmit in every tick (the decoder reads their mean over a control step).
    They are named `input` and `output`, as readers of NIR expect; between them stand nir.Linear `to_cells`, nir.LIF or
    nir.LI `cells` with one unit a cell in the wiring's order, nir.Linear `recurrent`, and nir.Linear `from_cells`.
    Write the graph with `nir.write(path, graph)`.

    lif: a simulator that integrates exactly in steps of dt_ms, and lets a spike count as a current of 1 through the
    tick after it, gives the same spikes. NIR fires at v > v_threshold and the network at v >= threshold, hence
    v_threshold is the largest float below. With a delay of d ticks, d - 1 of them are a nir.Delay.
    rate: its cells transmit tanh(x), for which NIR has no node. `linear=True` leaves the tanh out: nir.LI
    transmitting x, the same near rest to first order in x, and another network far from it.

    The graph's metadata has the names of the cells (JSON) and dt in seconds.

    Raises NetworkError for other neuron models, gap junctions (NIR has none), and where nir is not installed.
    """
    _check(net, linear)
    require("NIR", "nir")
    import nir

    with torch.no_grad():
        effective = net.precompute()
    rule, n = effective["rule"], len(net.worm)
    inputs = [net.worm.index[name] for name in net.interface.input_cells]
    outputs = [net.worm.index[name] for name in net.interface.output_cells]
    nodes = {
        "input": nir.Input(np.array([len(inputs)])),
        "to_cells": nir.Linear(_select(n, inputs).T.copy()),
        "cells": _lif(nir, rule, net.dt_ms, n) if net.model.name == "lif" else _li(nir, rule, net.dt_ms, n),
        "recurrent": nir.Linear(effective["chemical"].cpu().numpy().T.copy()),
        "from_cells": nir.Linear(_select(n, outputs)),
        "output": nir.Output(np.array([len(outputs)])),
    }
    loop = ["cells", "recurrent", "cells"]
    if net.delay > 1:
        nodes["delay"] = nir.Delay(np.full(n, (net.delay - 1) * net.dt_ms * MS))
        loop.insert(1, "delay")
    way = ["input", "to_cells", *loop, "from_cells", "output"]  # readers may run the nodes in the order of the edges
    edges = list(itertools.pairwise(way))
    names = {"cells": net.worm.names, "input": net.interface.input_cells, "output": net.interface.output_cells}
    return nir.NIRGraph(nodes, edges, metadata={"celegans_nn": json.dumps(names), "dt": net.dt_ms * MS})


def _check(net: Network, linear: bool) -> None:
    if type(net) is not Network:
        raise NetworkError(f"a {type(net).__name__} has no NIR graph; give a network of lif or rate cells")
    name = net.model.name
    if name == "rate" and not linear:
        raise NetworkError(
            "rate transmits tanh(x), for which NIR has no node; give linear=True for nir.LI, its like near rest"
        )
    if name not in ("lif", "rate"):
        why = WHY_NOT.get(name, "NIR has no such neuron")
        raise NetworkError(f"{name} has no NIR node: {why}; build with lif, or use export_onnx")
    if net.gap is not None:
        raise NetworkError("NIR has no gap junctions; build with gap_junctions=False, or use export_onnx")


def _lif(nir: Any, rule: Any, dt_ms: float, n: int) -> Any:
    threshold = np.float32(float(rule.threshold))
    return nir.LIF(
        v_threshold=np.full(n, np.nextafter(threshold, np.float32(-np.inf))),
        v_reset=np.full(n, float(rule.reset)),
        **_leak(float(rule.decay), 1.0, dt_ms, n),
    )


def _li(nir: Any, rule: Any, dt_ms: float, n: int) -> Any:
    return nir.LI(**_leak(float(rule.keep), float(rule.gain), dt_ms, n))


def _leak(keep: float, gain: float, dt_ms: float, n: int) -> dict[str, np.ndarray]:
    """tau in s and R from the share of the voltage that a tick keeps and from what a unit of current adds in it."""
    return {
        "tau": np.full(n, -dt_ms * MS / math.log(keep)),
        "r": np.full(n, gain / (1.0 - keep)),
        "v_leak": np.zeros(n),
    }


def _select(n: int, chosen: list[int]) -> np.ndarray:
    """[chosen, n] that picks these cells."""
    matrix = np.zeros((len(chosen), n), np.float32)
    matrix[np.arange(len(chosen)), chosen] = 1.0
    return matrix
