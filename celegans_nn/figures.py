"""What all figures share: colours (Okabe & Ito, safe for colour-blind eyes), settings, and how they become files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from celegans_nn.files import write_atomic

INK, FAINT, PAPER = "#1d2733", "#8a94a0", "#ffffff"
EXCITATORY, INHIBITORY, UNKNOWN, GAP = "#0072b2", "#d55e00", "#9aa0a6", "#009e73"
WORM, CONTROL, BASELINE = "#0072b2", "#d55e00", "#5f6a76"
GROUP_COLOURS = {"worm": WORM, "control": CONTROL, "baseline": BASELINE}
GROUP_MARKERS = {"worm": "o", "control": "D", "baseline": "s"}

_SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "axes.linewidth": 0.7,
    "xtick.color": INK, "ytick.color": INK, "xtick.major.width": 0.7, "ytick.major.width": 0.7,
    "xtick.major.size": 3, "ytick.major.size": 3, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 9.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "svg.fonttype": "none", "svg.hashsalt": "celegans_nn", "figure.facecolor": PAPER,
    "text.parse_math": False,  # a user's label with two dollar signs is text
}  # fmt: skip


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save inside this; matplotlib's own settings are left as they were."""
    with rc_context(_SETTINGS):
        yield


def save_png(figure: Figure, path: Path, dpi: int = 200) -> None:
    """Write a figure as PNG, atomically, without a date in it."""
    write_atomic(path, png_bytes(figure, dpi))


def png_bytes(figure: Figure, dpi: int = 200) -> bytes:
    buffer = io.BytesIO()
    with figure_style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def inline_svg(figure: Figure, description: str, prefix: str) -> str:
    """A figure as an <svg> element to put into HTML: ids made unique by `prefix`, nothing that looks outside.

    Text from a user's names is escaped by matplotlib's writer; `description` is escaped here, for readers
    that do not see the picture.
    """
    from html import escape

    buffer = io.StringIO()
    with figure_style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"\bid=\"", f'id="{prefix}-', svg)
    svg = re.sub(r"(href=\"#|url\(#)", rf"\g<1>{prefix}-", svg)
    head, rest = svg.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    label = f"<title>{escape(description)}</title>"
    return f'<svg {view[0] if view else ""} role="img" class="figure">{label}{rest}'


def shortened(text: str, limit: int = 34) -> str:
    """A user's text, not too long for a figure."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
