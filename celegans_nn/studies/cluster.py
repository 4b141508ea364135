"""Trials on a Ray cluster: the function that local workers run, with what it writes carried back to the study's folder.

Nodes need no folder in common. A trial runs in a temporary one on its node; its checkpoints and then its record,
weights and normaliser come back over Ray, and only the process that runs the study writes into the results folder.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from celegans_nn.errors import DiskError, SpecError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.studies.machine import source_hash
from celegans_nn.studies.pool import ONE_THREAD, TRIES, Event
from celegans_nn.studies.spec import Trial
from celegans_nn.studies.store import Record, write_record

REPORT_EVERY_S = 0.2
CHECKPOINT_EVERY_S = 5.0
"""How much of a trial is lost at most, besides what training keeps for itself, when its node is."""
REACH_S = 5.0


@contextlib.contextmanager
def connected(address: str) -> Iterator[int]:
    """A connection to the cluster at `address` ("HOST:PORT", or "auto" for the one on this machine); gives its cores.

    Where this process is connected to Ray already, that connection is used and kept. SpecError, one line, without Ray
    or where no cluster answers.
    """
    try:
        import ray
    except ImportError:
        raise SpecError("a cluster needs Ray; run: pip install 'celegans_nn[cluster]'") from None
    ours = not ray.is_initialized()
    if ours:
        _reach(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            join = "--head" if address == "auto" else f"--address={one_line(address)} --num-cpus=0"
            raise SpecError(
                f"cluster {one_line(address)}: {one_line(error, 120)}; make this machine a node of it: "
                f"ray start {join}; a cluster that asks for a token needs RAY_AUTH_MODE=token set here too"
            ) from None
    try:
        yield _cores()
    finally:
        if ours:
            ray.shutdown()


def run_on_cluster(
    folder: Path, trials: Sequence[Trial], limit: int | None = None, hold: Collection[int] = ()
) -> Generator[Event]:
    """Run the trials on the cluster that this process is connected to, at most `limit` at a time, and yield what
    happens, as `pool.run_trials` does. Closing the iterator stops them all.

    `hold` is for processes of this machine, of which there are none: Ray ends its own with the one that asked. A
    trial whose node or process dies goes on elsewhere from the last checkpoint that came back. Raises DiskError
    where what a trial found cannot be stored, and SpecError where a node has other sources of this package.
    """
    import ray

    sources, waiting = source_hash(), deque(trials)
    run = ray.remote(trial_on_node).options(
        num_cpus=1, max_retries=0, num_returns="streaming", runtime_env={"env_vars": ONE_THREAD}
    )
    running: dict[Any, Trial] = {}
    deaths: Counter[Trial] = Counter()
    try:
        while waiting or running:
            while waiting and len(running) < (limit or 2 * _cores()):  # twice: a node that joins finds work
                trial = waiting.popleft()
                kept = _checkpoints(folder, trial, sources)
                running[run.remote(trial.definition(), kept, CHECKPOINT_EVERY_S)] = trial
            for stream in ray.wait(list(running), timeout=1.0)[0]:
                trial, event = running[stream], None
                try:
                    event = _take(folder, trial, _hear(stream), sources)
                except _Lost as lost:
                    del running[stream]
                    deaths[trial] += 1
                    if deaths[trial] < TRIES:
                        waiting.appendleft(trial)
                    else:
                        event = _give_up(folder, trial, lost)
                if event is not None:
                    if event.ended:
                        running.pop(stream, None)
                    yield event
    finally:
        for stream in running:
            ray.cancel(stream, force=True)


class _Lost(Exception):
    """The process that ran a trial died, or its node."""


def _hear(stream: Any) -> Mapping[str, Any]:
    """The next message of a trial. SpecError where no trial could run there."""
    import ray

    try:
        message: Mapping[str, Any] = ray.get(next(stream))
        return message
    except ray.exceptions.RayTaskError as error:
        raise SpecError(f"the cluster cannot run trials: {one_line(error.cause or error, 300)}") from None
    except (ray.exceptions.RayError, StopIteration) as error:
        raise _Lost(f"{type(error).__name__}: {one_line(error)}") from None


def trial_on_node(
    definition: Mapping[str, Any], checkpoints: Mapping[str, bytes], every_s: float
) -> Generator[dict[str, Any]]:
    """Run one trial, from its checkpoint if there is one, and yield what there is to tell; checkpoints `every_s`.

    First {"node", "sources"}; {"fraction"} and {"files"} (checkpoints, name to bytes) on the way; at the end {"ended"},
    name to bytes of all that the trial wrote, or {"stop": why} where the node has no room.
    """
    yield {"node": socket.gethostname(), "sources": source_hash()}
    with tempfile.TemporaryDirectory(prefix="celegans_nn_") as place:
        job = _Job(Path(place), definition, checkpoints)
        told, kept, sent = 0.0, dict(checkpoints), time.monotonic()
        try:
            while job.runs(REPORT_EVERY_S):
                if job.fraction != told:
                    told = job.fraction
                    yield {"fraction": told}
                if time.monotonic() - sent > every_s and (now := job.files("*.checkpoint")) not in ({}, kept):
                    kept, sent = now, time.monotonic()
                    yield {"files": kept}
            yield {"stop": job.stop} if job.stop else {"ended": job.files("*")}
        finally:
            job.cancelled = True
            job.join()


class _Job(threading.Thread):
    """A trial in a thread of its own, so that its node can tell of it meanwhile."""

    def __init__(self, folder: Path, definition: Mapping[str, Any], checkpoints: Mapping[str, bytes]) -> None:
        super().__init__(daemon=True)
        self.folder, self.definition = folder, definition
        self.fraction, self.stop, self.cancelled = 0.0, "", False
        self.error: BaseException | None = None
        (folder / "trials").mkdir()
        for name, data in checkpoints.items():
            (folder / "trials" / name).write_bytes(data)
        self.start()

    def run(self) -> None:
        import torch

        from celegans_nn.studies.worker import serve

        torch.set_num_threads(1)  # the order of a sum depends on the number of threads
        try:
            serve(self.folder, self.definition, self._progress)
        except DiskError as error:
            self.stop = f"{socket.gethostname()}: {error}"
        except BaseException as error:
            self.error = error

    def runs(self, seconds: float) -> bool:
        """Whether it still runs after so long; raises what it raised."""
        self.join(seconds)
        if self.error is not None:
            raise self.error
        return self.is_alive()

    def files(self, pattern: str) -> dict[str, bytes]:
        """What the trial has written so far, whole files only."""
        found = {}
        for path in (self.folder / "trials").glob(pattern):
            if not path.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    found[path.name] = path.read_bytes()
        return found

    def _progress(self, done: int, total: int) -> None:
        if self.cancelled:
            raise KeyboardInterrupt
        self.fraction = done / max(total, 1)


def _take(folder: Path, trial: Trial, message: Mapping[str, Any], sources: str) -> Event | None:
    """Store what a message brings; the event that it is."""
    from celegans_nn.studies.trial import remove_checkpoints

    if "sources" in message:
        if message["sources"] != sources:
            raise SpecError(
                f"cluster node {message['node']} has other sources of celegans_nn than this machine, which could give "
                "other results; install the same on every node"
            )
        return Event(trial, 0.0)
    if "fraction" in message:
        return Event(trial, min(message["fraction"], 1.0))
    if "stop" in message:
        raise DiskError(message["stop"])
    files = message["ended"] if "ended" in message else message["files"]
    for name in sorted(files, key=lambda name: name.endswith(".json")):  # its record last: then it is finished
        if not name.startswith(trial.hash) or "/" in name:
            raise SpecError(f"the cluster sent {one_line(name)!r}, which is no file of the trial {trial.hash}")
        write_atomic(folder / "trials" / name, files[name])
    if "ended" not in message:
        return None
    remove_checkpoints(folder, trial)
    return Event(trial, 1.0, ended=True)


def _give_up(folder: Path, trial: Trial, lost: _Lost) -> Event:
    why = f"the cluster's worker died {TRIES} times, the last time with {lost}"
    write_record(folder, Record(trial.hash, trial.definition(), None, [], {}, why))
    return Event(trial, 1.0, ended=True)


def _checkpoints(folder: Path, trial: Trial, sources: str) -> dict[str, bytes]:
    """Name to bytes of what the trial left when it was interrupted."""
    found = (folder / "trials").glob(f"{trial.hash}.{sources[:12]}.checkpoint")
    return {path.name: path.read_bytes() for path in found}


def _cores() -> int:
    """Of the cluster now; at least 1."""
    import ray

    return max(int(ray.cluster_resources().get("CPU", 0)), 1)


def _reach(address: str) -> None:
    """SpecError at once where nothing listens, which Ray would take a minute to say."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise SpecError(f"cluster {one_line(address)!r}: give HOST:PORT of its head node, or auto for the one here")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        raise SpecError(
            f"cluster {one_line(address)}: {one_line(error)}; start one with: ray start --head --port={port}"
        ) from None
