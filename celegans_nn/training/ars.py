"""Augmented random search (Mania, Guy, Recht 2018, arXiv 1803.07055, algorithm 2).

With `TrainOptions.normalise` it is their V2, without it V1; with `top` below `directions` it is V1-t or V2-t. Theirs
starts a linear policy at zero: `net.layers[0].weight.zero_()`; this one starts where the network is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from celegans_nn.errors import TrainingError


@dataclass(frozen=True)
class ARSOptions:
    """Defaults were chosen on the worm's circuit, whose coders and synapses begin at a size of about 1; Mania et al.'s
    linear policies begin at zero, with a learning rate of 0.02 and sigma of 0.03 for HalfCheetah."""

    directions: int = 0
    """N: random directions a generation; each is tried with both signs, so a generation is 2 N individuals. 0 leaves
    it to the budget: 4 for small ones, up to 16."""
    top: int = 0
    """b: the best directions, by the larger of their two returns, that make the step; 0 takes them all."""
    learning_rate: float = 0.1
    """alpha."""
    sigma: float = 0.1
    """nu: standard deviation of the noise on every trained value."""

    def __post_init__(self) -> None:
        if self.directions < 0 or not 0 <= self.top <= self.directions:
            raise TrainingError(
                f"ars: top is {self.top} of {self.directions} directions; give directions (0 leaves both to the "
                "budget) and no more top ones than there are"
            )
        if not (self.sigma > 0 and self.learning_rate > 0):
            raise TrainingError("ars: give sigma and learning_rate above 0")


class ARSState(NamedTuple):
    """What one generation hands to the next."""

    centre: np.ndarray
    """float32 [D]."""
    generation: int


def initial(vector: np.ndarray) -> ARSState:
    """The state before the first generation, around `vector` [D]."""
    return ARSState(vector.astype(np.float32), 0)


def ask(state: ARSState, options: ARSOptions, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(individuals [2 N, D], noise [N, D]); individuals 2k and 2k + 1 are the centre plus and minus direction k."""
    noise = rng.standard_normal((options.directions, len(state.centre)), dtype=np.float32)
    individuals = np.repeat(state.centre[None], 2 * options.directions, axis=0)
    individuals[0::2] += np.float32(options.sigma) * noise
    individuals[1::2] -= np.float32(options.sigma) * noise
    return individuals, noise


def tell(state: ARSState, options: ARSOptions, noise: np.ndarray, fitness: np.ndarray) -> ARSState:
    """The next state, given the return [2 N] of what `ask` proposed.

    centre + alpha / (b std) sum over the b best directions of (r+ - r-) noise, std over their 2 b returns; where
    these are all equal there is nothing to follow and the centre stays. A direction without two finite returns is none.
    """
    usable = np.flatnonzero(np.isfinite(fitness[0::2]) & np.isfinite(fitness[1::2]))
    plus, minus = fitness[0::2][usable], fitness[1::2][usable]
    order = np.argsort(-np.maximum(plus, minus), kind="stable")[: options.top or options.directions]
    best, plus, minus = usable[order], plus[order], minus[order]
    spread = np.concatenate([plus, minus]).std() if len(best) else 0.0
    if not spread > 0:
        return ARSState(state.centre, state.generation + 1)
    step = (plus - minus) @ noise[best] * (options.learning_rate / (len(best) * spread))
    return ARSState((state.centre + step).astype(np.float32), state.generation + 1)
