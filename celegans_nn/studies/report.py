"""A study's results folder to one self-contained HTML page, with its figures as PNG beside it."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from celegans_nn.errors import one_line
from celegans_nn.files import write_atomic
from celegans_nn.studies import pictures, tables
from celegans_nn.studies.answer import answer
from celegans_nn.studies.comparison import NOT_SUPPORTED, SUPPORTED, Comparison
from celegans_nn.studies.cost_table import cost_rows
from celegans_nn.studies.how_sure import how_sure
from celegans_nn.studies.null_places import described_places, stated_places
from celegans_nn.studies.runner import stored_facts, stored_study
from celegans_nn.studies.spec import Study, Trial
from celegans_nn.studies.store import Record, read_records, write_tables
from celegans_nn.studies.strips import strips
from celegans_nn.studies.summary import TaskResults, group_of, summarise
from celegans_nn.studies.trial import wirings
from celegans_nn.studies.verdict import write_comparison
from celegans_nn.studies.wiring_maps import wiring_maps

S22 = (
    "Schmidgall, Schuman and Parsa 2022, Biological connectomes as a representation for the architecture of "
    "artificial neural networks, arXiv 2209.14406"
)


def write_report(run_folder: str | Path) -> Path:
    """Write <run_folder>/report.html and the PNG figures beside it; returns the page's path.

    The page needs no network and no file beside it, runs no script but its own (its hash stands in the page's content
    security policy), and escapes every name that comes from the specification or a wiring. Raises SpecError where the
    folder holds no study.
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
    script = page_script()
    source = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        css=css, script=Markup(script), script_hash=f"sha256-{source}", **context
    )


def page_script() -> str:
    """The page's own script, the same in every report."""
    templates = Path(__file__).parent / "templates"
    parts = (templates / f"{name}.js" for name in ("lines", "map", "page"))
    return '"use strict";\n' + "\n".join(f"{{\n{part.read_text(encoding='utf-8')}}}" for part in parts) + "\n"


def _context(
    folder: Path, study: Study, records: Mapping[Trial, Record], results: Sequence[TaskResults]
) -> dict[str, Any]:
    comparison = write_comparison(folder, study)
    failures = {trial.describe(): record.error for trial, record in records.items() if record.error}
    finished = sum(record.row is not None for record in records.values())
    stated = stated_places(study, comparison, results)
    tasks = [
        _task(folder, study, result, k, comparison)
        for k, result in enumerate((r for r in results if r.points), start=1)
    ]
    said = answer(study, results, comparison)
    maps, kept, costs = wiring_maps(folder, study), tables.preservation(study), cost_rows(results, records)
    return {
        "title": study.title,
        "name": study.name,
        "preset": study.preset,
        "question": " ".join(study.question.split()),
        "answer": said,
        "headline": said.headline.removeprefix(f"{comparison.verdict.capitalize()}: ") if comparison else said.headline,
        "verdict": _verdict(comparison),
        "stated": stated,
        "stated_metric": "" if comparison is None else comparison.spec.metric,
        "stated_lead": "" if comparison is None else _stated_lead(comparison),
        "contents": _contents(bool(stated), tasks, bool(maps), bool(kept), bool(costs)),
        "total": len(study.trials),
        "unfinished": len(study.trials) - finished,
        "failures": failures,
        "failed_first": list(failures.items())[:MOST_FAILURES],
        "swimmers": pictures.swimmers(folder, results),
        "tasks": tasks,
        "maps": maps,
        "kept": kept,
        "costs": costs,
        "commands": _commands(folder, study),
        "provenance": _provenance(folder, study, finished),
        "references": _references(study),
        "spec": study.text,
    }


def _verdict(comparison: Comparison | None) -> dict[str, str] | None:
    """The stated comparison's verdict as a badge."""
    if comparison is None:
        return None
    kinds = {SUPPORTED: "supported", NOT_SUPPORTED: "not-supported"}
    return {"text": comparison.verdict, "kind": kinds.get(comparison.verdict, "undecided")}


def _stated_lead(comparison: Comparison) -> str:
    spec = comparison.spec
    return (
        f"Stated in the specification before anything ran: {one_line(spec.worm, 120)} against its rewirings on "
        f"{one_line(spec.task, 120)}, by {spec.metric}, {spec.direction} being better; an effect of at most "
        f"{spec.margin:g} counts as none. p = (1 + k) / (1 + R), where k of R rewirings reach the worm’s score."
    )


def _contents(
    stated: bool, tasks: Sequence[Mapping[str, Any]], maps: bool, kept: bool, costs: bool
) -> list[tuple[str, str]]:
    """(id, text) of each section, for the links at the head."""
    parts = [("comparison", "The stated comparison", stated)]
    parts += [(task["id"], task["label"], True) for task in tasks]
    parts += [("wiring", "The wiring", maps), ("kept", "What each control kept", kept), ("cost", "Cost", costs)]
    parts += [("again", "Run it again", True), ("provenance", "Provenance", True)]
    return [(id, text) for id, text, there in parts if there]


def _task(
    folder: Path, study: Study, result: TaskResults, number: int, comparison: Comparison | None
) -> dict[str, Any]:
    task = result.task
    unit = result.cost_unit
    options = ", ".join(f"{k} {v}" for k, v in task.task.items())
    heading, what = ABOUT.get(task.name, (task.label, ""))
    label = one_line(task.label, 120)
    return {
        "id": f"task{number}",
        "label": label if heading == task.label else f"{heading} ({label})",
        "metric": result.metric,
        "lead": (
            f"{what}Trained by {METHODS.get(task.method, task.method)} for {task.budget:,} {unit} of all stages"
            + (f" ({options.replace('_', ' ')})" if options else "")
            + f", from {len(task.seeds)} seed{'s' * (len(task.seeds) > 1)} a network. The numbers are from held-out "
            + ("episodes" if result.kind == "locomotion" else "images")
            + " that training never used."
        ),
        **strips(result),
        **tables.results(result),
        "nulls": described_places(study, result, _stated_nulls(comparison, result)),
        "sure": how_sure(study, result),
        **pictures.curves(folder, result),
    }


def _stated_nulls(comparison: Comparison | None, result: TaskResults) -> set[tuple[str, str, str]]:
    """(the worm's network, null model, scope) that the stated comparison shows already, by this task's own metric."""
    if comparison is None:
        return set()
    spec = comparison.spec
    same = spec.task == result.task.label and spec.metric == result.metric.columns["final"]
    return {(s.worm, *o.model) for s in comparison.settings for o in s.outcomes} if same else set()


MOST_FAILURES = 40
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
    originals = dict.fromkeys(
        replace(n, control="none", control_seed=0, label="") for n in study.networks if group_of(n) != "baseline"
    )
    cited = [one_line(wirings(n)[0].provenance.get("citation", ""), 600) for n in originals]
    return [c for c in dict.fromkeys(cited) if c] + [S22]
