"""The report's pictures: made once, put inline into the page and written as files beside it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celegans_nn.errors import NetworkError
from celegans_nn.figures import save_png
from celegans_nn.files import write_atomic
from celegans_nn.studies.animation import CHAIN, LOOKS, animate
from celegans_nn.studies.curve_lines import BAND, MOST_LINES, NetworkCurves, network_curves
from celegans_nn.studies.curves_figure import draw_all
from celegans_nn.studies.panels import context, frame, panel
from celegans_nn.studies.results_figure import draw_results
from celegans_nn.studies.store import trial_path
from celegans_nn.studies.summary import TaskResults, best_swimmer, group_of
from celegans_nn.studies.trial import make_trial_task, trained_network


def data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def slug(text: str) -> str:
    """A user's label as part of a file name.

    >>> slug("../worm, rate")
    'worm_rate'
    """
    return re.sub(r"[^A-Za-z0-9-]+", "_", text).strip("_")[:60] or "unnamed"


# -- learning curves and results -------------------------------------------------------------------------------


def curves(folder: Path, result: TaskResults) -> dict[str, Any]:
    """A panel of learning curves a network; the sheet of all of them and the results go beside the page."""
    name = slug(result.task.label)
    save_png(draw_results(result), folder / f"results_{name}.png")
    found = [c for n in result.networks if n.points if (c := network_curves(n.label, result.curves)) is not None]
    if not any(len(line.x) > 1 for network in found for line in (*network.lines, *network.held_out)):
        return {"panels": [], "curves_lead": ""}
    longest = max(float(c.cost[-1]) for c in result.curves)
    size, size_name = (1e6, "millions") if longest >= 2e6 else (1e3, "thousands")
    unit = f"{result.cost_unit}, {size_name}"
    score = "return of an episode" if result.kind == "locomotion" else "validation accuracy"
    save_png(draw_all(found, unit, score, size), folder / f"learning_curves_{name}.png")
    on = frame(found, size)
    return {
        "panels": [panel(network, on) for network in found],
        "frame": on.values(),
        "context": context(found, on),
        "x_label": unit,
        "score": score,
        "curves_lead": _curves_lead(result, found),
    }


def _curves_lead(result: TaskResults, networks: Sequence[NetworkCurves]) -> str:
    lead = (
        f"Each seed is a line, against the {result.cost_unit} of all stages together; the other networks lie grey "
        "behind. "
    )
    if any(n.band is not None for n in networks):
        lead += (
            f"Of networks with more than {MOST_LINES} trials the line is the median, and the band holds "
            f"{100 * (BAND[1] - BAND[0]):.0f} % of them. "
        )
    if any(n.boundaries for n in networks):
        lead += "The dashed line marks where pretraining ends. "
    if result.kind == "locomotion":
        lead += (
            "Lines are training episodes (the centre of evolution strategies, the best individual of the genetic "
            "algorithm, which flatters it); open circles are means of held-out episodes, the numbers of the table."
        )
    return lead


# -- the swimmer -----------------------------------------------------------------------------------------------


def swimmers(folder: Path, results: Sequence[TaskResults]) -> list[dict[str, Any]]:
    """The animation of the best trained network on each body."""
    return [film for result in results if (film := _swimmer(folder, result)) is not None]


def _swimmer(folder: Path, result: TaskResults) -> dict[str, Any] | None:
    from celegans_nn.simulation import record_episode
    from celegans_nn.studies.cells_view import cells_view
    from celegans_nn.studies.gait_tables import gait_table, loss_table
    from celegans_nn.training.run import HELD_OUT_SEED

    point = best_swimmer(result)
    if point is None:
        return None
    if not trial_path(folder, point.trial.hash, ".safetensors").exists():
        return None
    task = make_trial_task(point.trial.task)
    try:
        net = trained_network(point.trial, folder)
    except NetworkError as error:  # results of other code than this
        return {"problem": f"No animation on {result.task.label}: {error}"}
    recording = record_episode(net, task, HELD_OUT_SEED)
    label = f"{point.trial.network.label}, seed {point.trial.seed}"
    cells = cells_view(net, recording)
    film = animate(recording, label, LOOKS.get(task.name, CHAIN), cells)
    name = slug(result.task.label)
    write_atomic(folder / f"best_{name}.gif", film.gif)
    write_atomic(folder / f"best_{name}.png", film.still)
    speed = result.metric.with_unit(point.at(result.metric, "final"))
    before = result.metric.with_unit(point.at(result.metric, "untrained"))
    settled = task.settle_steps * task.control_dt
    unscored = f" The first {settled:.1f} s are not scored." if settled else ""
    pace = f"{film.speed_up:.1f} times faster than" if abs(film.speed_up - 1) > 0.05 else "as fast as"
    worm = group_of(point.trial.network) == "worm"
    return {
        "problem": "",
        "gif": data_uri(film.gif, "gif"),
        "png": data_uri(film.still, "png"),
        "width": film.size[0],
        "height": film.size[1],
        "gait": gait_table(net, task),
        "losses": loss_table(net, task),
        "whose": f"The best network with the worm’s wiring on {result.task.label}."
        if worm
        else f"The best network on {result.task.label}.",
        "alt": f"The links of a body in motion: {label}",
        "caption": (
            f"{label}: a held-out episode of {film.seconds:.1f} s, {pace} simulated. Mean forward speed over "
            f"the held-out episodes {speed}, {before} before training.{unscored} Dark end: head. Pale: where the body "
            "ends up." + (" Below, its cells at the same moment." if cells else "")
        ),
    }
