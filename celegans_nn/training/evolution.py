"""Every evolutionary method as the same five functions, so that one loop runs them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from celegans_nn.networks.network import Network
from celegans_nn.training import ars, cmaes
from celegans_nn.training import evolution_strategies as es
from celegans_nn.training import genetic as ga
from celegans_nn.training.options import TrainOptions
from celegans_nn.training.vector import Layout


class Evolution(NamedTuple):
    """One method on one network. Its state is a NamedTuple whose arrays and whole numbers say all of it."""

    individuals: int
    """Evaluated a generation."""
    initial: Callable[[np.random.Generator], Any]
    """The state before the first generation."""
    ask: Callable[[Any, np.random.Generator], tuple[np.ndarray, Any]]
    """(state, rng) -> (individuals [P, D], what `tell` needs of them)."""
    tell: Callable[[Any, Any, np.ndarray], tuple[Any, float]]
    """(state, what `ask` gave, fitness [P]) -> (next state, the generation's score for the learning curve)."""
    result: Callable[[Any], np.ndarray]
    """The vector [D] that the network becomes."""


def evolution(method: str, net: nn.Module, layout: Layout, options: TrainOptions) -> Evolution:
    """The method ("es", "ga", "ars" or "cma") made ready to train `net` from where it stands."""
    return {"es": _es, "ga": _ga, "ars": _ars, "cma": _cma}[method](net, layout.flatten(net), layout, options)


def _es(net: nn.Module, start: np.ndarray, layout: Layout, options: TrainOptions) -> Evolution:
    own = options.es

    def ask(state: es.ESState, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        individuals, noise = es.ask(state, own, rng)
        return (np.concatenate([individuals, state.centre[None]]) if own.evaluate_centre else individuals), noise

    def tell(state: es.ESState, noise: np.ndarray, fitness: np.ndarray) -> tuple[es.ESState, float]:
        score = fitness[-1] if own.evaluate_centre else fitness.mean()
        return es.tell(state, own, noise, fitness[: own.population]), float(score)

    individuals = own.population + own.evaluate_centre
    return Evolution(individuals, lambda rng: es.initial(start), ask, tell, lambda state: state.centre)


def _ga(net: nn.Module, start: np.ndarray, layout: Layout, options: TrainOptions) -> Evolution:
    own, scale = options.ga, layout.spread(_mutation_scale(net, options.ga))

    def ask(state: ga.GAState, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        individuals = ga.ask(state, own, scale, rng)
        return individuals, individuals

    def tell(state: ga.GAState, individuals: np.ndarray, fitness: np.ndarray) -> tuple[ga.GAState, float]:
        return ga.tell(state, own, individuals, fitness), float(fitness.max())

    return Evolution(own.population, lambda rng: ga.initial(start), ask, tell, lambda state: state.elites[0])


def _ars(net: nn.Module, start: np.ndarray, layout: Layout, options: TrainOptions) -> Evolution:
    own = options.ars

    def tell(state: ars.ARSState, noise: np.ndarray, fitness: np.ndarray) -> tuple[ars.ARSState, float]:
        return ars.tell(state, own, noise, fitness), float(fitness.mean())

    return Evolution(
        2 * own.directions, lambda rng: ars.initial(start), lambda state, rng: ars.ask(state, own, rng), tell,
        lambda state: state.centre,
    )  # fmt: skip


def _cma(net: nn.Module, start: np.ndarray, layout: Layout, options: TrainOptions) -> Evolution:
    own = options.cma

    def tell(state: cmaes.CMAState, asked: None, fitness: np.ndarray) -> tuple[cmaes.CMAState, float]:
        return cmaes.tell(state, own, fitness), float(fitness.mean())

    return Evolution(
        own.individuals(len(start)), lambda rng: cmaes.initial(start, own, rng),
        lambda state, rng: (cmaes.ask(state, own), None), tell, lambda state: cmaes.centre(state, own),
    )  # fmt: skip


def to_arrays(state: Any) -> dict[str, np.ndarray]:
    """The arrays and whole numbers of a state, by name."""
    values = state._asdict().items()
    return {name: np.asarray(value) for name, value in values if isinstance(value, (np.ndarray, int))}


def from_arrays(like: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The state that `to_arrays` wrote; `like` is any state of the same method."""
    return like._replace(
        **{name: a if isinstance(getattr(like, name), np.ndarray) else int(a) for name, a in arrays.items()}
    )


def _mutation_scale(net: nn.Module, options: ga.GAOptions) -> dict[str, float]:
    """Each parameter's mutation: wiring, the rest, and none for neuron constants (fixed after pretraining)."""
    wiring = net.connectome_parameters() if isinstance(net, Network) else ()
    scale = {}
    for name, _ in net.named_parameters():
        scale[name] = options.mutation_connectome if name in wiring else options.mutation_interface
        if name.startswith("log_constants."):
            scale[name] = 0.0
    return scale
