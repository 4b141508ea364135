"""Interrupted and resumed, training gives the bits of a run that was never interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from celegans_nn.networks import baseline, build
from celegans_nn.networks.saving import save_weights
from celegans_nn.tasks import make_task
from celegans_nn.training import CheckpointError, train
from tests.worms import random_worm

OPTIONS = {
    "es": {"population": 6, "update": "adam"}, "ga": {"population": 6, "elites": 2}, "ars": {"directions": 3, "top": 2},
    "cma": {"population": 6}, "evaluation_episodes": 2, "evaluate_every": 2,
}  # fmt: skip


class Stopped(Exception):
    pass


def body(method, task=None, seed=0, share="sign"):
    """(network, task, what to train it with): six or more generations."""
    task = task or make_task("swimmer6", episode_steps=5)
    net = build(random_worm(), "rate", inputs=task.observations, outputs=task.actions, share=share)
    if method == "ars":
        net = baseline("linear", like=net)
    options = OPTIONS | {"normalise": method in ("ars", "es+ga"), "episodes": 2 if method == "ga" else 1}
    return net, task, {"method": method, "seed": seed, "budget": 600 if method == "es+ga" else 300, "options": options}


def images(method):
    task = make_task("digits", steps=1)
    net = build(random_worm(), "lif", inputs=task.observations, outputs=task.actions)
    return net, task, {"method": method, "seed": 0, "budget": 5 * 1259 + 100, "options": {"bptt": {"batch": 100}}}


def stop_after(calls):
    """A callback that raises when it is called for the nth time."""
    left = calls

    def progress(now):
        nonlocal left
        left -= 1
        if not left:
            raise Stopped

    return progress


def assert_same(one, other):
    assert one.curve == other.curve and one.cost == other.cost
    np.testing.assert_equal(one.scores, other.scores)
    for (name, mine), (_, theirs) in zip(one.net.named_parameters(), other.net.named_parameters(), strict=True):
        assert torch.equal(mine, theirs), name
    assert (one.normaliser is None) == (other.normaliser is None)
    if one.normaliser is not None:
        for mine, theirs in zip(one.normaliser, other.normaliser, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("method", ["ga", "es", "es+ga", "ars", "cma", "bptt"])
def test_stopped_at_any_generation_and_resumed_it_ends_with_the_same_bits(method, tmp_path):
    net, task, how = images(method) if method == "bptt" else body(method)
    whole = train(net, task, **how)
    generations = sum(point.stage in ("ga", "es", "ars", "cma", "bptt") for point in whole.curve)
    assert generations >= 5
    for stop in sorted({1, 2, 3, generations // 2 + 1, generations - 1, generations}):
        path = tmp_path / f"{stop}"
        with pytest.raises(Stopped):
            train(net, task, **how, checkpoint=path, every=1, progress=stop_after(stop))
        again = []
        assert_same(train(net, task, **how, checkpoint=path, every=1, progress=again.append), whole)
        assert len(again) == generations - stop + 1, "what the checkpoint holds is not run again"


def test_stopped_again_and_again_between_rare_checkpoints_it_ends_with_the_same_bits(tmp_path):
    net, task, how = body("es+ga")
    whole = train(net, task, **how)
    for _ in range(4):
        with pytest.raises(Stopped):
            train(net, task, **how, checkpoint=tmp_path / "c", every=3, progress=stop_after(4))
    assert_same(train(net, task, **how, checkpoint=tmp_path / "c", every=3), whole)


def test_a_finished_run_called_again_trains_no_more(tmp_path):
    net, task, how = body("ga")
    first = train(net, task, **how, checkpoint=tmp_path / "c")
    assert_same(train(net, task, **how, checkpoint=tmp_path / "c", progress=stop_after(1)), first)


SCRIPT = """
import sys
from celegans_nn.networks.saving import save_weights
from celegans_nn.training import train
from tests.training.test_checkpoint import body
net, task, how = body("es")
say = lambda now: print(now.generation, flush=True)
result = train(net, task, **how, checkpoint=sys.argv[1], every=1, progress=say)
save_weights(result.net, sys.argv[2])
"""


def test_killed_in_the_middle_and_started_anew_it_ends_with_the_same_bits(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "c"), str(tmp_path / "weights")]
    settings = {"cwd": Path(__file__).parents[2], "stdout": subprocess.PIPE, "text": True}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command, **settings, env=environment)
    for line in first.stdout:
        if line.strip() == "4":
            first.send_signal(signal.SIGKILL)
            break
    first.wait()
    assert first.returncode == -signal.SIGKILL and not (tmp_path / "weights").exists()
    second = subprocess.run(command, **settings, env=environment, check=True)
    assert int(second.stdout.split()[0]) > 3
    net, task, how = body("es")
    save_weights(train(net, task, **how).net, tmp_path / "whole")
    assert (tmp_path / "weights").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A checkpoint of a run of the genetic algorithm."""
    path = tmp_path_factory.mktemp("kept") / "c"
    net, task, how = body("ga")
    with pytest.raises(Stopped):
        train(net, task, **how, checkpoint=path, every=1, progress=stop_after(3))
    return path


def other_options(**more):
    return {"options": body("ga")[2]["options"] | more}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "whose seed is 0, and here it is 1"),
        ({"budget": 400}, "whose budget is 300, and here it is 400"),
        ({"method": "es"}, "whose method is ga, and here it is es"),
        (other_options(ga={"population": 6, "elites": 3}), "whose options.ga.elites is 2, and here it is 3"),
        (other_options(episodes=1), "whose options.episodes is 2, and here it is 1"),
        ({"net": "other values"}, "whose network is"),
        ({"net": "other neuron"}, "whose network is"),
        ({"task": "longer"}, "whose task.episode_steps is 5, and here it is 6"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_in_one_line_that_names_what_differs(kept, changed, named):
    net, task, how = body("ga")
    which = changed.get("net")
    if which == "other values":
        with torch.no_grad():
            net.chemical.log_weight += 1e-6
    elif which == "other neuron":
        net = build(random_worm(), "lif", inputs=task.observations, outputs=task.actions, share="sign")
    if "task" in changed:
        task = make_task("swimmer6", episode_steps=6)
    how |= {name: value for name, value in changed.items() if name in how}
    before = kept.read_bytes()
    with pytest.raises(CheckpointError, match=named) as caught:
        train(net, task, **how, checkpoint=kept)
    assert "\n" not in str(caught.value) and "remove it" in str(caught.value)
    assert kept.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "other", "empty", "folder"])
def test_a_damaged_checkpoint_is_refused_in_one_line(kept, damage, tmp_path):
    path, data = tmp_path / "c", kept.read_bytes()
    net, task, how = body("ga")
    if damage == "folder":
        path.mkdir()
    elif damage == "other":
        save_weights(net, path)
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    with pytest.raises(CheckpointError) as caught:
        train(net, task, **how, checkpoint=path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
