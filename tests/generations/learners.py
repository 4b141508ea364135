"""Small modules, a trainer that can be stopped anywhere, and random connectomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from celegans_nn.generations import ModelConnectome
from celegans_nn.generations.prunable import prunable, weight_of

BATCH = 8


class Stopped(Exception):
    """As if the process had been killed."""


def net(seed: int) -> nn.Module:
    """Biases and a norm, which are not pruned, around three layers, which are."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 10), nn.LayerNorm(10), nn.Linear(10, 3, bias=False)
    )


class TiedText(nn.Module):
    """An embedding that is its own readout."""

    def __init__(self, tokens: int = 11, width: int = 8):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.readout = nn.Linear(width, tokens, bias=False)
        self.readout.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.readout(self.embedding(ids))


def loss(model: nn.Module, generator: torch.Generator) -> torch.Tensor:
    x = torch.randn(BATCH, 12, generator=generator)
    return nn.functional.mse_loss(model(x), torch.sin(3 * x[:, :3]))


class Trainer:
    """Steps of SGD with momentum; it keeps its state in `folder` after each, and stops before the step `stop`, counted
    over all generations."""

    def __init__(self, steps: int = 5, stop: int | None = None):
        self.steps, self.stop, self.taken = steps, stop, 0

    def __call__(self, model: nn.Module, seed: int, generation: int, folder: Path | None = None) -> dict[str, float]:
        optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=0.01)
        kept = None if folder is None else folder / "state.safetensors"
        first = 0
        if kept is not None and kept.exists():
            first = restore(load_file(kept), model, optimiser)
        for step in range(first, self.steps):
            if generation * self.steps + step == self.stop:
                raise Stopped
            value = loss(model, torch.Generator().manual_seed(seed + step))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            self.taken += 1
            if kept is not None:
                save_file(state(step + 1, model, optimiser), kept)
        return {"samples": BATCH * self.steps, "loss": value.item() if first < self.steps else 0.0}


def state(step: int, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    momenta = {f"momentum {names[p]}": s["momentum_buffer"].clone() for p, s in optimiser.state.items()}
    return {"step": torch.tensor(step), **{k: v.clone() for k, v in model.state_dict().items()}, **momenta}


def restore(kept: dict[str, torch.Tensor], model: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """The step to go on with."""
    model.load_state_dict({name: kept[name] for name in model.state_dict()})
    for name, parameter in model.named_parameters():
        optimiser.state[parameter] = {"momentum_buffer": kept[f"momentum {name}"].clone()}
    return int(kept["step"])


def random_connectome(model: nn.Module, seed: int = 0, density: float = 0.3, scale: float = 0.05) -> ModelConnectome:
    """Of the model's own shapes."""
    rng = np.random.default_rng(seed)
    mask = {name: rng.random(tuple(p.parameter.shape)) < density for name, p in prunable(model).items()}
    sign = {name: np.where(m, rng.choice([-1, 1], m.shape), 0) for name, m in mask.items()}
    return ModelConnectome(mask, sign, dict.fromkeys(mask, scale), provenance={"seed": seed})


def pruned_weights(model: nn.Module, connectome: ModelConnectome) -> torch.Tensor:
    """Every weight that the connectome has not, as the model uses it."""
    return torch.cat([weight_of(model, name)[torch.tensor(~mask)] for name, mask in connectome.mask.items()])
