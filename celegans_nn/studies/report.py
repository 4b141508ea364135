"""A study's results folder to one self-contained HTML page, with its figures as PNG beside it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from celegans_nn.files import write_atomic
from celegans_nn.studies import pictures, tables
from celegans_nn.studies.answer import answer
from celegans_nn.studies.runner import stored_facts, stored_study
from celegans_nn.studies.spec import Study, Trial
from celegans_nn.studies.store import Record, read_records, write_tables
from celegans_nn.studies.summary import TaskResults, group_of, summarise
from celegans_nn.studies.trial import wirings
from celegans_nn.studies.verdict import write_comparison

S22 = (
    "Schmidgall, Schuman and Parsa 2022, Biological connectomes as a representation for the architecture of "
    "artificial neural networks, arXiv 2209.14406"
)


def write_report(run_folder: str | Path) -> Path:
    """Write <run_folder>/report.html and the PNG figures beside it; returns the page's path.

    The page needs no network and no file beside it, runs no script, and escapes every name that comes from the
    specification. Raises SpecError where the folder holds no study.
    """
    folder = Path(run_folder)
    study = stored_study(folder)
    write_tables(folder, study)
    records = read_records(folder, study)
    results = summarise(study, records)
    page = _render(_context(folder, study, records, results))
    path = folder / "report.html"
    write_atomic(path, page)
    return path


def _render(context: Mapping[str, Any]) -> str:
    import jinja2
    from markupsafe import Markup

    templates = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    css = Markup((templates / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html.j2").render(css=css, **context)


def _context(
    folder: Path, study: Study, records: Mapping[Trial, Record], results: Sequence[TaskResults]
) -> dict[str, Any]:
    failures = {trial.describe(): record.error for trial, record in records.items() if record.error}
    finished = sum(record.row is not None for record in records.values())
    return {
        "title": study.title,
        "name": study.name,
        "preset": study.preset,
        "question": " ".join(study.question.split()),
        "answer": answer(study, results, write_comparison(folder, study)),
        "total": len(study.trials),
        "unfinished": len(study.trials) - finished,
        "failures": failures,
        "swimmer": pictures.swimmer(folder, results),
        "tasks": [_task(folder, result) for result in results if result.points],
        "wirings": pictures.wiring_figures(folder, study),
        "kept": tables.preservation(study),
        "commands": _commands(folder, study),
        "provenance": _provenance(folder, study, finished),
        "references": _references(study),
        "spec": study.text,
    }


def _task(folder: Path, result: TaskResults) -> dict[str, Any]:
    task = result.task
    unit = result.cost_unit
    options = ", ".join(f"{k} {v}" for k, v in task.task.items())
    heading, what = ABOUT.get(task.name, (task.label, ""))
    return {
        "label": task.label if heading == task.label else f"{heading} ({task.label})",
        "metric": result.metric,
        "lead": (
            f"{what}Trained by {METHODS.get(task.method, task.method)} for {task.budget:,} {unit} of all stages"
            + (f" ({options.replace('_', ' ')})" if options else "")
            + f", from {len(task.seeds)} seeds a network. The numbers are from held-out "
            + ("episodes" if result.kind == "locomotion" else "images")
            + " that training never used."
        ),
        **tables.strips(result),
        **tables.results(result),
        **pictures.curves(folder, result),
    }


MACHINE = {"processor": "Processor", "cores": "Cores", "memory_gb": "Memory (GB)", "system": "System"}
ABOUT = {
    "swimmer6": (
        "Swimming",
        "A planar body of six links in a fluid; the network moves its five joints every 0.03 s and is paid the "
        "forward velocity of the head. ",
    ),
    "worm": (
        "The worm’s own body",
        "A planar worm of 25 links and 95 named muscles under resistive-force theory, paid every 0.02 s for how far "
        "its centre of mass came towards its head. ",
    ),
    "halfcheetah": ("Running", "Gymnasium’s HalfCheetah-v5: a planar body with six joints, paid for running. "),
    "digits": ("Reading digits", "Handwritten digits of 8 x 8 pixels (scikit-learn’s). "),
    "mnist": ("Reading digits", "Handwritten digits of 28 x 28 pixels (MNIST). "),
    "fashion_mnist": ("Recognising clothes", "Pictures of clothes of 28 x 28 pixels (Fashion-MNIST). "),
}
METHODS = {
    "es": "evolution strategies",
    "ga": "the asexual genetic algorithm",
    "es+ga": "evolution strategies on shared weights, then the asexual genetic algorithm on every weight,",
    "bptt": "backpropagation through time",
}


def _commands(folder: Path, study: Study) -> str:
    spec = stored_facts(folder).get("spec", folder / "spec.toml")
    run = ["celegans-nn", "study", "run", str(spec)]
    if study.preset:
        run += ["--preset", study.preset]
    if folder.as_posix() != f"runs/{study.folder_name}":
        run += ["--out", str(folder)]
    resume = ["celegans-nn", "study", "resume", str(folder)]
    return f"{shlex.join(run)}\n\n# after an interruption\n{shlex.join(resume)}"


def _provenance(folder: Path, study: Study, finished: int) -> list[tuple[str, str]]:
    table = pd.read_parquet(folder / "provenance.parquet")
    said = [("Trials", f"{finished} of {len(study.trials)} finished")]
    if "wall_time_s" not in table:
        return said
    known = table.dropna(subset=["wall_time_s"])
    said.append(("Computing time", f"{known['wall_time_s'].sum() / 60:.1f} min, all trials added up"))
    if len(known):
        said.append(("First trial began", str(known["started"].min()).replace("T", " ").replace("Z", " UTC")))
    said += [(title, _distinct(known[column])) for column, title in MACHINE.items()]
    versions = [c for c in table.columns if c.startswith("version_")]
    said += [(c.removeprefix("version_").replace("sources", "sources (sha256)"), _distinct(known[c])) for c in versions]
    if known["version_sources"].nunique() > 1:
        said.append(("Note", "these trials were run by different sources of the package; run them anew to compare"))
    return said


def _distinct(values: pd.Series[Any]) -> str:
    shown = (f"{v:g}" if isinstance(v, float) else str(v) for v in values.dropna().unique())
    return ", ".join(sorted(shown)) or "unknown"


def _references(study: Study) -> list[str]:
    cited = [str(wirings(n)[0].provenance.get("citation", "")) for n in study.networks if group_of(n) != "baseline"]
    return [c for c in dict.fromkeys(cited) if c] + [S22]
