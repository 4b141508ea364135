"""How long a trial takes on this machine: from earlier trials of its kind, else from a second of its own work."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from celegans_nn.studies.machine import machine, versions
from celegans_nn.studies.spec import Trial, canonical_json
from celegans_nn.studies.store import Record

if TYPE_CHECKING:
    from torch import nn

    from celegans_nn.training import TrainOptions

ENOUGH_S = 0.5
"""Work is repeated, twice as much each time, until it takes this long."""
MOST_INDIVIDUALS = 64
"""Of a population, in the measurement: four of the compiled loop's groups of 16. A smaller population is measured as it
is, since one of 17 takes as long as one of 32."""


class Pace(NamedTuple):
    """What a trial takes, in seconds of one worker."""

    seconds: float
    how: str
    """"measured now", or from how many earlier trials."""


def kind_of(trial: Trial) -> str:
    """Trials of one kind take equally long: the same task and training, and networks that differ in wiring alone."""
    network = trial.network.definition()
    apart = ("control", "control_seed", "scope")
    return canonical_json([trial.task.definition(), {k: v for k, v in network.items() if k not in apart}])


def earlier_paces(records: Iterable[tuple[Trial, Record]]) -> dict[str, Pace]:
    """Kind to pace, from finished trials that this machine ran with these sources."""
    here, code = machine(), versions()["sources"]
    times: dict[str, list[float]] = {}
    for trial, record in records:
        was = record.provenance
        if record.row is not None and was.get("version_sources") == code and was.get("processor") == here["processor"]:
            times.setdefault(kind_of(trial), []).append(float(was["wall_time_s"]))
    return {kind: Pace(median(seconds), _earlier(len(seconds))) for kind, seconds in times.items()}


def _earlier(trials: int) -> str:
    return "1 earlier trial" if trials == 1 else f"{trials} earlier trials"


def measured_pace(trial: Trial) -> Pace:
    """Build the trial's network and time a little of its training; nothing is kept."""
    from celegans_nn.studies.trial import make_network, make_trial_task
    from celegans_nn.training import TrainOptions
    from celegans_nn.training.budget import fitted

    with _one_thread():
        task = make_trial_task(trial.task)
        options = fitted(TrainOptions.of(trial.task.options), task, trial.task.budget)
        began = time.perf_counter()
        net = make_network(trial.network, task, trial.seed)
        building = time.perf_counter() - began
        of_kind = _body_seconds if task.kind == "locomotion" else _image_seconds
        return Pace(building + of_kind(trial, task, net, options), "measured now")


def _body_seconds(trial: Trial, task: Any, net: nn.Module, options: TrainOptions) -> float:
    """Training and held-out episodes, all at the speed of a population in the simulator."""
    import numpy as np

    from celegans_nn.simulation.evaluator import Evaluator
    from celegans_nn.training.evolution import evolution
    from celegans_nn.training.vector import Layout

    layout, evaluator = Layout.of(net), Evaluator(net, task, threads=1)
    number = min(evolution(trial.task.method.split("+")[0], net, layout, options).individuals, MOST_INDIVIDUALS)
    individuals = layout.stack(np.repeat(layout.flatten(net)[None], number, axis=0))

    def work(steps: int) -> int:
        return int(evaluator.evaluate(individuals, range(number), min(steps, task.episode_steps)).steps.sum())

    held_out = _scorings(trial) * options.evaluation_episodes * task.episode_steps
    return (trial.task.budget + held_out) * _seconds_a_unit(work, task.episode_steps)


def _image_seconds(trial: Trial, task: Any, net: nn.Module, options: TrainOptions) -> float:
    """Training, by gradient or by evolution, and the images on which the network is scored."""
    import numpy as np

    from celegans_nn.tasks import Split
    from celegans_nn.training.gradient import batch_size, epochs
    from celegans_nn.training.objective import accuracy, objective_for
    from celegans_nn.training.vector import Layout

    layout = Layout.of(net)
    objective = objective_for(net, task, layout, options, threads=1)
    start = layout.flatten(net)
    batch = batch_size(options.bptt, task)

    def gradient(batches: int) -> int:
        for _ in epochs(net, task, options.bptt, batches * batch, np.random.default_rng(0)):
            pass
        return batches * batch

    def evolution(individuals: int) -> int:
        return objective(np.repeat(start[None], individuals, axis=0), np.zeros((individuals, 1), int), None).cost

    def scoring(images: int) -> int:
        split = Split(task.test.x[:images], task.test.y[:images])
        accuracy(net, split, task.steps)
        return len(split)

    by_gradient = trial.task.method == "bptt"
    scored = _scorings(trial) * (len(task.validation) + len(task.test))
    if by_gradient:
        scored += trial.task.budget // max(len(task.train), 1) * len(task.validation)
    training = _seconds_a_unit(gradient, 64) if by_gradient else _seconds_a_unit(evolution, MOST_INDIVIDUALS)
    return trial.task.budget * training + scored * _seconds_a_unit(scoring, len(task.test))


def _scorings(trial: Trial) -> int:
    """Untrained, trained, and between the two stages of a method that has two."""
    return 2 + ("+" in trial.task.method)


def _seconds_a_unit(work: Callable[[int], int], most: int) -> float:
    """work(n) does about n of something and gives its cost; the first, which compiles, is not timed."""
    work(1)
    size = 1
    while True:
        began = time.perf_counter()
        cost = work(size)
        took = time.perf_counter() - began
        if took > ENOUGH_S or size >= most:
            return took / max(cost, 1)
        size = min(2 * size, most)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """As in a worker."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
