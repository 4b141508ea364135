"""What a study cost: steps of all stages, their share of Schmidgall et al.'s (2022), and computing time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from celegans_nn.studies.spec import Trial
from celegans_nn.studies.store import Record
from celegans_nn.studies.summary import TaskResults, number


def cost_rows(results: Sequence[TaskResults], records: Mapping[Trial, Record]) -> list[dict[str, str]]:
    """A row a task, of its finished trials."""
    return [_row(result, records) for result in results if result.points]


def _row(result: TaskResults, records: Mapping[Trial, Record]) -> dict[str, str]:
    costs = [int(p.row["cost_total"]) for p in result.points]
    shares = [float(s) for p in result.points if (s := p.row.get("share_of_s22")) is not None]
    known = [records[p.trial].provenance for p in result.points if p.trial in records]
    wall = [float(p["wall_time_s"]) for p in known if p.get("wall_time_s") is not None]
    processor = [float(p["cpu_time_s"]) for p in known if p.get("cpu_time_s") is not None]
    low, high = min(costs), max(costs)
    return {
        "task": result.task.label,
        "trials": f"{len(costs):,}",
        "each": f"{low:,}" if low == high else f"{low:,} to {high:,}",
        "all": f"{sum(costs):,} {result.cost_unit}",
        "share": f"{100 * max(shares):.2g} %" if shares else "–",
        "share_all": f"{100 * sum(shares):.2g} %" if shares else "–",
        "wall": duration(sum(wall)) if wall else "unknown",
        "processor": duration(sum(processor)) if processor else "–",
    }


def duration(seconds: float) -> str:
    """A time to read.

    >>> duration(7.26), duration(600), duration(9000)
    ('7.3 s', '10.0 min', '2.5 h')
    """
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{number(seconds / size, 1)} {unit}"
    return f"{number(seconds, 1)} s"
