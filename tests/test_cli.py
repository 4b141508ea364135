"""The command line: examples in every help, one line for every error, and exit codes that scripts can trust."""

import subprocess
import sys

import pytest

from celegans_nn import cli
from celegans_nn.connectome import verify
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.rewiring import NULLS, rewire_many
from celegans_nn.studies import pool
from tests.studies.failing import MESSAGE, worker_that_fails

COMMANDS = [
    "info",
    "rewire",
    "train",
    "evaluate",
    "render",
    "study plan",
    "study run",
    "study resume",
    "study report",
    "data verify",
]


def run(capsys, *words):
    """(exit code, standard output, standard error) of a command, run in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(capsys, command):
    code, out, err = run(capsys, *command.split(), "--help")
    assert code == 0
    assert f"Example: celegans-nn {command}" in " ".join(out.split())
    assert err == ""


def test_the_first_help_names_every_command(capsys):
    _, out, _ = run(capsys, "--help")
    for word in (
        "info",
        "rewire",
        "train",
        "evaluate",
        "study",
        "data",
        "study plan",
        "study run",
        "study resume",
        "study report",
        "data verify",
    ):
        assert word in " ".join(out.split())


@pytest.mark.parametrize("command", ["rewire", "train", "evaluate", "render"])
def test_a_command_with_randomness_takes_a_seed(capsys, command):
    assert "--seed" in run(capsys, command, "--help")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["studdy"], "studdy"),
        (["study"], "run"),
        (["study", "rum"], "rum"),
        (["study", "run"], "PATH"),
        (["study", "run", "none.toml"], "none.toml: cannot be read"),
        (["study", "plan", "none.toml"], "none.toml: cannot be read"),
        (["study", "run", "none.toml", "--wokers", "2"], "--workers"),
        (["study", "run", "none.toml", "--workers", "two"], "two"),
        (["study", "report", "none"], "none: holds no study"),
        (["study", "resume", "none"], "none: holds no study"),
        (["info", "cook"], "did you mean 'cook2019'"),
        (["info", "cook2019", "--circuit", "vnc57"], "did you mean 'vnc75'"),
        (["rewire", "haspel2012", "degrees"], "did you mean 'degree'"),
        (["rewire", "haspel2012", "degree", "--seed", "-1"], "seed"),
        (["rewire", "haspel2012", "degree", "--out", "/dev/null/x"], "/dev/null"),
        (["rewire", "haspel2012", "degree", "--n", "1"], "--n 1: an ensemble has 2 controls or more"),
        (["rewire", "haspel2012", "degree", "--inputs", "hm_AS1,nobody"], "nobody"),
        (["rewire", "haspel2012", "degree", "--figure", "f.jpg"], "f.jpg: a figure ends in .png, .svg, .pdf"),
        (["info", "haspel2012", "--figure", "f"], "f: a figure ends in .png, .svg, .pdf"),
        (["info", "haspel2012", "--figure", "/dev/null/f.svg"], "/dev/null"),
        (["info", "witvliet2021_8", "--circuit", "vnc75"], "head only, and lacks 75"),
        (["info", "no/such/folder"], "no/such/folder: No such file"),
        (["info", "fly.graphml"], "fly.graphml: No such file"),
        (["info", "./cook2019"], "cook2019: No such file"),
        (["info", "a/fly.csv", "--circuit", "vnc75"], "is a file: it has its own cells and signs"),
        (["rewire", "fly.graphml", "degree", "--no-muscles"], "--no-muscles and --polarity do not apply"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *words)
    assert code == 2
    assert err.count("\n") == 1, err
    assert err.startswith("celegans-nn")
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_info_prints_the_counts_of_a_connectome(capsys):
    code, out, _ = run(capsys, "info", "haspel2012")
    assert code == 0
    assert "102 (66 motor, 36 muscle)" in out
    assert "336 (264 +, 72 -, 0 unknown)" in out
    assert "89 pairs" in out


def test_info_says_how_the_cells_are_connected(capsys):
    out = run(capsys, "info", "haspel2012")[1]
    worm = load_connectome("haspel2012")
    links = set(zip(worm.chemical["pre"], worm.chemical["post"], strict=True))
    mutual = sum((b, a) in links for a, b in links) / len(links)
    assert f"reciprocity      {mutual:.3f}" in out
    assert "in-degree        mean 3.29, most 11 (hm_" in out
    assert "self-loops       0 chemical, 0 electrical" in out


def test_info_draws_the_wiring(capsys, tmp_path):
    code, out, _ = run(capsys, "info", "haspel2012", "--figure", str(tmp_path / "f.svg"))
    assert code == 0
    assert f"drawn in {tmp_path / 'f.svg'}" in out
    assert ">MD<" in (tmp_path / "f.svg").read_text()


@pytest.mark.parametrize("place", ["folder", "folder/edges.csv", "worm.graphml"])
def test_info_and_rewire_take_a_path(capsys, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    worm = load_connectome("haspel2012")
    worm.to_csv("folder")
    worm.to_graphml("worm.graphml")
    code, out, _ = run(capsys, "info", place)
    assert code == 0
    assert "336 (264 +, 72 -, 0 unknown)" in out
    code, out, _ = run(capsys, "rewire", place, "density", "--scope", "all", "--out", "control")
    assert code == 0
    assert "kept exactly" in out
    assert len(Connectome.from_csv("control").chemical) == 336


def test_rewire_lists_every_null_model_with_a_line_in_its_help(capsys):
    out = run(capsys, "rewire", "--help")[1]
    lines = dict(line.split(maxsplit=1) for line in out.partition("null models, ")[2].splitlines()[1:])
    assert lines == {name: null.__doc__.partition("\n")[0] for name, null in NULLS.items()}


def test_the_help_of_rewire_loads_no_compiler():
    words = "import sys; sys.argv = ['celegans-nn', 'rewire', '--help']; from celegans_nn import cli\n"
    script = (
        words + "try:\n    cli.main()\nexcept SystemExit:\n    print({'numba', 'numpy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_rewire_draws_what_was_kept(capsys, tmp_path):
    code, out, _ = run(capsys, "rewire", "haspel2012", "degree", "--figure", str(tmp_path / "f.png"))
    assert code == 0
    assert "drawn in" in out
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_an_ensemble_prints_its_table_and_writes_every_control(capsys, tmp_path):
    out, figure = tmp_path / "controls", tmp_path / "f.svg"
    words = ["rewire", "haspel2012", "degree", "--n", "3", "--seed", "5", "--out", str(out), "--figure", str(figure)]
    code, said, _ = run(capsys, *words)
    assert code == 0
    assert "reciprocity" in said and "%ile" in said
    assert figure.read_text().startswith("<?xml")
    assert sorted(path.name for path in out.iterdir()) == ["000", "001", "002"]
    worm = load_connectome("haspel2012")
    written = [Connectome.from_csv(folder) for folder in sorted(out.iterdir())]
    assert written == list(rewire_many(worm, "degree", n=3, seed=5))


def test_rewire_measures_paths_between_the_named_ends(capsys):
    words = ["rewire", "haspel2012", "density", "--inputs", "hm_AS1, hm_AS2", "--outputs", "hm_MD01"]
    one, all_motor = run(capsys, *words)[1], run(capsys, *words[:3])[1]
    assert one != all_motor


def test_info_takes_the_whole_table_as_circuit_all(capsys):
    assert "4879" in run(capsys, "info", "cook2019", "--circuit", "all")[1]


def test_a_note_of_the_loader_is_one_line(capsys):
    code, _, err = run(capsys, "info", "cook2019", "--circuit", "tap_withdrawal16")
    assert code == 0
    assert err.count("\n") == 1
    assert err.startswith("note: ")
    assert "no inhibitory" in err


def test_rewire_is_the_same_for_the_same_seed_and_writes_tables(capsys, tmp_path):
    folders = [tmp_path / name for name in "abc"]
    for folder, seed in zip(folders, "001", strict=True):
        code, out, _ = run(capsys, "rewire", "haspel2012", "degree", "--seed", seed, "--out", str(folder))
        assert code == 0
        assert "in-degree" in out
        assert "kept exactly" in out
    tables = [{p.name: p.read_bytes() for p in f.iterdir() if p.suffix == ".csv"} for f in folders]
    assert tables[0]
    assert tables[0] == tables[1] != tables[2]


def test_data_verify_prints_ours_beside_published_and_succeeds(capsys):
    code, out, _ = run(capsys, "data", "verify")
    assert code == 0
    assert "FAILS" not in out
    row = next(line for line in out.splitlines() if "chemical synapses" in line)
    assert row.split("(S + Sp)")[1].split()[:3] == ["6394", "6393", "holds"]


def test_data_verify_fails_with_exit_code_1_where_a_number_does_not_hold(capsys, monkeypatch):
    wrong = [
        verify.Check("t.csv", "edges", 3, 4, False, "one is missing"),
        verify.Check("t.csv", "cells", 2, 2, True, ""),
    ]
    monkeypatch.setattr(verify, "verify_data", lambda: wrong)
    code, out, _ = run(capsys, "data", "verify")
    assert code == 1
    assert "FAILS" in out
    assert "1 of 2 numbers hold" in out


def test_study_run_reports_and_resume_and_report_repeat_nothing(capsys, tmp_path):
    spec = tmp_path / "s.toml"
    spec.write_text(
        'name = "s"\n[[networks]]\nlabel = "worm"\nsource = "haspel2012"\n'
        '[[tasks]]\nname = "digits"\nmethod = "bptt"\nbudget = 64\n'
    )
    out = tmp_path / "out"
    code, said, err = run(capsys, "study", "run", str(spec), "--out", str(out), "--workers", "1")
    assert (code, said) == (0, f"report: {out / 'report.html'}\n")
    assert "1/1  worm on digits, seed 0: final" in err
    results = (out / "results.csv").read_bytes()
    (out / "report.html").unlink()
    code, _, err = run(capsys, "study", "resume", str(out))
    assert code == 0
    assert "kept from before: 1 of 1 trials" in err
    assert (out / "report.html").exists()
    (out / "report.html").unlink()
    assert run(capsys, "study", "report", str(out))[0] == 0
    assert (out / "report.html").exists()
    assert (out / "results.csv").read_bytes() == results


def test_a_study_with_a_failed_trial_exits_with_1_and_says_which(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "WORKER", worker_that_fails(budget=9_000))
    spec = tmp_path / "s.toml"
    spec.write_text(
        'name = "s"\n[[networks]]\nlabel = "worm"\nsource = "haspel2012"\n'
        '[[tasks]]\nname = "digits"\nmethod = "es"\nbudget = 9_000\n'
    )
    code, _, err = run(capsys, "study", "run", str(spec), "--out", str(tmp_path / "out"), "--workers", "1")
    assert code == 1
    assert f"failed: worm on digits, seed 0: {MESSAGE}" in err
    assert (tmp_path / "out" / "report.html").exists()


def test_a_reader_that_goes_away_is_no_error():
    script = f"{sys.executable} -m celegans_nn.cli rewire haspel2012 degree | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    assert "null degree" in done.stdout


def test_an_ensembles_folder_is_new(tmp_path, capsys):
    arguments = ["rewire", "haspel2012", "degree", "--n", "2", "--out", str(tmp_path / "controls")]
    with pytest.raises(SystemExit) as first:
        cli.main(arguments)
    assert first.value.code == 0
    with pytest.raises(SystemExit) as second:
        cli.main(arguments)
    assert second.value.code == 2
    assert "is not empty" in capsys.readouterr().err


def test_a_control_that_shared_weights_make_void_is_refused_on_the_command_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["rewire", "haspel2012", "weight_shuffle", "--initial-weights", "shared"])
    assert stopped.value.code == 2
    assert "void under shared initial weights" in capsys.readouterr().err
