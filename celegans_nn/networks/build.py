"""From a connectome to a trainable network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome
from celegans_nn.errors import LARGEST_SEED, NetworkError, nearest, one_line, whole_number
from celegans_nn.networks.feedforward import FEEDFORWARD, SparseMLP
from celegans_nn.networks.initial import initial_log_weights
from celegans_nn.networks.interface import Interface, default_interface
from celegans_nn.networks.network import Network
from celegans_nn.networks.synapses import ChemicalSynapses, GapJunctions
from celegans_nn.neurons import MODELS, NeuronModel, neuron_model
from celegans_nn.neurons.surrogates import surrogate_parameters
from celegans_nn.rewiring import measures

GAPLESS_PRESETS = ("s22",)
"""Presets of papers whose networks have no gap junctions: Schmidgall et al. 2022."""
DT_MS = (1e-6, 1e6)
"""Shortest and longest tick, ms: far outside what any model is good for, far inside what a float holds."""
RADIUS = (1e-6, 1e6)
"""The same for a spectral radius."""


def build(
    worm: Connectome,
    neuron: str = "rate",
    interface: Interface | None = None,
    *,
    inputs: int | Sequence[str] | None = None,
    outputs: int | Sequence[str] | None = None,
    unknown_sign: str | None = None,
    gap_junctions: bool | None = None,
    weights: str = "shared",
    spectral_radius: float | None = None,
    share: str = "edge",
    ticks: int = 5,
    dt_ms: float | None = None,
    delay: int = 1,
    preset: str | None = None,
    surrogate: str | None = None,
    seed: int = 0,
) -> Network:
    """A network with this wiring, neuron model and interface.

    Parameters
    ----------
    worm
        The wiring.
    neuron
        From the simplest to the most biophysical: "relu", "rate", "lif", "alif", "izhikevich", "graded"; see
        `celegans_nn.neurons`.
        Or a feedforward translation (see `SparseMLP`): "sparse_mlp", cut where the wiring runs backwards, or
        "unrolled_mlp", as many layers as `ticks`; both without gap junctions and without memory.
    interface, inputs, outputs
        An Interface; or, instead, the observations and actions, as names or as a number, for the default one:
        motor neurons in, muscles out, a non-linear encoder and decoder.
    unknown_sign
        What becomes of chemical edges of unknown sign: "drop", "excitatory" or "free" (the sign is trained).
        Must be given where there are such edges.
    gap_junctions
        Whether the wiring's gap junctions carry current. If not given they do, but under preset="s22" they do not:
        the networks of Schmidgall et al. 2022 have none.
    weights
        Where synapses and gap junctions start: "shared", "synapse_count" or "rank"; see `initial_log_weights`.
        "shared" is one excitatory and one inhibitory weight for all edges (Schmidgall et al. 2022): the wiring's
        weights then play no part.
    spectral_radius
        If given, all chemical weights are multiplied at the start so that the largest absolute eigenvalue of the
        signed weights is this.
    share
        "edge": one weight an edge. "sign": one excitatory and one inhibitory parameter for all edges. "class": one
        for the edges of each sign from each cell class to each.
    ticks, dt_ms
        Network steps a control step, and the milliseconds that one stands for in models with units (the model's own
        step if not given: 1 ms, for graded 4 ms). "rate" and "graded" integrate their current over dt_ms. "lif",
        "alif" and "izhikevich" add their whole drive and gap current at every tick, whatever dt_ms: it sets how fast
        they decay (izhikevich: how far the membrane runs), not how hard they are driven, so halving it at the same
        time doubles the input. To "relu" it means nothing.
    delay
        Ticks that a chemical synapse takes, from 1; gap junctions are felt in the next tick, in graded within it.
    preset
        A named set of the neuron model's constants; its own ones if none is named.
    surrogate
        What a gradient is told that a spike's derivative is, in models that spike: "fast_sigmoid" (the one that is
        used if none is named), "arctan" or "triangular"; see `celegans_nn.neurons.surrogates`.
    seed
        Of the encoder and decoder, U(-0.3, 0.3), and of weights="rank"; nothing else is drawn.

    Raises
    ------
    NetworkError
        Unknown names; an interface together with inputs or outputs; edges of unknown sign with no choice made; a
        spectral radius for a wiring without cycles.

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
    for what, name in (("preset", preset), ("surrogate", surrogate), ("weights", weights)):
        if name is not None and not isinstance(name, str):
            raise NetworkError(f"{what} is {one_line(repr(name))}; give a name, as text")
    model = MODELS["relu"] if neuron in FEEDFORWARD else neuron_model(neuron, FEEDFORWARD)
    ticks = whole_number("ticks", ticks, 1, 100_000, NetworkError)
    delay = whole_number("delay", delay, 1, 10_000, NetworkError)
    if preset is not None and preset not in model.presets:
        known = nearest(preset, model.presets) if model.presets else "it has none"
        raise NetworkError(f"{neuron} has no preset {one_line(preset)!r}; {known}")
    if surrogate is not None:
        surrogate_parameters(surrogate)
        if not model.spiking:
            raise NetworkError(f"{neuron} does not spike, so it has no surrogate gradient; leave surrogate out")
    seed = whole_number("seed", seed, 0, LARGEST_SEED, NetworkError)
    dt_ms = model.dt_ms if dt_ms is None else _number("dt_ms", dt_ms, *DT_MS)
    gap_junctions = preset not in GAPLESS_PRESETS if gap_junctions is None else gap_junctions
    if not isinstance(gap_junctions, bool):
        raise NetworkError(f"gap_junctions is {one_line(repr(gap_junctions))}; give True or False")
    interface = _interface(worm, interface, inputs, outputs)
    if neuron in FEEDFORWARD:
        if delay != 1 or spectral_radius is not None:
            raise NetworkError(f"{neuron} has neither delays nor a spectral radius; leave both out")
        generator = torch.Generator().manual_seed(seed)
        layers = ticks if neuron == "unrolled_mlp" else None
        return SparseMLP(worm, interface, share, unknown_sign, generator, weights, seed, layers)
    chemical_start, gap_start = initial_log_weights(worm, model.initial_log_weight, weights, seed)
    chemical = ChemicalSynapses(worm, chemical_start, share, unknown_sign)
    if spectral_radius is not None:
        set_spectral_radius(worm, chemical, spectral_radius)
    gap_start = model.initial_log_conductance + gap_start
    gain = _input_gain(model, preset, dt_ms)
    gap = GapJunctions(worm, gap_start, gain) if gap_junctions and _gap_pairs(worm) else None
    return Network(
        worm,
        model,
        interface,
        ticks=ticks,
        dt_ms=dt_ms,
        chemical=chemical,
        gap=gap,
        generator=torch.Generator().manual_seed(seed),
        preset=preset,
        delay=delay,
        weights=weights,
        seed=seed,
        surrogate=surrogate,
    )


def set_spectral_radius(worm: Connectome, chemical: ChemicalSynapses, radius: float) -> None:
    """Multiplies the weights so that the largest absolute eigenvalue of their matrix [N, N] is `radius`."""
    radius = _number("spectral_radius", radius, *RADIUS)
    matrix = chemical.matrix().detach().double().cpu().numpy()
    pre, post = np.nonzero(matrix)
    edges = ChemicalEdges(pre, post, np.abs(matrix[pre, post]), np.sign(matrix[pre, post]))
    present = measures.spectral_radius(worm.with_edges(edges), "signed")
    if present == 0:
        raise NetworkError("the wiring has no cycle, so its spectral radius is 0 whatever the weights; leave it out")
    chemical.rescale(radius / present)


def _input_gain(model: NeuronModel, preset: str | None, dt_ms: float) -> float:
    """What one unit of current held through a tick adds to a potential, by the constants as they are at the start."""
    rule = model.parameters({name: torch.tensor(c.value) for name, c in model.values(preset).items()}, dt_ms)
    return float(model.input_gain(rule))


def _interface(
    worm: Connectome,
    interface: Interface | None,
    inputs: int | Sequence[str] | None,
    outputs: int | Sequence[str] | None,
) -> Interface:
    """The one that was given, or the default one for these observations and actions."""
    if interface is None:
        if inputs is None or outputs is None:
            raise NetworkError("give an interface, or inputs and outputs as names or numbers")
        return default_interface(worm, inputs, outputs)
    if not isinstance(interface, Interface):
        raise NetworkError(f"interface is {one_line(repr(interface))}; give an Interface, or inputs and outputs")
    if inputs is not None or outputs is not None:
        raise NetworkError("an interface says its own inputs and outputs; give it, or inputs and outputs, not both")
    return interface


def _number(what: str, value: object, low: float, high: float) -> float:
    known = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not known or not low <= value <= high:  # type: ignore[operator]
        raise NetworkError(f"{what} is {one_line(repr(value))}; give a number from {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]


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
