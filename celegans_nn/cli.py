"""The command line. Everything heavy is imported inside the command that needs it, so that --help is instant."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import Positional

from celegans_nn.errors import CelegansError, one_line
from celegans_nn.evolve_command import evolve
from celegans_nn.render_command import render
from celegans_nn.train_commands import evaluate, train
from celegans_nn.wiring_commands import info, null_models, print_table, rewire

WRONG_USE, INTERRUPTED = 2, 130


def study_run(
    spec: Positional[Path],
    preset: str | None = None,
    out: Path | None = None,
    workers: int | None = None,
    cluster: str | None = None,
) -> int:
    """Run a study and write its report.

    Finished trials are kept and never run again, so the same command goes on where it was stopped. Seeds stand
    in the specification.

    Example: celegans-nn study run benchmarks/studies/first_look.toml --workers 2

    Args:
        spec: the study's TOML file.
        preset: a table [presets.NAME] of it, whose values replace those of its tasks.
        out: the results folder; runs/NAME if not given.
        workers: worker processes; one a core if not given.
        cluster: HOST:PORT of a Ray cluster that runs the trials in place of this machine, or auto for the one here.
    """
    from celegans_nn.studies.reading import load_study
    from celegans_nn.studies.runner import RUNS, run_study

    folder = out if out is not None else RUNS / load_study(spec, preset).folder_name
    run_study(spec, preset, folder, workers, cluster)
    return _report(folder)


def study_plan(
    spec: Positional[Path],
    preset: str | None = None,
    out: Path | None = None,
    workers: int | None = None,
) -> int:
    """Say what a study will cost before anything runs: trials, steps or samples, and the time on this machine.

    Each kind of trial is timed for about a second, unless earlier trials in the results folder tell. Nothing is
    written.

    Example: celegans-nn study plan benchmarks/studies/first_look.toml --preset smoke

    Args:
        spec: the study's TOML file.
        preset: a table [presets.NAME] of it, whose values replace those of its networks and tasks.
        out: the results folder, whose finished trials are counted; runs/NAME if not given.
        workers: worker processes; one a core if not given.
    """
    from rich.console import Console
    from rich.progress import Progress

    from celegans_nn.studies.plan import plan_study
    from celegans_nn.studies.reading import load_study
    from celegans_nn.studies.runner import RUNS

    study = load_study(spec, preset)
    folder = out if out is not None else RUNS / study.folder_name
    with Progress(console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("timing each kind of trial", total=None)
        plan = plan_study(study, folder, workers, lambda done, kinds: bar.update(row, completed=done, total=kinds))
    print_table(*plan.table())
    print("\n".join(plan.summary()))
    return 0


def study_resume(folder: Positional[Path], workers: int | None = None, cluster: str | None = None) -> int:
    """Go on with a study that was interrupted, and write its report.

    Example: celegans-nn study resume runs/first_look

    Args:
        folder: the results folder.
        workers: worker processes; one a core if not given.
        cluster: HOST:PORT of a Ray cluster that runs the trials in place of this machine, or auto for the one here.
    """
    from celegans_nn.studies.runner import resume_study

    resume_study(folder, workers, cluster)
    return _report(folder)


def study_status(folder: Positional[Path]) -> int:
    """What is done, failed, running and left of a study, what it has cost, and the time left; writes nothing.

    Example: celegans-nn study status runs/first_look

    Args:
        folder: the results folder.
    """
    from celegans_nn.studies.status import study_status as status

    print("\n".join(status(folder).lines()))
    return 0


def study_report(folder: Positional[Path]) -> int:
    """Write the report of a study anew from its results.

    Example: celegans-nn study report runs/first_look

    Args:
        folder: the results folder.
    """
    return _report(folder)


def data_verify() -> int:
    """Recompute the checksums and published counts of the wiring tables; exit code 1 if one does not hold.

    Example: celegans-nn data verify
    """
    from celegans_nn.connectome.verify import verify_data

    checks = verify_data()
    print_table(
        ("table", "number", "ours", "published", "", "explanation"),
        [(c.table, c.number, c.ours, c.published, "holds" if c.holds else "FAILS", c.explanation) for c in checks],
    )
    failed = sum(not c.holds for c in checks)
    print(f"{len(checks) - failed} of {len(checks)} numbers hold")
    return 1 if failed else 0


def study() -> int:
    """See what a study costs, run it, go on with it: study plan, study run, study resume, study status, study report.

    Example: celegans-nn study run benchmarks/studies/first_look.toml
    """
    raise AssertionError("a group of commands is never called")


def data() -> int:
    """Check the wiring tables that ship with the package: data verify.

    Example: celegans-nn data verify
    """
    raise AssertionError("a group of commands is never called")


COMMANDS: dict[str, Callable[..., int]] = {
    "info": info, "rewire": rewire, "train": train, "evaluate": evaluate, "render": render, "study": study,
    "evolve": evolve, "data": data,
}  # fmt: skip
GROUPS: dict[str, dict[str, Callable[..., int]]] = {
    "study": {
        "plan": study_plan, "run": study_run, "resume": study_resume, "status": study_status, "report": study_report,
    },
    "data": {"verify": data_verify},
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exit codes: 0 done, 1 something failed, 2 wrong use (one line), 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    warnings.showwarning = _show_warning
    try:
        code = _run(words)
    except CelegansError as error:
        print(f"celegans-nn: {one_line(error, 600)}", file=sys.stderr)
        code = WRONG_USE
    except BrokenPipeError:  # the reader of our output went away: head, less
        code = 0
        sys.stderr.close()
    except OSError as error:
        print(f"celegans-nn: {one_line(error, 600)}; check the path and its permissions", file=sys.stderr)
        code = WRONG_USE
    except KeyboardInterrupt:
        print("celegans-nn: interrupted; what was finished is kept, run the same command to go on", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)


def _run(words: list[str]) -> int:
    """Parse with tyro; what it would say in a box about a wrong command becomes one line."""
    commands, prog = COMMANDS, "celegans-nn"
    if words and words[0] in GROUPS:
        commands, prog, words = GROUPS[words[0]], f"{prog} {words[0]}", words[1:]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            chosen = tyro.extras.subcommand_cli_from_dict(
                {name: _deferred(function) for name, function in commands.items()}, prog=prog, args=words
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            if words and words[0] == "rewire":
                print("null models, from those that keep least to those that keep most:")
                print_table(("", ""), [(f"  {name}", line) for name, line in null_models().items()])
            return 0
        print(f"{prog}: {_unboxed(said.getvalue())}", file=sys.stderr)
        return WRONG_USE
    return int(chosen())


def _deferred(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The command's own signature and help; calling it runs nothing yet, so parsing and running stay apart."""

    @functools.wraps(command)
    def chosen(*args: Any, **kwargs: Any) -> Callable[[], int]:
        return functools.partial(command, *args, **kwargs)

    return chosen


def _unboxed(text: str) -> str:
    """tyro's framed message as one line.

    >>> _unboxed("╭─ Unrecognized options ─╮\\n│ Unrecognized options: x │\\n│ ───── │\\n│ See --help │\\n╰──╯")
    'Unrecognized options: x; See --help'
    """
    inside = [line.strip("│ ") for line in text.splitlines() if not line.startswith(("╭", "╰"))]
    joined = " ".join(";" if line and set(line) == {"─"} else line for line in inside)
    return one_line(joined.replace(" ;", ";"), 400) or "wrong use; see celegans-nn --help"


def _report(folder: Path) -> int:
    """Write a study's report; exit code 1 if any of its trials failed."""
    from celegans_nn.studies.report import write_report
    from celegans_nn.studies.runner import failures, stored_study
    from celegans_nn.studies.verdict import stated_verdict

    path = write_report(folder)
    print(f"report: {path}")
    if (said := stated_verdict(folder)) is not None:
        print(said)
    failed = failures(folder, stored_study(folder))
    for trial, error in failed.items():
        print(f"failed: {trial}: {error}", file=sys.stderr)
    return 1 if failed else 0


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"note: {one_line(message, 400)}", file=sys.stderr)


if __name__ == "__main__":
    main()
