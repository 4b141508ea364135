"""A wiring from a user's file, with names made to do harm: it is built, trained and reported, and stays where it is."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

from celegans_nn.cli import main
from celegans_nn.errors import ConnectomeError, SpecError
from celegans_nn.studies import load_results, load_study, resume_study, run_study
from celegans_nn.studies.report import page_script
from celegans_nn.studies.trial import wirings

NAMES = (
    "<script>alert(1)</script>", "x" * 10_000, "../../etc/passwd", "a/b\\c", "神経細胞", "עצב", 'quoted", with comma',
    "{{7*7}}", "$x^2$ \\frac{", "line\nbreak", "ctl\x01", "'; drop table", "A&amp;B <b>", "\u202eabc", "%s{0}",
)  # fmt: skip
SPEC = """
name = "hostile"
title = "<img src=x onerror=alert(2)>"
question = "<script>alert(3)</script>"
[[networks]]
label = "{control} $\\\\frac{ <b>\\u202e\\u001b[2J"
source = "fly"
control = ["none", "degree"]
control_seeds = [0]
[[networks]]
label = "</script><script>alert(4)</script>"
baseline = "linear"
like = "none $\\\\frac{ <b>\\u202e\\u001b[2J"
[[tasks]]
name = "swimmer6"
label = "../../swim <i>"
method = "es"
budget = 60
task = { episode_steps = 6 }
options = { es = { population = 4 }, evaluation_episodes = 1 }
"""


def write_wiring(folder, names=NAMES):
    """A ring in which each cell also reaches its second and fourth neighbour, as edges.csv."""
    folder.mkdir()
    with open(folder / "edges.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("pre", "post", "kind", "weight", "sign"))
        for i, pre in enumerate(names):
            for step in (1, 2, 4):
                sign = -1 if i % 3 == 0 else 1
                table.writerow((pre, names[(i + step) % len(names)], "chemical", 1 + i % 3, sign))
            if i % 3 == 0:
                table.writerow((pre, names[(i + 5) % len(names)], "electrical", 1, 0))


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.found, self.handlers, self.kinds = [], [], []

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        self.kinds += [dict(attributes).get("type")] if tag == "script" else []
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The folder that holds the wiring, the specification, and the results of running it."""
    folder = tmp_path_factory.mktemp("hostile")
    write_wiring(folder / "fly")
    (folder / "study.toml").write_text(SPEC, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["study", "run", str(folder / "study.toml"), "--out", str(folder / "out"), "--workers", "1"])
    assert stop.value.code == 0
    return folder


def test_it_is_built_and_trained(hostile):
    table = load_results(hostile / "out")
    assert len(table) == 3
    assert table["final"].notna().all()
    assert set(table["source"].dropna()) == {"fly"}
    assert table["cells"].max() == len(NAMES)


def test_the_report_holds_no_markup_of_the_users_and_nothing_is_written_elsewhere(hostile):
    page = (hostile / "out" / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.handlers == []
    assert tags.kinds == ["application/json", None]
    assert re.findall(r"<script>(.*?)</script>", page, re.DOTALL) == [page_script()]
    assert "alert(2)" in page  # shown, not run
    assert sorted(p.name for p in hostile.iterdir()) == ["fly", "out", "study.toml"]


def test_the_copy_in_the_results_is_the_same_wiring_and_the_folder_alone_goes_on(hostile, tmp_path):
    shutil.copytree(hostile / "out", tmp_path / "elsewhere")
    table = (tmp_path / "elsewhere" / "results.csv").read_bytes()
    study = load_study(tmp_path / "elsewhere" / "spec.toml")
    assert [t.hash for t in study.trials] == [t.hash for t in load_study(hostile / "study.toml").trials]
    assert str(tmp_path) in str(study.networks[0].file)
    assert list(wirings(study.networks[0])[1].names) == list(
        wirings(load_study(hostile / "study.toml").networks[0])[1].names
    )
    resume_study(tmp_path / "elsewhere", workers=1)
    assert (tmp_path / "elsewhere" / "results.csv").read_bytes() == table
    assert len(pd.read_parquet(tmp_path / "elsewhere" / "results.parquet")) == 3


def test_another_wiring_under_the_same_path_makes_other_trials(hostile, tmp_path):
    (tmp_path / "study.toml").write_text(SPEC, encoding="utf-8")
    write_wiring(tmp_path / "fly", NAMES[:-1])
    ours, theirs = load_study(tmp_path / "study.toml"), load_study(hostile / "study.toml")
    assert {t.hash for t in ours.trials}.isdisjoint(t.hash for t in theirs.trials)
    write_wiring(tmp_path / "again")
    shutil.rmtree(tmp_path / "fly")
    (tmp_path / "again").rename(tmp_path / "fly")
    assert [t.hash for t in load_study(tmp_path / "study.toml").trials] == [t.hash for t in theirs.trials]
    with pytest.raises(ConnectomeError, match="has changed since the study was read"):
        wirings(ours.networks[0])


WRONG = [
    ('source = "fly"', 'source = "fli"', "unknown; "),
    ('source = "fly"', 'source = "./fli"', "No such file"),
    ('source = "fly"', 'source = "fli.graphml"', "No such file"),
    ('source = "fly"', 'source = "study.toml"', "study.toml"),
    ('source = "fly"', 'source = "fly"\ncircuit = "vnc75"', "has its own cells and signs; remove this"),
    ('source = "fly"', 'source = "fly"\nmuscles = false', "has its own cells and signs; remove this"),
    ('source = "fly"', 'source = ["fly", "fly/edges.csv"]', "put what differs into the label"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[new for _, new, _ in WRONG])
def test_a_wiring_that_is_none_is_one_line_and_nothing_is_written(tmp_path, old, new, said):
    write_wiring(tmp_path / "fly", NAMES[2:])
    (tmp_path / "study.toml").write_text(SPEC.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError) as error:
        run_study(tmp_path / "study.toml", out=tmp_path / "out")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_labels_do_not_reach_the_terminal_as_they_are(hostile, capsys):
    trial = load_study(hostile / "study.toml").trials[0]
    assert "\x1b" in trial.network.label
    assert trial.describe().isprintable()
    record = json.loads((hostile / "out" / "trials" / f"{trial.hash}.json").read_text(encoding="utf-8"))
    assert record["error"] is None
