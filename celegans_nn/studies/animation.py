"""An episode of a body as an animated GIF, drawn from the places of its links without OpenGL."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import matplotlib
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

if TYPE_CHECKING:
    from celegans_nn.simulation.recording import Recording

WIDTH, HEIGHT = 640, 320
SUPERSAMPLING = 2
MOST_FRAMES = 110
WATER, GRID, INK, FAINT = "#f3f7fa", "#dde6ec", "#1d2733", "#6b7885"
TRAIL, PATH, GHOST = "#8fb9d6", "#c3d7e5", "#d3dde5"
HEAD, TAIL = (0, 84, 140), (86, 180, 233)
EDGES = (1.0, 0.75, 0.5, 0.25)
"""Shares of a colour over water, for smooth edges."""
MARGIN = 34
"""Pixels kept free around the path; the caption stands above it, the scale bar below."""
LONG_PATH = 8.0
"""Body lengths; the camera goes with a body that comes further than this, so that it can still be seen."""
FOLLOWED = 0.45
"""The share of the picture that a body takes where the camera goes with it."""


class Look(NamedTuple):
    """What is to be known of a body to draw it."""

    unit: str
    """Of the lengths in a recording."""
    width: float
    """Of the body, in that unit."""
    tapered: bool
    """Whether it narrows towards both ends."""


CHAIN = Look("m", 0.018, False)
"""The links of a swimmer or a walker."""
WORM = Look("mm", 0.08, True)
"""An adult C. elegans of 1 mm, 80 um thick."""
LOOKS = {"worm": WORM}
"""By the task's name; all others are chains."""


class View(Protocol):
    """Draws a recording's row as WIDTH pixels across."""

    @property
    def colours(self) -> Sequence[tuple[int, ...]]: ...

    def frame(self, step: int) -> Image.Image: ...


@dataclass(frozen=True)
class Animation:
    """The GIF, one of its frames as PNG (for print, and for readers who want no motion), and what it shows."""

    gif: bytes
    still: bytes
    """The first frame; where cells are shown, of which none is lit there, the one in the middle."""
    size: tuple[int, int]
    """Pixels, width and height."""
    seconds: float
    """s of simulated time."""
    speed_up: float
    """How many times faster than in the simulation it plays."""


def animate(recording: Recording, title: str, look: Look = CHAIN, cells: View | None = None) -> Animation:
    """Draw an episode: the body, the path of its centre, a grid of the medium and a scale bar; below it the cells.

    Every frame carries the title, the time and the distance so far; where the camera stands still it also shows where
    the body will have come to, so that one of them tells the story where nothing moves.
    """
    view = BodyView(recording, title, look)
    shown, delay_ms, speed_up = pace(recording, MOST_FRAMES)
    frames = [sheet(view, cells, step) for step in shown]
    return Animation(
        gif=gif_bytes(frames, delay_ms, [*view.colours, *(() if cells is None else cells.colours)]),
        still=_png(frames[0 if cells is None else len(frames) // 2]),
        size=frames[0].size,
        seconds=(len(recording.segments) - 1) * recording.control_dt,
        speed_up=speed_up,
    )


def sheet(body: View, cells: View | None, step: int) -> Image.Image:
    """A frame: the body, and below it the cells."""
    above = body.frame(step)
    if cells is None:
        return above
    below = cells.frame(step)
    image = Image.new("RGB", (WIDTH, above.height + below.height), "white")
    image.paste(above, (0, 0))
    image.paste(below, (0, above.height))
    return image


def pace(recording: Recording, most_frames: int) -> tuple[list[int], int, float]:
    """(the steps that a GIF shows, ms between them, how many times faster than simulated it plays)."""
    steps = len(recording.segments) - 1
    stride = max(1, -(-steps // most_frames))
    delay_ms = max(20, round(1000 * recording.control_dt * stride / 10) * 10)  # GIF counts hundredths of a second
    return list(range(0, steps + 1, stride)), delay_ms, 1000 * recording.control_dt * stride / delay_ms


@dataclass(frozen=True)
class _Camera:
    """Lengths to pixels."""

    centre: np.ndarray
    scale: float
    """Pixels a unit of length."""

    def __call__(self, points: np.ndarray) -> list[tuple[float, float]]:
        moved = (points.reshape(-1, 2) - self.centre) * np.array([self.scale, -self.scale])
        return [tuple(p) for p in moved + np.array([WIDTH, HEIGHT + 14]) * SUPERSAMPLING / 2]


class BodyView:
    """The body at each step of a recording, seen from above (or from the side), WIDTH x HEIGHT pixels.

    One camera shows a whole short path; along a long one it goes with the body.
    """

    def __init__(self, recording: Recording, title: str, look: Look):
        self.recording, self.title, self.look = recording, title, look
        self.centre = recording.segments.mean(axis=(1, 2))
        links = recording.segments.shape[1]
        self.gradient = _gradient(links)
        along = np.linspace(0, 1, links + 1)
        # at both ends of every link; an ellipse's outline, Boyle et al. 2012
        self.widths = look.width * (np.sqrt(1 - 0.96 * (2 * along - 1) ** 2) if look.tapered else np.ones(links + 1))
        path, extent = np.ptp(self.centre, axis=0), float(np.ptp(recording.segments, axis=(1, 2)).max())
        self.followed = float(path.max()) > LONG_PATH * extent
        if self.followed:
            self.scale = FOLLOWED * min(WIDTH, 1.6 * HEIGHT) / extent * SUPERSAMPLING
        else:
            self.camera = _whole(recording.segments)
            self.scale = self.camera.scale
        self.grid = _grid(self.scale)
        self.background = None if self.followed else self._background(self.camera)

    @property
    def colours(self) -> list[tuple[int, ...]]:
        """All that is drawn with, for a palette."""
        return [ImageColor.getrgb(c) for c in (WATER, GRID, INK, FAINT, TRAIL, PATH, GHOST)] + self.gradient

    def frame(self, step: int) -> Image.Image:
        """The picture at row `step` of the recording."""
        if self.background is None:
            camera = _Camera(self.centre[step], self.scale)
            image = self._medium(camera)
        else:
            camera, image = self.camera, self.background.copy()
        draw = ImageDraw.Draw(image)
        if step > 0:
            draw.line(camera(self.centre[: step + 1]), fill=TRAIL, width=2 * SUPERSAMPLING, joint="curve")
        self._body(draw, camera, self.recording.segments[step], self.gradient)
        distance = round(self.centre[step, 0] - self.centre[0, 0], 2) + 0.0  # no minus before zero
        told = f"{step * self.recording.control_dt:4.1f} s    {distance:+.2f} {self.look.unit} along its first heading"
        left = 16 * SUPERSAMPLING
        draw.text((left, 12 * SUPERSAMPLING), self.title, fill=INK, font=font(15, bold=True))
        draw.text((left, 33 * SUPERSAMPLING), told, fill=FAINT, font=font(13))
        return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)

    def _background(self, camera: _Camera) -> Image.Image:
        """The medium, and on it the whole path and the last pose, faint."""
        image = self._medium(camera)
        draw = ImageDraw.Draw(image)
        self._body(draw, camera, self.recording.segments[-1], [GHOST] * len(self.gradient))
        draw.line(camera(self.centre), fill=PATH, width=SUPERSAMPLING, joint="curve")
        return image

    def _medium(self, camera: _Camera) -> Image.Image:
        """Water, a grid, and a scale bar as long as its squares."""
        image = Image.new("RGB", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING), WATER)
        draw = ImageDraw.Draw(image)
        span = np.array([WIDTH, HEIGHT]) * SUPERSAMPLING / camera.scale
        first = np.floor((camera.centre - span) / self.grid)
        for k in range(int(2 * span.max() / self.grid) + 2):
            x, y = camera((first + k) * self.grid)[0]
            draw.line([(x, 0), (x, image.height)], fill=GRID, width=SUPERSAMPLING)
            draw.line([(0, y), (image.width, y)], fill=GRID, width=SUPERSAMPLING)
        right, bottom = (WIDTH - MARGIN) * SUPERSAMPLING, (HEIGHT - 14) * SUPERSAMPLING
        left = right - camera.scale * self.grid
        draw.line([(left, bottom), (right, bottom)], fill=INK, width=2 * SUPERSAMPLING)
        length = f"{self.grid:g} {self.look.unit}"
        draw.text((left - 6 * SUPERSAMPLING, bottom), length, fill=INK, font=font(12), anchor="rm")
        return image

    def _body(
        self, draw: ImageDraw.ImageDraw, camera: _Camera, body: np.ndarray, colours: Sequence[str | tuple[int, ...]]
    ) -> None:
        """Links with round joints, tail first so that the head lies on top."""
        radii = np.maximum(2 * SUPERSAMPLING, np.rint(self.widths * camera.scale) / 2)
        for k in range(len(body) - 1, -1, -1):
            ends = np.array(camera(body[k]))
            along = ends[1] - ends[0]
            across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
            sides = np.array([ends[0], ends[1], ends[1], ends[0]]) + np.outer(radii[[k, k + 1, k + 1, k]], across) * (
                np.array([[1], [1], [-1], [-1]])
            )
            draw.polygon([tuple(p) for p in sides.tolist()], fill=colours[k])
            for (x, y), r in zip(ends.tolist(), radii[k : k + 2], strict=True):
                draw.ellipse((x - r, y - r, x + r, y + r), fill=colours[k])


def _whole(segments: np.ndarray) -> _Camera:
    """All poses, as large as they fit."""
    points = segments.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 3.2 * MARGIN])
    scale = float((room / np.maximum(high - low, 1e-3)).min())
    return _Camera((low + high) / 2, scale * SUPERSAMPLING)


def _grid(scale: float) -> float:
    """The shortest of 0.1, 0.2, 0.5, 1, 2, ... whose squares are still 24 pixels wide."""
    lengths = [m * 10.0**e for e in range(-1, 4) for m in (1, 2, 5)]
    return next((length for length in lengths if length * scale >= 24 * SUPERSAMPLING), lengths[-1])


def _gradient(links: int) -> list[tuple[int, ...]]:
    """Dark head to light tail."""
    mix = np.linspace(0, 1, links)[:, None]
    return [tuple(c) for c in np.rint(np.array(HEAD) * (1 - mix) + np.array(TAIL) * mix).astype(int).tolist()]


@lru_cache(maxsize=8)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font of a picture that is drawn SUPERSAMPLING times as large as it is shown."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size * SUPERSAMPLING)


def gif_bytes(frames: Sequence[Image.Image], delay_ms: int, colours: Sequence[tuple[int, ...]]) -> bytes:
    """Frames as an endless GIF, the first and the last held for a while."""
    palette = _palette(colours)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [4 * delay_ms, *[delay_ms] * (len(flat) - 2), 12 * delay_ms][: len(flat)]
    buffer = io.BytesIO()
    flat[0].save(buffer, format="GIF", save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=True)
    return buffer.getvalue()


def _palette(colours: Sequence[tuple[int, ...]]) -> Image.Image:
    """The colours that are drawn with, each also mixed with the first one for smooth edges; the same in every frame.

    A palette taken from a frame would drop the head's colour where the body is small, and flicker.
    """
    base = np.array(colours[: 256 // len(EDGES)], dtype=float)
    mixed = np.concatenate([share * base + (1 - share) * base[0] for share in EDGES])
    image = Image.new("P", (1, 1))
    image.putpalette(np.rint(mixed).astype(np.uint8).tobytes())
    return image


def _png(frame: Image.Image) -> bytes:
    buffer = io.BytesIO()
    frame.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
