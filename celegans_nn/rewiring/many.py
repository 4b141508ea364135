"""Ensembles of controls: one after the other, made on all cores, the same ones whatever the number of cores."""

from __future__ import annotations

import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.cores import usable_cores
from celegans_nn.errors import LARGEST_SEED, RewiringError, whole_number
from celegans_nn.rewiring.control import check_request, make_control

MOST_WORKERS = 256
SECONDS_WITHOUT_A_BAR = 2.0


def rewire_many(
    worm: Connectome,
    null: str,
    *,
    n: int,
    seed: int,
    scope: str = "neurons",
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    initial_weights: str = "table",
    workers: int | None = None,
    progress: bool | None = None,
) -> Iterator[Connectome]:
    """`n` controls of `worm`, streamed: only a few are in memory at a time.

    Control k is `rewire(worm, null, seed=control_seed(seed, k), ...)`, so it depends neither on `n` nor on the
    number of workers, and each can be made again alone from the seed in its provenance, where
    `ensemble_seed` is `seed`.

    Parameters
    ----------
    null, scope, inputs, outputs, initial_weights
        As in `rewire`.
    n, seed
        How many, from 1; a whole number from 0.
    workers
        Threads; one a core if not given. The kernels run without the interpreter's lock, the rest does not, so the
        gain is largest where the kernels work longest: large graphs, and nulls that search.
    progress
        Whether to show a bar with the time left on stderr once two seconds have passed; if not given, on a terminal.

    Raises
    ------
    RewiringError
        As `rewire`: for wrong arguments at once, for a control that cannot be made when its turn comes.

    >>> import pandas as pd
    >>> ring = Connectome.from_edges(pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"}))
    >>> controls = list(rewire_many(ring, "degree", n=3, seed=0))
    >>> controls == list(rewire_many(ring, "degree", n=5, seed=0, workers=1))[:3]
    True
    """
    whole_number("n", n, 1, 10**12, RewiringError)
    whole_number("seed", seed, 0, LARGEST_SEED, RewiringError)
    threads = whole_number(
        "workers", min(usable_cores(), MOST_WORKERS) if workers is None else workers, 1, MOST_WORKERS, RewiringError
    )
    ends = check_request(worm, null, scope, inputs, outputs, initial_weights)
    shown = sys.stderr.isatty() if progress is None else progress

    def make(k: int) -> Connectome:
        return make_control(worm, null, control_seed(seed, k), scope, ends, ensemble_seed=int(seed))

    controls = _stream(make, n, threads)
    return _with_bar(controls, n, f"rewiring, {null}") if shown else controls


def control_seed(seed: int, k: int) -> int:
    """The seed of control k (from 0) of an ensemble with this seed."""
    return int(np.random.SeedSequence([seed, k]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _stream(make: Callable[[int], Connectome], n: int, threads: int) -> Iterator[Connectome]:
    """make(0), make(1), ... in this order, a few ahead of the reader; nothing goes on once the reader has left."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="rewire")
    try:
        numbers = iter(range(n))
        ahead: deque[Future[Connectome]] = deque(pool.submit(make, k) for k in itertools.islice(numbers, 2 * threads))
        while ahead:
            control = ahead.popleft().result()
            ahead.extend(pool.submit(make, k) for k in itertools.islice(numbers, 1))
            yield control
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _with_bar(controls: Iterator[Connectome], n: int, what: str) -> Iterator[Connectome]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(file=sys.stderr, force_terminal=True), transient=True)
    task = bar.add_task(what, total=n)
    started = time.monotonic()
    try:
        for done, control in enumerate(controls, start=1):
            if not bar.live.is_started and time.monotonic() - started > SECONDS_WITHOUT_A_BAR:
                bar.start()
            bar.update(task, completed=done)
            yield control
    finally:
        bar.stop()
