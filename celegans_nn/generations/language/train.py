"""Training on tokens: gradients over passes and devices, in a seeded order, from any step on to the same bits."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from celegans_nn import __version__
from celegans_nn.errors import GenerationsError
from celegans_nn.generations.language.likelihood import context_of, vocabulary_of
from celegans_nn.generations.language.options import LanguageOptions, make_optimizers, rate
from celegans_nn.tasks.text_tokenizer import check_extra
from celegans_nn.tasks.text_tokens import TextTokens, windows
from celegans_nn.training.checkpoint import Checkpoint, network_identity, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from accelerate import Accelerator

CHECKPOINT = "language.safetensors"
CHECKPOINT_EVERY = 200
"""Steps."""
LAST_SHARE = 0.05
"""Of the steps: those over which the loss at the end is averaged."""

Progress = Callable[[int, float], None]
"""Called after each step with the number of steps done and the loss of this one, in nats a token."""


def train_language(
    model: nn.Module,
    tokens: TextTokens,
    options: LanguageOptions,
    seed: int,
    folder: str | Path | None = None,
    every: int = CHECKPOINT_EVERY,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Trains in place to predict each next token; gives `samples`, the tokens seen, and `loss`, in nats a token over
    the last twentieth of the steps.

    The order of the data follows from `seed` alone. With a `folder`, the state is written there every `every` steps
    and training goes on from it, to the same bits, when it is called again with the same arguments and the model as
    it was at first. Under `accelerate launch` (or torchrun) passes are shared among the devices.

    Raises GenerationsError for a vocabulary that is too small and for passes that cannot be shared, CheckpointError
    for the state of another training.
    """
    check_extra()
    from accelerate import Accelerator

    accelerator = Accelerator(mixed_precision="no")
    context = context_of(model)
    _check(model, tokens, options, accelerator.num_processes)
    path = None if folder is None else Path(folder) / CHECKPOINT
    run = {} if path is None else _identity(model, tokens, options, seed)
    running = accelerator.prepare_model(model.train())
    optimizers = make_optimizers(model, options)
    losses = np.full(options.steps, np.nan)
    first = 0
    kept = None if path is None else read_checkpoint(path, run)
    if kept is not None:
        first = int(kept.facts["step"])
        losses[:first] = kept.arrays["losses"]
        _restore(model, optimizers, kept.arrays)
    for step in range(first, options.steps):
        micro = _Passes(tokens, context, options, seed, step)
        losses[step] = _update(accelerator, running, model, optimizers, micro, options, step)
        done = step + 1
        if path is not None and (done % every == 0 or done == options.steps) and accelerator.is_main_process:
            arrays = {"losses": losses[:done], **_arrays(model, optimizers)}
            write_checkpoint(path, Checkpoint(run, {"step": done}, arrays))
        if progress is not None and accelerator.is_main_process:
            progress(done, float(losses[step]))
    last = max(1, round(LAST_SHARE * options.steps))
    return {"samples": options.windows * context, "loss": float(losses[-last:].mean())}


class _Passes(NamedTuple):
    """What one step reads."""

    tokens: TextTokens
    context: int
    options: LanguageOptions
    seed: int
    step: int

    def read(self, number: int) -> torch.Tensor:
        """The windows of one pass: [micro_batch, context + 1]."""
        size = self.options.micro_batch
        first = self.step * self.options.batch + number * size
        return torch.from_numpy(windows(self.tokens.train, self.context, self.seed, first, size))


def _update(
    accelerator: Accelerator,
    running: nn.Module,
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    passes: _Passes,
    options: LanguageOptions,
    step: int,
) -> float:
    """One step; gives its loss, averaged over all passes of all devices."""
    mine = range(accelerator.process_index, options.batch // options.micro_batch, accelerator.num_processes)
    half = torch.autocast(accelerator.device.type, torch.bfloat16, enabled=in_bfloat16(options, accelerator.device))
    total = torch.zeros((), device=accelerator.device)
    for number in mine:
        ids = passes.read(number).to(accelerator.device)
        with nullcontext() if number == mine[-1] else accelerator.no_sync(running), half:
            logits = running(input_ids=ids[:, :-1]).logits
            loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten()) / len(mine)
            accelerator.backward(loss)
        total += loss.detach()
    nn.utils.clip_grad_norm_(model.parameters(), options.clip)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = optimizer.defaults["lr"] * rate(options, step)
        optimizer.step()
        optimizer.zero_grad()
    return float(accelerator.reduce(total, "mean"))


def in_bfloat16(options: LanguageOptions, device: torch.device) -> bool:
    """Whether matrix products are taken in bfloat16 there."""
    if options.precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return options.precision == "bfloat16"


def _check(model: nn.Module, tokens: TextTokens, options: LanguageOptions, devices: int) -> None:
    vocabulary = vocabulary_of(model)
    if vocabulary < tokens.vocabulary:
        raise GenerationsError(
            f"the model knows {vocabulary} tokens and the corpus has {tokens.vocabulary}; give it "
            f"vocabulary={tokens.vocabulary}"
        )
    passes = options.batch // options.micro_batch
    if passes % devices:
        raise GenerationsError(
            f"{passes} passes of a step cannot be shared by {devices} devices; give a batch that is a multiple of "
            f"{devices * options.micro_batch}"
        )


def _identity(model: nn.Module, tokens: TextTokens, options: LanguageOptions, seed: int) -> dict[str, str]:
    settings = hashlib.sha256(repr(sorted(dataclasses.asdict(options).items())).encode()).hexdigest()[:16]
    return {
        "celegans_nn": __version__, "settings": settings, "steps": str(options.steps), "seed": str(seed),
        "tokens": tokens.fingerprint, "network": network_identity(model),
    }  # fmt: skip


def _arrays(model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict[str, np.ndarray]:
    """Weights and masks, and each optimiser's state by the number of its parameter."""
    values = {f"model.{name}": value for name, value in model.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        for parameter, state in optimizer.state_dict()["state"].items():
            values |= {f"optimizer.{number}.{parameter}.{name}": value for name, value in state.items()}
    return {name: value.detach().cpu().numpy() for name, value in values.items()}


def _restore(model: nn.Module, optimizers: list[torch.optim.Optimizer], arrays: Mapping[str, np.ndarray]) -> None:
    values = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    model.load_state_dict({name.removeprefix("model."): v for name, v in values.items() if name.startswith("model.")})
    for number, optimizer in enumerate(optimizers):
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in values.items():
            if name.startswith(f"optimizer.{number}."):
                _, _, parameter, key = name.split(".")
                states.setdefault(int(parameter), {})[key] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
