"""The report: complete, self-contained, and deaf to whatever a name tries to be."""

import base64
import hashlib
import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from celegans_nn.errors import SpecError
from celegans_nn.studies import load_study, pool, run_study, write_report
from celegans_nn.studies.report import page_script
from celegans_nn.studies.store import load_results, read_records
from celegans_nn.studies.summary import best_swimmer, summarise
from tests.studies.failing import worker_that_fails

LOADS = {"src", "srcset", "href", "data", "poster", "action", "formaction", "background", "cite", "xlink:href"}


class Page(HTMLParser):
    """Every element of a page with its attributes, and the text between them."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {k: v or "" for k, v in attributes}))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def scripts_of(source: str) -> list[str]:
    """What a browser would run of a page."""
    return re.findall(r"<script>(.*?)</script>", source, re.DOTALL)


@pytest.fixture(scope="module")
def folder(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("report") / "tiny"
    shutil.copytree(finished, copy)
    write_report(copy)
    return copy


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_nothing_is_loaded_from_outside_the_page(source, page):
    for tag, attributes in page.elements:
        for name in LOADS & set(attributes):
            value = attributes[name]
            assert value.startswith(("data:image/", "#")), f"<{tag} {name}={value[:60]!r}>"
    assert {"link", "iframe", "object", "embed", "base", "form"}.isdisjoint(t for t, _ in page.elements)
    assert not [n for _, a in page.elements for n in a if n.startswith("on")]
    assert "@import" not in source
    assert all(u.strip("'\"").startswith("#") for u in re.findall(r"url\(([^)]+)", source))
    (script,) = scripts_of(source)
    assert script == page_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.unescape(source), "no other script may run"
    assert "http:" not in source
    assert "https:" not in source


def test_the_page_answers_first_and_says_what_it_cannot_say(page):
    text = page.text
    order = ["Does the whole path run?", "In short", "Undecided at this budget", "What these points cannot say",
             "Learning curves", "The wiring", "What each control kept", "Run it again", "Provenance"]  # fmt: skip
    body = text[: text.rindex(order[0])]  # the specification repeats the question
    places = [body.index(order[0]), *(body.rindex(part) for part in order[1:])]  # links to the sections come first
    assert places == sorted(places)
    assert "no p-value can fall below 1/(1+2) = 0.33" in text
    assert "confidence" not in text


def test_every_trial_stands_in_the_final_table(folder, page):
    table = load_results(folder)
    for value in table[table["task"] == "swimmer6"]["final_forward_speed"]:
        assert f"{round(value, 3) + 0.0:.3f}".replace("-", "−") in page.text
    for value in table[table["task"] == "digits"]["final"]:
        assert f"{value:.3f}" in page.text
    share = 100 * table["share_of_s22"].max()
    assert f"{share:.2g} %" in page.text


def test_every_seed_is_a_point_and_a_line(folder, source):
    trials = len(load_results(folder))
    assert len(re.findall(r'class="after ', source)) == trials
    assert len(re.findall(r'class="before ', source)) == trials


def test_ids_are_unique_and_every_reference_inside_the_page_has_its_target(source, page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = {a["href"][1:] for _, a in page.elements if a.get("href", "").startswith("#")}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", source))
    wanted |= {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert wanted
    assert wanted <= set(ids)


def test_the_best_swimmer_moves_in_a_gif_of_less_than_two_megabytes(folder, page):
    (image,) = [a for t, a in page.elements if t == "img"]
    gif = base64.b64decode(image["src"].removeprefix("data:image/gif;base64,"))
    assert gif == (folder / "best_swimmer6.gif").read_bytes()
    assert gif[:6] == b"GIF89a"
    assert len(gif) < 2_000_000
    study = load_study(folder / "spec.toml")
    (swimming,) = [r for r in summarise(study, read_records(folder, study)) if r.kind == "locomotion"]
    point = best_swimmer(swimming)
    table = load_results(folder)
    worms = table[(table["task"] == "swimmer6") & (table["control"] == "none")]
    assert point.trial.hash == worms.loc[worms["final_forward_speed"].idxmax(), "trial"]


def test_figures_stand_beside_the_page_as_png(folder):
    names = {p.name for p in folder.glob("*.png")}
    assert {"best_swimmer6.png", "results_swimmer6.png", "results_digits.png", "learning_curves_swimmer6.png",
            "wiring_1_haspel2012.png"} <= names  # fmt: skip
    for name in names:
        assert (folder / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_command_that_runs_it_again_is_exact(folder, source):
    (commands, spec) = re.findall(r"<pre>(.*?)</pre>", source, re.DOTALL)
    lines = html.unescape(commands).splitlines()
    assert re.fullmatch(r"celegans-nn study run \S+/study\.toml --out \S+/tiny", lines[0])
    assert lines[-1] == f"celegans-nn study resume {folder}"
    assert html.unescape(spec).strip() == (folder / "spec.toml").read_text().strip()


def test_writing_the_report_again_changes_no_result(folder):
    before = {p.name: p.read_bytes() for p in folder.glob("*.csv")}
    page = (folder / "report.html").read_bytes()
    write_report(folder)
    assert {p.name: p.read_bytes() for p in folder.glob("*.csv")} == before
    assert (folder / "report.html").read_bytes() == page


def test_weights_that_no_longer_fit_cost_the_animation_and_nothing_else(folder, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(folder, old)
    for path in old.glob("trials/*.safetensors"):
        path.write_bytes(b"of another time")
    text = Page(write_report(old).read_text(encoding="utf-8")).text
    assert "No animation on swimmer6:" in text
    assert "What each control kept" in text


def test_a_folder_that_holds_no_study_is_one_line(tmp_path):
    with pytest.raises(SpecError, match="holds no study"):
        write_report(tmp_path)


# -- names that want to be code ----------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script>"
BREAKING = "\"'><img src=x onerror=alert(2)> --> {{ 7*7 }} {neuron} $x$ ]]> </title></style></svg>"


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    spec = folder / "s <b>.toml"
    spec.write_text(f"""
name = "hostile"
title = {toml(HOSTILE + BREAKING)}
question = {toml(BREAKING)}
[[networks]]
label = {toml(BREAKING)}
source = "haspel2012"
neuron = "rate"
[[networks]]
label = {toml(HOSTILE)}
source = "haspel2012"
control = "degree"
[[tasks]]
name = "digits"
label = {toml(HOSTILE + BREAKING)}
method = "bptt"
budget = 64
[[tasks]]
name = "swimmer6"
label = {toml("../" + HOSTILE)}
method = "es"
budget = 60
task = {{ episode_steps = 5 }}
options = {{ es = {{ population = 2 }}, evaluation_episodes = 1 }}
[[tasks]]
name = "swimmer6"
label = {toml("fails " + HOSTILE)}
method = "es"
budget = 90_000
""")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "WORKER", worker_that_fails(budget=90_000))
        run_study(spec, out=folder / "out", workers=1)
    write_report(folder / "out")
    return folder / "out"


def test_hostile_names_stay_text(hostile):
    source = (hostile / "report.html").read_text(encoding="utf-8")
    page = Page(source)
    assert scripts_of(source) == [page_script()]
    assert all(a == {} or a["type"] == "application/json" for t, a in page.elements if t == "script")
    assert not [n for _, a in page.elements for n in a if n.startswith("on")]
    assert all(a["src"].startswith("data:image/") for t, a in page.elements if t == "img")
    assert "<script>alert" not in source
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", source, re.DOTALL)[0]
    assert "$x$" in page.text
    assert page.text.count(HOSTILE) > 5


def test_hostile_names_write_nothing_outside_the_folder(hostile):
    assert sorted(p.name for p in hostile.parent.iterdir()) == ["out", "s <b>.toml"]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", p.name) for p in hostile.rglob("*"))


def test_failed_trials_are_counted_at_the_top_and_named_with_their_error(hostile):
    text = Page((hostile / "report.html").read_text(encoding="utf-8")).text
    assert "2 of 6 trials have no result yet; 2 of them failed" in text
    assert "a generation costs" in text
