"""Neuron models: one file each with its parameters, its state and its update rule. Nothing here knows wiring."""

from celegans_nn.errors import NetworkError, nearest
from celegans_nn.neurons import alif, graded, izhikevich, lif, rate, relu
from celegans_nn.neurons.model import Constant, NeuronModel, SynapticInput

MODELS: dict[str, NeuronModel] = {m.MODEL.name: m.MODEL for m in (relu, rate, lif, alif, izhikevich, graded)}

__all__ = ["MODELS", "Constant", "NeuronModel", "SynapticInput", "neuron_model"]


def neuron_model(name: str) -> NeuronModel:
    """The neuron model of that name; NetworkError with the nearest known names otherwise."""
    if name not in MODELS:
        raise NetworkError(f"unknown neuron model {name!r}; {nearest(name, MODELS)}")
    return MODELS[name]
