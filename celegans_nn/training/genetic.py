"""The asexual genetic algorithm of Schmidgall et al. 2022: one parent, no crossover, elites, Gaussian mutation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from celegans_nn.errors import TrainingError


@dataclass(frozen=True)
class GAOptions:
    """Defaults are for budgets of minutes. Schmidgall et al. 2022 took a population of 750, 8 elites and mutations of
    0.01 or 0.02 (see `PRESETS`)."""

    population: int = 16
    elites: int = 3
    """The best individuals, which go on unchanged and are the parents of all others."""
    mutation_interface: float = 0.03
    """Standard deviation of a mutation of encoder and decoder, or of a network without wiring."""
    mutation_connectome: float = 0.03
    """Standard deviation of a mutation of log |w| and log g."""
    decay: float = 0.997
    """Of both, a generation."""

    def __post_init__(self) -> None:
        if not 0 < self.elites < self.population:
            raise TrainingError(f"ga.elites is {self.elites} of a population of {self.population}; give fewer, above 0")
        if min(self.mutation_interface, self.mutation_connectome) < 0 or not 0 < self.decay <= 1:
            raise TrainingError("ga: give mutations of 0 or more, and decay in (0, 1]")


class GAState(NamedTuple):
    """What one generation hands to the next."""

    elites: np.ndarray
    """float32 [elites, D], the best first."""
    generation: int


def initial(vector: np.ndarray) -> GAState:
    """The state before the first generation: `vector` [D] is the only parent."""
    return GAState(vector.astype(np.float32)[None], 0)


def ask(state: GAState, options: GAOptions, scale: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Individuals [P, D]: the elites, then mutants of elites drawn uniformly. `scale` [D] is each value's mutation."""
    children = options.population - len(state.elites)
    parents = state.elites[rng.integers(len(state.elites), size=children)]
    noise = rng.standard_normal(parents.shape, dtype=np.float32)
    mutants = parents + np.float32(options.decay**state.generation) * scale * noise
    return np.concatenate([state.elites, mutants])


def tell(state: GAState, options: GAOptions, individuals: np.ndarray, fitness: np.ndarray) -> GAState:
    """The next state; equal fitness prefers the earlier individual, so an elite to its copy."""
    order = np.argsort(-fitness, kind="stable")
    return GAState(individuals[order[: options.elites]], state.generation + 1)
