"""What a run that was killed leaves behind and no other needs."""

from __future__ import annotations

from pathlib import Path

from celegans_nn.studies.store import read_record


def tidy(folder: Path) -> None:
    """Remove files that were never finished, and the checkpoints of trials that were."""
    trials = folder / "trials"
    for path in (*folder.glob(".*.part"), *trials.glob(".*.part")):
        path.unlink(missing_ok=True)
    for path in trials.glob("*.checkpoint"):
        record = read_record(folder, path.name.split(".", 1)[0])
        if record is not None and record.row is not None:
            path.unlink(missing_ok=True)
