"""The results folder of a study: one atomic file a finished trial, and the tables made from them.

spec.toml, study.json      what was asked (a copy of the file; its preset and first path)
trials/<hash>.json         one trial: definition, row, curve, provenance, error
trials/<hash>.safetensors  its trained weights
trials/<hash>.normaliser   mean and spread of its observations, where training normalised them
trials/<hash>.*.checkpoint where it stands, while it trains
results.csv, curves.csv    only what seed and spec determine, sorted by trial
results.parquet            the rows of results.csv with their types, for DuckDB and pandas
wirings/                   a copy of each wiring that the specification reads from a file
comparison.json            the outcome of the comparison that the specification states
provenance.parquet         wall time, machine, versions and errors
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celegans_nn.errors import SpecError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.studies.spec import Study, Trial

if TYPE_CHECKING:
    import pandas as pd

FIRST_COLUMNS = ("trial", "network", "task", "seed")
CURVE_COLUMNS = (*FIRST_COLUMNS, "stage", "cost", "score")
TEXT_COLUMNS = ("trial", "network", "task", "wiring")
"""Never read as numbers, even where they look like one (a fingerprint such as 12345e678901)."""


@dataclass(frozen=True)
class Record:
    """What became of one trial. Exactly one of `row` and `error` is filled."""

    trial: str
    """The trial's hash."""
    definition: Mapping[str, Any]
    row: Mapping[str, Any] | None
    """Column to value (text, whole number, float, bool or None) for results.csv, labels left out."""
    curve: Sequence[tuple[str, int, float]]
    """(stage, cost so far, score) of each point of the learning curve."""
    provenance: Mapping[str, Any]
    error: str | None = None


def trial_path(folder: Path, trial_hash: str, suffix: str = ".json") -> Path:
    return folder / "trials" / f"{trial_hash}{suffix}"


def write_record(folder: Path, record: Record) -> None:
    """Store what became of a trial, in place of what stood there."""
    write_atomic(trial_path(folder, record.trial), json.dumps(asdict(record), indent=1) + "\n")


def read_record(folder: Path, trial_hash: str) -> Record | None:
    """The stored record of a trial, or None. A file that is not one is refused with one line."""
    path = trial_path(folder, trial_hash)
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**{**stored, "curve": [(s, c, v) for s, c, v in stored["curve"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError(f"{path}: is not a trial's record ({one_line(error)}); remove it to run it again") from None
    return record


def is_finished(folder: Path, trial: Trial) -> bool:
    """Whether the trial has a row; a failed trial is not finished and is tried again."""
    record = read_record(folder, trial.hash)
    return record is not None and record.row is not None


def read_records(folder: Path, study: Study) -> dict[Trial, Record]:
    """The records of this study's trials that exist, sorted by trial hash."""
    found = {}
    for trial in sorted(study.trials, key=lambda t: t.hash):
        record = read_record(folder, trial.hash)
        if record is not None:
            found[trial] = record
    return found


def write_tables(folder: Path, study: Study) -> None:
    """Make results.csv, curves.csv and provenance.parquet from the trials' files."""
    records = read_records(folder, study)
    rows: list[dict[str, Any]] = []
    points: list[tuple[Any, ...]] = []
    provenance: list[dict[str, Any]] = []
    for trial, record in records.items():
        first = dict(zip(FIRST_COLUMNS, _key(trial), strict=True))
        provenance.append({**first, **record.provenance, "error": record.error})
        if record.row is not None:
            rows.append({**first, **record.row})
            points.extend((*_key(trial), *point) for point in record.curve)
    columns = list(FIRST_COLUMNS) + sorted_columns(rows)
    write_atomic(folder / "results.csv", csv_text(columns, ([row.get(c) for c in columns] for row in rows)))
    write_atomic(folder / "curves.csv", csv_text(CURVE_COLUMNS, points))
    write_atomic(folder / "results.parquet", parquet_bytes({c: [row.get(c) for row in rows] for c in columns}))
    names = sorted_columns(provenance, after=())
    write_atomic(folder / "provenance.parquet", parquet_bytes({c: [row.get(c) for row in provenance] for c in names}))


def _key(trial: Trial) -> tuple[str, str, str, int]:
    return trial.hash, trial.network.label, trial.task.label, trial.seed


def sorted_columns(rows: Sequence[Mapping[str, Any]], after: Sequence[str] = FIRST_COLUMNS) -> list[str]:
    """Every column that any row has, each row's own order kept, and what only some rows have after it; those in
    `after` are left out, since all others come after them.

    >>> sorted_columns([{"a": 1, "speed": 2, "total": 3}, {"a": 1, "accuracy": 2, "total": 3}])
    ['a', 'accuracy', 'speed', 'total']
    """
    columns: list[str] = []
    for row in rows:
        place = 0
        for column in row:
            if column in after:
                continue
            if column in columns:
                place = columns.index(column) + 1
            else:
                columns.insert(place, column)
                place += 1
    return columns


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with floats by repr (the shortest text that reads back to the same bits) and None as nothing.

    >>> csv_text(["a", "b"], [[0.1, None], ["x, y", True]])
    'a,b\\n0.1,\\n"x, y",true\\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def parquet_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """A Parquet file of plain values: text, whole numbers, floats, true and false, and None where there is none.

    A column of numbers is float64 where one of them is; one without any value is text where `TEXT_COLUMNS` or
    `NAMES` says so, else float64.
    """
    import pyarrow as pa
    import pyarrow.parquet

    arrays = {}
    for name, values in columns.items():
        kind = _kind(name, {type(value) for value in values if value is not None})
        arrays[name] = pa.array([_of_kind(value, kind) for value in values], pa.type_for_alias(_ARROW[kind]))
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()


NAMES = ("baseline", "unknown_sign", "preset", "error", "traceback")
"""Further columns of text, which may be without any value."""
_ARROW: dict[type, str] = {str: "string", bool: "bool", int: "int64", float: "float64"}


def _kind(name: str, types: set[type]) -> type:
    if len(types) == 1 and next(iter(types)) in _ARROW:
        return next(iter(types))
    if not types:
        return str if name in (*TEXT_COLUMNS, *NAMES) else float
    return float if types <= {int, float} else str


def _of_kind(value: Any, kind: type) -> Any:
    return None if value is None else kind(value)


def load_results(folder: str | Path, *others: str | Path) -> pd.DataFrame:
    """The table of a study's finished trials, one row each, sorted by trial hash.

    `folder` is the study's results folder (runs/<name>); `others` are further ones, of other machines or other
    studies, and a trial that several of them hold stands in the table once, as in the first. Columns: trial, network,
    task, seed, what defines the network and the training, scores, and cost by stage, in total and as a share of
    Schmidgall et al.'s (2022) pretraining. Raises SpecError where there are no results. Warns where two folders hold
    different results of the same trial, which is what other code or another processor can do.
    """
    import pandas as pd

    if not others:
        return _one_table(Path(folder))
    found = [(Path(f), _one_table(Path(f))) for f in (folder, *others)]
    for (_, first), (where, second) in itertools.combinations(found, 2):
        _warn_of_differences(first, second, where)
    merged = pd.concat([table for _, table in found if len(table)] or [found[0][1]], ignore_index=True)
    once = merged.drop_duplicates("trial", keep="first")
    return once.sort_values("trial", kind="stable", ignore_index=True)


def load_curves(folder: str | Path) -> pd.DataFrame:
    """Learning curves of a study's finished trials, a row a point: trial, network, task, seed, stage, cost, score."""
    import pandas as pd

    path = Path(folder) / "curves.csv"
    if not path.exists():
        raise SpecError(f"{path}: not there; give the folder of a study that was run (celegans-nn study run)")
    return pd.read_csv(path, dtype={"trial": str, "network": str, "task": str, "stage": str})


def _warn_of_differences(first: pd.DataFrame, second: pd.DataFrame, where: Path) -> None:
    shared = [c for c in first.columns if c in second.columns and c not in ("network", "task")]
    mine, theirs = (table.set_index("trial")[shared[1:]].sort_index() for table in (first, second))
    both = mine.index.intersection(theirs.index)
    differ = ((mine.loc[both] != theirs.loc[both]) & (mine.loc[both].notna() | theirs.loc[both].notna())).any(axis=1)
    if differ.any():
        warnings.warn(
            f"{where}: {int(differ.sum())} of {len(both)} trials that another folder holds too have other results "
            f"there, first {both[differ.to_numpy()][0][:12]}; the first folder's are taken",
            stacklevel=3,
        )


def _one_table(folder: Path) -> pd.DataFrame:
    import pandas as pd

    path = folder / "results.csv"
    if not path.exists():
        raise SpecError(f"{path}: not there; give the folder of a study that was run (celegans-nn study run)")
    with open(path, newline="", encoding="utf-8") as file:
        columns, *rows = csv.reader(file)
    values = {column: [row[k] for row in rows] for k, column in enumerate(columns)}
    text = {c: [t or None for t in values[c]] for c in TEXT_COLUMNS if c in values}
    return pd.DataFrame({c: text.get(c) or _typed(v) for c, v in values.items()})


def _typed(texts: Sequence[str]) -> list[Any]:
    """A column's values from their text: whole numbers, floats (to the same bits), true and false, or text.

    >>> _typed(["1", "2"]), _typed(["0.1", ""]), _typed(["true", "false"]), _typed(["a", ""])
    ([1, 2], [0.1, nan], [True, False], ['a', None])
    """
    there = [text for text in texts if text]
    if there and set(there) <= {"true", "false"}:
        return [text == "true" if text else None for text in texts]
    try:
        whole = [int(text) for text in there]
        return whole if len(whole) == len(texts) else [float(text) if text else float("nan") for text in texts]
    except ValueError:
        pass
    try:
        return [float(text) if text else float("nan") for text in texts]
    except ValueError:
        return [text or None for text in texts]
