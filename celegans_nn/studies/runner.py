"""Run a study: what is not finished yet, on worker processes, with a progress bar; then its tables."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celegans_nn.cores import usable_cores
from celegans_nn.errors import CelegansError, DiskError, SpecError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.studies.heartbeat import Heartbeat
from celegans_nn.studies.lock import locked
from celegans_nn.studies.machine import versions
from celegans_nn.studies.pool import Event, run_trials
from celegans_nn.studies.progress import StudyProgress
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.spec import NetworkSpec, Study, shared_for
from celegans_nn.studies.store import (
    is_finished,
    load_results,
    read_record,
    read_records,
    write_tables,
)
from celegans_nn.studies.tidy import tidy
from celegans_nn.studies.wiring_files import keep_wirings

if TYPE_CHECKING:
    import pandas as pd

    Run = Callable[..., Generator[Event]]

RUNS = Path("runs")


def run_study(
    spec_path: str | Path,
    preset: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    cluster: str | None = None,
) -> pd.DataFrame:
    """Run every trial of a study that has not finished yet and return the table of results.

    `spec_path`: the study's TOML file. `preset`: a table [presets.<name>] of it. `out`: the results folder,
    by default runs/<name of the study>. `workers`: processes, by default one a core. `cluster`: the address of a
    Ray cluster whose processes are used instead of this machine's ("HOST:PORT", or "auto"). Returns the table that
    `load_results(out)` gives: one row a finished trial, sorted by trial hash, the same bytes on disk for any
    number of workers, here or on a cluster, interrupted or not. A trial that fails is recorded with its error and
    the rest go on.

    Raises SpecError (one line) for a wrong specification, before anything is written; DiskError where the disk is
    full: make room and call it again.
    """
    study = load_study(spec_path, preset)
    folder = Path(out) if out is not None else RUNS / study.folder_name
    return _run(study, folder, workers, cluster)


def resume_study(folder: str | Path, workers: int | None = None, cluster: str | None = None) -> pd.DataFrame:
    """Go on with a study that was interrupted, from its results folder. Finished trials are not run again."""
    return _run(stored_study(folder), Path(folder), workers, cluster)


def stored_study(folder: str | Path) -> Study:
    """The study whose results a folder holds."""
    folder = Path(folder)
    if not (folder / "spec.toml").exists():
        raise SpecError(f"{folder}: holds no study; give the folder that `celegans-nn study run` made")
    return load_study(folder / "spec.toml", stored_facts(folder).get("preset"))


def stored_facts(folder: Path) -> dict[str, Any]:
    """Name, preset and path of the specification as the study was first run."""
    path = folder / "study.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return dict(facts)
    except (ValueError, TypeError) as error:
        raise SpecError(f"{path}: cannot be read ({one_line(error)}); run the study's own file again") from None


def failures(folder: Path, study: Study) -> dict[str, str]:
    """What went wrong: description of the trial to its error."""
    records = ((trial, read_record(folder, trial.hash)) for trial in study.trials)
    return {trial.describe(): record.error for trial, record in records if record and record.error}


def check_networks(study: Study) -> None:
    """Build every network of the study once, and ask whether it can be trained as the study says, so that what cannot
    be is known before anything is written.

    Of a null's rewirings the first stands for all: they differ in a seed alone, and hundreds would take minutes.
    """
    from celegans_nn.studies.trial import make_network, make_trial_task
    from celegans_nn.training import TrainOptions, check_training

    first: dict[str, NetworkSpec] = {}
    for network in study.networks:
        first.setdefault(network.label, network)
    for spec in study.tasks:
        task, options = make_trial_task(spec), TrainOptions.of(spec.options)
        for network in first.values():
            place = f"network {network.label!r}"
            try:
                net = make_network(shared_for(network, spec.method), task, spec.seeds[0])
                place += f", task {spec.label!r}"
                check_training(net, task, method=spec.method, budget=spec.budget, options=options)
            except CelegansError as error:
                raise SpecError(f"{study.path}: {one_line(place, 120)}: {one_line(error, 400)}") from None


def _run(study: Study, folder: Path, workers: int | None, cluster: str | None) -> pd.DataFrame:
    if workers is not None and workers < 1:
        raise SpecError(f"workers = {one_line(workers)}: give at least 1 worker process")
    check_networks(study)
    with _crew(workers, cluster) as (number, run), locked(folder) as hold:
        tidy(folder)
        write_atomic(folder / "spec.toml", study.text)
        keep_wirings(study.networks, folder)
        about = {"name": study.name, "preset": study.preset, "spec": str(study.path)}
        if study.path.resolve() != (folder / "spec.toml").resolve():
            write_atomic(folder / "study.json", json.dumps(about, indent=1) + "\n")
        try:
            _run_what_is_left(study, folder, number, functools.partial(run, hold=hold))
        except BaseException:
            with contextlib.suppress(DiskError):  # of what went wrong, the first is told
                write_tables(folder, study)
            raise
        write_tables(folder, study)
    return load_results(folder)


@contextlib.contextmanager
def _crew(workers: int | None, cluster: str | None) -> Iterator[tuple[int, Run]]:
    """(how many trials run at a time, what runs them)."""
    if cluster is None:
        number = usable_cores() if workers is None else workers
        yield number, functools.partial(run_trials, workers=number)
        return
    from celegans_nn.studies.cluster import connected, run_on_cluster

    with connected(cluster) as cores:
        yield min(workers or cores, cores), functools.partial(run_on_cluster, limit=workers)


def _run_what_is_left(study: Study, folder: Path, workers: int, run: Run) -> None:
    todo = [trial for trial in study.trials if not is_finished(folder, trial)]
    heart = Heartbeat(folder, workers)
    try:
        with (
            StudyProgress(study, todo, workers, _of_other_code(folder, study)) as progress,
            contextlib.closing(run(folder, todo)) as events,
        ):
            for event in events:
                progress.show(event, read_record(folder, event.trial.hash) if event.ended else None)
                heart.beat(progress.running, progress.left.seconds())
    finally:
        heart.end()


def _of_other_code(folder: Path, study: Study) -> int:
    """How many finished trials were run by other sources of the package than these."""
    now = versions()["sources"]
    records = read_records(folder, study).values()
    return sum(r.row is not None and r.provenance.get("version_sources") != now for r in records)
