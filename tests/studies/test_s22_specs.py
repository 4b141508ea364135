"""The specifications of Schmidgall et al.'s experiments: their presets, and what a fair comparison asks of them."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import shortest_path

from celegans_nn.connectome.ends import default_ends
from celegans_nn.studies import load_study, run_study
from celegans_nn.studies.reading import parse_study
from celegans_nn.studies.store import load_results
from celegans_nn.studies.trial import wirings
from celegans_nn.training import TrainOptions

STUDIES = Path(__file__).parents[2] / "benchmarks" / "studies"


def bodies_of(name, preset):
    """The study without its tasks on images, whose data are not everywhere."""
    path = STUDIES / f"{name}.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    document["tasks"] = [task for task in document["tasks"] if "mnist" not in task["name"]]
    kept = {task["name"] for task in document["tasks"]}
    for values in document["presets"].values():
        values["tasks"] = {label: over for label, over in values.get("tasks", {}).items() if label in kept}
    return parse_study(document, path, preset=preset)


@pytest.mark.filterwarnings("ignore:comparison")
@pytest.mark.parametrize("name", ["realism", "statistics", "limits"])
def test_the_preset_paper_has_the_papers_numbers(name):
    (task,) = bodies_of(name, "paper").tasks
    own, papers = TrainOptions.of(task.options), TrainOptions.of({"preset": f"s22_{name}"})
    assert (own.es, own.ga) == (papers.es, papers.ga)
    assert task.task["episode_steps"] == 1000
    assert task.budget >= 200 * 1000 * 1000


@pytest.mark.filterwarnings("ignore:comparison")
@pytest.mark.parametrize("name", ["statistics", "ladder"])
def test_a_control_step_is_long_enough_for_the_longest_path_from_an_input_to_an_output_of_any_graph(name):
    study = load_study(STUDIES / f"{name}.toml")
    wired = {(n.source, n.circuit, n.control, n.scope, n.control_seed): n for n in study.networks if n.baseline is None}
    for network in wired.values():
        graph = wirings(network)[1]
        edges, cells = graph.chemical_edges, len(graph)
        reach = csr_matrix((np.ones(len(edges.pre)), (edges.pre, edges.post)), shape=(cells, cells))
        inputs, outputs = default_ends(graph)
        far = shortest_path(reach, unweighted=True, indices=inputs)[:, outputs]
        assert network.ticks > far[np.isfinite(far)].max()


@pytest.mark.filterwarnings("ignore:comparison")
def test_the_comparison_on_wiring_has_as_many_rewirings_as_it_needs_and_the_same_seeds_for_all():
    study = load_study(STUDIES / "statistics.toml")
    for null in study.comparison.nulls:
        assert sum(n.label == null for n in study.networks) == study.comparison.fewest_rewirings == 59
    assert len({(n.weights, n.gap_junctions) for n in study.networks if n.control == "none" and not n.baseline}) == 4
    assert len(study.tasks) == 1


@pytest.mark.filterwarnings("ignore:comparison")
def test_the_smoke_preset_of_the_statistics_experiment_runs_to_its_verdict(tmp_path):
    run_study(STUDIES / "statistics.toml", preset="smoke", out=tmp_path, workers=1)
    table = load_results(tmp_path)
    assert len(table) == 7
    assert table["final_forward_speed"].notna().all()
