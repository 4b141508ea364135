"""From a connectome to a trainable network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import LARGEST_SEED, NetworkError, nearest, one_line, whole_number
from celegans_nn.networks.interface import Interface, default_interface
from celegans_nn.networks.network import Network
from celegans_nn.networks.synapses import ChemicalSynapses, GapJunctions
from celegans_nn.neurons import neuron_model


def build(
    worm: Connectome,
    neuron: str = "rate",
    interface: Interface | None = None,
    *,
    inputs: int | Sequence[str] | None = None,
    outputs: int | Sequence[str] | None = None,
    unknown_sign: str | None = None,
    gap_junctions: bool = True,
    share: str = "edge",
    ticks: int = 5,
    dt_ms: float = 1.0,
    delay: int = 1,
    preset: str | None = None,
    seed: int = 0,
) -> Network:
    """A network with this wiring, neuron model and interface.

    Parameters
    ----------
    worm
        The wiring. Each chemical edge starts at the neuron model's shared excitatory or inhibitory weight
        (Schmidgall et al. 2022); the table's weights play no part in that.
    neuron
        "relu", "rate" or "lif".
    interface, inputs, outputs
        An Interface; or the observations and actions, as names or as a number, for the default one: motor
        neurons in, muscles out, a non-linear encoder and decoder.
    unknown_sign
        What becomes of chemical edges of unknown sign: "drop", "excitatory" or "free" (the sign is trained).
        Must be given where there are such edges.
    gap_junctions
        False leaves them out, as the presets of Schmidgall et al. 2022 do.
    share
        "edge": one weight an edge. "sign": one excitatory and one inhibitory weight for all edges.
    ticks, dt_ms
        Network steps a control step, and the milliseconds that one stands for in models with units.
    delay
        Ticks that a chemical synapse takes, from 1; gap junctions are felt in the next tick.
    preset
        A named set of the neuron model's constants; its own ones if none is named.
    seed
        Of the encoder and decoder, U(-0.3, 0.3); nothing else is drawn.

    Raises
    ------
    NetworkError
        Unknown names; edges of unknown sign with no choice made; gap junctions too strong for an explicit step.

    Example
    -------
    >>> import pandas as pd, torch
    >>> worm = Connectome.from_edges(pd.DataFrame({
    ...     "pre": ["A", "B"], "post": ["B", "A"], "kind": "chemical", "sign": [1, -1]}))
    >>> net = build(worm, neuron="lif", inputs=3, outputs=2)
    >>> y, state = net(torch.zeros(4, 3))
    >>> tuple(y.shape), tuple(state.voltage.shape)
    ((4, 2), (4, 2))
    """
    if not isinstance(worm, Connectome):
        raise NetworkError(f"the wiring is {one_line(worm)!r}; give a Connectome, such as load_connectome(...)")
    model = neuron_model(neuron)
    whole_number("ticks", ticks, 1, 100_000, NetworkError)
    whole_number("delay", delay, 1, 10_000, NetworkError)
    if preset is not None and preset not in model.presets:
        known = nearest(preset, model.presets) if model.presets else "it has none"
        raise NetworkError(f"{neuron} has no preset {one_line(preset)!r}; {known}")
    whole_number("seed", seed, 0, LARGEST_SEED, NetworkError)
    if not (isinstance(dt_ms, (int, float)) and 0 < dt_ms < math.inf):
        raise NetworkError(f"dt_ms is {one_line(dt_ms)}; give milliseconds above 0")
    if interface is None:
        if inputs is None or outputs is None:
            raise NetworkError("give an interface, or inputs and outputs as names or numbers")
        interface = default_interface(worm, inputs, outputs)
    rule = model.parameters({name: torch.tensor(c.value) for name, c in model.values(preset).items()}, dt_ms)
    gain = float(model.input_gain(rule))
    gap = GapJunctions(worm, model.initial_log_conductance, gain) if gap_junctions and _gap_pairs(worm) else None
    network = Network(
        worm,
        model,
        interface,
        ticks=ticks,
        dt_ms=dt_ms,
        chemical=ChemicalSynapses(worm, model.initial_log_weight, share, unknown_sign),
        gap=gap,
        generator=torch.Generator().manual_seed(seed),
        preset=preset,
        delay=delay,
    )
    check_gap_step(network)
    return network


def check_gap_step(network: Network) -> None:
    """NetworkError where an explicit step of the gap junctions would overshoot: gain * sum_j g_ij must be < 1."""
    if network.gap is None:
        return
    with torch.no_grad():
        load = network.gap.matrix().sum(1) * network.model.input_gain(network.parameters_of_rule())
    worst = int(load.argmax())
    if load[worst] >= 1:
        name = network.worm.names[worst]
        raise NetworkError(
            f"gap junctions of {name} sum to {float(load[worst]):.3g} a tick, and an explicit step needs less than 1; "
            "lower log_conductance, shorten dt_ms, or build with gap_junctions=False"
        )


def ticks_to_reach(worm: Connectome, interface: Interface) -> int:
    """Ticks after which every output cell has felt every input cell that can reach it by chemical synapses.

    The longest of the shortest input-to-output paths, plus the tick in which the input itself arrives; a synapse
    is taken to delay by one tick. A main comparison uses at least the largest value over all graphs compared, or a
    graph loses for being deep.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    e = worm.chemical_edges
    graph = csr_array((np.ones(len(e.pre)), (e.pre, e.post)), shape=(len(worm), len(worm)))
    inputs = [worm.index[name] for name in interface.input_cells]
    outputs = [worm.index[name] for name in interface.output_cells]
    hops = shortest_path(graph, unweighted=True, indices=inputs)[:, outputs]
    reached = hops[np.isfinite(hops)]
    return int(reached.max()) + 1 if reached.size else 1


def _gap_pairs(worm: Connectome) -> bool:
    return bool((worm.electrical_edges.pre != worm.electrical_edges.post).any())
