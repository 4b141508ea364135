"""Worms that a wiring alone drives: evolved, measured beside published gaits, and measured again with cells killed.

Between body and muscles nothing is learned: `direct_interface` hands the bend of the body to the B-type motor neurons
and the muscle cells' activity to the muscles. What is trained is one weight for the synapses of each sign from each
class of cells to each, the conductance of every gap junction, and the neurons' constants, by evolution strategies on
the speed after the first second of an episode of 5 s (agar10: 8 s). A control step of 20 ms is five ticks of 4 ms.

Figures are the mean of three episodes of ten seconds from other seeds, the first two seconds left out. Speeds are mm/s
for a worm of 1 mm. "travels" is 1 for a wave that runs from head to tail, 0 for one that stands; "bend" is the peak
curvature times body length.

`.venv/bin/python benchmarks/worm.py` trains what is not in results/worm.json and writes results/worm.md; `--run` takes
one of them, `--threads` cores. Trained values are in results/worm/, so that `--report` makes the page anew from them;
`--page` draws its pictures anew, and takes the figures from results/worm.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from worm_page import cells_of, in_columns, page

import celegans_nn as cnn
from celegans_nn.connectome.ablation import PHENOTYPES
from celegans_nn.files import write_atomic
from celegans_nn.networks import Network
from celegans_nn.networks.saving import load_weights, save_weights
from celegans_nn.simulation import Evaluator
from celegans_nn.studies.animation import WORM, animate
from celegans_nn.studies.cells_view import cells_view
from celegans_nn.studies.machine import versions
from celegans_nn.tasks.gait import Gait, curvatures, gait

RESULTS = Path(__file__).parent / "results"
FILM = RESULTS / "worm" / "swims.gif"
SETTLE, SEEDS = 100, (101, 102, 103)
"""Control steps left out of a gait; seeds of its episodes."""
STEPS, SCORED_FROM, POPULATION = 250, 50, 32
SILENT = {"DB": 0.3, "VB": 0.3, "DA": -1.0, "VA": -1.0, "AS": -1.0}
RUNS: dict[str, dict[str, Any]] = {
    "head drive, water": {"head_drive": "sine", "generations": 100},
    "head drive, A and AS silenced, water": {"head_drive": "sine", "forward": SILENT, "generations": 100},
    "head drive, lif, water": {"head_drive": "sine", "neuron": "lif", "generations": 80},
    "head drive, agar10": {"head_drive": "sine", "medium": "agar10", "generations": 60, "steps": 400},
    "no drive, boyle2012, water": {"proprioception": "boyle2012", "gain": 6.0, "radius": 2.0, "generations": 80},
    "head drive, cook2019, water": {"head_drive": "sine", "source": "cook2019", "generations": 100},
    "no drive, water": {"generations": 150},
    "no drive, water, seed 1": {"generations": 150, "seed": 1},
    "no drive, water, seed 2": {"generations": 150, "seed": 2},
}
"""Whatever is not said: haspel2012, rate, wen2012, no head drive, seed 0."""
METHOD = [" ".join(paragraph.split()) for paragraph in (__doc__ or "").split("\n\n")[1:-1]]
OPTIONS = {"population": POPULATION, "sigma": 0.2, "learning_rate": 0.1, "decay": 0.998, "update": "adam"}


def body(run: dict[str, Any]) -> Any:
    """The task of a run."""
    keys = ("medium", "proprioception", "head_drive")
    steps = {"episode_steps": run.get("steps", STEPS), "settle_steps": SCORED_FROM}
    return cnn.make_task("worm", **{key: run[key] for key in keys if key in run}, **steps)


def untrained(run: dict[str, Any], task: Any) -> Network:
    """The network of a run before evolution."""
    worm = cnn.load_connectome(run.get("source", "haspel2012"))
    forward, gain = run.get("forward", {"DB": 0.3, "VB": 0.3}), run.get("gain", 3.0)
    interface = cnn.direct_interface(worm, task, forward=forward, proprioceptive_gain=gain)
    neuron, radius = run.get("neuron", "rate"), run.get("radius", 1.0)
    return cnn.build(worm, neuron, interface, share="class", spectral_radius=radius, ticks=5, dt_ms=4.0)


def values_file(name: str) -> Path:
    return RESULTS / "worm" / (name.replace(", ", "_").replace(" ", "_") + ".safetensors")


def say(progress: Any) -> None:
    """One line a generation."""
    print(f"{progress.generation:6d} {progress.score:9.3f} {progress.steps_per_second:9.0f} steps/s", flush=True)


def train(name: str, threads: int | None) -> dict[str, Any]:
    """Evolves one network, keeps its values, and says what it cost."""
    run = RUNS[name]
    task = body(run)
    values_file(name).parent.mkdir(exist_ok=True)
    result = cnn.train(
        untrained(run, task), task, method="es", seed=run.get("seed", 0), threads=threads, options={"es": OPTIONS},
        budget=run["generations"] * (POPULATION + 1) * task.episode_steps,
        checkpoint=values_file(name).with_suffix(".checkpoint"), progress=say,
    )  # fmt: skip
    save_weights(result.net, values_file(name))
    values_file(name).with_suffix(".checkpoint").unlink()
    return {"run": name, "steps": result.cost["total"], "sources": versions()["sources"]}


def trained(name: str) -> tuple[Network, Any]:
    """(network, task) of a run, with the values that were kept."""
    task = body(RUNS[name])
    net = untrained(RUNS[name], task)
    load_weights(net, values_file(name))
    return net, task


def postures(net: Network, task: Any, seed: int) -> np.ndarray:
    """Ends of the links in an episode of ten seconds, the first two left out."""
    parameters = {key: value.detach()[None] for key, value in net.named_parameters()}
    recording = Evaluator(net, task, threads=1).record(parameters, seed, episode_steps=500)
    return recording.segments[SETTLE:]


def measured(net: Network, task: Any) -> dict[str, float]:
    """The mean gait."""
    found = [gait(postures(net, task, seed), task.control_dt) for seed in SEEDS]
    return dict(zip(Gait._fields, np.mean(found, axis=0).tolist(), strict=True))


def killed(net: Network, task: Any) -> list[dict[str, Any]]:
    """Forward speed without each of the cells of `PHENOTYPES` that the wiring has."""
    rows = []
    for phenotype in PHENOTYPES:
        known = set(net.worm.cells["cell_class"].tolist())
        if not set(phenotype.ablated) <= known:
            continue
        twin = cnn.ablated(net, phenotype.ablated, phenotype.gap_junctions)
        rows.append({"ablated": cells_of(phenotype), "published": phenotype.forward, **measured(twin, task)})
    return rows


def measure(name: str) -> dict[str, Any]:
    net, task = trained(name)
    return {
        "gait": measured(net, task),
        "untrained": measured(untrained(RUNS[name], task), task),
        "ablated": killed(net, task),
    }


def film(name: str) -> None:
    """Five seconds of a run from its start, the cells lit below the body."""
    net, task = trained(name)
    own = {key: value.detach()[None] for key, value in net.named_parameters()}
    recording = Evaluator(net, task, threads=1).record(own, SEEDS[0], episode_steps=250)
    title = f"{RUNS[name].get('source', 'haspel2012')}, {net.model.name}: {name}"
    write_atomic(FILM, animate(recording, title, WORM, cells_view(net, recording)).gif)


def kymographs(names: list[str]) -> None:
    """Curvature along the body over three seconds, one panel a run."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = 4
    lines = -(-len(names) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(12, 2.9 * lines), squeeze=False, layout="constrained")
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names, strict=False):
        net, task = trained(name)
        bend = curvatures(postures(net, task, SEEDS[0]))
        shown = bend[: 400 if "agar" in name else 150]
        image = axis.imshow(
            shown.T, aspect="auto", cmap="RdBu_r", vmin=-12, vmax=12, extent=(0, len(shown) * task.control_dt, 1, 0)
        )
        axis.set_title(name, fontsize=9)
        axis.set(xlabel="s", ylabel="head to tail")
    figure.colorbar(image, ax=axes, label="curvature x length (dorsal +)", shrink=0.6)
    figure.savefig(RESULTS / "worm.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", choices=RUNS, action="append")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--report", action="store_true", help="measure the kept values anew")
    parser.add_argument(
        "--page", action="store_true", help="write the page and its pictures from figures that are kept"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = RESULTS / "worm.json"
    rows = {row["run"]: row for row in (json.loads(kept.read_text()) if kept.exists() else [])}
    if given.page:
        kymographs([run for run in RUNS if run in rows])
        film(next(iter(RUNS)))
        write_atomic(RESULTS / "worm.md", page([rows[run] for run in RUNS if run in rows], METHOD, list(RUNS)))
        return
    for name in given.run or RUNS:
        if name not in rows:
            rows[name] = train(name, given.threads)
        if given.report or "gait" not in rows[name]:
            rows[name] |= measure(name)
        print(name, in_columns(rows[name]["gait"]), flush=True)
        ordered = [rows[run] for run in RUNS if run in rows]
        write_atomic(kept, json.dumps(ordered, indent=1) + "\n")
        write_atomic(RESULTS / "worm.md", page(ordered, METHOD, list(RUNS)))
    kymographs([run for run in RUNS if run in rows])
    film(next(iter(RUNS)))


if __name__ == "__main__":
    main()
