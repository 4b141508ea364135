"""A worker process: reads trials from its standard input, runs them one by one, stores each as it ends.

Run as `python -m celegans_nn.studies.worker`. One JSON object a line either way: in comes
{"folder", "definition"}; out go {"done", "total"} while a trial runs and {"ended": hash} after it is stored, or
{"stop": why} where none could be stored. Where the standard input closes while a trial runs, whoever asked for it is
gone and the process ends at once: another run may want the trial, and goes on from its checkpoint.
JSON over pipes keeps pickle out and the caller's main module unread, so that `run_study` works the same from
a script, a notebook and the command line.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from celegans_nn.errors import CelegansError, DiskError, one_line
from celegans_nn.files import FULL, disk_error
from celegans_nn.studies.spec import Trial
from celegans_nn.studies.store import Record, write_record

if TYPE_CHECKING:
    from celegans_nn.studies.trial import TrialResult

REPORT_EVERY_S = 0.2


def main() -> None:
    """Serve trials until the standard input closes."""
    messages = _own_standard_output()
    import torch

    torch.set_num_threads(1)  # the order of a sum depends on the number of threads
    orders = _Orders(sys.stdin)
    while (line := orders.lines.get()) is not None:
        order = json.loads(line)
        try:
            trial_hash = serve(Path(order["folder"]), order["definition"], _throttled(messages))
        except DiskError as error:
            _send(messages, {"stop": str(error)})
            break
        orders.busy = False
        _send(messages, {"ended": trial_hash})


def serve(folder: Path, definition: Mapping[str, Any], progress: Callable[[int, int], None] | None = None) -> str:
    """Run one trial and store what became of it, a failure too. Returns the trial's hash.

    Raises DiskError where there is no room: that is no failure of the trial, and the next one would meet it too.
    """
    from celegans_nn.studies.machine import machine, versions
    from celegans_nn.studies.trial import remove_checkpoints

    trial = Trial.from_definition(definition)
    started, used = time.time(), time.process_time()
    row, curve, error, trace = None, [], None, None
    try:
        result = _run(trial, folder, progress)
        row, curve = result.row, result.curve
    except (KeyboardInterrupt, BrokenPipeError, DiskError):
        raise  # the study was stopped: the trial goes on from its checkpoint another time
    except Exception as failure:
        if isinstance(failure, OSError) and failure.errno in FULL:
            raise disk_error(failure.filename or folder, failure) from None
        error = one_line(failure if isinstance(failure, CelegansError) else f"{type(failure).__name__}: {failure}", 500)
        trace = traceback.format_exc()
    provenance = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_time_s": round(time.time() - started, 3),
        "cpu_time_s": round(time.process_time() - used, 3),
        **machine(),
        **{f"version_{package}": version for package, version in versions().items()},
        "traceback": trace,
    }
    write_record(folder, Record(trial.hash, trial.definition(), row, curve, provenance, error))
    remove_checkpoints(folder, trial)
    return trial.hash


def _run(trial: Trial, folder: Path, progress: Callable[[int, int], None] | None) -> TrialResult:
    """The trial from its checkpoint, or from its start where the checkpoint is no good."""
    from celegans_nn.studies.trial import remove_checkpoints, run_trial
    from celegans_nn.training import CheckpointError

    try:
        return run_trial(trial, folder, progress)
    except CheckpointError:
        remove_checkpoints(folder, trial)
        return run_trial(trial, folder, progress)


class _Orders:
    """The lines of a stream, read by a thread of its own, which ends the process if they stop while it is busy."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.busy = stream, False
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # None after the last one
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.stream:
            self.busy = True
            self.lines.put(line)
        self.lines.put(None)
        if self.busy:
            os._exit(1)


def _own_standard_output() -> TextIO:
    """The pipe to the parent; whatever a library prints goes to the standard error instead."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def _send(messages: TextIO, message: Mapping[str, Any]) -> None:
    messages.write(json.dumps(message) + "\n")
    messages.flush()


def _throttled(messages: TextIO) -> Callable[[int, int], None]:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > REPORT_EVERY_S:
            last = time.monotonic()
            _send(messages, {"done": int(done), "total": int(total)})

    return progress


if __name__ == "__main__":
    main()
