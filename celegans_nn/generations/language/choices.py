"""Questions with several answers, and pairs of sentences of which one is right, by the likelihood of their text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import nn

from celegans_nn.errors import GenerationsError, nearest, one_line
from celegans_nn.generations.language.likelihood import continuations
from celegans_nn.tasks.image_files import user_cache
from celegans_nn.tasks.text_hub import hub_file, read_table
from celegans_nn.tasks.text_tokenizer import encode, end_of_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Choice(NamedTuple):
    """A question."""

    context: str
    answers: tuple[str, ...]
    right: int
    """The number of the right answer, from 0."""


class Pair(NamedTuple):
    """Two sentences that differ in little: a minimal pair."""

    good: str
    bad: str
    kind: str
    """What they test, such as a BLiMP paradigm."""


HUB = {"hellaswag": ("Rowan/hellaswag", "validation"), "mmlu": ("cais/mmlu:all", "test")}
"""Hugging Face's copies of HellaSwag (Zellers 2019; 10,042 questions) and MMLU (Hendrycks 2021; 14,042), and the split
that is asked."""
BATCH = 64
"""Questions whose answers are scored together."""


def choice_accuracy(model: nn.Module, tokenizer: Tokenizer, choices: Sequence[Choice]) -> dict[str, Any]:
    """`accuracy`, by the log-probability of an answer's whole text after the question; `accuracy_normalised`, by that
    a token; `chance`, the accuracy of guessing; `questions`."""
    if not choices:
        raise GenerationsError("no questions; give at least one")
    raw = normalised = 0
    start = [end_of_text(tokenizer)]
    for first in range(0, len(choices), BATCH):
        some = choices[first : first + BATCH]
        rows = [
            (start + encode(tokenizer, choice.context), encode(tokenizer, f" {answer}"))
            for choice in some
            for answer in choice.answers
        ]
        scores = continuations(model, rows)
        lengths = np.array([len(answer) for _, answer in rows])
        ends = np.cumsum([len(choice.answers) for choice in some])[:-1]
        for choice, log, length in zip(some, np.split(scores, ends), np.split(lengths, ends), strict=True):
            raw += int(log.argmax() == choice.right)
            normalised += int((log / length).argmax() == choice.right)
    number = len(choices)
    chance = sum(1 / len(choice.answers) for choice in choices) / number
    return {"accuracy": raw / number, "accuracy_normalised": normalised / number, "chance": chance, "questions": number}


def pair_accuracy(model: nn.Module, tokenizer: Tokenizer, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The share of pairs whose right sentence is the more likely one (equal ones count one half): `accuracy` over
    all, `pairs`, and `accuracy_KIND` of each kind where there are several."""
    if not pairs:
        raise GenerationsError("no pairs of sentences; give at least one")
    start = [end_of_text(tokenizer)]
    rows = [(start, encode(tokenizer, sentence)) for pair in pairs for sentence in (pair.good, pair.bad)]
    good, bad = continuations(model, rows).reshape(-1, 2).T
    right = np.where(good == bad, 0.5, good > bad)
    scores: dict[str, Any] = {"accuracy": float(right.mean()), "pairs": len(pairs)}
    kinds = np.array([pair.kind for pair in pairs])
    if len(set(kinds)) > 1:
        scores |= {f"accuracy_{kind}": float(right[kinds == kind].mean()) for kind in sorted(set(kinds))}
    return scores


def read_choices(
    name: str | Path, data: str | Path | None = None, download: bool = False, cache: str | Path | None = None
) -> list[Choice]:
    """HellaSwag ("hellaswag"), MMLU ("mmlu"), or any file or folder of JSON lines of either form.

    data: a file of JSON lines or a folder of them (HellaSwag's `ctx`, `endings`, `label`; MMLU's `question`,
        `choices`, `answer`), or MMLU's own folder of CSV files without a header. Without it, what was downloaded
        before; `download` fetches it from Hugging Face.

    Raises GenerationsError, in one line that names file and line, for what is no such question.
    """
    if data is None and Path(name).expanduser().exists():
        data = name
    if data is not None:
        return [_choice(row, where) for row, where in _rows(Path(data).expanduser())]
    if str(name) not in HUB:
        raise GenerationsError(f"no questions {one_line(repr(str(name)), 80)}: {nearest(str(name), HUB)}, or a folder")
    hub, split = HUB[str(name)]
    path = hub_file(hub, split, (user_cache() if cache is None else Path(cache)) / "questions", download)
    return [_choice(row, f"{path.name}:{k}") for k, row in enumerate(read_table(path).to_pylist())]


def read_pairs(data: str | Path) -> list[Pair]:
    """Minimal pairs from a file or folder of JSON lines or CSV with a header: `sentence_good` and `sentence_bad`, and
    `UID` (or the file's name) for their kind, as BLiMP's (Warstadt 2020). GenerationsError for anything else."""
    pairs = []
    for row, where in _rows(Path(data).expanduser(), header=True):
        good, bad = (row.get(f"sentence_{which}") for which in ("good", "bad"))
        if not (isinstance(good, str) and isinstance(bad, str)):
            raise GenerationsError(f"{where}: no sentence_good and sentence_bad, both text; {_has(row)}")
        pairs.append(Pair(good, bad, str(row.get("UID") or Path(where.rsplit(":", 1)[0]).stem)))
    return pairs


def _choice(row: dict[str, Any], where: str) -> Choice:
    """From a row of HellaSwag's form or of MMLU's."""
    if "endings" in row:
        context, answers, right = row.get("ctx"), row["endings"], row.get("label")
    else:
        question = row.get("question")
        context = f"Question: {question}\n\nAnswer:" if isinstance(question, str) else None
        answers, right = row.get("choices"), row.get("answer")
    number = "ABCDEFGHIJ".find(right) if isinstance(right, str) and right.isalpha() else right
    try:
        found = Choice(str(context), tuple(str(answer) for answer in answers or ()), int(number))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = Choice("", (), -1)
    if context is None or not 0 <= found.right < len(found.answers):
        raise GenerationsError(
            f"{where}: neither ctx, endings and label nor question, choices and answer, with the number of the right "
            f"one; {_has(row)}"
        )
    return found


def _has(row: dict[str, Any]) -> str:
    return f"it has {one_line(', '.join(map(repr, row)) or 'nothing', 80)}"


def _rows(place: Path, header: bool = False) -> Iterator[tuple[dict[str, Any], str]]:
    """(row, where it stands) of every .jsonl, .json and .csv file in and under a folder, or of one file. CSV has a
    header, or is MMLU's: question, four answers, the letter of the right one."""
    files = sorted(path for path in place.rglob("*") if path.suffix in (".jsonl", ".json", ".csv"))
    files = [place] if place.is_file() else files
    if not files:
        raise GenerationsError(f"{place}: no .jsonl or .csv file there; give a folder that holds some")
    for path in files:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise GenerationsError(f"{path}: cannot be read ({one_line(error, 80)}); give another") from None
        yield from _csv_rows(path, text, header) if path.suffix == ".csv" else _json_rows(path, text)


def _json_rows(path: Path, text: str) -> Iterator[tuple[dict[str, Any], str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise GenerationsError(f"{path}:{number}: not a line of JSON ({one_line(error, 80)})") from None
            if not isinstance(row, dict):
                raise GenerationsError(f"{path}:{number}: a {type(row).__name__}; give an object to each line")
            yield row, f"{path}:{number}"


def _csv_rows(path: Path, text: str, header: bool) -> Iterator[tuple[dict[str, Any], str]]:
    rows = list(csv.reader(text.splitlines(keepends=True), strict=False))
    names = rows.pop(0) if header and rows else ["question", "A", "B", "C", "D", "answer"]
    for number, values in enumerate(rows, 2 if header else 1):
        if len(values) != len(names):
            raise GenerationsError(f"{path}:{number}: {len(values)} columns, where there are to be {len(names)}")
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        if not header:
            row["choices"] = [row.pop(letter) for letter in "ABCD"]
        yield row, f"{path}:{number}"
