"""progress.json in a results folder: what runs now, for `celegans-nn study status`, while a run lives."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from celegans_nn.files import write_atomic

FILE = "progress.json"
EVERY_S = 2.0


class Beat(NamedTuple):
    """A run as it stood."""

    written: float
    """Seconds since 1970."""
    workers: int
    running: Mapping[str, float]
    """Hash of a trial to the fraction of it that is done."""
    seconds_left: float | None


class Heartbeat:
    """Keeps progress.json true to within seconds."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.path, self.workers, self.last = folder / FILE, workers, -EVERY_S

    def beat(self, running: Mapping[str, float], seconds_left: float | None) -> None:
        """Write how the run stands, unless that was done just now."""
        if time.monotonic() - self.last >= EVERY_S:
            self.last = time.monotonic()
            now = Beat(time.time(), self.workers, running, seconds_left)
            write_atomic(self.path, json.dumps(now._asdict()) + "\n")

    def end(self) -> None:
        """The run is over."""
        self.path.unlink(missing_ok=True)


def last_beat(folder: Path) -> Beat | None:
    """What the last run wrote, or None where it ended in order or left nothing that can be read."""
    try:
        return Beat(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
