"""Films of an episode: cells are lit by what they put out, where they stand; files are whole or not there."""

import builtins
import dataclasses

import imageio.v2 as imageio
import mujoco
import numpy as np
import pytest
from PIL import Image

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import CelegansError
from celegans_nn.simulation.recording import Recording
from celegans_nn.studies.animation import CHAIN, HEAD, LONG_PATH, WIDTH, WORM, BodyView
from celegans_nn.studies.cells_view import CellsView
from celegans_nn.studies.film import write_film
from celegans_nn.studies.mujoco_view import MujocoView
from celegans_nn.tasks import make_task

WIRING = load_connectome("haspel2012")


def gliding(steps=12, distance=1.0, cells=None):
    """A straight body of three links, 0.3 long, that glides along x, its head to the right."""
    ends = np.array([[[0.3, 0], [0.2, 0]], [[0.2, 0], [0.1, 0]], [[0.1, 0], [0.0, 0]]])
    moved = np.stack([np.linspace(0, distance, steps + 1), np.zeros(steps + 1)], axis=1)
    none = np.zeros((steps, 0))
    cells = none if cells is None else cells
    return Recording(
        0.03, np.zeros((steps + 1, 0)), ends + moved[:, None, None, :], none, none, none, np.zeros(steps), False, cells
    )


def at(view, image, name):
    """The colour of the middle of a cell."""
    x, y = view.places[WIRING.index[name]] / 2
    return np.asarray(image)[round(y), round(x)].astype(int)


@pytest.fixture(scope="module")
def lit():
    """One dorsal cell above rest and one ventral one below, in the second of two steps."""
    cells = np.zeros((2, len(WIRING)))
    cells[1, WIRING.index["hm_DB1"]], cells[1, WIRING.index["hm_VB1"]] = 0.8, -0.8
    return CellsView(WIRING, cells, spiking=False)


def test_a_cell_is_lit_blue_above_rest_and_orange_below_and_white_at_rest(lit):
    image = lit.frame(2)
    red, _, blue = at(lit, image, "hm_DB1")
    assert blue > red + 100
    red, _, blue = at(lit, image, "hm_VB1")
    assert red > blue + 100
    for name in ("hm_DB2", "hm_MD01"):
        assert at(lit, image, name).min() > 245
    assert at(lit, lit.frame(1), "hm_DB1").min() > 245, "a step before, it was at rest"


def test_cells_stand_as_the_body_does_with_its_head_to_the_right_and_its_dorsal_side_up(lit):
    place = {name: lit.places[WIRING.index[name]] for name in ("hm_MD01", "hm_MD18", "hm_MV01")}
    assert place["hm_MD01"][0] > place["hm_MD18"][0] + WIDTH
    assert place["hm_MD01"][1] < place["hm_MV01"][1]


def test_a_spike_fades():
    spikes = np.zeros((6, len(WIRING)))
    spikes[1, 0] = 1.0
    view = CellsView(WIRING, spikes, spiking=True)
    darkness = [int(765 - at(view, view.frame(step), WIRING.names[0]).sum()) for step in range(7)]
    assert darkness[0] == darkness[1] < darkness[6] < darkness[4] < darkness[3] < darkness[2]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -2.0])
def test_outputs_of_any_kind_are_drawn(value):
    view = CellsView(WIRING, np.full((3, len(WIRING)), value), spiking=False)
    assert view.frame(3).size == (WIDTH, view.height)


def head_column(image):
    return np.flatnonzero((np.abs(np.asarray(image).astype(int) - HEAD).sum(2) < 30).any(0)).mean()


def test_the_camera_stands_still_before_a_short_path_and_goes_with_the_body_along_a_long_one():
    short, long = (BodyView(gliding(distance=0.3 * LONG_PATH * k), "", CHAIN) for k in (0.9, 1.1))
    assert head_column(short.frame(12)) - head_column(short.frame(0)) > WIDTH / 2
    assert head_column(long.frame(12)) == pytest.approx(head_column(long.frame(0)), abs=2)


def test_a_worm_is_drawn_thinner_at_its_ends():
    image = np.asarray(BodyView(gliding(distance=0.01), "", WORM).frame(0)).astype(int)
    body = (image[70:300, :, 2] - image[70:300, :, 0] > 60).sum(0)
    inside = np.flatnonzero(body)
    assert body[inside[3]] < body[inside[len(inside) // 2]] / 2 > body[inside[-4]]


def test_a_gif_shows_body_and_cells(tmp_path, lit):
    recording = gliding(2)
    frames = write_film(tmp_path / "f.gif", recording, BodyView(recording, "worm", CHAIN), lit)
    film = Image.open(tmp_path / "f.gif")
    assert (frames, film.n_frames) == (3, 3)
    assert film.size == (WIDTH, 320 + lit.height)
    film.seek(2)
    lower = film.convert("RGB").crop((0, 320, *film.size))
    red, _, blue = at(lit, lower, "hm_DB1")
    assert blue > red + 100


def test_an_mp4_plays_as_fast_as_it_was_simulated_and_a_fast_body_is_shown_fifty_times_a_second(tmp_path):
    for control_dt, rate, frames in ((0.03, 1 / 0.03, 13), (0.008, 1 / 0.024, 5)):
        recording = dataclasses.replace(gliding(), control_dt=control_dt)
        assert write_film(tmp_path / "f.mp4", recording, BodyView(recording, "worm", CHAIN), None) == frames
        with imageio.get_reader(tmp_path / "f.mp4") as film:
            assert film.get_meta_data()["fps"] == pytest.approx(rate, rel=0.01)
            assert film.count_frames() == frames
            assert film.get_data(0).shape == (320, WIDTH, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["f.mp4"]


def test_an_interrupted_film_leaves_the_old_one(tmp_path):
    recording, path = gliding(), tmp_path / "f.mp4"
    path.write_bytes(b"old")
    view = BodyView(recording, "worm", CHAIN)

    class Stopped:
        colours = view.colours

        def frame(self, step):
            if step == 5:
                raise KeyboardInterrupt
            return view.frame(step)

    with pytest.raises(KeyboardInterrupt):
        write_film(path, recording, Stopped(), None)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.mp4"]


def test_mp4_without_imageio_is_refused_with_both_ways_out(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("imageio"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CelegansError, match=r"f\.mp4: MP4 needs imageio .* 'celegans_nn\[video\]', or name a \.gif"):
        write_film(tmp_path / "f.mp4", gliding(), BodyView(gliding(), "worm", CHAIN), None)


def test_without_opengl_the_view_that_needs_it_is_refused_in_one_line(monkeypatch):
    def none(*_):
        raise RuntimeError("no\nplatform")

    monkeypatch.setattr(mujoco, "Renderer", none)
    with pytest.raises(CelegansError, match=r"--view mujoco: no OpenGL here \(no platform\); set MUJOCO_GL=egl"):
        MujocoView(gliding(), make_task("swimmer3"), "worm")
