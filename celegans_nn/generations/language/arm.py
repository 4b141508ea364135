"""The two loops on text: what `evolve_connectome` and `compare_controls` call to train a language model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from celegans_nn.errors import GenerationsError, one_line
from celegans_nn.generations.controls import CONTROLS, Control, Start, dense_gaussian
from celegans_nn.generations.language.likelihood import validation_loss
from celegans_nn.generations.language.options import LanguageOptions
from celegans_nn.generations.language.train import CHECKPOINT_EVERY, Progress, train_language
from celegans_nn.generations.model_connectome import ModelConnectome
from celegans_nn.tasks.text_tokens import TextTokens

DENSE_ON_BOTH, SHUFFLED_TEXT = "dense_outer_inner", "shuffled_text"


class Lessons(NamedTuple):
    """What to train on, and how."""

    tokens: TextTokens
    options: LanguageOptions


def outer_trainer(
    outer: Lessons,
    validation_windows: int | None = None,
    every: int = CHECKPOINT_EVERY,
    progress: Progress | None = None,
) -> Callable[..., dict[str, Any]]:
    """The `train` of `evolve_connectome`: one generation on the outer corpus, scored on its validation set.

    Its order of the data differs from generation to generation, as the seed that it is given does. With the
    checkpoint folder of `evolve_connectome` it goes on from the middle of a generation.
    """

    def train(model: nn.Module, seed: int, generation: int, folder: Path | None = None) -> dict[str, Any]:
        told = train_language(model, *outer, seed, folder, every, progress)
        return {**told, **validation_loss(model, outer.tokens, validation_windows)}

    return train


def learner(
    inner: Lessons,
    before: Mapping[str, Lessons] | None = None,
    evaluate: Callable[[nn.Module], Mapping[str, Any]] | None = None,
    validation_windows: int | None = None,
    every: int = CHECKPOINT_EVERY,
    progress: Progress | None = None,
) -> Callable[..., dict[str, Any]]:
    """The `learn` of `compare_controls`: one lifetime on the inner corpus, scored on its validation set.

    before: what controls of these names are trained on first, as `dense_outer_inner` on the outer corpus; the
        tokens of both count as `samples`.
    evaluate: further scores of a trained model, by name.
    """
    first = dict(before or {})

    def learn(model: nn.Module, seed: int, control: str, folder: Path | None = None) -> dict[str, Any]:
        samples = 0
        if control in first:
            earlier = None if folder is None else folder / "before"
            samples = train_language(model, *first[control], seed, earlier, every, progress)["samples"]
        told = train_language(model, *inner, seed, folder, every, progress)
        told["samples"] += samples
        further = {} if evaluate is None else dict(evaluate(model))
        return {**told, **validation_loss(model, inner.tokens, validation_windows), **further}

    return learn


def language_controls(
    of_shuffled_text: Mapping[int, ModelConnectome] | None = None, dense_on_both: bool = True
) -> dict[str, Control]:
    """Every control of `CONTROLS`, dense on outer and inner data, and masks that evolved on shuffled text, by the
    outer seed of the connectome beside which each stands.

    >>> sorted(set(language_controls()) - set(CONTROLS))
    ['dense_outer_inner']
    """
    controls = dict(CONTROLS)
    if dense_on_both:
        controls[DENSE_ON_BOTH] = Control(dense_gaussian, inherits=False)
    if of_shuffled_text is not None:
        masks = dict(of_shuffled_text)

        def shuffled(evolved: ModelConnectome, rng: Any) -> Start:
            if evolved.seed not in masks:
                raise GenerationsError(
                    f"no mask of shuffled text for outer seed {evolved.seed}; there are {one_line(sorted(masks), 60)}"
                )
            return Start(masks[evolved.seed])

        controls[SHUFFLED_TEXT] = Control(shuffled)
    return controls


def dense_lessons(outer: Lessons, generations: int) -> Lessons:
    """What the dense control reads first: as many steps on the outer corpus as all generations together, in one
    schedule."""
    return outer._replace(options=replace(outer.options, steps=generations * outer.options.steps))
