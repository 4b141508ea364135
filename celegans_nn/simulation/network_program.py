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
from celegans_nn.simulation.lanes import Rows
from celegans_nn.simulation.layers import Layers, dense, sparse
from celegans_nn.simulation.network_ticks import STEPS, NetworkProgram, Wires
from celegans_nn.simulation.packed import Packed, effective_values


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

    def values(of: Network) -> list[Tensor]:
        rule = [value for value in _rule(of) if isinstance(value, Tensor)]
        conductances = [] if of.gap is None else [torch.exp(of.gap.log_conductance)]
        coders = _coder_weights(of.encoder, of.encoder.first_weight) + _coder_weights(of.decoder, of.readout_weight())
        return [of.chemical.edge_weights()[order], *conductances, *coders, *rule]

    def start(of: Network) -> list[Tensor]:
        state = of.initial_state(1, {"rule": _rule(of)})
        sent = state.sent if of.delay > 1 else ()
        return [*cells_of(state), *sent]

    program, rows = _program(net)
    begun = effective_values(net, parameters, start)
    states = np.zeros((len(begun), rows), np.float32)
    states[:, : begun.shape[1]] = begun
    output, cells = program.cells.output.first, len(net.worm)
    return Packed(program, effective_values(net, parameters, values), states, range(output, output + cells))


def _rule(net: Network) -> Any:
    """The neuron model's parameters as its ticks use them."""
    return net.precompute()["rule"] if net.model.settle is not None else net.parameters_of_rule()


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
    """The program, and how many rows its state has."""
    cells, interface, feedforward = len(net.worm), net.interface, isinstance(net, SparseMLP)
    pre, post = np.divmod(net.chemical.edge_places().numpy()[_order(net).numpy()], cells)
    chemical = _wires(cells, pre, post, np.arange(len(pre)))
    gap = _gap_wires(net, len(pre))
    fields = net.model.state._fields
    sent = len(fields) * cells
    current = sent + (cells * (net.delay - 1 + net.ticks) if net.delay > 1 else 0)
    seen = current + cells
    encoder_at = len(pre) + len(gap.source) // 2
    encoder = _coder_layers(net.encoder, seen, encoder_at, seen + len(interface.observations))
    driven = encoder.unit + encoder.hidden
    mean = driven + len(interface.input_cells) + 1
    outputs = net.output_cells.numpy().astype(np.int64)
    decoder_at = encoder_at + len(encoder.source)
    decoder = _coder_layers(net.decoder, mean, decoder_at, mean + len(outputs))
    answer = decoder.unit + decoder.hidden
    program = NetworkProgram(
        rule=_rule_rows(_rule(net), decoder_at + len(decoder.source)),
        cells=net.model.state(*(Rows(k * cells, 1) for k in range(len(fields)))),
        chemical=chemical,
        gap=gap,
        drive=driven + net.source.numpy().astype(np.int64),
        outputs=outputs,
        encoder=encoder,
        decoder=decoder,
        encoder_gain=np.float32(net.model.encoder_gain),
        ticks=net.ticks,
        delay=net.delay,
        feedforward=feedforward,
        sent=sent,
        current=current,
        seen=seen,
        driven=driven,
        mean=mean,
        answer=answer,
    )
    return program, answer + len(interface.actions)


def _rule_rows(rule: Any, at: int) -> Any:
    """The rule with the rows in the place of its tensors, one after the other from row `at`."""
    fields = []
    for value in rule:
        if isinstance(value, Tensor):
            fields.append(Rows(at, value.dim()))
            at += value.numel()
        else:
            fields.append(value)
    return type(rule)(*fields)


def _gap_wires(net: Network, weight: int) -> Wires:
    """Both cells of every gap junction; its conductance stands in row `weight` + its number."""
    none = np.zeros(0, np.int64)
    a, b = (none, none) if net.gap is None else (net.gap.pre.numpy(), net.gap.post.numpy())
    return _wires(len(net.worm), np.r_[a, b], np.r_[b, a], weight + np.tile(np.arange(len(a)), 2))


def _wires(cells: int, source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Wires:
    order = np.lexsort((source, target))
    first = np.searchsorted(target[order], np.arange(cells + 1))
    return Wires(*(np.ascontiguousarray(a, np.int64) for a in (first, source[order], weight[order])))
