"""A wiring laid out along the body, its cells lit by what they put out."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.layout import layout
from celegans_nn.connectome.wiring_figure import draw_on
from celegans_nn.figures import figure_style, png_bytes
from celegans_nn.networks.figures import AROUND_ZERO, FROM_ZERO
from celegans_nn.networks.network import Network
from celegans_nn.simulation.recording import Recording
from celegans_nn.studies.animation import FAINT, INK, SUPERSAMPLING, WIDTH, font

ROW = 21
"""Pixels between rows of cells."""
TOP, BOTTOM, LEFT, RIGHT = 34, 28, 0.215, 0.965
"""Pixels above and below; shares of the width."""
PALE = 0.35
"""Share of the wiring's own colours that is left behind the cells."""
AFTERGLOW = 0.75
"""What is left of a spike's light a control step later."""
LARGEST_SHARE = 99.0
"""Percentile of all outputs' sizes that is lit wholly."""
SHADES = 22
"""Colours of a GIF for the cells."""


def cells_view(net: object, recording: Recording) -> CellsView | None:
    """The cells of a recorded network, perhaps one whose observations are normalised; None where it has none."""
    net = getattr(net, "net", net)
    if not isinstance(net, Network) or recording.cells.shape[1] != len(net.worm):
        return None
    return CellsView(net.worm, recording.cells, net.model.spiking)


class CellsView:
    """All cells at each step of an episode: head to the right, as bodies start, dorsal side up, muscles as squares.

    cells: [T, N], outputs in the last tick of each control step; spiking: whether these are spikes, which fade.
    """

    def __init__(self, worm: Connectome, cells: np.ndarray, spiking: bool):
        self.light = np.nan_to_num(_faded(cells) if spiking else cells)
        self.colours_of, self.scale = _colours(self.light)
        self.muscle = np.asarray(worm.cells["role"] == "muscle", dtype=bool)
        told = "spikes, which fade" if spiking else "dark is the most that a cell puts out"
        if self.light.min(initial=0.0) < 0:
            told = "blue above rest, orange below"
        self.background, self.places = _wiring(worm, f"{len(worm)} cells: {told}")
        crowd = max(np.bincount(np.unique(self.places[:, 1], return_inverse=True)[1]).max(), 1)
        room = (RIGHT - LEFT) * WIDTH / crowd
        self.radius = float(np.clip(0.48 * room, 2.4, 5.5)) * SUPERSAMPLING

    @property
    def height(self) -> int:
        """Pixels."""
        return self.background.height // SUPERSAMPLING

    @property
    def colours(self) -> list[tuple[int, ...]]:
        """Shades of the cells, for a palette."""
        shades = np.linspace(self.scale.vmin or 0.0, self.scale.vmax or 1.0, SHADES)
        return [(255, 255, 255), *(self._colour(value) for value in shades)]

    def frame(self, step: int) -> Image.Image:
        """The picture after `step` control steps; at 0 nothing is lit."""
        image = self.background.copy()
        draw = ImageDraw.Draw(image)
        light = self.light[step - 1] if step > 0 else np.full(len(self.places), max(self.scale.vmin or 0.0, 0.0))
        for i in np.argsort(np.abs(light), kind="stable"):
            (x, y), r = self.places[i], self.radius
            shape = draw.rectangle if self.muscle[i] else draw.ellipse
            shape((x - r, y - r, x + r, y + r), fill=self._colour(light[i]), outline=FAINT, width=SUPERSAMPLING // 2)
        return image.resize((WIDTH, self.height), Image.Resampling.LANCZOS)

    def _colour(self, value: float) -> tuple[int, ...]:
        red, green, blue, _ = self.colours_of(float(self.scale(value)), bytes=True)
        return int(red), int(green), int(blue)


def _faded(spikes: np.ndarray) -> np.ndarray:
    """A light that each spike sets to 1 and that fades.

    >>> _faded(np.array([[0.0], [1.0], [0.0]])).ravel().tolist()
    [0.0, 1.0, 0.75]
    """
    light = np.array(spikes, dtype=float)
    for step in range(1, len(light)):
        light[step] = np.maximum(light[step], AFTERGLOW * light[step - 1])
    return light


def _colours(light: np.ndarray) -> tuple[Colormap, Normalize]:
    """As in the figures of a recording: white at zero with a colour on each side, or from the lowest upwards."""
    size = float(np.percentile(np.abs(light), LARGEST_SHARE)) if light.size else 0.0
    if light.min(initial=0.0) < 0:
        return AROUND_ZERO, Normalize(-(size or 1.0), size or 1.0, clip=True)
    low = float(light.min()) if light.size else 0.0
    return FROM_ZERO, Normalize(low, size if size > low else low + 1.0, clip=True)


def _wiring(worm: Connectome, title: str) -> tuple[Image.Image, np.ndarray]:
    """(the wiring drawn once, pale; the place of each cell on it [N, 2], pixels), SUPERSAMPLING times as large."""
    places = layout(worm)
    height = TOP + BOTTOM + ROW * max(len(places.rows) - 1, 1)
    height += height % 2  # video wants even sizes
    dpi = 100 * SUPERSAMPLING
    with figure_style():
        figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=dpi)
        axes = figure.add_axes((LEFT, BOTTOM / height, RIGHT - LEFT, 1 - (TOP + BOTTOM) / height))
        draw_on(axes, worm, places, width=0.45, size=0.0)
        axes.set_ylim(len(places.rows) - 0.7, -0.3)
        axes.set_xlim(1.015, -0.015)
        axes.set_xticks([0, 1], ["head", "tail"], ha="center", color=INK)
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="x", pad=6)
    drawn = Image.open(io.BytesIO(png_bytes(figure, dpi))).convert("RGB")
    at = axes.transData.transform(np.stack((places.x, places.y), axis=1))
    image = Image.blend(Image.new("RGB", drawn.size, "white"), drawn, PALE)
    left, bottom = round(LEFT * drawn.width) - 4, drawn.height - (BOTTOM - 7) * SUPERSAMPLING
    for box in ((0, 0, left, drawn.height), (0, bottom, *drawn.size)):  # names stay as dark as they are
        image.paste(drawn.crop(box), box[:2])
    ImageDraw.Draw(image).text((16 * SUPERSAMPLING, 8 * SUPERSAMPLING), title, fill=INK, font=font(12))
    return image, np.stack((at[:, 0], drawn.height - at[:, 1]), axis=1)
