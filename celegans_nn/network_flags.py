"""Which network, as options of a command: wiring, control, neuron model and interface."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celegans_nn.errors import CelegansError, nearest, one_line
from celegans_nn.wiring_commands import load

if TYPE_CHECKING:
    from torch import nn

    from celegans_nn.connectome.connectome import Connectome
    from celegans_nn.networks import Interface

INTERFACES = ("mlp", "linear", "direct")


@dataclass(frozen=True)
class NetworkFlags:
    """What `celegans_nn.build`, `rewire` and `baseline` take, by their names."""

    circuit: str = "default"
    """A named circuit, "default", or "all" for the whole table."""
    muscles: bool = True
    """Keep the body-wall muscles that the circuit reaches."""
    polarity: str = "transmitter"
    """What gives a synapse its sign."""
    control: str = "none"
    """A null model, as in celegans-nn rewire, or interface_shuffle; "none" for the wiring itself."""
    control_seed: int = 0
    """Seed of the control."""
    scope: str = "neurons"
    """Which edges a control moves: neurons, muscles or all."""
    neuron: str = "rate"
    """relu, rate, lif, alif, izhikevich, graded, sparse_mlp or unrolled_mlp."""
    neuron_preset: str | None = None
    """A named set of the neuron model's constants, such as s22 of izhikevich."""
    interface: str = "mlp"
    """How observations reach cells and cells actions: by learned coders, "mlp" or "linear", or "direct", where cells
    that feel the body of worm and its muscles are wired to it by name and nothing is learned."""
    hidden: int = 16
    """Hidden units of a non-linear encoder and decoder each."""
    unknown_sign: str | None = None
    """What becomes of edges of unknown sign: drop, excitatory or free."""
    gap_junctions: bool | None = None
    """Whether gap junctions carry current; if not given they do, but under neuron preset s22 they do not."""
    weights: str = "shared"
    """Where synapses start: shared, synapse_count or rank."""
    spectral_radius: float | None = None
    """If given, the chemical weights are multiplied at the start to have it."""
    share: str = "auto"
    """One weight for all synapses of a sign ("sign"), of a sign and a pair of classes ("class"), or each its own
    ("edge"); "auto" is "sign" where training begins with evolution strategies."""
    ticks: int = 5
    """Network steps a control step."""
    dt_ms: float | None = None
    """What a tick means to a model with units, ms; the model's own step if not given."""
    delay: int = 1
    """Ticks that a chemical synapse takes."""
    baseline: str | None = None
    """Train, in its place, a network without the worm that is matched to it: dense_mlp, dense_mlp_parameters,
    sparse_mlp, linear, gru or ncap."""


def make_network(source: str, flags: NetworkFlags, task: Any, method: str, seed: int) -> nn.Module:
    """The untrained network; `seed` draws its coders, or a baseline's weights."""
    from celegans_nn.networks import baseline, build
    from celegans_nn.networks.build import GAPLESS_PRESETS
    from celegans_nn.rewiring import rewire, shuffle_interface
    from celegans_nn.rewiring.control import INTERFACE_SHUFFLE

    intact = worm = load(source, flags.circuit, flags.muscles, flags.polarity)
    interface = _interface(intact, flags, task)
    if flags.control == INTERFACE_SHUFFLE:
        interface = shuffle_interface(worm, interface, seed=flags.control_seed)
    elif flags.control != "none":
        initial = "shared" if flags.weights == "shared" else "table"
        worm = rewire(worm, flags.control, seed=flags.control_seed, scope=flags.scope, initial_weights=initial)
    gaps = flags.neuron_preset not in GAPLESS_PRESETS if flags.gap_junctions is None else flags.gap_junctions
    share = ("sign" if method.startswith("es") else "edge") if flags.share == "auto" else flags.share
    net = build(
        worm, flags.neuron, interface, unknown_sign=flags.unknown_sign, gap_junctions=gaps, weights=flags.weights,
        spectral_radius=flags.spectral_radius, share=share, ticks=flags.ticks, dt_ms=flags.dt_ms, delay=flags.delay,
        preset=flags.neuron_preset, seed=seed,
    )  # fmt: skip
    return net if flags.baseline is None else baseline(flags.baseline, like=net, seed=seed)


def _interface(worm: Connectome, flags: NetworkFlags, task: Any) -> Interface:
    from celegans_nn.networks import default_interface, direct_interface

    if flags.interface not in INTERFACES:
        raise CelegansError(f"--interface {one_line(flags.interface)}: unknown; {nearest(flags.interface, INTERFACES)}")
    if flags.interface == "direct":
        return direct_interface(worm, task)
    return default_interface(worm, task.observations, task.actions, flags.interface, flags.interface, flags.hidden)


def settings(option: str, words: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE words as nested plain values; a value is read as TOML, and as text where it is none.

    >>> settings("--options", ["es.population=16", "es.update=adam", "normalise=true"])
    {'es': {'population': 16, 'update': 'adam'}, 'normalise': True}
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise CelegansError(f"{option} {one_line(word, 60)}: write NAME=VALUE")
        *path, last = name.split(".")
        table = found
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise CelegansError(f"{option} {one_line(word, 60)}: {part} has a value already")
        table[last] = _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
