"""The command that runs generations: each trains, then loses its weakest weights; what is left is a connectome.

Everything heavy is imported inside the command, so that --help is instant.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from celegans_nn.errors import CelegansError, GenerationsError, nearest, one_line, whole_number
from celegans_nn.files import check_writable
from celegans_nn.network_flags import settings
from celegans_nn.wiring_commands import load, print_table

if TYPE_CHECKING:
    from torch import nn

    from celegans_nn.train_progress import CommandBar

CHECKPOINT, EVOLVED, MATCHED = "generations", "evolved", "matched"
"""Folders in --out: all that evolution goes on from; the connectome; the same with as many edges as the worm."""


@dataclass(frozen=True)
class Preset:
    """Ends within ten minutes on two cores."""

    kind: str
    """Of the task."""
    task: str
    """A task of networks on wirings, or the corpus that a language model reads."""
    method: str
    budget: int
    """Environment steps, images or tokens, of each generation."""
    generations: int
    unit: str
    score: tuple[str, str]
    """What of a generation's scores is printed, and its name."""
    task_options: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


PRESETS = {
    "worm": Preset(
        "locomotion", "swimmer6", "es", 60_000, 6, "steps", ("final_forward_speed", "speed (m/s)"),
        {"episode_steps": 200, "settle_steps": 75, "head_drive": "square"},
        {"es": {"population": 16, "update": "adam"}, "evaluation_episodes": 4},
    ),
    "images": Preset("classification", "digits", "bptt", 10_000, 6, "images", ("final", "test accuracy"), {"steps": 1}),
    "language": Preset("language", "sotu", "adamw", 384_000, 6, "tokens", ("validation_loss", "held-out loss (nats)")),
}  # fmt: skip
TICKS = 20
"""Network steps a control step: enough for the worm's own longest path, so that what evolves compares with it."""
RADIUS = 1.0
"""Spectral radius of the weights at the start of each generation. One weight for all synapses, as in a worm of three a
neuron, would saturate neurons that have a hundred."""
SHAPE, BATCH, MICRO_BATCH, VALIDATION_WINDOWS = "tiny", 16, 16, 256
"""Of the language model; windows of an update; and of the held-out text, on which each generation is scored."""


def evolve(
    preset: Positional[str],
    source: str = "haspel2012",
    task: str | None = None,
    task_options: tuple[str, ...] = (),
    generations: int | None = None,
    budget: int | None = None,
    prune_fraction: float = 0.2,
    scope: str = "layer",
    after: str = "signs",
    options: tuple[str, ...] = (),
    seed: int = 0,
    data: Path | None = None,
    out: Path | None = None,
    threads: int | None = None,
) -> int:
    """Evolve a connectome: generations of training and pruning, after Kotar and Tuckute (2025).

    worm: everything connected with everything among a wiring's cells, on a body. images: the same on images.
    language: a small transformer on text. Each ends within ten minutes on two cores.

    The same command goes on where it was stopped, at any generation or inside one, and ends with the same bits; with
    more --generations it goes on from the last.

    Example: celegans-nn evolve worm --out runs/evolved

    Example: celegans-nn evolve images --task fashion_mnist --generations 12 --seed 1

    Args:
        preset: worm, images or language.
        source: the wiring whose cells, roles and share of inhibitory neurons are taken, as in celegans-nn info.
        task: another task of the same kind, as in celegans-nn train; for language another corpus: sotu, shakespeare,
            brown, kjv or a folder of .txt files.
        task_options: NAME=VALUE of the task, such as episode_steps=400.
        generations: how many times to train, then prune.
        budget: environment steps, images or tokens of each generation.
        prune_fraction: what each generation loses.
        scope: layer or global: whether weights compete within their layer, or all with all.
        after: signs: survivors start anew at one scale; keep: they go on from where they are.
        options: NAME=VALUE of the trainer, as in celegans-nn train; of language, such as learning_rate=0.001.
        seed: draws which neurons are inhibitory, coders or weights, and all that training draws.
        data: a folder with the corpus, where its package did not leave it.
        out: the folder; runs/evolved_PRESET_seedSEED if not given.
        threads: of the simulation, one a core if not given; they change nothing but the time.
    """
    if preset not in PRESETS:
        raise GenerationsError(f"{one_line(repr(preset), 60)} is no preset; {nearest(preset, PRESETS)}")
    known = PRESETS[preset]
    chosen = replace(
        known,
        task=task or known.task,
        task_options={**(known.task_options if task in (None, known.task) else {}),
                      **settings("--task-options", task_options)},
        options=_merged(known.options, settings("--options", options)),
        generations=whole_number("--generations", known.generations if generations is None else generations, 1, 10_000),
        budget=whole_number("--budget", known.budget if budget is None else budget, 1, 10**15),
    )  # fmt: skip
    folder = out if out is not None else Path("runs") / f"evolved_{preset}_seed{seed}"
    check_writable(folder)
    how = {"prune_fraction": prune_fraction, "scope": scope, "after": after, "seed": seed,
           "checkpoint": folder / CHECKPOINT}  # fmt: skip
    if preset == "language":
        if source != "haspel2012":
            raise CelegansError(f"--source {one_line(source, 60)}: language has no wiring; leave it out")
        return _evolve_language(chosen, how, data, folder)
    if data is not None:
        raise CelegansError("--data is for language; give --task-options root=FOLDER for images")
    return _evolve_wiring(chosen, how, source, threads, folder)


def _evolve_wiring(chosen: Preset, how: dict[str, Any], source: str, threads: int | None, folder: Path) -> int:
    from celegans_nn.generations import cut_to, evolve_wiring, overcomplete
    from celegans_nn.rewiring import compare
    from celegans_nn.tasks import make_task
    from celegans_nn.train_progress import CommandBar

    the_task = make_task(chosen.task, **chosen.task_options)
    if the_task.kind != chosen.kind:
        right = next(name for name, preset in PRESETS.items() if preset.kind == the_task.kind)
        raise GenerationsError(f"--task {one_line(chosen.task, 60)}: no {chosen.kind} task; evolve {right} takes it")
    worm = load(source, "default", True, "transmitter")
    start = overcomplete(worm, seed=how["seed"])
    with CommandBar(f"{chosen.task}, {chosen.generations} generations") as bar:
        shown = _Shown(bar, chosen)
        evolved = evolve_wiring(
            start, the_task, generations=chosen.generations, budget=chosen.budget, method=chosen.method, ticks=TICKS,
            spectral_radius=RADIUS, options=chosen.options, every=1, threads=threads, **how,
            watch=lambda generation, now: shown.at(generation, now.cost / now.budget),
        )  # fmt: skip
    evolved.to_csv(folder / EVOLVED)
    history = evolved.provenance["evolved"]["history"]
    _print_history(chosen, len(start.chemical_edges.pre), [(sum(g["kept"].values()), g) for g in history])
    print(f"written to {folder / EVOLVED}")
    try:
        matched = cut_to(evolved, worm)
    except GenerationsError as error:
        print(f"not compared with {source}: {error}")
        return 0
    matched.to_csv(folder / MATCHED)
    print(f"its strongest synapses, as many as {source} has: {folder / MATCHED}\n")
    print(compare(worm, matched))
    return 0


def _evolve_language(chosen: Preset, how: dict[str, Any], data: Path | None, folder: Path) -> int:
    from celegans_nn.generations import evolve_connectome
    from celegans_nn.generations.language.arm import Lessons, outer_trainer
    from celegans_nn.generations.language.model import PRESETS as SHAPES
    from celegans_nn.generations.language.model import language_model
    from celegans_nn.generations.language.options import LanguageOptions
    from celegans_nn.tasks.text import read_corpus
    from celegans_nn.tasks.text_tokenizer import train_tokenizer
    from celegans_nn.tasks.text_tokens import tokenize
    from celegans_nn.train_progress import CommandBar

    shape = SHAPES[SHAPE]
    steps = chosen.budget // (BATCH * shape.context)
    if not steps:
        raise GenerationsError(f"--budget {chosen.budget}: one update reads {BATCH * shape.context} tokens; raise it")
    try:
        given = {"steps": steps, "batch": BATCH, "micro_batch": MICRO_BATCH, "warm_up": steps // 10}
        lessons = LanguageOptions(**{**given, **chosen.options})
    except TypeError as error:
        raise GenerationsError(f"--options: {one_line(error, 120)}; give those of LanguageOptions") from None
    with CommandBar(f"{chosen.task}, {chosen.generations} generations") as bar:
        bar.share("tokenizing", 0.0)
        corpus = read_corpus(chosen.task, data)
        tokens = tokenize(corpus, train_tokenizer((d.text for d in corpus.documents), shape.vocabulary))
        shown = _Shown(bar, chosen)
        lesson = outer_trainer(
            Lessons(tokens, lessons), VALIDATION_WINDOWS, every=10,
            progress=lambda done, loss: shown.at(shown.now, done / lessons.steps),
        )  # fmt: skip

        def train(model: nn.Module, seed: int, generation: int, folder: Path | None = None) -> dict[str, Any]:
            shown.now = generation
            return lesson(model, seed, generation, folder)

        connectome = evolve_connectome(
            lambda: language_model(SHAPE, tokens.vocabulary, seed=how["seed"]), train, **how,
            generations=chosen.generations,
            about={"corpus": corpus.name, "fingerprint": corpus.fingerprint, "options": repr(lessons)},
        )  # fmt: skip
    connectome.save(folder / EVOLVED)
    dense = sum(mask.size for mask in connectome.mask.values())
    _print_history(chosen, dense, [(g.weights, g._asdict()) for g in connectome.history])
    print(f"written to {folder / EVOLVED}")
    return 0


class _Shown:
    """A bar over all generations, with the time left by the pace since this command began."""

    def __init__(self, bar: CommandBar, chosen: Preset):
        self.bar, self.generations, self.now = bar, chosen.generations, 0
        self.begun: tuple[float, float] | None = None

    def at(self, generation: int, share: float) -> None:
        """Take in how far the training of this generation is."""
        from celegans_nn.studies.progress import duration

        whole, now = (generation + share) / self.generations, time.monotonic()
        if self.begun is None:
            self.begun = now, whole
        (then, before), left = self.begun, ""
        if whole > before:
            left = f"{duration((now - then) * (1 - whole) / (whole - before))} left"
        self.bar.update(f"generation {generation + 1}", min(whole, 1.0), left)


def _print_history(chosen: Preset, dense: int, history: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """A line a generation: what it left, what it scored before it was pruned, and what all so far cost."""
    rows, spent, (key, name) = [], 0, chosen.score
    for left, generation in history:
        spent += generation["samples"] or 0
        score = generation["scores"].get(key)
        shown = "–" if score is None else f"{score:.4g}"
        rows.append((generation["number"] + 1, f"{left:,}", f"{100 * left / dense:.1f} %", shown, f"{spent:,}"))
    print_table(("generation", "weights left", "of all", name, f"{chosen.unit} so far"), rows)


def _merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables; what is given goes before.

    >>> _merged({"es": {"population": 16, "update": "adam"}}, {"es": {"population": 32}})
    {'es': {'population': 32, 'update': 'adam'}}
    """
    merged = dict(base)
    for key, value in given.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
