"""Does the protocol of the studies find an advantage of a graph where there is one, and none where there is none?

    python benchmarks/planted_truth.py

A teacher, a network with a known graph and random weights, names for each vector of 66 random inputs the muscle that it
excites most; students with other graphs learn that from the teacher's answers, and the comparison of the studies
(celegans_nn/studies/comparison.py) judges one graph, the claimant, against rewirings. Where the teacher has the
claimant's graph its advantage must be found. Where the teacher's graph is another, none must be found, if claimant and
rewirings are drawn alike; whether one is found for the worm says if its graph learns better whatever is asked.

Writes benchmarks/results/planted_truth.md, and the students' scores beside it as Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import celegans_nn as cnn
from celegans_nn.connectome.ends import default_ends
from celegans_nn.files import write_atomic
from celegans_nn.networks import Interface, Network
from celegans_nn.studies.comparison import SUPPORTED, Comparison, compare_rows
from celegans_nn.studies.spec import ComparisonSpec, NetworkSpec, Study, TaskSpec
from celegans_nn.tasks import Split
from celegans_nn.tasks.classification import ImageTask

RESULTS = Path(__file__).parent / "results"
WORM = "worm"
STUDENTS, CLAIMANTS, TEACHERS = range(20), range(3), range(1000, 1003)
"""Control seeds of `degree` rewirings: that learn; of them, that are planted too; that are planted and do not learn."""
SEEDS = (0, 1)
"""Each draws the teacher's weights, the questions and the order of training, the same for every graph."""
TICKS = 20
SCALE = np.float32(11.0)
"""Of all weights, at which the worm's own have spectral radius 1; the same for every graph."""
SPREAD = np.float32(1.0)
"""Standard deviation of the teacher's log weights around those that students start from."""
READOUT = 10.0
"""Logits of a muscle cell whose activity is 1."""
LEARN, VALIDATE, TEST = 2000, 100, 1500
SHOWN = 6000
"""Questions shown in training, three times each."""
MARGIN = 0.02
"""Of accuracy: the least advantage that would matter, stated before."""
Scores = dict[str, list[float]]
"""Of each student, its accuracy by seed."""


def graph_of(name: str) -> cnn.Connectome:
    """ "worm", or e.g. "degree 3"."""
    worm = cnn.load_connectome("haspel2012")
    if name == WORM:
        return worm
    null, seed = name.split()
    return cnn.rewire(worm, null, seed=int(seed))


def network(graph: cnn.Connectome) -> Network:
    """An observation goes to each motor neuron and an action comes from each muscle: nothing but synapses learns."""
    into, out_of = (graph.cells["name"][ends].tolist() for ends in default_ends(graph))
    interface = Interface(
        tuple(into), tuple(out_of), tuple(into), tuple(out_of), "fixed", "fixed",
        input_gains=tuple((k, k, 1.0) for k in range(len(into))),
        output_gains=tuple((k, k, READOUT) for k in range(len(out_of))),
    )  # fmt: skip
    net = cnn.build(graph, "rate", interface, ticks=TICKS, gap_junctions=False)
    with torch.no_grad():
        net.chemical.log_weight += float(np.log(SCALE))
    return net


def planted(teacher: str, seed: int) -> ImageTask:
    """Questions, and the answers of a teacher with this graph."""
    rng, net = np.random.default_rng(seed), network(graph_of(teacher))
    with torch.no_grad():
        noise = SPREAD * rng.standard_normal(net.chemical.log_weight.shape, dtype=np.float32)
        net.chemical.log_weight += torch.from_numpy(noise)
        x = rng.standard_normal((LEARN + VALIDATE + TEST, len(net.interface.observations)), dtype=np.float32)
        y = net(torch.from_numpy(x))[0].argmax(dim=1).numpy()
    parts = (slice(LEARN), slice(LEARN, LEARN + VALIDATE), slice(LEARN + VALIDATE, None))
    splits = [Split(x[part], y[part]) for part in parts]
    return ImageTask("planted", 1, net.interface.observations, net.interface.actions, *splits)


def learned(teacher: str, students: Iterable[str]) -> Scores:
    """What each student's graph reaches on the teacher's questions."""
    tasks = {seed: planted(teacher, seed) for seed in SEEDS}
    found: Scores = {}
    for student in students:
        graph = graph_of(student)
        runs = (cnn.train(network(graph), tasks[s], method="bptt", seed=s, budget=SHOWN, threads=1) for s in SEEDS)
        found[student] = [run.scores["final"] for run in runs]
    return found


def judged(scores: Mapping[str, list[float]], claimant: str, nulls: Mapping[str, list[str]]) -> Comparison:
    """The verdict on a claimant's graph against rewirings, by null model, from what they reached."""
    worm = NetworkSpec(WORM, source="haspel2012")
    controls = [
        NetworkSpec(null, source="haspel2012", control=null, control_seed=k)
        for null, names in nulls.items()
        for k in range(len(names))
    ]
    stated = ComparisonSpec("planted", "final", WORM, tuple(nulls), MARGIN)
    task = TaskSpec("planted", "planted", "bptt", SHOWN, SEEDS)
    asked = Study("planted", "", "", (worm, *controls), (task,), Path(__file__), "", comparison=stated)
    named = [
        (WORM, None, claimant),
        *((null, k, name) for null, names in nulls.items() for k, name in enumerate(names)),
    ]
    rows = [
        {"network": label, "control_seed": k, "task": "planted", "seed": seed, "final": score}
        for label, k, name in named
        for seed, score in zip(SEEDS, scores[name], strict=True)
    ]
    found = compare_rows(asked, pd.DataFrame(rows))
    assert found is not None
    return found


def others(claimant: str) -> dict[str, list[str]]:
    """19 rewirings to judge one by: the fewest of one null that can be significant."""
    return {"degree": [name for name in (f"degree {k}" for k in STUDENTS) if name != claimant][:19]}


def line(teacher: str, claimant: str, found: Comparison) -> str:
    """A row of the table."""
    cells = []
    for o in found.settings[0].outcomes:
        effect = o.effect.interval() if o.effect is not None else None
        shown = "" if effect is None else f", better by {effect.estimate:.3f} ({effect.low:.3f} to {effect.high:.3f})"
        cells.append(f"{o.null}: above {o.percentile:.0f} % of {o.complete}, p {o.p_holm:.3g}{shown}")
    score = found.settings[0].outcomes[0].worm_score
    return f"| {teacher} | {claimant} | {score:.3f} | {'; '.join(cells)} | {found.verdict} |"


def main() -> None:
    torch.set_num_threads(1)
    students = [WORM, *(f"degree {k}" for k in STUDENTS)]
    everything: dict[str, Scores] = {}
    for teacher in (WORM, *(f"degree {k}" for k in CLAIMANTS), *(f"degree {k}" for k in TEACHERS)):
        everything[teacher] = learned(teacher, students)
        print(teacher, flush=True)
    rows = [
        {"teacher": teacher, "student": student, "seed": seed, "accuracy": score}
        for teacher, scores in everything.items()
        for student, of_seeds in scores.items()
        for seed, score in zip(SEEDS, of_seeds, strict=True)
    ]
    pd.DataFrame(rows).to_parquet(RESULTS / "planted_truth.parquet", index=False)
    write_atomic(RESULTS / "planted_truth.md", page(everything))


def page(everything: Mapping[str, Scores]) -> str:
    about = " ".join((__doc__ or "").split("\n\n")[2].split())
    own = [line(WORM, WORM, judged(everything[WORM], WORM, others(WORM)))]
    own += [line(t, t, judged(everything[t], t, others(t))) for t in (f"degree {k}" for k in CLAIMANTS)]
    elsewhere = [f"degree {k}" for k in TEACHERS]
    alike = [judged(everything[t], c, others(c)) for t in elsewhere for c in (f"degree {k}" for k in STUDENTS)]
    wrong = sum(found.verdict == SUPPORTED for found in alike)
    return "\n".join([
        "# Planted truth", "", f"Made by `python benchmarks/planted_truth.py`. {about}", "",
        f"Rate neurons, {TICKS} ticks; {LEARN} questions to learn from, {SHOWN} shown; accuracy on {TEST} others, mean "
        f"of {len(SEEDS)} seeds, each with its own teacher. {MARGIN} was stated as the least advantage that matters.",
        "", "## Planted in the claimant's graph: to be found", "", *HEAD, *own, "",
        "## Planted in another graph, claimant and rewirings drawn alike: not to be found", "",
        f"{len(TEACHERS)} further `degree` rewirings as teachers, each of {len(STUDENTS)} others the claimant against "
        f"19: supported in {wrong} of {len(alike)} cases, where 5 % are allowed.", "",
        "## Planted in another graph, the worm the claimant", "",
        "Where this is supported, the worm’s graph learns such questions better whoever asks: a verdict on a task says "
        "that a graph does better on it, and not yet that the two belong together.", "", *HEAD,
        *(line(t, WORM, judged(everything[t], WORM, others(WORM))) for t in elsewhere), "",
    ])  # fmt: skip


HEAD = (
    "| planted in | claimant | its accuracy | among its rewirings | verdict |",
    "|---|---|---|---|---|",
)

if __name__ == "__main__":
    main()
