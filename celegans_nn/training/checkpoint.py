"""A network's values on disk: safetensors, written in one piece, nothing unpickled."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save
from torch import nn

from celegans_nn.errors import NetworkError
from celegans_nn.files import write_atomic


def save_weights(net: nn.Module, path: str | Path) -> None:
    """Writes the module's trained values to `path`; a reader sees the old file or the whole new one."""
    values = {name: p.detach().cpu().contiguous() for name, p in net.named_parameters()}
    write_atomic(path, save(values))


def load_weights(net: nn.Module, path: str | Path) -> None:
    """Sets the module's trained values from `path`; NetworkError where they are not this network's."""
    try:
        values = load_file(path)
    except Exception as error:
        raise NetworkError(f"{path} is not a readable safetensors file ({type(error).__name__})") from None
    own = {name: p.shape for name, p in net.named_parameters()}
    found = {name: v.shape for name, v in values.items()}
    if own != found:
        wrong = sorted(set(own.items()) ^ set(found.items()))[0][0]
        raise NetworkError(f"{path} holds another network's weights (they differ at {wrong!r}); build the same network")
    net.load_state_dict(values, strict=False)
