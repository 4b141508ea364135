"""Trials on worker processes. A worker that dies is replaced, and its trial goes on from its checkpoint."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import celegans_nn
from celegans_nn.errors import DiskError, one_line
from celegans_nn.studies.spec import Trial
from celegans_nn.studies.store import Record, is_finished, write_record

WORKER = (sys.executable, "-m", "celegans_nn.studies.worker")
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""Set before a worker starts: the libraries read it when they load."""
TRIES = 3
"""Times that a trial is begun whose worker dies under it (memory, kill -9), until it is recorded as failed."""


@dataclass(frozen=True)
class Event:
    """News of a trial: `fraction` of it done (0 when it starts), or that it ended."""

    trial: Trial
    fraction: float
    ended: bool = False


def run_trials(folder: Path, trials: Sequence[Trial], workers: int, hold: Collection[int] = ()) -> Generator[Event]:
    """Run the trials and yield what happens. Closing the iterator (or Ctrl-C) stops every worker at once.

    What became of each trial, a failure too, stands in its file when its last event comes. `hold`: open files
    (descriptors) that each worker keeps open as long as it lives, such as the lock of the folder.

    Raises DiskError where a worker cannot store what it found.
    """
    waiting: queue.SimpleQueue[Trial] = queue.SimpleQueue()
    for trial in trials:
        waiting.put(trial)
    events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
    crew = [_Worker(folder, waiting, events, hold) for _ in range(min(workers, len(trials)))]
    for worker in crew:
        worker.start()
    left = len(trials)
    try:
        while left:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            left -= event.ended
            yield event
    finally:
        for worker in crew:
            worker.stop()
        for worker in crew:
            worker.join()
            worker.reap()


class _Worker(threading.Thread):
    """Keeps one worker process busy with trials from the shared queue."""

    def __init__(
        self, folder: Path, waiting: queue.SimpleQueue[Trial], events: queue.SimpleQueue[Event | BaseException],
        hold: Collection[int],
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self.folder, self.waiting, self.events, self.hold = folder.resolve(), waiting, events, hold
        self.process: subprocess.Popen[str] | None = None
        self.lock, self.stopped = threading.Lock(), False

    def run(self) -> None:
        try:
            with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
                while not self.stopped:
                    try:
                        trial = self.waiting.get_nowait()
                    except queue.Empty:
                        break
                    self._run_one(trial, complaints)
            self._close()
        except BaseException as error:
            self.events.put(error)

    def _run_one(self, trial: Trial, complaints: IO[str]) -> None:
        self.events.put(Event(trial, 0.0))
        for _ in range(TRIES):
            if self._ask(trial, complaints):
                break
            if self.stopped:
                return
            died = self._post_mortem(complaints)
            if is_finished(self.folder, trial):
                break  # it had stored the trial before it died
        else:
            error = f"the worker process died {TRIES} times, the last time with {died}"
            write_record(self.folder, Record(trial.hash, trial.definition(), None, [], {}, error))
        self.events.put(Event(trial, 1.0, ended=True))

    def _ask(self, trial: Trial, complaints: IO[str]) -> bool:
        """Hand the trial over and follow it; False if the process died on it."""
        process = self._living(complaints)
        if process is None or process.stdin is None or process.stdout is None:
            return False
        try:
            process.stdin.write(json.dumps({"folder": str(self.folder), "definition": trial.definition()}) + "\n")
            process.stdin.flush()
        except OSError:
            return False
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # it died in the middle of a word
            message = json.loads(line)
            if "ended" in message:
                return True
            if "stop" in message:
                raise DiskError(message["stop"])
            self.events.put(Event(trial, message["done"] / max(message["total"], 1)))
        return False

    def _living(self, complaints: IO[str]) -> subprocess.Popen[str] | None:
        """The running process, or a new one; None once the worker was stopped."""
        with self.lock:
            if self.stopped:
                return None
            if self.process is None or self.process.poll() is not None:
                self.process = _start(complaints, self.hold)
            return self.process

    def _post_mortem(self, complaints: IO[str]) -> str:
        code = self.process.wait() if self.process is not None else None
        complaints.seek(0)
        said = [line.strip() for line in complaints.read().splitlines() if line.strip()]
        complaints.seek(0)
        complaints.truncate()
        last = f": {one_line(said[-1])}" if said else ""
        return f"exit code {code}{last}"

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait()

    def stop(self) -> None:
        """End the process now; a trial that it was running goes on from its checkpoint another time."""
        with self.lock:
            self.stopped = True
            if self.process is not None and self.process.poll() is None:
                self.process.kill()

    def reap(self) -> None:
        """Wait until the process that was stopped is gone."""
        if self.process is not None:
            self.process.wait()


def _start(complaints: IO[str], hold: Collection[int]) -> subprocess.Popen[str]:
    root = str(Path(celegans_nn.__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    return subprocess.Popen(
        WORKER,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, encoding="utf-8",
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": path}, pass_fds=tuple(hold),
        start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its workers in order
    )  # fmt: skip
