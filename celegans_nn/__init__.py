"""celegans_nn: a worm's wiring goes in; trainable networks, fair controls and an honest answer come out.

Nothing heavy is imported until a name is used, so `import celegans_nn` loads neither torch nor MuJoCo.
"""

from importlib import import_module
from typing import Any

from celegans_nn.errors import CelegansError

__version__ = "0.1.0"

_PUBLIC = {
    "Connectome": "celegans_nn.connectome.connectome",
    "load_connectome": "celegans_nn.connectome.sources",
    "draw_connectome": "celegans_nn.connectome.figure",
    "ablate": "celegans_nn.connectome.ablation",
    "rewire": "celegans_nn.rewiring",
    "rewire_many": "celegans_nn.rewiring",
    "compare": "celegans_nn.rewiring",
    "compare_ensemble": "celegans_nn.rewiring",
    "shuffle_interface": "celegans_nn.rewiring",
    "build": "celegans_nn.networks",
    "baseline": "celegans_nn.networks",
    "Interface": "celegans_nn.networks",
    "direct_interface": "celegans_nn.networks",
    "ablated": "celegans_nn.networks",
    "save_network": "celegans_nn.networks",
    "load_network": "celegans_nn.networks",
    "export_step": "celegans_nn.networks",
    "describe_step": "celegans_nn.networks",
    "export_onnx": "celegans_nn.networks",
    "to_nir": "celegans_nn.networks",
    "make_task": "celegans_nn.tasks",
    "train": "celegans_nn.training",
    "ModelConnectome": "celegans_nn.generations",
    "evolve_connectome": "celegans_nn.generations",
    "inherit": "celegans_nn.generations",
    "remove": "celegans_nn.generations",
    "compare_controls": "celegans_nn.generations",
    "overcomplete": "celegans_nn.generations",
    "evolve_wiring": "celegans_nn.generations",
    "cut_to": "celegans_nn.generations",
    "run_study": "celegans_nn.studies",
    "load_results": "celegans_nn.studies",
}

__all__ = ["CelegansError", "__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'celegans_nn' has no attribute {name!r}; it has: {', '.join(__all__)}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
