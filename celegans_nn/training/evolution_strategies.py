"""Evolution strategies (Salimans et al. 2017, arXiv 1703.03864): antithetic noise, centred ranks, one centre.

An optimiser is a state and two pure functions, `ask` and `tell`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from celegans_nn.errors import TrainingError, nearest


@dataclass(frozen=True)
class ESOptions:
    """Defaults are for budgets of minutes. Schmidgall et al. 2022 took a population of 200 and do not name the update
    (see `PRESETS`)."""

    population: int = 16
    """Individuals a generation; even where the noise is antithetic."""
    generations: int = 0
    """How many, where the budget holds more; 0 leaves it to the budget. In "es+ga" a number stands in place of
    `pretraining_share`, and a budget that cannot hold it is refused."""
    sigma: float = 0.1
    """Standard deviation of the noise on every trained value."""
    learning_rate: float = 0.1
    decay: float = 0.999
    """Of sigma and of the learning rate, a generation."""
    update: str = "adam"
    """"sgd", or "adam" (Kingma and Ba 2015, beta 0.9 and 0.999) as Salimans et al. used."""
    antithetic: bool = True
    """Whether each noise is used with both signs."""
    shaping: str = "ranks"
    """What of the fitness makes the step: "ranks", centred, as Salimans et al.; "scores" with mean 0 and standard
    deviation 1 a generation."""
    evaluate_centre: bool = True
    """Whether each generation evaluates its centre too, one individual more, for the learning curve; without it the
    curve shows the population's mean."""

    def __post_init__(self) -> None:
        if self.population < 2 or (self.antithetic and self.population % 2):
            raise TrainingError(f"es.population is {self.population}; antithetic noise needs an even number above 0")
        if self.generations < 0:
            raise TrainingError(f"es.generations is {self.generations}; give a whole number, 0 for no limit")
        if not (self.sigma > 0 and self.learning_rate > 0 and 0 < self.decay <= 1):
            raise TrainingError("es: give sigma and learning_rate above 0, and decay in (0, 1]")
        if self.update not in ("sgd", "adam"):
            raise TrainingError(f"unknown es.update {self.update!r}; {nearest(self.update, ('sgd', 'adam'))}")
        if self.shaping not in SHAPING:
            raise TrainingError(f"unknown es.shaping {self.shaping!r}; {nearest(self.shaping, SHAPING)}")


class ESState(NamedTuple):
    """What one generation hands to the next."""

    centre: np.ndarray
    """float32 [D]."""
    generation: int
    mean: np.ndarray
    """Adam's first moment, [D]."""
    square: np.ndarray
    """Adam's second moment, [D]."""


def initial(vector: np.ndarray) -> ESState:
    """The state before the first generation, around `vector` [D]."""
    return ESState(vector.astype(np.float32), 0, np.zeros_like(vector), np.zeros_like(vector))


def ask(state: ESState, options: ESOptions, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(individuals [P, D], noise): antithetic noise is [P / 2, D], and individuals 2k and 2k + 1 are the centre plus
    and minus noise k; else it is [P, D], and individual k is the centre plus noise k."""
    if not options.antithetic:
        noise = rng.standard_normal((options.population, len(state.centre)), dtype=np.float32)
        return state.centre + np.float32(options.sigma * options.decay**state.generation) * noise, noise
    noise = rng.standard_normal((options.population // 2, len(state.centre)), dtype=np.float32)
    step = np.float32(options.sigma * options.decay**state.generation) * noise
    individuals = np.repeat(state.centre[None], options.population, axis=0)
    individuals[0::2] += step
    individuals[1::2] -= step
    return individuals, noise


def tell(state: ESState, options: ESOptions, noise: np.ndarray, fitness: np.ndarray) -> ESState:
    """The next state, given the fitness [P] of what `ask` proposed (higher is better)."""
    shaped = SHAPING[options.shaping](fitness)
    scale = options.decay**state.generation
    weight = shaped[0::2] - shaped[1::2] if options.antithetic else shaped
    gradient = weight @ noise / (options.population * options.sigma * scale)
    gradient = gradient.astype(np.float32)
    mean, square, step = state.mean, state.square, gradient
    if options.update == "adam":
        t = state.generation + 1
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        step = (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
    centre = state.centre + np.float32(options.learning_rate * scale) * step
    return ESState(centre.astype(np.float32), state.generation + 1, mean, square)


def centred_ranks(fitness: np.ndarray) -> np.ndarray:
    """Ranks scaled to [-0.5, 0.5]; equal fitness shares its mean rank.

    >>> centred_ranks(np.array([3.0, -100.0, 3.0]))
    array([ 0.25, -0.5 ,  0.25])
    """
    from scipy.stats import rankdata

    return (rankdata(fitness) - 1) / max(len(fitness) - 1, 1) - 0.5


def standard_scores(fitness: np.ndarray) -> np.ndarray:
    """Fitness with mean 0 and standard deviation 1; zeros where all are equal. What is not finite counts as the worst.

    >>> standard_scores(np.array([1.0, 3.0])), standard_scores(np.array([2.0, 2.0]))
    (array([-1.,  1.]), array([0., 0.]))
    """
    finite = np.isfinite(fitness)
    fitness = np.where(finite, fitness, fitness[finite].min() if finite.any() else 0.0)
    spread = fitness.std()
    return (fitness - fitness.mean()) / spread if spread > 0 else np.zeros_like(fitness)


SHAPING = {"ranks": centred_ranks, "scores": standard_scores}
