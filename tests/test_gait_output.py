"""celegans-nn evaluate tells how a body moves."""

import json

import numpy as np
import pytest

from celegans_nn import cli, gait_output
from celegans_nn.network_flags import NetworkFlags, make_network
from celegans_nn.networks import save_network
from celegans_nn.tasks import make_task
from celegans_nn.tasks.gait import PUBLISHED, Gait
from celegans_nn.training.run import HELD_OUT_SEED

OPTIONS = ["head_drive=sine", "episode_steps=30", "settle_steps=10"]


@pytest.fixture(scope="module")
def worm(tmp_path_factory):
    """A folder with an untrained network of the worm's own body, which its head's drive moves."""
    folder = tmp_path_factory.mktemp("worm")
    save_network(make_network("haspel2012", NetworkFlags(interface="direct"), make_task("worm"), "es", seed=0), folder)
    return folder


def evaluate(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        cli.main(["evaluate", *(str(word) for word in words)])
    assert not stop.value.code
    return capsys.readouterr().out


def test_the_worms_gait_stands_beside_published_ones(capsys, worm):
    out = evaluate(capsys, worm, "--task", "worm", "--task-options", *OPTIONS, "--episodes", 2)
    table, gait = out.split("\n\n")
    assert [line.split()[0] for line in table.splitlines()][1:] == [
        *(str(HELD_OUT_SEED + k) for k in range(2)),
        "mean",
    ]
    first, heads, *rows, sources = gait.splitlines()
    assert first.startswith("gait, mean of 2 episodes: it ")
    assert heads.split() == ["here", "worms", "swimming", "worms", "crawling"]
    told = {row.split("  ")[0]: row.split()[-3:] for row in rows}
    assert told["frequency, Hz"][1:] == ["1.76", "0.3"]
    assert told["speed towards the head, mm/s"][1:] == ["0.35", "0.22"]
    assert "Sznitman et al. 2010" in sources and "Fang-Yen et al. 2010, PNAS 107:20323 (as commonly cited)" in sources


def test_as_json_every_episode_has_its_gait_and_the_speed_is_what_the_return_pays(capsys, worm):
    words = [worm, "--task", "worm", "--task-options", *OPTIONS, "--episodes", 2, "--json"]
    found = json.loads(evaluate(capsys, *words))
    gait = found["gait"]
    assert [set(own) for own in gait["episodes"]] == [set(Gait._fields)] * 2
    for own, row in zip(gait["episodes"], found["episodes"], strict=True):
        assert own["forward_speed"] == pytest.approx(row["return"] / 20, rel=0.02)
    assert gait["mean"]["bending"] == pytest.approx(np.mean([own["bending"] for own in gait["episodes"]]))
    assert len(gait["published"]) == len(PUBLISHED)
    assert gait["direction"].startswith(("moves", "stays"))


def test_a_swimmer_that_turns_on_the_spot_is_seen_by_its_straight_way(capsys, tmp_path):
    save_network(make_network("haspel2012", NetworkFlags(), make_task("swimmer3"), "ga", seed=0), tmp_path)
    words = [tmp_path, "--task", "swimmer3", "--task-options", "episode_steps=8", "--episodes", 1]
    assert "speed by the straight way, m/s" in evaluate(capsys, *words)
    assert "published" not in json.loads(evaluate(capsys, *words, "--json"))["gait"]


def test_no_more_gaits_are_measured_than_stated(capsys, worm, monkeypatch):
    monkeypatch.setattr(gait_output, "MOST_GAITS", 1)
    words = [worm, "--task", "worm", "--task-options", *OPTIONS, "--episodes", 3, "--json"]
    found = json.loads(evaluate(capsys, *words))
    assert (len(found["episodes"]), len(found["gait"]["episodes"])) == (3, 1)


def test_a_body_that_is_no_chain_has_no_gait(capsys, tmp_path):
    save_network(make_network("haspel2012", NetworkFlags(), make_task("halfcheetah"), "ga", seed=0), tmp_path)
    words = [tmp_path, "--task", "halfcheetah", "--task-options", "episode_steps=4", "--episodes", 1]
    assert "gait" not in evaluate(capsys, *words)
    assert "gait" not in json.loads(evaluate(capsys, *words, "--json"))
