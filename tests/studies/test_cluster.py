"""A study on a real Ray cluster of two nodes gives the bytes of one on this machine, a lost node or not."""

import socket

import pytest

from celegans_nn.errors import DiskError, SpecError
from celegans_nn.studies import cluster, load_study, run_study
from celegans_nn.studies.store import is_finished, read_record
from celegans_nn.studies.trial import run_trial

LONG = """
name = "long"
[[networks]]
label = "worm"
source = "haspel2012"
[[networks]]
label = "linear"
baseline = "linear"
like = "worm"
[[tasks]]
name = "swimmer6"
method = "ga"
budget = 20000
task = { episode_steps = 10 }
options = { ga = { population = 4, elites = 1 }, evaluation_episodes = 1 }
"""


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes with one core each, and its address."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # Ray's own would wait for whatever else runs
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.add_node(num_cpus=1)
        yield nodes
        nodes.shutdown()


@pytest.fixture
def linear(write_spec):
    return next(t for t in load_study(write_spec(LONG)).trials if t.network.label == "linear")


@pytest.mark.slow
def test_a_study_on_two_nodes_gives_the_bytes_of_one_on_this_machine(two_nodes, finished, tiny, tmp_path):
    run_study(tiny, out=tmp_path / "out", cluster=two_nodes.address)
    for name in ("results.csv", "curves.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (finished / name).read_bytes()
    for trial in load_study(tiny).trials:
        weights = f"trials/{trial.hash}.safetensors"
        assert (tmp_path / "out" / weights).read_bytes() == (finished / weights).read_bytes()


@pytest.mark.slow
def test_a_trial_whose_node_is_lost_goes_on_elsewhere_and_ends_with_the_same_bytes(
    two_nodes, write_spec, tmp_path, monkeypatch
):
    spec, there = write_spec(LONG), tmp_path / "there"
    run_study(spec, out=tmp_path / "here", workers=1)
    doomed = [*two_nodes.worker_nodes, two_nodes.add_node(num_cpus=1)]
    begun, lost, hear = [], [], cluster._hear

    def losing_nodes(stream):
        """Once both trials run and one has sent a checkpoint, all nodes are lost but the head, where one can run."""
        try:
            message = hear(stream)
        except cluster._Lost as error:
            lost.append(error)
            raise
        begun.extend(["one"] if "sources" in message else [])
        if "files" in message and len(begun) == 2:
            while doomed:
                two_nodes.remove_node(doomed.pop(), allow_graceful=False)
        return message

    monkeypatch.setattr(cluster, "_hear", losing_nodes)
    monkeypatch.setattr(cluster, "CHECKPOINT_EVERY_S", 0.1)
    run_study(spec, out=there, cluster=two_nodes.address)
    assert lost
    assert (there / "results.csv").read_bytes() == (tmp_path / "here" / "results.csv").read_bytes()


def test_what_a_node_sends_back_goes_on_elsewhere_to_the_same_bits(linear, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "REPORT_EVERY_S", 0.01)
    first = cluster.trial_on_node(linear.definition(), {}, every_s=0.0)
    for message in first:
        if "files" in message:
            break
    first.close()
    kept = message["files"]
    assert len(kept) == 1
    told = list(cluster.trial_on_node(linear.definition(), kept, every_s=60.0))
    assert "sources" in told[0]
    for message in (told[0], told[-1]):
        event = cluster._take(tmp_path, linear, message, told[0]["sources"])
    assert event.ended
    assert sorted(p.name for p in (tmp_path / "trials").iterdir()) == [
        f"{linear.hash}.json",
        f"{linear.hash}.safetensors",
    ]
    row = run_trial(linear).row
    assert read_record(tmp_path, linear.hash).row == row


def test_nothing_is_stored_of_another_trial_from_a_full_node_or_of_other_sources(linear, tmp_path):
    with pytest.raises(SpecError, match="is no file of the trial"):
        cluster._take(tmp_path, linear, {"ended": {"../evil.json": b""}}, "s")
    with pytest.raises(DiskError, match="n1: full"):
        cluster._take(tmp_path, linear, {"stop": "n1: full"}, "s")
    with pytest.raises(SpecError, match="node n1 has other sources"):
        cluster._take(tmp_path, linear, {"node": "n1", "sources": "t"}, "s")
    assert not list(tmp_path.rglob("*.json"))
    assert not is_finished(tmp_path, linear)


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("nowhere", "give HOST:PORT of its head node"),
        ("localhost:http", "give HOST:PORT of its head node"),
        ("127.0.0.1:FREE", "Connection refused; start one with: ray start --head --port="),
    ],
)
def test_a_cluster_that_is_not_there_is_one_line_and_nothing_is_written(write_spec, tmp_path, address, part):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = address.replace("FREE", str(free.getsockname()[1]))
    with pytest.raises(SpecError, match=part) as error:
        run_study(write_spec(LONG), out=tmp_path / "out", cluster=address)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
