"""How a language model is trained: budget, optimiser, schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number

OPTIMIZERS = "adamw", "muon"
PRECISIONS = "auto", "float32", "bfloat16"


@dataclass(frozen=True)
class LanguageOptions:
    """Kotar & Tuckute's inner loop (2025), but for batch and steps, which are of a size for two cores."""

    steps: int = 1000
    """Updates."""
    batch: int = 32
    """Windows of the model's context in one update, over all passes and devices."""
    micro_batch: int = 8
    """Windows in one pass of one device; gradients of `batch / micro_batch` passes are added up."""
    optimizer: str = "adamw"
    """"adamw" (Loshchilov and Hutter 2019); "muon" (Jordan 2024) for the layers' matrices, and AdamW for the rest."""
    learning_rate: float = 0.0018
    muon_learning_rate: float = 0.1
    """Muon's learning rate as a share of `learning_rate`."""
    muon_momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of the gradient over all parameters."""
    warm_up: int = 50
    """First steps, over which the learning rate rises linearly."""
    warm_down: int | None = None
    """Last steps, over which it falls linearly; None: from the end of the warm-up on."""
    precision: str = "auto"
    """"bfloat16" in matrix products, with weights and sums in float32; "auto": so on a CUDA device that has it."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "micro_batch"):
            whole_number(name, getattr(self, name), 1, LARGEST_SEED, GenerationsError)
        whole_number("warm_up", self.warm_up, 0, self.steps, GenerationsError)
        if self.warm_down is not None:
            whole_number("warm_down", self.warm_down, 0, self.steps - self.warm_up, GenerationsError)
        if self.batch % self.micro_batch:
            raise GenerationsError(
                f"batch is {self.batch}; give a multiple of micro_batch, which is {self.micro_batch}"
            )
        for name, known in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                value = getattr(self, name)
                raise GenerationsError(f"{name} is {one_line(repr(value), 60)}: {nearest(str(value), known)}")
        for name in ("learning_rate", "muon_learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise GenerationsError(f"{name} is {getattr(self, name)}; give a number above 0")
        if not self.weight_decay >= 0:
            raise GenerationsError(f"weight_decay is {self.weight_decay}; give a number of at least 0")
        for name, values in (("muon_momentum", (self.muon_momentum,)), ("betas", self.betas)):
            if not all(0 <= value < 1 for value in values):
                raise GenerationsError(f"{name} is {getattr(self, name)}; give at least 0 and below 1")

    @property
    def windows(self) -> int:
        """Windows that a whole training sees."""
        return self.steps * self.batch


KT25_INNER = LanguageOptions(steps=2001, batch=512, micro_batch=16, warm_up=250)
KT25_OUTER = LanguageOptions(steps=7001, batch=512, micro_batch=16, warm_up=250, warm_down=1800, optimizer="muon")
"""Kotar & Tuckute's, 524,288 tokens to a step: one learner, and one generation."""


def rate(options: LanguageOptions, step: int) -> float:
    """The share of the learning rate at a step, from 0: up linearly, level, down linearly to one step above zero.

    >>> options = LanguageOptions(steps=8, warm_up=2, warm_down=4)
    >>> [rate(options, step) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < options.warm_up:
        return (step + 1) / options.warm_up
    warm_down = options.steps - options.warm_up if options.warm_down is None else options.warm_down
    left = options.steps - step
    return left / warm_down if left < warm_down else 1.0


def make_optimizers(model: nn.Module, options: LanguageOptions) -> list[torch.optim.Optimizer]:
    """AdamW over all parameters; or Muon over the matrices between embedding and head, and AdamW over these two."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices: list[nn.Parameter] = []
    if options.optimizer == "muon":
        ends = {id(parameter) for end in _ends(model) for parameter in end.parameters()}
        matrices = [parameter for parameter in parameters if parameter.ndim == 2 and id(parameter) not in ends]
        if not matrices:
            raise GenerationsError(f"a {type(model).__name__} has no matrices for muon; give optimizer 'adamw'")
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in parameters if id(parameter) not in taken]
    adamw = torch.optim.AdamW(rest, lr=options.learning_rate, betas=options.betas, weight_decay=options.weight_decay)
    if not matrices:
        return [adamw]
    muon = torch.optim.Muon(
        matrices, lr=options.muon_learning_rate * options.learning_rate, momentum=options.muon_momentum,
        weight_decay=options.weight_decay,
    )  # fmt: skip
    return [muon, adamw]


def _ends(model: nn.Module) -> list[nn.Module]:
    """A transformer's embedding and head."""
    ends = [
        getattr(model, name)() for name in ("get_input_embeddings", "get_output_embeddings") if hasattr(model, name)
    ]
    return [end for end in ends if isinstance(end, nn.Module)]
