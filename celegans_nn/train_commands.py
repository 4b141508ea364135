"""The commands around one network: train makes it, evaluate scores it on episodes or images that it never saw.

Everything heavy is imported inside the command, so that --help is instant.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import Positional

from celegans_nn.errors import CelegansError, TrainingError, one_line, whole_number
from celegans_nn.files import check_writable
from celegans_nn.gait_output import gait_facts, measure_gaits, print_gait
from celegans_nn.network_flags import NetworkFlags, make_network, settings
from celegans_nn.wiring_commands import print_table

if TYPE_CHECKING:
    from celegans_nn.tasks.task import LocomotionTask, Task
    from celegans_nn.training import TrainResult
    from celegans_nn.training.folder import Trained

MOST_EPISODES = 10_000
BUDGETS = {"locomotion": 1_000_000, "classification": 60_000}
"""Environment steps, or samples, where none are given: a minute or two on two cores."""


def train(
    source: Positional[str] = "cook2019",
    network: Annotated[NetworkFlags, tyro.conf.arg(name="")] = NetworkFlags(),  # noqa: B008  (a frozen value)
    task: str = "swimmer6",
    task_options: tuple[str, ...] = (),
    method: str | None = None,
    budget: int | None = None,
    seed: int = 0,
    options: tuple[str, ...] = (),
    training_preset: str | None = None,
    out: Path | None = None,
    threads: int | None = None,
) -> int:
    """Train a network with this wiring on a task, and save it with its scores and its learning curve.

    A budget is all it needs: method and populations follow from it. The same command goes on where it was stopped, and
    ends with the same bits.

    Example: celegans-nn train haspel2012 --task swimmer6 --budget 100000

    Example: celegans-nn train haspel2012 --task swimmer6 --task-options episode_steps=200 settle_steps=75
    head_drive=square --ticks 20 --method ga --options ga.population=16 ga.elites=3 ga.mutation_interface=0.03
    ga.mutation_connectome=0.03 --budget 100000 --out runs/swimmer

    Example: celegans-nn train haspel2012 --task worm --interface direct --method ga --options ga.population=64
    --budget 2000000

    Example: celegans-nn train --baseline linear --unknown-sign drop --task swimmer_v5 --method ars
    --options normalise=true

    Args:
        source: a named wiring or a path, as in celegans-nn info.
        network: the network.
        task: swimmer2 to swimmer25, worm, swimmer_v5, halfcheetah, hopper, walker2d, ant, digits, fashion_mnist,
            mnist, or gymnasium:ID.
        task_options: NAME=VALUE of the task, such as episode_steps=200 settle_steps=75.
        method: es, ga, es+ga, ars, cma or bptt; if not given, random search (ars) for a body, gradients through time
            (bptt) for images. es+ga is the two stages of Schmidgall et al. 2022.
        budget: environment steps, or samples, of all stages together; 1,000,000 for a body and 60,000 for images if
            not given, a minute or two on two cores.
        seed: draws coders, weights, episodes and all that training draws.
        options: NAME=VALUE of the trainer, such as es.population=16 ga.elites=3 normalise=true.
        training_preset: s22_realism, s22_statistics or s22_limits, the numbers of that paper, whose pretraining alone
            is 200,000 episodes.
        out: the folder; runs/TASK_SOURCE_seedSEED if not given.
        threads: of the simulation, one a core if not given; they change nothing but the time.
    """
    from celegans_nn.tasks import make_task
    from celegans_nn.train_progress import TrainingBar
    from celegans_nn.training import TrainOptions, check_training, default_method
    from celegans_nn.training import train as trained
    from celegans_nn.training.checkpoint import run_identity
    from celegans_nn.training.folder import CHECKPOINT, read_run, save_trained

    what, how = settings("--task-options", task_options), settings("--options", options)
    the_task, chosen = make_task(task, **what), TrainOptions.of(how, training_preset)
    method = default_method(the_task, chosen) if method is None else method
    budget = BUDGETS[the_task.kind] if budget is None else budget
    net = make_network(source, network, the_task, method, seed)
    folder = out if out is not None else Path("runs") / f"{task}_{_plain(source)}_seed{seed}".replace(":", "_")
    asked: dict[str, Any] = {"method": method, "seed": seed, "budget": budget}
    chosen = check_training(net, the_task, method=method, budget=budget, options=chosen)
    identity = run_identity(net, the_task, {**asked, "options": asdict(chosen)})
    if before := read_run(folder):
        if before.get("identity") != identity:
            raise TrainingError(f"{folder} holds another training's network; give another --out")
        print(f"trained before, in {folder}")
        return _print_scores(before["scores"], before["cost"])
    check_writable(folder)
    with TrainingBar(f"{task}, {method}") as bar:
        result = trained(
            net, the_task, **asked, options=chosen, progress=bar.show, checkpoint=folder / CHECKPOINT, every=1,
            threads=threads,
        )  # fmt: skip
    record = {"source": source, **{key: value for key, value in asdict(network).items() if value is not None}}
    facts = {
        "identity": identity, "task": {"name": task, "options": what}, "network": record,
        "training": {**asked, "preset": training_preset, "options": how},
    }  # fmt: skip
    _draw_curve(result, the_task, network.baseline or f"{_plain(source)}, {network.neuron}", network, folder)
    save_trained(result, folder, facts)
    print(f"written to {folder}")
    return _print_scores(result.scores, result.cost)


def evaluate(
    folder: Positional[Path],
    task: str | None = None,
    task_options: tuple[str, ...] = (),
    episodes: int = 8,
    seed: int = 0,
    ablate: str | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json", help_behavior_hint="(default: False)")] = False,
    threads: int | None = None,
) -> int:
    """Score a trained network on episodes, or images, that training never used; print every one and their mean.

    Of a swimmer or the worm it also prints the gait: speed towards the head and by the straight way, frequency,
    wavelength, direction of travel and bending; the worm's beside published figures.

    Example: celegans-nn evaluate runs/swimmer --episodes 20

    Example: celegans-nn evaluate runs/worm --ablate DB,VB --json

    Args:
        folder: what celegans-nn train wrote, or save_network.
        task: another task with the same observations and actions; the one it was trained on if not given.
        task_options: NAME=VALUE of the task, in place of those of its training.
        episodes: how many.
        seed: which; no seed gives an episode that training saw, and 0 those of its own held-out scores.
        ablate: cells or classes to kill first, with commas between.
        json_: print JSON instead of a table.
        threads: of the simulation, one a core if not given.
    """
    whole_number("--episodes", episodes, 1, MOST_EPISODES)
    whole_number("--seed", seed, 0, 10**9)
    trained, the_task = open_trained(folder, task, task_options, ablate)
    if the_task.kind == "classification":
        rows = _accuracies(trained, the_task)
    else:
        rows = _episodes(trained, the_task, episodes, seed, threads)  # type: ignore[arg-type]
    mean = {key: sum(float(row[key]) for row in rows) / len(rows) for key in rows[0] if key not in ("seed", "images")}
    found = measure_gaits(trained, the_task, rows)
    if json_:
        gait = {"gait": gait_facts(found, the_task)} if found else {}
        print(json.dumps({"task": the_task.name, "episodes": rows, "mean": mean, **gait}, indent=2))
        return 0
    table = [tuple(_short(value) for value in row.values()) for row in rows]
    if len(rows) > 1:
        table.append(("mean", *(_short(value) for value in mean.values())))
    print_table(tuple(rows[0]), table)
    if found:
        print_gait(found, the_task)
    return 0


def open_trained(
    folder: Path, task: str | None, task_options: tuple[str, ...], ablate: str | None
) -> tuple[Trained, Task]:
    """A folder's network, perhaps without some cells, and the task to show it on."""
    from celegans_nn.networks import Network, ablated
    from celegans_nn.tasks import make_task
    from celegans_nn.training.folder import load_trained

    trained, given = load_trained(folder), settings("--task-options", task_options)
    own = trained.run.get("task", {})
    if task is None and not own:
        raise CelegansError(f"{folder} does not say what its network was trained on; give --task")
    same = task is None or task == own.get("name")
    the_task = make_task(
        own["name"] if task is None else task, **({**own.get("options", {}), **given} if same else given)
    )
    if ablate is not None:
        if not isinstance(trained.net, Network):
            raise CelegansError(f"--ablate {one_line(ablate, 60)}: the network in {folder} has no cells; leave it out")
        cells = [name.strip() for name in ablate.split(",") if name.strip()]
        trained = trained._replace(net=ablated(trained.net, cells))
    _check_ends(trained, the_task, folder)
    return trained, the_task


def _check_ends(trained: Trained, task: Task, folder: Path) -> None:
    """A network that does not fit the task is said before it runs."""
    import torch

    seen, actions = len(task.observations), len(task.actions)
    try:
        with torch.inference_mode():
            fits = trained.net(torch.zeros(1, seen))[0].shape[-1] == actions
    except CelegansError:
        fits = False
    if not fits:
        raise CelegansError(
            f"the network in {folder} does not fit {task.name} with its {seen} observations and {actions} actions; "
            "give another --task"
        )


def _episodes(
    trained: Trained, task: LocomotionTask, episodes: int, seed: int, threads: int | None
) -> list[dict[str, Any]]:
    import numpy as np

    from celegans_nn.simulation import Evaluator
    from celegans_nn.train_progress import CommandBar
    from celegans_nn.training.run import HELD_OUT_SEED

    first = HELD_OUT_SEED + MOST_EPISODES * seed
    own = {name: value.detach()[None] for name, value in trained.net.named_parameters()}
    normalise = None if trained.normaliser is None else trained.normaliser.mean_and_std()
    seeds = np.arange(first, first + episodes)[None]
    with CommandBar(f"{task.name}, {episodes} episodes") as bar:
        found = Evaluator(trained.net, task, threads).evaluate(
            own, seeds, normalise=normalise, watch=lambda done: bar.share(f"{done:.1f} done", done / episodes)
        )
    return [
        {
            "seed": int(seeds[0, k]),
            "return": float(found.returns[0, k]),
            **{name: float(values[0, k]) for name, values in found.metrics.items()},
            "steps": int(found.steps[0, k]),
            "failed": int(found.failed[0, k]),
        }
        for k in range(episodes)
    ]


def _accuracies(trained: Trained, task: Any) -> list[dict[str, Any]]:
    from celegans_nn.train_progress import CommandBar
    from celegans_nn.training.objective import accuracy

    with CommandBar(f"{task.name}, {len(task.test):,} images") as bar:
        own = accuracy(trained.net, task.test, task.steps, lambda share: bar.share("test", share))
    return [{"images": "test", "accuracy": own}]


def _print_scores(scores: dict[str, float], cost: dict[str, int]) -> int:
    """Scores before and after, a line each, and the cost."""
    when = [name for name in ("untrained", "after_pretraining", "final") if name in scores]
    what = ["score", *(name.removeprefix("final_") for name in scores if name.startswith("final_"))]
    rows = [(name, *(_short(scores.get(w if name == "score" else f"{w}_{name}", "")) for w in when)) for name in what]
    print_table(("held out", *(w.replace("_", " ") for w in when)), rows)
    print("cost: " + ", ".join(f"{stage} {spent:,}" for stage, spent in cost.items()))
    return 0


def _draw_curve(result: TrainResult, task: Task, label: str, network: NetworkFlags, folder: Path) -> None:
    import numpy as np

    from celegans_nn.figures import save_png
    from celegans_nn.studies.curves_figure import Curve, draw_panel

    body = task.kind == "locomotion"
    group = "baseline" if network.baseline else "worm" if network.control == "none" else "control"
    cost, score, stage = zip(*result.curve, strict=True)
    curve = Curve(label, group, np.array(cost), np.array(score), stage)
    unit = "environment steps, thousands" if body else "samples, thousands"
    save_png(draw_panel(label, [curve], unit, "return of an episode" if body else "score"), folder / "curve.png")


def _plain(source: str) -> str:
    """A wiring's name as part of a folder's."""
    return Path(source).stem or "wiring"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
