"""Wiring x neuron model x interface -> torch module, and the baselines without the wiring."""

from celegans_nn.networks.ablation import ablated
from celegans_nn.networks.baselines import BASELINES, baseline, count_parameters
from celegans_nn.networks.build import build, ticks_to_reach
from celegans_nn.networks.direct import direct_interface
from celegans_nn.networks.export import describe_step, export_onnx, export_step
from celegans_nn.networks.interface import Interface, default_interface
from celegans_nn.networks.network import Network
from celegans_nn.networks.nir_graph import to_nir
from celegans_nn.networks.saving import load_network, save_network

__all__ = [
    "BASELINES",
    "Interface",
    "Network",
    "ablated",
    "baseline",
    "build",
    "count_parameters",
    "default_interface",
    "describe_step",
    "direct_interface",
    "export_onnx",
    "export_step",
    "load_network",
    "save_network",
    "ticks_to_reach",
    "to_nir",
]
