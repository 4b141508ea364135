"""The report's pictures: made once, put inline into the page and written as files beside it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.wiring_figure import draw_wiring
from celegans_nn.errors import NetworkError
from celegans_nn.figures import inline_svg, png_bytes, save_png
from celegans_nn.files import write_atomic
from celegans_nn.studies.animation import CHAIN, LOOKS, animate
from celegans_nn.studies.curves_figure import draw_all, draw_panel
from celegans_nn.studies.results_figure import draw_results
from celegans_nn.studies.spec import Study
from celegans_nn.studies.store import trial_path
from celegans_nn.studies.summary import TaskResults, best_swimmer, group_of
from celegans_nn.studies.trial import make_trial_task, trained_network, wirings

MOST_SVG_EDGES = 1500
"""Above this a drawing goes into the page as PNG: thousands of curves make a slow and heavy SVG."""
MOST_WIRINGS = 6


def data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def slug(text: str) -> str:
    """A user's label as part of a file name.

    >>> slug("../worm, rate")
    'worm_rate'
    """
    return re.sub(r"[^A-Za-z0-9-]+", "_", text).strip("_")[:60] or "unnamed"


# -- wiring ----------------------------------------------------------------------------------------------------


def wiring_figures(folder: Path, study: Study) -> list[dict[str, Any]]:
    """The wiring of every distinct graph of the study, controls drawn on the places of their original."""
    drawn: dict[tuple[str, bool], dict[str, Any]] = {}
    for network in study.networks:
        if group_of(network) == "baseline":
            continue
        original, worm = wirings(network)
        key = (worm.fingerprint, network.gap_junctions)
        if key in drawn or len(drawn) >= MOST_WIRINGS:
            continue
        control = group_of(network) == "control"
        number = len(drawn) + 1
        figure = draw_wiring(worm, like=original, small=control)
        save_png(figure, folder / f"wiring_{number}_{slug(network.control if control else network.source)}.png")
        title = f"{network.control} control, seed {network.control_seed}" if control else f"{network.source}"
        if len(worm.chemical_edges.pre) > MOST_SVG_EDGES:
            picture = Markup('<img alt="{}" src="{}">').format(title, data_uri(png_bytes(figure, 150), "png"))
        else:
            picture = Markup(inline_svg(figure, f"Wiring: {title}", f"w{number}"))
        drawn[key] = {
            "title": title,
            "control": control,
            "caption": _wiring_caption(worm, control, network.gap_junctions),
            "notes": () if control else worm.provenance.get("notes", ()),
            "picture": picture,
        }
    return list(drawn.values())


def _wiring_caption(worm: Connectome, control: bool, gap_junctions: bool) -> str:
    neurons = int(np.sum(worm.cells["neuron"]))
    gaps = "are used" if gap_junctions else "are drawn, but switched off in this study’s networks"
    said = ["Every cell stands where it stands in the original."] if control else []
    if not control:
        said.append(f"{neurons} neurons and {len(worm) - neurons} other cells, head to the left, dorsal side up.")
    if len(worm.electrical_edges.pre) and not control:
        said.append(f"Gap junctions {gaps}.")
    return " ".join(said)


# -- learning curves and results -------------------------------------------------------------------------------


def curves(folder: Path, result: TaskResults) -> dict[str, Any]:
    """A panel of learning curves a network; the sheet of all of them and the results go beside the page."""
    name = slug(result.task.label)
    save_png(draw_results(result), folder / f"results_{name}.png")
    networks = [n.label for n in result.networks if n.points]
    if not result.curves:
        return {"panels": [], "curves_lead": ""}
    unit = f"{result.cost_unit}, thousands"
    score = "return of an episode" if result.kind == "locomotion" else "validation accuracy"
    save_png(draw_all(networks, result.curves, unit, score), folder / f"learning_curves_{name}.png")
    panels = [
        Markup(inline_svg(draw_panel(label, result.curves, unit, score), f"Learning curves of {label}", f"c{name}{k}"))
        for k, label in enumerate(networks)
    ]
    lead = (
        f"Each seed is a line, against the {result.cost_unit} of all stages together; the other networks lie grey "
        "behind. "
    )
    if any(len({s for s in c.stage if s in ("es", "ga")}) == 2 for c in result.curves):
        lead += "The dashed line marks where pretraining ends. "
    if result.kind == "locomotion":
        lead += (
            "Lines are training episodes (the centre of evolution strategies, the best individual of the genetic "
            "algorithm, which flatters it); open circles are means of held-out episodes, the numbers of the table."
        )
    return {"panels": panels, "curves_lead": lead}


# -- the swimmer -----------------------------------------------------------------------------------------------


def swimmer(folder: Path, results: Sequence[TaskResults]) -> dict[str, Any] | None:
    """The animation of the best trained swimmer, or None where no body was trained."""
    from celegans_nn.simulation import record_episode
    from celegans_nn.studies.cells_view import cells_view
    from celegans_nn.studies.gait_tables import gait_table, loss_table
    from celegans_nn.training.run import HELD_OUT_SEED

    best = best_swimmer(results)
    if best is None:
        return None
    point, result = best
    if not trial_path(folder, point.trial.hash, ".safetensors").exists():
        return None
    task = make_trial_task(point.trial.task)
    try:
        net = trained_network(point.trial, folder)
    except NetworkError as error:  # results of other code than this
        return {"problem": f"No animation: {error}"}
    recording = record_episode(net, task, HELD_OUT_SEED)
    label = f"{point.trial.network.label}, seed {point.trial.seed}"
    cells = cells_view(net, recording)
    film = animate(recording, label, LOOKS.get(task.name, CHAIN), cells)
    write_atomic(folder / "best_swimmer.gif", film.gif)
    write_atomic(folder / "best_swimmer.png", film.still)
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
        "whose": "worm’s wiring" if worm else "networks of this study",
        "alt": f"A chain of links swims through a fluid, seen from above: {label}",
        "caption": (
            f"{label}: a held-out episode of {film.seconds:.1f} s, {pace} simulated. Mean forward speed over "
            f"the held-out episodes {speed}, {before} before training.{unscored} Dark end: head. Pale: where the body "
            "ends up." + (" Below, its cells at the same moment." if cells else "")
        ),
    }
