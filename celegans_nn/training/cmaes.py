"""CMA-ES (Hansen 2016, arXiv 1604.00772) by the package `cma`, as a state and two functions.

`cma` keeps its state in an object of many parts that only pickle writes down. Here the state is what that object
came from: the start, the seed of its noise and the ranks that it has been told. That is all a checkpoint holds, and the
object is made again from it by telling it the same ranks: exact, free of simulation, and independent of its insides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from celegans_nn.errors import TrainingError

LARGEST_FULL = 3000
"""Trained values up to which the full covariance is kept: at 1000 an update takes some 0.2 s, at twice that eight times
as long."""


@dataclass(frozen=True)
class CMAOptions:
    population: int = 0
    """Individuals a generation; 0 takes Hansen's 4 + 3 log D."""
    sigma: float = 0.1
    """Standard deviation of the first generation's noise on every trained value."""
    diagonal: bool = False
    """Whether the covariance is kept diagonal (sep-CMA-ES, Ros and Hansen 2008), for networks of many values."""

    def __post_init__(self) -> None:
        if self.population < 0 or self.population == 1 or not self.sigma > 0:
            raise TrainingError("cma: give a population of 2 or more (or 0 for its default), and sigma above 0")

    def individuals(self, values: int) -> int:
        """Individuals a generation for so many trained values."""
        return self.population or 4 + int(3 * math.log(values))


class _Live:
    """The package's object, and how many generations it has been told: only ever a copy of what a state says."""

    strategy: Any = None
    told = 0
    asked: np.ndarray | None = None


class CMAState(NamedTuple):
    """What one generation hands to the next."""

    start: np.ndarray
    """float32 [D]."""
    seed: int
    """Of the noise."""
    ranks: np.ndarray
    """int32 [generations, P]: what each generation was told, the best individual's rank 1 and equal ones alike."""
    live: _Live

    @property
    def generation(self) -> int:
        return len(self.ranks)


def check(values: int, options: CMAOptions) -> None:
    """TrainingError where `cma` is not installed, or cannot train so many values."""
    try:
        import cma  # noqa: F401
    except ImportError:
        raise TrainingError("method 'cma' needs the package cma; run: pip install 'celegans_nn[cma]'") from None
    if values > LARGEST_FULL and not options.diagonal:
        raise TrainingError(
            f"cma: {values} trained values are too many for a full covariance (at most {LARGEST_FULL}); "
            "set cma.diagonal, or use es"
        )
    if values < 2:
        raise TrainingError("cma: the network has one trained value, and cma needs two; use es")


def initial(vector: np.ndarray, options: CMAOptions, rng: np.random.Generator) -> CMAState:
    """The state before the first generation, around `vector` [D]. TrainingError as of `check`."""
    check(len(vector), options)
    ranks = np.empty((0, options.individuals(len(vector))), np.int32)
    return CMAState(vector.astype(np.float32), int(rng.integers(2**63)), ranks, _Live())


def ask(state: CMAState, options: CMAOptions) -> np.ndarray:
    """Individuals float32 [P, D]; asked again, the same."""
    return _asked(state, options).astype(np.float32)


def tell(state: CMAState, options: CMAOptions, fitness: np.ndarray) -> CMAState:
    """The next state, given the fitness [P] of what `ask` proposed (higher is better; only its order counts)."""
    from scipy.stats import rankdata

    ranks = rankdata(-fitness, method="min").astype(np.int32)
    _asked(state, options)
    _tell(state.live, ranks)
    return state._replace(ranks=np.concatenate([state.ranks, ranks[None]]))


def centre(state: CMAState, options: CMAOptions) -> np.ndarray:
    """float32 [D]: the mean of the distribution, the package's own best guess."""
    _catch_up(state, options)
    return np.asarray(state.live.strategy.mean, np.float32)


def _asked(state: CMAState, options: CMAOptions) -> np.ndarray:
    _catch_up(state, options)
    if state.live.asked is None:
        state.live.asked = np.asarray(state.live.strategy.ask())
    return state.live.asked


def _tell(live: _Live, ranks: np.ndarray) -> None:
    assert live.asked is not None
    live.strategy.tell(list(live.asked), ranks.astype(float).tolist())
    live.asked, live.told = None, live.told + 1


def _catch_up(state: CMAState, options: CMAOptions) -> None:
    """Brings the package's object to this state: it is there already, unless the state was read from a file."""
    live = state.live
    if live.strategy is not None and live.told == state.generation:
        return
    live.strategy, live.told, live.asked = _strategy(state, options), 0, None
    for ranks in state.ranks:
        live.asked = np.asarray(live.strategy.ask())
        _tell(live, ranks)


def _strategy(state: CMAState, options: CMAOptions) -> Any:
    import cma
    from cma.sigma_adaptation import CMAAdaptSigmaCSA

    rng = np.random.default_rng(state.seed)
    chosen = {
        "popsize": state.ranks.shape[1],
        "CMA_diagonal": options.diagonal,
        "AdaptSigma": CMAAdaptSigmaCSA,  # the default of large populations draws from numpy's global state
        "randn": lambda *shape: rng.standard_normal(shape),
        "seed": math.nan,  # else numpy's global state is seeded
        "verbose": -9,
        "verb_log": 0,
        "verb_disp": 0,
        "signals_filename": "",
    }
    return cma.CMAEvolutionStrategy(state.start.astype(np.float64), options.sigma, chosen)
