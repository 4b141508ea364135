"""celegans-nn evolve: what it prints and leaves behind, and what a second call does."""

import numpy as np
import pytest

from celegans_nn import Connectome, ModelConnectome, cli
from celegans_nn.generations import kept_after

EDGES, TO_NEURONS, TO_MUSCLES = 66 * 65 + 66 * 36, 66 * 65, 66 * 36
WORM = [
    "--task-options", "episode_steps=6", "settle_steps=1", "--budget", "60",
    "--options", "es.population=4", "evaluation_episodes=1",
]  # fmt: skip


def command(capsys, *words):
    """(exit code, standard output, standard error) of celegans-nn evolve, run in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["evolve", *(str(word) for word in words)])
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def test_a_wiring_evolves_and_is_compared_with_the_worms_own_and_goes_on_with_more_generations(capsys, tmp_path):
    code, out, _ = command(capsys, "worm", *WORM, "--generations", 1, "--out", tmp_path)
    assert code == 0
    kept = kept_after(TO_NEURONS, 1) + kept_after(TO_MUSCLES, 1)
    assert out.splitlines()[1].split()[:4] == ["1", f"{kept:,}", f"{100 * kept / EDGES:.1f}", "%"]
    first = Connectome.from_csv(tmp_path / "evolved")
    assert len(first.chemical_edges.pre) == kept
    matched = Connectome.from_csv(tmp_path / "matched")
    assert len(matched.chemical_edges.pre) == 336
    assert "neuron-to-neuron edges in common" in out

    code, out, _ = command(capsys, "worm", *WORM, "--generations", 2, "--out", tmp_path)
    assert code == 0
    second = Connectome.from_csv(tmp_path / "evolved")
    assert len(second.chemical_edges.pre) == kept_after(TO_NEURONS, 2) + kept_after(TO_MUSCLES, 2)
    there = first.adjacency() > 0
    assert (there | ~(second.adjacency() > 0)).all()  # what a generation took does not come back
    histories = [worm.provenance["evolved"]["history"] for worm in (first, second)]
    assert histories[1][:1] == histories[0]


def test_a_wiring_that_is_left_with_fewer_edges_than_the_worm_is_not_compared_with_it(capsys, tmp_path):
    words = ["images", "--generations", 2, "--prune-fraction", 0.9, "--budget", 64]
    code, out, _ = command(capsys, *words, "--out", tmp_path)
    assert code == 0
    assert "fewer than the worm's 188" in out
    assert not (tmp_path / "matched").exists()


def test_a_language_model_evolves_on_any_folder_of_text(capsys, tmp_path):
    rng = np.random.default_rng(0)
    words = ["worm", "turns", "left", "right", "and", "sleeps", "eats"]
    (tmp_path / "texts").mkdir()
    for k in range(6):
        (tmp_path / "texts" / f"{k}.txt").write_text(" ".join(rng.choice(words, 400)))
    asked = ["language", "--task", tmp_path / "texts", "--generations", 1, "--budget", 4096, "--out", tmp_path / "out"]
    code, out, _ = command(capsys, *asked)
    assert code == 0
    connectome = ModelConnectome.load(tmp_path / "out" / "evolved")
    assert connectome.samples == 4096
    assert f"{connectome.history[0].weights:,}" in out
    assert connectome.density() == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["wurm"], "did you mean 'worm'"),
        (["worm", "--generations", "0"], "--generations is 0"),
        (["worm", "--prune-fraction", "1"], "prune_fraction is 1.0"),
        (["worm", "--task", "digits"], "no locomotion task; evolve images takes it"),
        (["images", "--task", "swimmer3"], "evolve worm takes it"),
        (["worm", "--source", "nosuch"], "nosuch"),
        (["worm", "--data", "."], "--data is for language"),
        (["language", "--source", "cook2019"], "leave it out"),
        (["language", "--budget", "100"], "raise it"),
        (["language", "--options", "lerning_rate=1"], "lerning_rate"),
        (["images", "--options", "es.population=3"], "es.population is 3"),
    ],
)
def test_what_cannot_be_evolved_is_said_in_one_line(capsys, tmp_path, words, says):
    code, out, err = command(capsys, *words, "--out", tmp_path / "out")
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not out


def test_a_folder_of_another_evolution_is_refused(capsys, tmp_path):
    words = ["images", "--generations", 1, "--budget", 64, "--out", tmp_path]
    assert command(capsys, *words)[0] == 0
    code, _, err = command(capsys, *words, "--seed", 1)
    assert code == 2
    assert "of another run" in err
