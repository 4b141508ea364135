"""Kotar & Tuckute's comparison on text: connectomes that generations left, and controls, as kt25.toml says.

    python benchmarks/kt25.py run --preset laptop --out runs/kt25      # goes on where it was stopped, at any step
    python benchmarks/kt25.py report                                   # results/KT25.md, from results/kt25/*.csv alone

`run` writes outer.csv (a row a generation), learners.csv (a row a learner) and settings.json after every row, into
--out or where --results says. One outer seed is finished, with all controls, before the next begins. `--data` is a
folder with the corpora's packages, `--reading-times` one with Natural Stories, `--pairs` one of minimal pairs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from kt25_page import write_report
from kt25_spec import Comparison, Loop, read_comparison

from celegans_nn.errors import CelegansError, TaskError
from celegans_nn.files import check_writable, write_atomic
from celegans_nn.generations import Generation, ModelConnectome, compare_controls, evolve_connectome
from celegans_nn.generations.language import (
    Lessons,
    dense_lessons,
    language_controls,
    language_model,
    outer_trainer,
    train_language,
)
from celegans_nn.generations.language.arm import DENSE_ON_BOTH, SHUFFLED_TEXT
from celegans_nn.generations.language.choices import read_pairs
from celegans_nn.generations.language.evaluations import evaluation
from celegans_nn.generations.language.likelihood import validation_loss
from celegans_nn.generations.language.reading_times import read_stories, word_counts
from celegans_nn.studies.machine import machine, versions
from celegans_nn.tasks.text import Corpus, read_corpus
from celegans_nn.tasks.text_tokenizer import train_tokenizer
from celegans_nn.tasks.text_tokens import count, shuffled, tokenize

if TYPE_CHECKING:
    from torch import nn

HERE = Path(__file__).parent
OWN, MIXED = "text", "shuffled"
"""What generations read: the outer corpus, or its tokens in random order."""


class Place(NamedTuple):
    """Where states are kept, where rows go, and where what is read lies."""

    out: Path
    results: Path
    data: Path | None = None
    download: bool = False
    reading_times: Path | None = None
    pairs: Path | None = None


class Prepared(NamedTuple):
    """What both loops read, and what a learner is asked when it has learned."""

    outer: Lessons
    inner: Lessons
    evaluate: Callable[[nn.Module], Mapping[str, Any]]
    about: Mapping[str, Any]
    """What all rows depend on."""


def run(asked: Comparison, place: Place, told: Callable[[str], None] = print) -> None:
    """Everything that is not there yet."""
    for folder in (place.out, place.results):
        check_writable(folder)
    ready = prepare(asked, place)
    facts = {"asked": dataclasses.asdict(asked), "about": ready.about, "machine": machine(), "versions": versions()}
    write_atomic(place.results / "settings.json", json.dumps(facts, indent=1) + "\n")
    generations: list[dict[str, Any]] = []
    learners: dict[tuple[Any, ...], Mapping[str, Any]] = {}

    def learned(row: Mapping[str, Any]) -> None:
        learners[row["control"], row["outer_seed"], row["inner_seed"]] = row
        _write(place.results / "learners.csv", list(learners.values()))
        told(
            f"{row['control']}, outer seed {row['outer_seed']}, inner {row['inner_seed']}: {row['validation_loss']:.4f}"
        )

    for outer_seed in asked.outer_seeds:
        evolved = {}
        for text in (OWN, MIXED) if SHUFFLED_TEXT in asked.controls else (OWN,):
            evolved[text] = evolve(asked, ready, place.out, outer_seed, text, told)
            generations += _history(evolved[text], text)
            _write(place.results / "outer.csv", generations)
        masks = {outer_seed: evolved[MIXED]} if MIXED in evolved else None
        known = language_controls(masks)
        for inner_seed in asked.inner_seeds:
            compare_controls(
                partial(language_model, asked.model, asked.vocabulary), partial(lifetime, asked, ready), evolved[OWN],
                {name: known[name] for name in asked.controls}, [inner_seed], place.out / "learners",
                about=ready.about, progress=learned,
            )  # fmt: skip


def prepare(asked: Comparison, place: Place) -> Prepared:
    """Corpora as tokens of one tokenizer, which is the outer corpus's, as evolution comes first."""
    texts = [_corpus(loop, place) for loop in (asked.outer, asked.inner)]
    tokenizer = train_tokenizer((document.text for document in texts[0].documents), asked.vocabulary)
    outer, inner = (
        Lessons(tokenize(corpus, tokenizer), loop.options)
        for corpus, loop in zip(texts, (asked.outer, asked.inner), strict=True)
    )
    stories = None if place.reading_times is None else read_stories(place.reading_times)
    pairs = [] if place.pairs is None else read_pairs(place.pairs)
    # surprisal is held against frequencies of the words in what all learners read
    counts = None if stories is None else word_counts(texts[1])
    spec = {**dataclasses.asdict(asked), "outer_seeds": None, "inner_seeds": None, "controls": None}
    about = {
        "spec": {name: value for name, value in spec.items() if value is not None},
        "weights": asked.shape.parameters,
        "outer_corpus": _told(texts[0], outer), "inner_corpus": _told(texts[1], inner),
        "words_read": 0 if stories is None else len(stories), "pairs": len(pairs),
    }  # fmt: skip
    return Prepared(outer, inner, evaluation(tokenizer, pairs=pairs, stories=stories, word_counts=counts), about)


def evolve(
    asked: Comparison, ready: Prepared, out: Path, seed: int, text: str, told: Callable[[str], None] = print
) -> ModelConnectome:
    """One outer seed's connectome, or the one that the same generations leave of tokens in random order."""
    lessons = ready.outer
    if text == MIXED:
        lessons = lessons._replace(tokens=shuffled(lessons.tokens, seed))

    def done(generation: Generation) -> None:
        told(f"{text}, outer seed {seed}: generation {generation.number}, {generation.scores['validation_loss']:.4f}")

    return evolve_connectome(
        partial(language_model, asked.model, asked.vocabulary), outer_trainer(lessons, every=asked.checkpoint),
        generations=asked.generations, prune_fraction=asked.prune_fraction, scope=asked.scope, after=asked.after,
        seed=seed, checkpoint=out / f"outer-{text}-{seed}", about={"text": text, **ready.about}, progress=done,
    )  # fmt: skip


def lifetime(
    asked: Comparison, ready: Prepared, model: nn.Module, seed: int, control: str, folder: Path
) -> dict[str, Any]:
    """One learner: scored on the inner corpus's validation set before, on the way and after."""
    every, earlier = asked.checkpoint, {}
    if control == DENSE_ON_BOTH:
        first = dense_lessons(ready.outer, asked.generations)
        earlier = {"outer_samples": train_language(model, *first, seed, folder / "before", every)["samples"]}
    points = _Points(folder / "curve.json", model, ready.inner, asked.curve)
    points.score(0)
    told = train_language(model, *ready.inner, seed, folder, every, points.passed)
    after = validation_loss(model, ready.inner.tokens)
    return {**told, **earlier, **points.scores, **after, **ready.evaluate(model)}


class _Points:
    """Losses on the way, kept beside the learner's state: one that goes on from a step does not pass those before."""

    def __init__(self, path: Path, model: nn.Module, lessons: Lessons, steps: tuple[int, ...]):
        self.path, self.model, self.tokens, self.steps = path, model, lessons.tokens, steps
        self.scores: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def passed(self, step: int, loss: float) -> None:
        if step in self.steps:
            self.score(step)

    def score(self, step: int) -> None:
        if f"loss_{step}" not in self.scores:
            self.scores[f"loss_{step}"] = validation_loss(self.model, self.tokens)["validation_loss"]
            write_atomic(self.path, json.dumps(self.scores))


def _corpus(loop: Loop, place: Place) -> Corpus:
    """Where its package left it, or in --data."""
    try:
        return read_corpus(loop.corpus, download=place.download)
    except TaskError:
        if place.data is None:
            raise
        return read_corpus(loop.corpus, place.data, place.download)


def _told(corpus: Corpus, lessons: Lessons) -> dict[str, Any]:
    tokens = lessons.tokens
    return {
        "name": corpus.name, "source": corpus.source, "fingerprint": corpus.fingerprint, "tokens": tokens.fingerprint,
        "train_tokens": count(tokens.train), "validation_tokens": count(tokens.validation),
    }  # fmt: skip


def _history(evolved: ModelConnectome, text: str) -> list[dict[str, Any]]:
    dense = sum(mask.size for mask in evolved.mask.values())
    return [
        {"text": text, "outer_seed": evolved.seed, "generation": generation.number, "samples": generation.samples,
         "density": generation.weights / dense, **generation.scores}
        for generation in evolved.history
    ]  # fmt: skip


def _write(path: Path, rows: list[Mapping[str, Any]]) -> None:
    table = pd.DataFrame(rows)
    if "control" in table:
        table = table.astype({"outer_seed": "Int64"})
        table = table.sort_values(["outer_seed", "inner_seed"], kind="stable", na_position="first")
    write_atomic(path, table.to_csv(index=False, float_format="%.7g", lineterminator="\n"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("--spec", type=Path, default=HERE / "kt25.toml")
    running.add_argument("--preset", default="laptop")
    running.add_argument("--out", type=Path, default=Path("runs/kt25"))
    running.add_argument("--download", action="store_true")
    for name in ("results", "data", "reading-times", "pairs"):
        running.add_argument(f"--{name}", type=Path)
    commands.add_parser("report").add_argument("--results", type=Path, default=HERE / "results" / "kt25")
    given = parser.parse_args()
    try:
        if given.command == "report":
            write_report(given.results)
        else:
            place = Place(
                given.out, given.results or given.out, given.data, given.download, given.reading_times, given.pairs
            )
            run(read_comparison(given.spec, given.preset), place, partial(print, flush=True))
    except CelegansError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
