"""Neuron models: one file each with its parameters, its state and its update rule. Nothing here knows wiring."""

from collections.abc import Iterable

from celegans_nn.errors import NetworkError, nearest, one_line
from celegans_nn.neurons import alif, graded, izhikevich, lif, rate, relu
from celegans_nn.neurons.model import Constant, NeuronModel, SynapticInput

MODELS: dict[str, NeuronModel] = {m.MODEL.name: m.MODEL for m in (relu, rate, lif, alif, izhikevich, graded)}

__all__ = ["MODELS", "Constant", "NeuronModel", "SynapticInput", "neuron_model"]


def neuron_model(name: str, others: Iterable[str] = ()) -> NeuronModel:
    """The neuron model of that name; NetworkError with the nearest known names otherwise.

    `others`: what else the caller takes in its place, for the message.
    """
    if not isinstance(name, str) or name not in MODELS:
        raise NetworkError(f"unknown neuron model {one_line(repr(name))}; {nearest(name, [*MODELS, *others])}")
    return MODELS[name]
