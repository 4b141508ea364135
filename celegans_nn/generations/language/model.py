"""Decoder-only transformers by shape: Kotar & Tuckute's, and smaller ones that learn on a laptop's processor."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import nn

from celegans_nn.errors import LARGEST_SEED, GenerationsError, nearest, one_line, whole_number
from celegans_nn.generations.prunable import torch_seeded
from celegans_nn.tasks.text_tokenizer import check_extra

WEIGHT_DEVIATION = 0.02
"""Standard deviation of fresh weights (GPT-2; Radford 2019), and the magnitude of inherited ones."""


@dataclass(frozen=True)
class Shape:
    """A transformer's sizes. Its MLPs are four times as wide as it is."""

    layers: int
    width: int
    heads: int
    context: int
    """Tokens that it sees at once."""
    vocabulary: int

    def __post_init__(self) -> None:
        for name, low, high in (("layers", 1, 1000), ("width", 2, 2**16), ("heads", 1, 2**10), ("context", 2, 2**20),
                                ("vocabulary", 2, 2**20)):  # fmt: skip
            whole_number(name, getattr(self, name), low, high, GenerationsError)
        if self.width % (2 * self.heads):
            raise GenerationsError(
                f"width {self.width} does not make {self.heads} heads of even size; give a multiple of {2 * self.heads}"
            )

    @property
    def parameters(self) -> int:
        """How many weights: embedding and head, and 12 width^2 a layer.

        >>> PRESETS["kt25"].parameters
        162201600
        """
        return 2 * self.vocabulary * self.width + self.layers * 12 * self.width**2


PRESETS: dict[str, Shape] = {
    "kt25": Shape(layers=12, width=768, heads=12, context=1024, vocabulary=50304),
    "small": Shape(layers=6, width=192, heads=6, context=256, vocabulary=4096),
    "tiny": Shape(layers=2, width=96, heads=3, context=128, vocabulary=4096),
}
"""162.2, 4.2 and 1.0 million weights. Their own vocabularies are GPT-2's (50,257, rounded up) and 4096."""


def language_model(
    preset: str | Shape = "small", vocabulary: int | None = None, context: int | None = None, seed: int = 0
) -> nn.Module:
    """A fresh `NanoChatForCausalLM` of transformers': `model(input_ids=ids).logits` is [batch, time, vocabulary].

    Rotary positions, RMSNorm without parameters before attention, MLP and head, GELU, no biases, no dropout, head
    and embedding untied; weights normal of deviation 0.02, those that write into the residual stream divided by
    sqrt(2 layers). All as Kotar & Tuckute (2025). It differs from theirs in three places: queries and keys are
    normalised after rotation, so is the embedding before the first layer, and what attention adds is not
    multiplied by 1 / sqrt(2 layers). Theirs projects to queries, keys and values by one matrix, here by three,
    each of which is pruned as a layer.

    vocabulary, context: other than the preset's, such as a tokenizer's size.

    Raises GenerationsError for an unknown preset and for sizes that do not fit, TaskError without transformers.

    >>> model = language_model("tiny")
    >>> sum(p.numel() for p in model.parameters()) == PRESETS["tiny"].parameters
    True
    """
    shape = shape_of(preset, vocabulary, context)
    check_extra()
    from transformers import NanoChatConfig, NanoChatForCausalLM

    config = NanoChatConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.context,
        hidden_act="gelu",
        final_logit_softcapping=None,
        initializer_range=WEIGHT_DEVIATION,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,  # one of the tokens would otherwise have an embedding that never learns
    )
    with torch_seeded(whole_number("seed", seed, 0, LARGEST_SEED, GenerationsError)):
        model = NanoChatForCausalLM(config)
    for layer in model.model.layers:
        layer.mlp.fc2.weight.data /= math.sqrt(2 * shape.layers)  # attention's own is written so already
    return model


def shape_of(preset: str | Shape, vocabulary: int | None = None, context: int | None = None) -> Shape:
    """The preset's shape, with what is given in place of its own."""
    if isinstance(preset, Shape):
        shape = preset
    elif preset in PRESETS:
        shape = PRESETS[preset]
    else:
        raise GenerationsError(f"unknown model {one_line(repr(preset), 60)}: {nearest(str(preset), PRESETS)}")
    changes = {name: value for name, value in (("vocabulary", vocabulary), ("context", context)) if value is not None}
    return replace(shape, **changes)
