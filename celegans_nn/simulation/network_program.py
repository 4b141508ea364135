"""`networks.Network` and its feedforward translations as programs of `network_ticks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from celegans_nn.networks.feedforward import SparseMLP
from celegans_nn.networks.interface import Coder, FixedCoder
from celegans_nn.networks.network import Network, cells_of
from celegans_nn.neurons import MODELS
from celegans_nn.neurons.graded import pull
from celegans_nn.simulation.lanes import Rows
from celegans_nn.simulation.layers import Layers, dense, sparse
from celegans_nn.simulation.network_ticks import STEPS, NetworkProgram, Wires
from celegans_nn.simulation.packed import Packed, effective_values
from celegans_nn.simulation.spread import Spread, coefficients, interval


def network_obstacle(net: Network) -> str | None:
    """Why a network has no program, in words; None where it has one."""
    model = net.model
    if model.name not in MODELS or MODELS[model.name].step is not model.step:
        return f"neuron model {model.name!r} is none of {', '.join(MODELS)}"
    if type(net.parameters_of_rule()) not in STEPS:
        return f"neuron model {model.name!r} has no compiled form"
    for what, coder in (("encoder", net.encoder), ("decoder", net.decoder)):
        if type(coder) not in (Coder, FixedCoder):
            return f"its {what} is a {type(coder).__name__}, not one that an interface makes"
    return None


def pack_network(net: Network, parameters: Mapping[str, Tensor]) -> Packed:
    """See `programs.pack`."""
    order = _order(net)

    def values(of: Network) -> tuple[list[Tensor], ...]:
        rule = _rule(of)
        conductances = [] if of.gap is None else [of.gap.conductances(of.model.input_gain(rule))]
        coders = _coder_weights(of.encoder, of.encoder.first_weight) + _coder_weights(of.decoder, of.readout_weight())
        spread, ends = _spread_values(of, rule)
        own = [value for value in rule if isinstance(value, Tensor)]
        state = of.initial_state(1, {"rule": rule})
        sent = state.sent if of.delay > 1 else ()
        weights = [of.chemical.edge_weights()[order], *conductances, *coders, *own, *spread]
        return weights, [*cells_of(state), *sent], ends

    program, rows = _program(net)
    weights, begun, ends = effective_values(net, parameters, values)
    if ends.shape[1]:
        low, high, scale = ends.astype(np.float64).T
        weights = np.concatenate([weights, coefficients(low, high, scale)], axis=1)
    start = np.zeros((len(begun), rows), np.float32)
    start[:, : begun.shape[1]] = begun
    output, cells = program.cells.output.first, len(net.worm)
    return Packed(program, weights, start, range(output, output + cells))


def _rule(net: Network) -> Any:
    """The neuron model's parameters as the ticks use them: `Network.precompute` without what only torch needs."""
    rule = net.parameters_of_rule()
    if net.model.settle is None:
        return rule
    chemical, gap = net.chemical.matrix(), None if net.gap is None else net.gap.matrix()
    return net.model.settle(rule, torch.relu(chemical), torch.relu(-chemical), gap)


def _spread_values(net: Network, rule: Any) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of `Spread` but its coefficients, and what those follow from: low, high and dt/C."""
    nothing = net.chemical.log_weight.new_zeros(0)
    if net.model.spread is None:
        return [], [nothing]
    if net.gap is None:
        return [net.model.spread(rule, None)], [nothing]
    per_ps = 2 * rule.half_per_ps
    matrix = per_ps * pull(rule, net.gap.matrix())
    low, high = interval(matrix.diagonal(), per_ps * rule.coupled)
    half = (high - low) / 2
    diagonal = (matrix.diagonal() - (high + low) / 2) / half
    return [diagonal, -matrix[net.gap.pre, net.gap.post] / half], [low, high, per_ps]


def _order(net: Network) -> Tensor:
    """int64 [E]: the chemical edges by the cell that they reach, then by the one that they come from."""
    pre, post = np.divmod(net.chemical.edge_places().numpy(), len(net.worm))
    return torch.from_numpy(np.lexsort((pre, post)))


def _coder_weights(coder: Any, first: Tensor) -> list[Tensor]:
    """Weights in the order of `_coder_layers`."""
    if isinstance(coder, FixedCoder):
        return [first.flatten()[torch.nonzero(coder.first_weight.flatten())[:, 0]]]
    return [first, *(layer.weight for layer in coder.layers[1:])]


def _coder_layers(coder: Any, inputs: int, weight: int, unit: int) -> Layers:
    if isinstance(coder, FixedCoder):
        return sparse(coder.first_weight.numpy(), inputs, weight, unit)
    return dense([coder.layers[0].in_features, *(layer.out_features for layer in coder.layers)], inputs, weight, unit)


def _program(net: Network) -> tuple[NetworkProgram, int]:
    """The program, and how many rows its state has. Rows of weights and of the state follow in the order written."""
    cells, interface, fields = len(net.worm), net.interface, net.model.state._fields
    pre, post = np.divmod(net.chemical.edge_places().numpy()[_order(net).numpy()], cells)
    gaps = 0 if net.gap is None else len(net.gap.pre)

    sent = len(fields) * cells
    current = sent + (cells * (net.delay - 1 + net.ticks) if net.delay > 1 else 0)
    seen = current + (4 if net.model.conductance else 1) * cells
    encoder = _coder_layers(net.encoder, seen, len(pre) + gaps, seen + len(interface.observations))
    driven = encoder.unit + encoder.hidden
    mean = driven + len(interface.input_cells) + 1
    outputs = net.output_cells.numpy().astype(np.int64)
    decoder = _coder_layers(net.decoder, mean, encoder.weight + len(encoder.source), mean + len(outputs))
    answer = decoder.unit + decoder.hidden
    rule, diagonal = _rule_rows(_rule(net), decoder.weight + len(decoder.source))

    program = NetworkProgram(
        rule=rule,
        cells=net.model.state(*(Rows(k * cells, 1) for k in range(len(fields)))),
        chemical=_wires(cells, pre, post, np.arange(len(pre))),
        gap=_gap_wires(net),
        conductance=len(pre),
        spread=Spread(diagonal, diagonal + cells, diagonal + cells + gaps),
        drive=driven + net.source.numpy().astype(np.int64),
        outputs=outputs,
        encoder=encoder,
        decoder=decoder,
        encoder_gain=np.float32(net.model.encoder_gain),
        ticks=net.ticks,
        delay=net.delay,
        feedforward=isinstance(net, SparseMLP),
        sent=sent,
        current=current,
        seen=seen,
        driven=driven,
        mean=mean,
        answer=answer,
    )
    return program, answer + len(interface.actions)


def _rule_rows(rule: Any, at: int) -> tuple[Any, int]:
    """The rule with rows in the place of its tensors, one after the other from row `at`, and the row after them."""
    fields = []
    for value in rule:
        if isinstance(value, Tensor):
            fields.append(Rows(at, value.dim()))
            at += value.numel()
        else:
            fields.append(value)
    return type(rule)(*fields), at


def _gap_wires(net: Network) -> Wires:
    """Both cells of every gap junction."""
    none = np.zeros(0, np.int64)
    a, b = (none, none) if net.gap is None else (net.gap.pre.numpy(), net.gap.post.numpy())
    return _wires(len(net.worm), np.r_[a, b], np.r_[b, a], np.tile(np.arange(len(a)), 2))


def _wires(cells: int, source: np.ndarray, target: np.ndarray, pair: np.ndarray) -> Wires:
    order = np.lexsort((source, target))
    first = np.searchsorted(target[order], np.arange(cells + 1))
    return Wires(*(np.ascontiguousarray(a, np.int64) for a in (first, source[order], pair[order])))
