"""Specifications made wrong: random damage to valid ones, the same for the same seed."""

from __future__ import annotations

import random
from pathlib import Path

FULL = """
name = "full"
title = "Every key once"
question = "Which of these is wrong?"

[[networks]]
label = "{control}, {weights}, {gap_junctions}"
source = "haspel2012"
circuit = "default"
muscles = true
polarity = "transmitter"
control = ["none", "degree", "statistics"]
rewirings = 2
scope = "neurons"
neuron = "lif"
gap_junctions = [true, false]
ticks = 3
dt_ms = 1.0
delay = 1
encoder = "linear"
decoder = "mlp"
hidden = 8
weights = ["shared", "synapse_count"]
share = "auto"

[[networks]]
label = "{baseline}"
baseline = ["linear", "dense_mlp"]
like = "none, shared, True"

[[tasks]]
name = ["swimmer3", "swimmer6"]
method = "es+ga"
budget = 1_000
seeds = [0, 1]
task = { episode_steps = 10, settle_steps = 2, head_drive = "square" }
options = { es = { population = 4, sigma = 0.1 }, ga = { population = 4, elites = 1 }, evaluation_episodes = 1 }

[[tasks]]
label = "numbers"
name = "digits"
method = "bptt"
budget = 128
seeds = [3]
task = { steps = 2 }
options = { bptt = { batch = 16 } }

[comparison]
task = "swimmer6"
metric = "final_forward_speed"
direction = "higher"
worm = "none, shared, True"
nulls = ["degree, shared, True"]
margin = 0.01
alpha = 0.4
test = "rank"

[presets.smoke]
rewirings = 2
seeds = [0]

[presets.smoke.tasks.numbers]
budget = 64

[presets.smoke.networks."{baseline}"]
baseline = "linear"
"""
VALUES = (
    "true",
    "-1",
    "0",
    "1.5",
    "1e400",
    "-inf",
    "nan",
    "[]",
    "{}",
    '""',
    '"  "',
    '"\\u0000"',
    "[[1]]",
    "[[]]",
    "[{}]",
    "1979-05-27",
    "07:32:00",
    "999999999999999999999999",
    "-" + "9" * 5000,
    "9" * 5000,
    '"' + "x" * 10_000 + '"',
    '[1, "a", true]',
    '["none", "none"]',
    "{ a = { b = 1 } }",
    '"../../etc/passwd"',
    '"/dev/null"',
    '"a.csv"',
    '"none.graphml"',
    '"line\\nline"',
    '"{label}"',
    '"{nothing}"',
    '"{control_seed.__class__}"',
    '"<script>"',
    "'''",
    "[" * 3000,
    "{a=" * 3000,
    '"gymnasium:NoSuch-v0"',
    '"gymnasium:"',
    '"swimmer0"',
    '"swimmer99999"',
    '"swimmer1"',
    "9223372036854775808",
    "1000000000",
    '"\\u202e"',
    "[1000000000]",
    "0b2",
    "+-1",
    "=",
)
SNIPPETS = (
    "\x00",
    "\udcff",
    '"',
    "[",
    "]]",
    "{",
    "=",
    "\n",
    "\r",
    "[[networks]]\n",
    "[tasks]\n",
    "[presets]\n",
    "#",
    "é",
    "\\",
)


def damaged(seed: int, texts: tuple[str, ...]) -> bytes:
    """One of the texts with one to three things wrong; now and then the damage does no harm."""
    draw = random.Random(seed)
    text = draw.choice(texts)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        text = draw.choice(DAMAGE)(draw, text)
    return text.encode("utf-8", "surrogateescape")


def _line(draw: random.Random, text: str) -> tuple[list[str], int]:
    lines = text.split("\n")
    return lines, draw.choice([k for k, line in enumerate(lines) if line.strip()] or [0])


def _without_a_line(draw: random.Random, text: str) -> str:
    lines, k = _line(draw, text)
    return "\n".join(lines[:k] + lines[k + 1 :])


def _line_twice(draw: random.Random, text: str) -> str:
    lines, k = _line(draw, text)
    return "\n".join([*lines[:k], lines[k], *lines[k:]])


def _other_value(draw: random.Random, text: str) -> str:
    lines, k = _line(draw, text)
    key, equals, _ = lines[k].partition("=")
    lines[k] = f"{key}{equals} {draw.choice(VALUES)}" if equals else lines[k]
    return "\n".join(lines)


def _further_key(draw: random.Random, text: str) -> str:
    lines, k = _line(draw, text)
    key = draw.choice(("neurons", "seed", '"a\\nb"', "label", "name", "x" * 3000, '""', "preset", "graph", "file"))
    return "\n".join([*lines[: k + 1], f"{key} = {draw.choice(VALUES)}", *lines[k + 1 :]])


def _misspelt(draw: random.Random, text: str) -> str:
    places = [k for k, c in enumerate(text) if c.isalpha()]
    if not places:
        return text
    k = draw.choice(places)
    return text[:k] + draw.choice(("", text[k] * 2, chr(97 + draw.randrange(26)))) + text[k + 1 :]


def _with_a_snippet(draw: random.Random, text: str) -> str:
    k = draw.randrange(len(text) + 1)
    return text[:k] + draw.choice(SNIPPETS) + text[k:]


def _cut_off(draw: random.Random, text: str) -> str:
    return text[: draw.randrange(len(text) + 1)]


DAMAGE = (
    _without_a_line, _line_twice, _other_value, _other_value, _other_value, _further_key, _misspelt, _misspelt,
    _with_a_snippet, _cut_off,
)  # fmt: skip


def valid_texts() -> tuple[str, ...]:
    """Specs that load wherever they stand: of those that ship, the ones whose data set comes with the package."""
    folder = Path(__file__).parents[2] / "benchmarks" / "studies"
    shipped = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.toml")))
    return FULL, *(t.replace('"./evolved/', f'"{folder.as_posix()}/evolved/') for t in shipped if "mnist" not in t)
