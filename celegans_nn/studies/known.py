"""The names and options that a study's file may use: asked of the rooms that own them, when they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from celegans_nn.errors import TaskError


def sources() -> Sequence[str]:
    from celegans_nn.connectome.sources import SOURCES

    return tuple(SOURCES)


def circuits() -> Sequence[str]:
    from celegans_nn.connectome.circuits import CIRCUITS

    return ("default", "all", *CIRCUITS)


def polarities() -> Sequence[str]:
    from celegans_nn.connectome.polarity import POLARITIES

    return tuple(POLARITIES)


def controls() -> Sequence[str]:
    from celegans_nn.rewiring.control import INTERFACE_SHUFFLE, NULLS

    return ("none", *NULLS, INTERFACE_SHUFFLE)


def scopes() -> Sequence[str]:
    from celegans_nn.rewiring import SCOPES

    return tuple(SCOPES)


def neurons() -> Sequence[str]:
    from celegans_nn.networks.feedforward import FEEDFORWARD
    from celegans_nn.neurons import MODELS

    return (*MODELS, *FEEDFORWARD)


def unknown_signs() -> Sequence[str]:
    from celegans_nn.networks.synapses import UNKNOWN_SIGNS

    return tuple(UNKNOWN_SIGNS)


def coders() -> Sequence[str]:
    from celegans_nn.networks.interface import KINDS

    return tuple(KINDS)


def interfaces() -> Sequence[str]:
    return ("coders", "direct")


def initial_weights() -> Sequence[str]:
    from celegans_nn.networks.initial import SCALES

    return tuple(SCALES)


def sharing() -> Sequence[str]:
    from celegans_nn.networks.synapses import SHARING

    return ("auto", *SHARING)


def baselines() -> Sequence[str]:
    from celegans_nn.networks import BASELINES

    return tuple(BASELINES)


def tasks() -> Sequence[str]:
    from celegans_nn.tasks import TASKS

    return tuple(TASKS)


def is_family(name: str) -> bool:
    """Whether the name is one of those without a list: swimmer2 and up, and gymnasium's other environments."""
    from celegans_nn.tasks import ENVIRONMENT

    return name.startswith(ENVIRONMENT) or re.fullmatch(r"swimmer[1-9][0-9]*", name) is not None


def methods() -> Sequence[str]:
    from celegans_nn.training import METHODS

    return tuple(METHODS)


SCORES = ("untrained", "after_pretraining", "final")
METRICS = {
    "locomotion": ("", "_forward_speed", "_displacement_x", "_failed_episodes"),
    "classification": ("", "_validation_accuracy"),
}
"""What training scores a network by, at each of `SCORES`: "" is the mean return, or the test accuracy."""


def metrics(name: str, options: Mapping[str, Any]) -> Sequence[str]:
    """The columns of the results by which networks on a task can be compared."""
    kind = task_kind(name, options)
    return tuple(when + metric for when in SCORES for metric in METRICS[kind])


def check_task(name: str, options: Mapping[str, Any], method: str) -> None:
    """Make the task once: a wrong option or a data set that is not there is known before anything runs."""
    kind = task_kind(name, options)
    if method == "bptt" and kind != "classification":
        raise TaskError(f'{name!r} has no gradient for method "bptt"; use "es", "ga", "es+ga", "ars" or "cma"')


def task_kind(name: str, options: Mapping[str, Any]) -> str:
    """ "locomotion" or "classification"."""
    return _kind(name, json.dumps(dict(options), sort_keys=True))


@lru_cache(maxsize=64)
def _kind(name: str, options: str) -> str:
    """The task is made once, not once a preset: a data set takes a while to read."""
    from celegans_nn.tasks import make_task

    return make_task(name, **json.loads(options)).kind


def check_options(options: Mapping[str, Any]) -> None:
    """TrainingError for an option that no trainer has, or a value that it refuses."""
    from celegans_nn.training import TrainOptions

    TrainOptions.of(options)


NETWORK_NAMES: dict[str, Callable[[], Sequence[str]]] = {
    "source": sources,
    "circuit": circuits,
    "polarity": polarities,
    "control": controls,
    "scope": scopes,
    "neuron": neurons,
    "unknown_sign": unknown_signs,
    "interface": interfaces,
    "encoder": coders,
    "decoder": coders,
    "weights": initial_weights,
    "share": sharing,
}
"""Which key of a network takes which names."""
