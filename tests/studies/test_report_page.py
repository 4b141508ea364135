"""The report in a real browser: it renders, says nothing on the console, and answers to hand and keyboard."""

import base64
import json
import re
import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.studies import run_study, write_report

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
HOSTILE = "</script><script>alert(1)</script>\u2028<img src=x onerror=alert(2)>"
LONG = "x" * 10_000
SPEC = """
name = "page"
[[networks]]
label = "worm"
source = "haspel2012"
[[networks]]
label = "{control}"
source = "haspel2012"
control = ["statistics", "degree"]
control_seeds = [0, 1, 2]
[[networks]]
label = "named"
source = "fly"
[[networks]]
label = "linear"
baseline = "linear"
like = "worm"
[[tasks]]
name = "swimmer6"
method = "es"
budget = 250
seeds = [0]
task = { episode_steps = 6 }
options = { es = { population = 4 }, evaluation_episodes = 1 }
[comparison]
metric = "final_forward_speed"
worm = "worm"
nulls = ["statistics", "degree"]
margin = 0.05
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with rewirings, and with a wiring whose names are meant to do harm."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "fly").mkdir()
    names = [HOSTILE, LONG, "神経細胞", "\u202eabc", "a&amp;b"]
    rows = [f'"{a}","{b}",chemical,1,{1 - 2 * (k % 2)}' for k, a in enumerate(names) for b in names if a != b]
    (folder / "fly" / "edges.csv").write_text("\n".join(["pre,post,kind,weight,sign", *rows]) + "\n", encoding="utf-8")
    (folder / "study.toml").write_text(SPEC, encoding="utf-8")
    with pytest.warns(UserWarning, match="nothing can be significant"):
        run_study(folder / "study.toml", out=folder / "out", workers=1)
        return write_report(folder / "out")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in found:
        pytest.fail("the report is tested in Chromium: sudo apt-get install chromium chromium-driver", pytrace=False)
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(found[1]))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, report):
    browser.set_window_size(1100, 900)
    browser.get(report.as_uri())
    return browser


def all_of(page, css):
    return page.find_elements(By.CSS_SELECTOR, css)


def one_of(page, css):
    return all_of(page, css)[0]


def point_at(page, element, dx=0, dy=0):
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    ActionChains(page, duration=0).move_to_element_with_offset(element, dx, dy).perform()


def partners(page, title):
    """Names in one of the lists beside the map."""
    for part in all_of(page, "#map1 .detail > div"):
        if part.find_element(By.TAG_NAME, "h4").text.startswith(title):
            return {b.text for b in part.find_elements(By.TAG_NAME, "button")}
    return None


def mark_of(page, name):
    index = load_connectome("haspel2012").index[name]
    return all_of(page, "#map1 .cells > *")[index]


def test_it_renders_and_the_console_stays_empty(page):
    assert one_of(page, "h1").text == "page"
    assert one_of(page, ".headline").text.startswith("UNDECIDED")
    assert page.get_log("browser") == []
    assert not page.execute_script("return document.images.length && [...document.images].some((i) => !i.naturalWidth)")


def test_a_cell_under_the_pointer_is_named_with_its_class_transmitter_role_and_partners(page):
    worm = load_connectome("haspel2012")
    cell = "hm_DD1"
    point_at(page, mark_of(page, cell))
    said = one_of(page, "#map1 .detail p").text
    assert said.startswith(f"{cell} class DD; transmitter GABA; motor neuron")
    e, g, me = worm.chemical_edges, worm.electrical_edges, worm.index[cell]
    names = worm.names
    assert partners(page, "To") == {names[k] for k in e.post[e.pre == me]}
    assert partners(page, "From") == {names[k] for k in e.pre[e.post == me]}
    gaps = {names[k] for k in g.post[g.pre == me]} | {names[k] for k in g.pre[g.post == me]}
    assert partners(page, "Gap junctions") == gaps
    lit = [path.get_attribute("class") for path in all_of(page, "#map1 .lit path")]
    assert sum("inhibitory" in c and "out" in c for c in lit) == (e.pre == me).sum()
    assert page.execute_script("return document.querySelectorAll('#map1 .cells .partner').length") == len(
        partners(page, "To") | partners(page, "From") | gaps
    )


def test_signs_differ_in_colour_dash_and_head(page):
    point_at(page, mark_of(page, "hm_VD1"))
    styles = {}
    for path in all_of(page, "#map1 .lit path"):
        kind = next(k for k in ("excitatory", "inhibitory", "gap") if k in path.get_attribute("class"))
        styles[kind] = tuple(path.value_of_css_property(p) for p in ("stroke", "stroke-dasharray", "marker-end"))
    assert len(styles) == 3
    assert all(len(set(values)) == 3 for values in zip(*styles.values(), strict=True))


def test_the_class_filter_leaves_the_edges_of_that_class_and_the_boxes_those_of_their_kind(page):
    worm = load_connectome("haspel2012")
    e = worm.chemical_edges
    page.execute_script("document.querySelector('#map1').scrollIntoView()")
    Select(one_of(page, "#map1 select.class")).select_by_value("DD")
    of_it = worm.cells["cell_class"] == "DD"
    for kind, sign in (("excitatory", 1), ("inhibitory", -1)):
        drawn = one_of(page, f"#map1 .edges .{kind}").get_attribute("d").count("M")
        assert drawn == ((e.sign == sign) & (of_it[e.pre] | of_it[e.post])).sum()
    assert len(all_of(page, "#map1 .cells .dim")) == (~of_it).sum()
    one_of(page, "#map1 .kinds input[value=inhibitory]").click()
    assert one_of(page, "#map1 .edges .inhibitory").get_attribute("d") == ""


def test_the_map_shows_a_control_when_it_is_chosen(page):
    before = one_of(page, "#map1 .edges .excitatory").get_attribute("d")
    Select(one_of(page, "#map1 select.graph")).select_by_visible_text("degree control, seed 0")
    after = one_of(page, "#map1 .edges .excitatory").get_attribute("d")
    assert after != before
    assert after.count("M") == before.count("M")


def test_the_keyboard_moves_from_cell_to_cell_and_escape_lets_go(page):
    one_of(page, "#map1 svg.wiring").send_keys(Keys.ARROW_RIGHT)
    first = one_of(page, "#map1 .detail b").text
    one_of(page, "#map1 svg.wiring").send_keys(Keys.ARROW_DOWN)
    assert one_of(page, "#map1 .detail b").text != first
    one_of(page, "#map1 svg.wiring").send_keys(Keys.ESCAPE)
    assert all_of(page, "#map1 .lit path") == []


def test_the_map_stands_as_drawn_before_the_script_touches_it(page):
    drawn = one_of(page, "#map1 .edges .gap").get_attribute("d")
    box = one_of(page, "#map1 .kinds input[value=gap]")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", box)
    box.click()
    box.click()
    assert one_of(page, "#map1 .edges .gap").get_attribute("d") == drawn


def test_a_learning_curve_under_the_pointer_tells_its_value_in_all_panels(page):
    panels = all_of(page, "#task1 .lines:last-of-type svg.panel")
    point_at(page, panels[0])
    assert re.search(
        r"environment steps: \d+; seed 0: −?\d\.\d{3}", one_of(page, "#task1 .lines:last-of-type output").text
    )
    shown = [v.text for v in all_of(page, "#task1 .lines:last-of-type .value")]
    assert all(re.match(r"−?\d\.\d{3}", text) for text in shown)
    boxes = all_of(page, "#task1 .lines:last-of-type .tools input")
    boxes[1].click()
    hidden = [f for f in all_of(page, "#task1 .lines:last-of-type figure") if not f.is_displayed()]
    assert {f.get_attribute("class").split()[0] for f in hidden} == {"control"}


def test_names_meant_to_do_harm_are_shown_and_do_none(page, report):
    Select(one_of(page, "#map2 select.cell")).select_by_index(1)
    options = [o.text for o in Select(one_of(page, "#map2 select.cell")).options]
    assert any(o.startswith("</script><script>alert(1)</script>") for o in options)
    assert any(o.startswith("xxxx") and len(o) < 100 for o in options)
    assert page.get_log("browser") == []
    source = report.read_text(encoding="utf-8")
    assert "\u2028" not in source and "\u202e" not in source and LONG not in source
    for text in re.findall(r'<script type="application/json" class="data">(.*?)</script>', source, re.DOTALL):
        assert "<" not in text and len(json.loads(text)["cells"]) > 0


def test_a_phone_of_360_pixels_needs_no_sideways_scrolling(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        assert page.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
        small = page.execute_script(
            "return [...document.querySelectorAll('p, li, td, th, figcaption, label, dd')].filter("
            "(e) => e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11).length"
        )
        assert small == 0
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_in_print_every_section_is_there_and_what_was_folded_is_open(page, report):
    pdf = base64.b64decode(page.print_page())
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        page.execute_script("dispatchEvent(new Event('beforeprint'))")
        folded = page.execute_script("return [...document.querySelectorAll('details')].filter((d) => !d.open).length")
        assert folded == 0
        ids = ["comparison", "task1", "wiring", "kept", "cost", "again", "provenance"]
        assert [i for i in ids if not all_of(page, f"#{i} h2")[0].is_displayed()] == []
        assert not one_of(page, "#map1 .tools").is_displayed()
        wide = page.execute_script(
            "return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
        )
        assert wide == 0
    finally:
        page.execute_script("dispatchEvent(new Event('afterprint'))")
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
