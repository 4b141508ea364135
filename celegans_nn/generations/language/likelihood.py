"""How likely a language model finds a text: loss on a validation set, and the log-probability of each token."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from celegans_nn.errors import GenerationsError
from celegans_nn.tasks.text_tokens import TextTokens, count

BATCH = 16
"""Windows or sentences in one pass, at most."""
LARGEST_PASS = 2**27
"""Logits of one pass, at most: 512 MB, of which softmax takes a second copy."""


def validation_loss(model: nn.Module, tokens: TextTokens, limit: int | None = None) -> dict[str, Any]:
    """`validation_loss` in nats a token, `perplexity` = exp of it, `validation_tokens`, and over a whole validation
    set `bits_per_byte`, which compares models of different tokenizers.

    Every token of the validation set but a shard's first is predicted once, from at most the model's context before
    it, which begins anew with each window. `limit`: the first so many windows alone.
    """
    total, number, seen = 0.0, 0, 0
    with inference(model):
        context = context_of(model)
        for ids in _validation_windows(tokens, context, limit, _rows_at_once(model, context)):
            total -= float(_log_probabilities(model, ids).sum())
            number += ids[:, 1:].numel()
            seen += len(ids)
    if not number:
        raise GenerationsError("the validation set holds no two tokens; hold out more")
    loss = total / number
    scores = {"validation_loss": loss, "perplexity": math.exp(loss), "validation_tokens": number}
    if tokens.validation_bytes and number == count(tokens.validation) - len(tokens.validation):
        scores["bits_per_byte"] = total / math.log(2) / tokens.validation_bytes
    return scores


def surprisals(model: nn.Module, ids: Sequence[int]) -> np.ndarray:
    """-log2 of the probability of each token but the first, in bits: float64 [len(ids) - 1].

    A text longer than the model's context is read in windows that overlap by half, and each token is scored where
    it has the most before it.
    """
    context = context_of(model)
    whole = torch.tensor(list(ids), dtype=torch.long)[None]
    bits = np.empty(max(whole.shape[1] - 1, 0))
    start = done = 0
    with inference(model):
        while done < len(bits):
            end = min(start + context, len(bits))
            log = _log_probabilities(model, whole[:, start : end + 1])[0].numpy()
            bits[done:end] = -log[done - start :] / math.log(2)
            done, start = end, end - context // 2
    return bits


def continuations(model: nn.Module, rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> np.ndarray:
    """Log-probability (nats) of each row's second part after its first, over all its tokens: float64 [rows].

    The first part, of at least one token, loses its beginning where both are longer than the model's context.
    """
    context = context_of(model)
    sums = np.empty(len(rows))
    order = sorted(range(len(rows)), key=lambda k: len(rows[k][0]) + len(rows[k][1]))
    with inference(model):
        while order:
            longest = order[min(BATCH, len(order)) - 1]
            at_once = _rows_at_once(model, len(rows[longest][0]) + len(rows[longest][1]))
            chosen, order = order[:at_once], order[at_once:]
            whole = [[*rows[k][0], *rows[k][1]][-(context + 1) :] for k in chosen]
            width = max(map(len, whole))
            # what stands behind a row's end cannot be seen from before it
            ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in whole])
            log = _log_probabilities(model, ids).numpy()
            for row, k in enumerate(chosen):
                end = len(whole[row]) - 1
                sums[k] = log[row, max(end - len(rows[k][1]), 0) : end].sum()
    return sums


def context_of(model: nn.Module) -> int:
    """Tokens that the model sees at once."""
    context = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if not isinstance(context, int):
        raise GenerationsError(f"a {type(model).__name__} does not say its context; give one of transformers' models")
    return context


def vocabulary_of(model: nn.Module) -> int:
    """Tokens that the model knows."""
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if not isinstance(vocabulary, int):
        raise GenerationsError(
            f"a {type(model).__name__} does not say its vocabulary; give one of transformers' models"
        )
    return vocabulary


@contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Without gradients, and as the model is when it does not train."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def _log_probabilities(model: nn.Module, ids: Tensor) -> Tensor:
    """Of each token but the first of each row: float64 [rows, length - 1], on the processor."""
    ids = ids.to(next(model.parameters()).device)
    logits = model(input_ids=ids[:, :-1]).logits.float()
    log = -nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return log.view(ids.shape[0], -1).double().cpu()


def _rows_at_once(model: nn.Module, length: int) -> int:
    """Rows of so many tokens in one pass."""
    return max(1, min(BATCH, LARGEST_PASS // (length * vocabulary_of(model))))


def _validation_windows(tokens: TextTokens, context: int, limit: int | None, at_once: int) -> Iterator[Tensor]:
    """Windows of context + 1 tokens, each beginning with the last of the one before; a shard's rest is shorter."""
    left = math.inf if limit is None else limit
    for shard in tokens.validation:
        whole = min((len(shard) - 1) // context, left)
        for first in range(0, int(whole), at_once):
            starts = range(first, min(first + at_once, int(whole)))
            yield torch.from_numpy(
                np.stack([shard[k * context : (k + 1) * context + 1] for k in starts]).astype(np.int64)
            )
        left -= whole
        rest = shard[(len(shard) - 1) // context * context :]
        if len(rest) > 1 and left > 0:
            yield torch.from_numpy(rest.astype(np.int64))[None]
            left -= 1
