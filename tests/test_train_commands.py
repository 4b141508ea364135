"""train, evaluate and render on the command line: what is saved, what is printed, and what a second call does."""

import csv
import inspect
import json
import re

import numpy as np
import pytest
from PIL import Image

from celegans_nn import cli, train_commands, train_progress
from celegans_nn.errors import CelegansError
from celegans_nn.network_flags import NetworkFlags, make_network, settings
from celegans_nn.networks import save_network
from celegans_nn.simulation import Episodes, Evaluator, crew
from celegans_nn.tasks import make_task
from celegans_nn.train_progress import CommandBar, TrainingBar
from celegans_nn.training import checkpoint, load_trained, run
from celegans_nn.training.folder import CHECKPOINT

SWIM = [
    "--task", "swimmer3", "--task-options", "episode_steps=5", "--method", "ga", "--budget", "60",
    "--options", "ga.population=4", "ga.elites=2", "evaluation_episodes=2", "normalise=true",
]  # fmt: skip


def command(capsys, *words):
    """(exit code, standard output, standard error) of a command, run in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def swimmer(tmp_path_factory):
    """A folder that celegans-nn train wrote."""
    folder = tmp_path_factory.mktemp("trained") / "swimmer"
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "haspel2012", *SWIM, "--baseline", "linear", "--out", str(folder)])
    assert not stop.value.code
    return folder


def test_train_saves_network_scores_and_curve(swimmer):
    facts = json.loads((swimmer / "run.json").read_text())
    assert facts["task"] == {"name": "swimmer3", "options": {"episode_steps": 5}}
    assert facts["cost"] == {"ga": 60, "total": 60}
    assert {"untrained", "final", "final_forward_speed"} <= facts["scores"].keys()
    with (swimmer / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["untrained", "ga", "ga", "ga", "final"]
    assert [int(row["cost"]) for row in rows] == [0, 20, 40, 60, 60]
    assert float(rows[-1]["score"]) == facts["scores"]["final"]
    assert load_trained(swimmer).net.layers[0].in_features == 11
    assert (swimmer / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not (swimmer / CHECKPOINT).exists()


def test_evaluate_gives_the_held_out_scores_of_training_again(capsys, swimmer):
    code, out, _ = command(capsys, "evaluate", swimmer, "--episodes", 2, "--json")
    found, scores = json.loads(out), json.loads((swimmer / "run.json").read_text())["scores"]
    assert code == 0
    assert found["task"] == "swimmer3"
    assert [row["steps"] for row in found["episodes"]] == [5, 5]
    assert found["mean"]["return"] == pytest.approx(scores["final"], rel=1e-12)
    assert found["mean"]["forward_speed"] == pytest.approx(scores["final_forward_speed"], rel=1e-12)


def test_evaluate_prints_every_episode_and_their_mean_and_another_seed_gives_others(capsys, swimmer):
    first, second = (command(capsys, "evaluate", swimmer, "--episodes", 3, "--seed", s)[1] for s in (0, 1))
    lines = first.splitlines()
    assert lines[0].split()[:3] == ["seed", "return", "forward_speed"]
    assert [line.split()[0] for line in lines[1:5]] == [*(str(run.HELD_OUT_SEED + k) for k in range(3)), "mean"]
    assert first != second


def test_evaluate_takes_options_in_place_of_those_of_training(capsys, swimmer):
    out = command(capsys, "evaluate", swimmer, "--episodes", 1, "--task-options", "episode_steps=7", "--json")[1]
    assert json.loads(out)["episodes"][0]["steps"] == 7


def test_the_same_command_on_a_finished_folder_trains_no_more(capsys, swimmer):
    before = files(swimmer)
    code, out, _ = command(capsys, "train", "haspel2012", *SWIM, "--baseline", "linear", "--out", swimmer)
    assert code == 0
    assert out.startswith(f"trained before, in {swimmer}")
    assert files(swimmer) == before


def test_another_training_does_not_overwrite_a_folder(capsys, swimmer):
    before = files(swimmer)
    words = ["train", "haspel2012", *SWIM, "--baseline", "linear", "--seed", 1, "--out", swimmer]
    code, _, err = command(capsys, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert "holds another training's network; give another --out" in err
    assert files(swimmer) == before


def test_an_interrupted_training_goes_on_and_ends_with_the_same_bytes(capsys, swimmer, tmp_path, monkeypatch):
    words = ["train", "haspel2012", *SWIM, "--baseline", "linear", "--out", tmp_path / "again"]
    whole = checkpoint.write_checkpoint

    def stopped(path, what):
        whole(path, what)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "write_checkpoint", stopped)
    code, _, err = command(capsys, *words)
    assert code == 130
    assert "run the same command to go on" in err
    assert (
        command(capsys, "evaluate", tmp_path / "again")[2]
        .strip()
        .endswith("run the same celegans-nn train command again")
    )
    monkeypatch.setattr(run, "write_checkpoint", whole)
    assert command(capsys, *words)[0] == 0
    assert files(tmp_path / "again") == files(swimmer)


def commands_of_the_help():
    """The words after each "Example: celegans-nn train" in the help."""
    text = " ".join(inspect.getdoc(train_commands.train).split("Args:")[0].split())
    examples = re.findall(r"celegans-nn train (.*?)(?= Example:|$)", text)
    assert len(examples) == 4
    return [example.split() for example in examples]


@pytest.mark.parametrize("words", [[], *commands_of_the_help()])
def test_the_defaults_and_every_example_of_the_help_hold_more_than_one_generation(capsys, tmp_path, monkeypatch, words):
    """Scores are made up, since what is asked is whether training begins and keeps what it has after a generation."""

    def scored(self, parameters, seeds, episode_steps=None, normalise=None):
        shape, n = np.shape(seeds), len(self.task.observations)
        numbers, cost = np.zeros(shape), np.full(shape, self.task.episode_steps)
        seen = np.zeros((2, len(seeds), n))
        return Episodes(numbers, cost, numbers > 0, {"forward_speed": numbers}, cost.sum(1), seen[0], seen[1])

    def stopped(self, now):
        if now.generation == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Evaluator, "evaluate", scored)
    monkeypatch.setattr(TrainingBar, "show", stopped)
    words = words[: words.index("--out")] if "--out" in words else words
    code, _, err = command(capsys, "train", *words, "--out", tmp_path / "run")
    assert code == 130, err
    assert (tmp_path / "run" / CHECKPOINT).exists()


def test_the_direct_interface_learns_nothing_between_body_and_cells():
    net = make_network("haspel2012", NetworkFlags(interface="direct"), make_task("worm"), "ga", seed=0)
    names = [name for name, _ in net.named_parameters()]
    assert names
    assert not any("encoder" in name or "decoder" in name for name in names)


def test_evaluate_kills_cells_first(capsys, tmp_path):
    save_network(make_network("haspel2012", NetworkFlags(ticks=10), make_task("swimmer3"), "ga", seed=0), tmp_path)
    words = ["evaluate", tmp_path, "--task", "swimmer3", "--task-options", "episode_steps=5", "--episodes", 1, "--json"]
    intact, killed = (command(capsys, *words, *more) for more in ([], ["--ablate", "DB, VB"]))
    assert intact[0] == killed[0] == 0
    assert intact[1] != killed[1]


def test_images_are_scored_by_their_class(capsys, tmp_path):
    words = ["train", "haspel2012", "--task", "digits", "--method", "bptt", "--budget", 64, "--seed", 3]
    assert command(capsys, *words, "--out", tmp_path)[0] == 0
    final = json.loads((tmp_path / "run.json").read_text())["scores"]["final"]
    found = json.loads(command(capsys, "evaluate", tmp_path, "--json")[1])
    assert found["episodes"] == [{"images": "test", "accuracy": final}]


def test_a_network_without_a_training_is_scored_on_a_task_that_is_named(capsys, swimmer, tmp_path):
    save_network(load_trained(swimmer).net, tmp_path)
    _, _, err = command(capsys, "evaluate", tmp_path)
    assert "does not say what its network was trained on; give --task" in err
    assert command(capsys, "evaluate", tmp_path, "--task", "swimmer3", "--episodes", 1)[0] == 0


def test_render_films_the_episode_that_evaluate_scores(capsys, tmp_path):
    net = make_network("haspel2012", NetworkFlags(ticks=10), make_task("swimmer3"), "ga", seed=0)
    save_network(net, tmp_path / "net")
    words = [tmp_path / "net", "--task", "swimmer3", "--task-options", "episode_steps=5", "settle_steps=2", "--seed", 3]
    code, out, _ = command(capsys, "render", *words, "--out", tmp_path / "f.gif")
    assert code == 0
    film = Image.open(tmp_path / "f.gif")
    assert film.n_frames == 6
    assert film.height > 400, "the cells stand below the body"
    scored = json.loads(command(capsys, "evaluate", *words, "--episodes", 1, "--json")[1])["mean"]["return"]
    assert out == f"6 frames of 0.1 s, return {scored:.4g}: written to {tmp_path / 'f.gif'}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "haspel2012", "--task", "swimer6"], "did you mean 'swimmer6'"),
        (["train", "haspel2012", "--task", "worm", "--interface", "indirect"], "did you mean 'direct'"),
        (["train", "haspel2012", "--method", "gaa"], "did you mean 'ga'"),
        (["train", "haspel2012", "--options", "ga.populatoin=4"], "did you mean 'population'"),
        (["train", "haspel2012", "--options", "ga"], "--options ga: write NAME=VALUE"),
        (["train", "haspel2012", "--control", "degrees"], "did you mean 'degree'"),
        (["train", "haspel2012", "--budget", "10"], "raise the budget"),
        (["train", "haspel2012", "--seed", "-1"], "seed"),
        (["evaluate", "nowhere"], "nowhere/network.json: No such file"),
        (["evaluate", "SWIMMER", "--task", "hopper"], "does not fit hopper"),
        (["evaluate", "SWIMMER", "--ablate", "AVB"], "has no cells"),
        (["render", "SWIMMER", "--out", "f.avi"], "f.avi: a film ends in .gif or .mp4"),
        (["render", "SWIMMER", "--view", "3d"], "--view 3d: give flat or mujoco"),
        (["render", "nowhere"], "nowhere/network.json: No such file"),
        (["render", "SWIMMER", "--out", "/dev/null/f.gif"], "/dev/null: "),
        (["train", "haspel2012", *SWIM, "--out", "/dev/null/run"], "/dev/null/run: Not a directory"),
        (["evaluate", "SWIMMER", "--episodes", "0"], "--episodes is 0; give a whole number from 1"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing_behind(capsys, tmp_path, monkeypatch, swimmer, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = command(capsys, *[swimmer if word == "SWIMMER" else word for word in words])
    assert code == 2
    assert err.count("\n") == 1, err
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_setting_within_one_that_has_a_value_is_refused():
    with pytest.raises(CelegansError, match=r"--options es\.sigma=1: es has a value already"):
        settings("--options", ["es=3", "es.sigma=1"])


def unseen(*_, **__):
    raise AssertionError("work began")


@pytest.mark.parametrize("place", [("train", "no/such"), ("render", "no/such/f.gif"), ("render", "folder.gif")])
def test_a_place_that_cannot_be_written_is_said_before_the_work(capsys, tmp_path, monkeypatch, swimmer, place):
    name, out = place
    (tmp_path / "no").write_text("a file where a folder would be")
    (tmp_path / "folder.gif").mkdir()
    for work in ("evaluate", "record"):
        monkeypatch.setattr(Evaluator, work, unseen)
    words = ["haspel2012", *SWIM] if name == "train" else [swimmer]
    code, _, err = command(capsys, name, *words, "--out", tmp_path / out)
    assert (code, err.count("\n")) == (2, 1)
    assert str(tmp_path / out).removesuffix("/f.gif") in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.gif", "no"]


def test_a_bar_appears_only_where_a_command_takes_longer_than_two_seconds(monkeypatch):
    clock = iter([0.0, 0.0, 1.9, 1.9, 1.9, 1.9, 3.0, 3.0, 3.0, 3.0])
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr(train_progress, "monotonic", lambda: next(clock))
    with CommandBar("swimmer6") as bar:
        assert bar.console.is_terminal
        bar.share("1 done", 0.1)
        assert not bar.bar.live.is_started
        bar.share("2 done", 0.2)
        assert bar.bar.live.is_started


def test_where_there_is_no_terminal_progress_is_a_line_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(train_progress, "monotonic", lambda: now[0])
    with CommandBar("swimmer6") as bar:
        for now[0] in (10.0, 29.0, 40.0, 60.0):
            bar.share("simulating", now[0] / 80)
    assert capsys.readouterr() == ("", "swimmer6: simulating, 50%, 40 s left\n")


@pytest.mark.parametrize(("name", "words"), [("evaluate", ["--episodes", "2"]), ("render", ["--out", "f.gif"])])
def test_evaluate_and_render_tell_how_far_they_are(capsys, tmp_path, monkeypatch, swimmer, name, words):
    told = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crew, "LOOK_S", 0.0)
    monkeypatch.setattr(CommandBar, "share", lambda self, what, share: told.append((self.title, what, share)))
    code, _, err = command(capsys, name, swimmer, *words, "--task-options", "episode_steps=300")
    assert (code, err) == (0, "")
    simulated = [share for title, _, share in told if title.startswith("swimmer3, ")]
    assert all(0 <= share <= 1 for share in simulated)
    assert simulated[-1] == 1
    if name == "render":
        drawn = [told_of for told_of in told if told_of[0] == "f.gif"]
        assert drawn[-1] == ("f.gif", "drawing", 1.0)
        assert len(drawn) == Image.open(tmp_path / "f.gif").n_frames
