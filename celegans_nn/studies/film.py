"""An episode as a film: the body, and below it the cells that drive it; a GIF, or MP4 where imageio is installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from celegans_nn.errors import CelegansError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.simulation.recording import Recording
from celegans_nn.studies.animation import View, gif_bytes, pace, sheet

KINDS = (".gif", ".mp4")
MOST_GIF_FRAMES = 200
MOST_FRAMES_A_SECOND = 50


def check_film_path(path: Path) -> None:
    """CelegansError for an ending that is no film's, and for MP4 where nothing writes it; said before the work."""
    if path.suffix.lower() not in KINDS:
        raise CelegansError(f"{one_line(path)}: a film ends in {' or '.join(KINDS)}")
    if path.suffix.lower() == ".mp4":
        try:
            import imageio_ffmpeg

            imageio_ffmpeg.get_ffmpeg_exe()
        except (ImportError, RuntimeError):
            raise CelegansError(
                f"{one_line(path)}: MP4 needs imageio with ffmpeg; pip install 'celegans_nn[video]', or name a .gif"
            ) from None


def write_film(path: Path, recording: Recording, body: View, cells: View | None) -> int:
    """Draws the recording and writes it whole or not at all; the number of frames."""
    check_film_path(path)
    if path.suffix.lower() == ".gif":
        shown, delay_ms, _ = pace(recording, MOST_GIF_FRAMES)
        colours = [*body.colours, *(() if cells is None else cells.colours)]
        write_atomic(path, gif_bytes([sheet(body, cells, step) for step in shown], delay_ms, colours))
        return len(shown)
    stride = max(1, -(-round(1 / recording.control_dt) // MOST_FRAMES_A_SECOND))
    shown = list(range(0, len(recording.segments), stride))
    _write_mp4(path, (sheet(body, cells, step) for step in shown), 1 / (recording.control_dt * stride))
    return len(shown)


def _write_mp4(path: Path, frames: Iterator[Image.Image], frames_a_second: float) -> None:
    import imageio.v2 as imageio

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=".mp4", dir=path.parent)
    os.close(handle)
    try:
        writer: Any = imageio.get_writer(
            temporary, format="FFMPEG", mode="I", fps=frames_a_second, codec="libx264", quality=7,
            macro_block_size=2, ffmpeg_log_level="error",
        )  # fmt: skip
        with writer:
            for frame in frames:
                writer.append_data(np.asarray(frame))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
