"""The outcome of the pre-registered comparison in words, and as a file beside the results."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from celegans_nn.errors import one_line
from celegans_nn.files import write_atomic
from celegans_nn.studies.comparison import SUPPORTED, Comparison, NullOutcome, compare_rows
from celegans_nn.studies.spec import Study
from celegans_nn.studies.store import load_curves, load_results

FILE = "comparison.json"


def write_comparison(folder: Path, study: Study) -> Comparison | None:
    """Analyse the study's results and write comparison.json beside them; None where it states no comparison."""
    found = compare_rows(study, load_results(folder), load_curves(folder))
    if found is not None:
        write_atomic(folder / FILE, json.dumps(as_values(found), indent=1, allow_nan=False) + "\n")
    else:
        (folder / FILE).unlink(missing_ok=True)
    return found


def stated_verdict(folder: Path) -> str | None:
    """The verdict in one sentence, from the file that the report left; None where no comparison was stated."""
    path = folder / FILE
    return one_line(json.loads(path.read_text(encoding="utf-8"))["headline"], 600) if path.exists() else None


def headline(comparison: Comparison) -> str:
    """The verdict in one sentence."""
    spec = comparison.spec
    nulls = ", ".join(repr(null) for null in spec.nulls)
    metric = spec.metric if spec.threshold is None else f"{spec.metric} ({spec.threshold:g})"
    return (
        f"{comparison.verdict.capitalize()}: that {spec.worm!r} has a {spec.direction} {metric} on {spec.task} "
        f"than {nulls}, by more than {spec.margin:g}."
    )


def sentences(comparison: Comparison) -> list[str]:
    """One for each null, then what keeps this from being more."""
    return [*(_sentence(comparison, o) for o in comparison.settings[0].outcomes), *comparison.notes]


def _sentence(comparison: Comparison, outcome: NullOutcome) -> str:
    spec = comparison.spec
    if not outcome.null_scores or not math.isfinite(outcome.worm_score):
        return f"{outcome.null}: no scores to compare yet."
    said = (
        f"{outcome.null}: {comparison.verdict_on(outcome.null)}; {outcome.worm_score:.4g} lies above "
        f"{outcome.percentile:.0f} % of {outcome.complete} rewirings, p = {outcome.p:.3g}, "
        f"{outcome.p_holm:.3g} with Holm's correction"
    )
    if outcome.effect is not None:
        low, high = outcome.effect.interval()[1:3]
        said += (
            f"; better by {outcome.effect.effect:.3g} (95 % interval {low:.3g} to {high:.3g}, margin {spec.margin:g})"
        )
    stands, settings = comparison.share(outcome.null)
    if settings > 1:
        said += f"; the same in {stands} of {settings} settings"
    return said + "."


def as_values(comparison: Comparison) -> dict[str, Any]:
    """Everything as plain values for JSON; None for what is not known."""
    spec = comparison.spec
    settings = [
        {
            "values": dict(setting.values),
            "worm": setting.worm,
            "required": setting.required,
            "nulls": [_outcome_values(comparison, o) for o in setting.outcomes],
        }
        for setting in comparison.settings
    ]
    return _finite(
        {
            "verdict": comparison.verdict,
            "headline": headline(comparison),
            "verdicts": {null: comparison.verdict_on(null) for null in spec.nulls},
            "supported_in_full": comparison.verdict == SUPPORTED and not comparison.notes,
            "notes": list(comparison.notes),
            "comparison": asdict(spec),
            "settings": settings,
        }
    )


def _outcome_values(comparison: Comparison, outcome: NullOutcome) -> dict[str, Any]:
    values = asdict(outcome) | {"verdict": outcome.verdict(comparison.spec)}
    for name, interval in (
        ("null_mean", outcome.null_mean),
        ("effect", outcome.effect.interval() if outcome.effect is not None else None),
    ):
        values[name] = None if interval is None else interval._asdict()
    return values


def _finite(value: Any) -> Any:
    """The same without nan and infinities, which JSON lacks."""
    if isinstance(value, dict):
        return {str(key): _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
