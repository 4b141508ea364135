"""A swimmer's episode as an animated GIF, drawn from the positions of its links without OpenGL."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

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


@dataclass(frozen=True)
class Animation:
    """The GIF, its first frame as PNG (for print, and for readers who want no motion), and what it shows."""

    gif: bytes
    first_frame: bytes
    seconds: float
    """s of simulated time."""
    speed_up: float
    """How many times faster than in the simulation it plays."""


@dataclass(frozen=True)
class _Camera:
    """Metres to pixels, the same for every frame."""

    centre: np.ndarray
    scale: float
    """Pixels a metre."""

    def __call__(self, points: np.ndarray) -> list[tuple[float, float]]:
        moved = (points.reshape(-1, 2) - self.centre) * np.array([self.scale, -self.scale])
        return [tuple(p) for p in moved + np.array([WIDTH, HEIGHT + 14]) * SUPERSAMPLING / 2]


def animate(recording: Recording, title: str) -> Animation:
    """Draw an episode: the body, the path of its centre, a grid of the medium and a scale bar.

    Every frame carries the title, the time and the distance so far; the first one also shows where the body
    will have come to, so that it tells the story where nothing moves.
    """
    segments = recording.segments
    steps = len(segments) - 1
    stride = max(1, -(-steps // MOST_FRAMES))
    shown = list(range(0, steps + 1, stride))
    delay_ms = max(20, round(1000 * recording.control_dt * stride / 10) * 10)  # GIF counts hundredths of a second
    camera = _camera(segments)
    centre = segments.mean(axis=(1, 2))
    background = _background(camera, segments, centre)
    frames = []
    for step in shown:
        distance = centre[step, 0] - centre[0, 0]
        lines = (title, f"{step * recording.control_dt:4.1f} s    {distance:+.2f} m along its first heading")
        frames.append(_frame(background, camera, segments[step], centre[: step + 1], lines))
    return Animation(
        gif=_gif(frames, delay_ms, segments.shape[1]),
        first_frame=_png(frames[0]),
        seconds=steps * recording.control_dt,
        speed_up=1000 * recording.control_dt * stride / delay_ms,
    )


def _camera(segments: np.ndarray) -> _Camera:
    points = segments.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 3.2 * MARGIN])
    scale = float((room / np.maximum(high - low, 1e-3)).min())
    return _Camera((low + high) / 2, scale * SUPERSAMPLING)


def _background(camera: _Camera, segments: np.ndarray, centre: np.ndarray) -> Image.Image:
    """Water, a grid of tenths of a metre, the whole path and the last pose, faint; and the scale bar."""
    image = Image.new("RGB", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING), WATER)
    draw = ImageDraw.Draw(image)
    span = np.array([WIDTH, HEIGHT]) * SUPERSAMPLING / camera.scale
    first = np.floor((camera.centre - span) * 10) / 10
    for k in range(int(20 * span.max()) + 2):
        x, y = camera(first + k / 10)[0]
        draw.line([(x, 0), (x, image.height)], fill=GRID, width=SUPERSAMPLING)
        draw.line([(0, y), (image.width, y)], fill=GRID, width=SUPERSAMPLING)
    _body(draw, camera, segments[-1], [GHOST] * segments.shape[1])
    draw.line(camera(centre), fill=PATH, width=SUPERSAMPLING, joint="curve")
    right, bottom = (WIDTH - MARGIN) * SUPERSAMPLING, (HEIGHT - 14) * SUPERSAMPLING
    draw.line([(right - camera.scale / 10, bottom), (right, bottom)], fill=INK, width=2 * SUPERSAMPLING)
    font = _font(12)
    draw.text((right - camera.scale / 10 - 6 * SUPERSAMPLING, bottom), "0.1 m", fill=INK, font=font, anchor="rm")
    return image


def _frame(
    background: Image.Image, camera: _Camera, body: np.ndarray, path: np.ndarray, lines: Sequence[str]
) -> Image.Image:
    image = background.copy()
    draw = ImageDraw.Draw(image)
    if len(path) > 1:
        draw.line(camera(path), fill=TRAIL, width=2 * SUPERSAMPLING, joint="curve")
    _body(draw, camera, body, _gradient(len(body)))
    left = 16 * SUPERSAMPLING
    draw.text((left, 12 * SUPERSAMPLING), lines[0], fill=INK, font=_font(15, bold=True))
    draw.text((left, 33 * SUPERSAMPLING), lines[1], fill=FAINT, font=_font(13))
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _body(
    draw: ImageDraw.ImageDraw, camera: _Camera, body: np.ndarray, colours: Sequence[str | tuple[int, ...]]
) -> None:
    """Links as thick lines with round joints, tail first so that the head lies on top."""
    width = max(4 * SUPERSAMPLING, round(0.018 * camera.scale))
    for link, colour in list(zip(body, colours, strict=True))[::-1]:
        ends = camera(link)
        draw.line(ends, fill=colour, width=width)
        for x, y in ends:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def _gradient(links: int) -> list[tuple[int, ...]]:
    """Dark head to light tail."""
    mix = np.linspace(0, 1, links)[:, None]
    return [tuple(c) for c in np.rint(np.array(HEAD) * (1 - mix) + np.array(TAIL) * mix).astype(int).tolist()]


@lru_cache(maxsize=8)
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size * SUPERSAMPLING)


def _gif(frames: Sequence[Image.Image], delay_ms: int, links: int) -> bytes:
    palette = _palette(links)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [4 * delay_ms, *[delay_ms] * (len(flat) - 2), 12 * delay_ms][: len(flat)]
    buffer = io.BytesIO()
    flat[0].save(buffer, format="GIF", save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=True)
    return buffer.getvalue()


def _palette(links: int) -> Image.Image:
    """The colours that are drawn with, each also mixed with water for smooth edges; the same in every frame.

    A palette taken from a frame would drop the head's colour where the body is small, and flicker.
    """
    drawn = [ImageColor.getrgb(c) for c in (WATER, GRID, INK, FAINT, TRAIL, PATH, GHOST)] + _gradient(links)
    base = np.array(drawn[: 256 // len(EDGES)], dtype=float)
    water = np.array(ImageColor.getrgb(WATER), dtype=float)
    mixed = np.concatenate([share * base + (1 - share) * water for share in EDGES])
    image = Image.new("P", (1, 1))
    image.putpalette(np.rint(mixed).astype(np.uint8).tobytes())
    return image


def _png(frame: Image.Image) -> bytes:
    buffer = io.BytesIO()
    frame.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
