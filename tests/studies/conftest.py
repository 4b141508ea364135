"""A study that is real and small: every stage of the path, seconds of work."""

from __future__ import annotations

from pathlib import Path

import pytest

from celegans_nn.studies import run_study

TINY = """
name = "tiny"
title = "A tiny study"
question = "Does the whole path run?"

[[networks]]
label = "worm, {neuron}"
source = "haspel2012"
neuron = ["rate", "lif"]

[[networks]]
label = "{control} null"
source = "haspel2012"
control = "degree"
control_seeds = [0, 1]

[[networks]]
label = "linear"
baseline = "linear"
like = "worm, rate"

[[tasks]]
name = "swimmer6"
method = "es+ga"
budget = 120
seeds = [0]
task = { episode_steps = 6 }
options = { es = { population = 4 }, ga = { population = 4, elites = 1 }, evaluation_episodes = 1 }

[[tasks]]
name = "digits"
method = "bptt"
budget = 128
seeds = [0, 1]
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The tiny study's file."""
    return write(tmp_path, TINY)


@pytest.fixture
def write_spec(tmp_path: Path):
    """Writes a study's text to a file and gives its path."""
    return lambda text: write(tmp_path, text)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the tiny study, run once by two workers; tests must not change it."""
    folder = tmp_path_factory.mktemp("finished")
    run_study(write(folder, TINY), out=folder / "tiny", workers=2)
    return folder / "tiny"


def write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path
