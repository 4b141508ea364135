"""Compiled code is kept on disk while its sources stay, made anew when they change, and never stands in the way."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import celegans_nn
from celegans_nn.compiled import digest

CALLER = """
from celegans_nn.compiled import njit_kept
from celegans_nn import callee

@njit_kept(nogil=True)
def scaled(x):
    return callee.factor() * x
"""
CALLEE = """
from numba import njit
from celegans_nn.constants import (
    FACTOR,
)

@njit
def factor():
    return FACTOR
"""
ASK = """
import json, shutil, sys, warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    from celegans_nn.caller import scaled
    if "lost" in sys.argv:
        shutil.rmtree(scaled.stats.cache_path)
        open(scaled.stats.cache_path, "w").close()
    if "edited" in sys.argv:
        with open("celegans_nn/constants.py", "w") as file:
            file.write("FACTOR = 7")
    values = [scaled(2), scaled(0.5)]
hits = sum(scaled.stats.cache_hits.values())
print(json.dumps({"values": values, "hits": hits, "said": [str(w.message) for w in said]}))
"""


@pytest.fixture
def package(tmp_path):
    """A small package of the same name, with the real `compiled` in it."""
    folder = tmp_path / "celegans_nn"
    folder.mkdir()
    shutil.copy(Path(celegans_nn.__file__).with_name("compiled.py"), folder)
    sources = {"__init__": "", "caller": CALLER, "callee": CALLEE, "constants": "FACTOR = 3\n", "other": "X = 1\n"}
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def ask(package, *words, **environment):
    """What a process of its own finds: values of an int and a float call, how many came from disk, its warnings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    command = [sys.executable, "-c", ASK, *words]
    told = {**inherited, "PYTHONPATH": str(package.parent), **environment}
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=package.parent, env=told)
    return json.loads(run.stdout)


def test_the_digest_is_that_of_all_a_file_imports_and_of_nothing_else(package):
    def fresh():
        digest.cache_clear()
        return digest(package / "caller.py", package.parent)

    before = fresh()
    (package / "other.py").write_text("X = 2\n")
    assert fresh() == before
    seen = {before}
    for name in ("caller", "callee", "constants", "__init__"):  # `from celegans_nn.constants import`: two files away
        with (package / f"{name}.py").open("a") as file:
            file.write("# changed\n")
        seen.add(fresh())
    assert len(seen) == 4  # and the package's own file is none that `from celegans_nn import callee` asks for


def test_code_is_kept_until_a_file_two_imports_away_changes_and_damaged_code_is_made_anew(package):
    assert ask(package) == {"values": [6, 1.5], "hits": 0, "said": []}
    assert ask(package) == {"values": [6, 1.5], "hits": 2, "said": []}
    (package / "constants.py").write_text("FACTOR = 5\n")
    assert ask(package) == {"values": [10, 2.5], "hits": 0, "said": []}
    first, second = sorted((package / "__pycache__").glob("caller.scaled*.nbc"))[-2:]
    second.write_bytes(first.read_bytes())  # as two processes that compile at once may leave it
    assert ask(package) == {"values": [10, 2.5], "hits": 1, "said": []}
    second.write_bytes(second.read_bytes()[:100])
    assert ask(package)["values"] == [10, 2.5]
    assert ask(package)["hits"] == 2
    (index,) = (package / "__pycache__").glob("caller.scaled*.nbi")
    index.write_bytes(index.read_bytes()[:60])
    assert ask(package) == {"values": [10, 2.5], "hits": 0, "said": []}
    assert ask(package)["hits"] == 2


def test_where_nothing_can_be_written_it_compiles_and_says_so_once(package):
    (package / "__pycache__").write_text("")  # a file, where a folder would have to be
    nowhere = "/dev/null/nowhere"
    found = ask(package, NUMBA_CACHE_DIR=nowhere, XDG_CACHE_HOME=nowhere, HOME=nowhere)
    assert (found["values"], found["hits"]) == ([6, 1.5], 0)
    assert len(found["said"]) == 1
    assert "NUMBA_CACHE_DIR" in found["said"][0]


def test_a_chosen_folder_is_used(package, tmp_path):
    for hits in (0, 2):
        assert ask(package, NUMBA_CACHE_DIR=str(tmp_path / "chosen"))["hits"] == hits
    assert not list((package / "__pycache__").glob("*.nb?"))


def test_a_folder_that_is_lost_between_costs_a_warning_and_not_the_result(package, tmp_path):
    found = ask(package, "lost", NUMBA_CACHE_DIR=str(tmp_path / "chosen"))
    assert found["values"] == [6, 1.5]
    assert len(found["said"]) == 1
    assert "cannot be kept" in found["said"][0]


def test_code_of_a_process_that_was_running_when_a_file_changed_is_not_taken_for_that_of_the_new_file(package):
    assert ask(package, "edited")["values"] == [6, 1.5]  # what it imported
    assert ask(package) == {"values": [14, 3.5], "hits": 0, "said": []}
