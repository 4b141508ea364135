"""What comes of episodes, and how observations are normalised in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from celegans_nn.errors import TaskError
from celegans_nn.tasks.task import Array, LocomotionTask

Normalisation = tuple[Array, Array]
"""(mean, standard deviation) of every observation, each [n_obs]."""
Watch = Callable[[float], None]
"""Called now and then with the number of episodes done so far, those under way in part; for looking on."""
LIMIT = 10.0
"""Largest size of a normalised observation."""


@dataclass(frozen=True)
class Episodes:
    """One episode of each of P individuals, or E episodes of each, where arrays have the shape [P, E] for [P].

    returns: [P] float64, rewards summed from the end of settling until the episode ended. A failed episode returns
        `task.failure_reward` times the episode's full length, whatever it had earned.
    steps: [P] int64, control steps simulated (what they cost), the failing one included.
    failed: [P] bool, episodes that ended in a non-finite action or state, or an error of the simulator.
    metrics: name -> [P] float64; `forward_speed` is the mean forward velocity (m/s) and `displacement_x` how far
        the body came along x (m), both over the scored steps lived; NaN where the episode failed.
    seen_count, seen_sum, seen_square: [P] int64 and [P, n_obs] float64, how many observations each individual made in
        all its episodes that did not fail, their sum and the sum of their squares, before they were normalised.
    """

    returns: Array
    steps: Array
    failed: Array
    metrics: dict[str, Array]
    seen_count: Array
    seen_sum: Array
    seen_square: Array


def side_by_side(columns: Sequence[Episodes]) -> Episodes:
    """E times one episode of P individuals -> E episodes of each, `[P, E]`."""

    def stacked(*values: Array) -> Array:
        return np.stack(values, axis=1)

    return Episodes(
        returns=stacked(*(column.returns for column in columns)),
        steps=stacked(*(column.steps for column in columns)),
        failed=stacked(*(column.failed for column in columns)),
        metrics={name: stacked(*(column.metrics[name] for column in columns)) for name in columns[0].metrics},
        seen_count=stacked(*(column.seen_count for column in columns)).sum(1),
        seen_sum=stacked(*(column.seen_sum for column in columns)).sum(1),
        seen_square=stacked(*(column.seen_square for column in columns)).sum(1),
    )


def check_normalisation(task: LocomotionTask, given: Normalisation | None) -> Normalisation | None:
    """Both as float64 [n_obs]; TaskError where they are not, or where a standard deviation is not above 0."""
    if given is None:
        return None
    mean, std = (np.ascontiguousarray(values, float) for values in given)
    n = len(task.observations)
    if mean.shape != (n,) or std.shape != (n,):
        raise TaskError(
            f"normalise has a mean of shape {list(mean.shape)} and a std of shape {list(std.shape)}; "
            f"{task.name} needs [{n}] of each"
        )
    if not (np.isfinite(mean).all() and (std > 0).all()):
        raise TaskError("normalise has a mean that is not finite or a std that is not above 0; give inf for a constant")
    return mean, std


def normalised(observations: Array, given: Normalisation | None) -> Array:
    """What the network is given, float32 [P, n_obs]: (o - mean) / std, at most LIMIT in size."""
    if given is not None:
        mean, std = given
        observations = np.clip((observations - mean) / std, -LIMIT, LIMIT)
    with np.errstate(over="ignore"):  # a body about to fail may be too fast for float32
        return observations.astype(np.float32)
