"""Pictures: cells where they belong, synapses that can be told apart, and an animation that shows its point."""

import io

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from celegans_nn.connectome.layout import DORSAL, VENTRAL, layout
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.connectome.wiring_figure import draw_wiring
from celegans_nn.figures import EXCITATORY, GAP, INHIBITORY, inline_svg
from celegans_nn.rewiring import rewire
from celegans_nn.simulation.recording import Recording
from celegans_nn.studies.animation import HEAD, WATER, animate
from celegans_nn.studies.pictures import slug
from celegans_nn.studies.results_figure import axis_ticks


def test_haspel_cells_stand_in_rows_by_class_and_along_the_body_by_number():
    worm = load_connectome("haspel2012")
    places = layout(worm)
    assert places.rows == (DORSAL, "DD", "AS", "DA", "DB", "VB", "VA", "VD", VENTRAL)
    x = dict(zip(worm.names, places.x, strict=True))
    row = dict(zip(worm.names, places.row, strict=True))
    assert row["hm_MD01"] == DORSAL
    assert row["hm_MV18"] == VENTRAL
    assert row["hm_VD12"] == "VD"
    assert x["hm_AS1"] < x["hm_AS2"] < x["hm_AS12"]
    assert x["hm_MD18"] > 0.9


def test_cells_with_somas_stand_where_these_are():
    worm = load_connectome("cook2019", circuit="command_vnc79")
    places = layout(worm)
    x = dict(zip(worm.names, places.x, strict=True))
    assert x["AVAL"] < 0.2 < 0.6 < x["PVCL"], "head and tail"
    assert x["DA1"] < x["DA5"] < x["DA9"]
    assert {"interneurons", DORSAL, VENTRAL} <= set(places.rows)


@pytest.mark.parametrize("source", ["haspel2012", "cook2019"])
def test_no_two_cells_of_a_row_stand_on_each_other(source):
    places = layout(load_connectome(source))
    for row in places.rows:
        x = np.sort(places.x[np.array(places.row) == row])
        assert ((x >= 0) & (x <= 1)).all()
        assert (np.diff(x) > 0.004).all()


def test_every_synapse_is_drawn_once_in_the_colour_of_its_sign():
    worm = load_connectome("haspel2012")
    drawn = {}
    for collection in draw_wiring(worm).axes[0].collections:
        if isinstance(collection, LineCollection) and len(collection.get_segments()):
            red, green, blue = (round(255 * c) for c in collection.get_color()[0][:3])
            drawn[f"#{red:02x}{green:02x}{blue:02x}"] = len(collection.get_segments())
    assert drawn == {EXCITATORY: 264, INHIBITORY: 72, GAP: 89}


def test_a_control_is_drawn_on_the_places_of_its_original():
    worm = load_connectome("haspel2012")
    figures = [draw_wiring(w, like=worm, small=True) for w in (worm, rewire(worm, "degree", seed=0))]
    cells = [f.axes[0].collections[-2].get_offsets() for f in figures]
    assert np.array_equal(*cells)


def test_an_inline_svg_names_itself_and_escapes_the_name():
    svg = inline_svg(draw_wiring(load_connectome("haspel2012")), "<b>&", "p")
    assert "<title>&lt;b&gt;&amp;</title>" in svg
    assert "xlink" not in svg
    assert "http" not in svg


# -- the animation -----------------------------------------------------------------------------------------------


def recording(steps: int) -> Recording:
    """A straight body of three links that glides 1 m along x."""
    along = np.linspace(0, 1, steps + 1)
    ends = np.array([[[0.3, 0], [0.2, 0]], [[0.2, 0], [0.1, 0]], [[0.1, 0], [0.0, 0]]])
    segments = ends[None] + np.stack([along, 0 * along], axis=1)[:, None, None, :]
    none = np.zeros((steps, 0))
    return Recording(0.03, np.zeros((steps + 1, 0)), segments, none, none, none, np.zeros(steps), False, none)


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return set(image.convert("RGB").get_flattened_data())


@pytest.mark.parametrize("steps", [1, 60, 1000])
def test_an_episode_of_any_length_becomes_a_small_gif_at_a_known_pace(steps):
    film = animate(recording(steps), "worm")
    gif = Image.open(io.BytesIO(film.gif))
    assert len(film.gif) < 2_000_000
    assert film.seconds == pytest.approx(0.03 * steps)
    frames = gif.n_frames
    assert 2 <= frames <= 120
    shown_ms = sum(_duration(gif, k) for k in range(1, frames - 1))
    if steps > 1:
        assert shown_ms / 1000 * film.speed_up == pytest.approx(film.seconds, rel=0.1)


def _duration(gif: Image.Image, frame: int) -> int:
    gif.seek(frame)
    return gif.info["duration"]


def test_the_still_shows_body_title_and_where_the_body_will_come_to():
    film = animate(recording(40), "worm, rate")
    first = np.asarray(Image.open(io.BytesIO(film.still)).convert("RGB")).astype(int)
    water = np.array([int(WATER[k : k + 2], 16) for k in (1, 3, 5)])
    head = np.abs(first - HEAD).sum(axis=2) < 12
    assert head.sum() > 50
    assert head[:, : first.shape[1] // 2].sum() > 0.9 * head.sum(), "it starts at the left"
    other_title = animate(recording(40), "linear").still
    assert other_title != film.still
    ghost = np.abs(first[:, 2 * first.shape[1] // 3 :] - (0xD3, 0xDD, 0xE5)).sum(axis=2) < 6
    assert ghost.sum() > 50, "it ends at the right"
    assert (np.abs(first - water).sum(axis=2) < 12).mean() > 0.5


def test_the_body_moves_between_frames():
    gif = Image.open(io.BytesIO(animate(recording(40), "worm").gif))
    centres = []
    for k in (0, gif.n_frames - 1):
        gif.seek(k)
        frame = np.asarray(gif.convert("RGB")).astype(int)
        centres.append(np.flatnonzero((np.abs(frame - HEAD).sum(axis=2) < 60).any(axis=0)).mean())
    assert centres[1] - centres[0] > 200


# -- small things ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[], [0.0], [-0.3, -0.1], [0.05, 0.93], [1e-9], [5e6, 2e7]])
def test_the_axis_holds_every_value_between_round_ticks(values):
    ticks, (low, high) = axis_ticks(values)
    assert low <= min([0.0, *values])
    assert high >= max([0.0, *values])
    assert high > low
    assert 0.0 in [round(t, 12) for t in ticks]


def test_a_label_as_a_file_name_leaves_its_folder_never():
    assert slug("../../etc/passwd") == "etc_passwd"
    assert slug("<>") == "unnamed"
    assert len(slug("x" * 500)) <= 60
