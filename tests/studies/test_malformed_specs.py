"""Whatever is wrong with a specification: one line, exit code 2, and nothing written."""

import warnings

import pytest

from celegans_nn.cli import main
from celegans_nn.errors import SpecError
from celegans_nn.studies.reading import load_study
from tests.studies.malformed import damaged, valid_texts

MALFORMED = 100


def test_what_is_damaged_was_whole(tmp_path):
    for number, text in enumerate(valid_texts()):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        assert load_study(path, "smoke").trials


def test_a_hundred_malformed_specs_are_each_one_line_exit_code_2_and_leave_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    texts, refused, seed = valid_texts(), 0, 0
    while refused < MALFORMED:
        seed += 1
        (tmp_path / "study.toml").write_bytes(damaged(seed, texts))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load_study("study.toml")
        except SpecError:
            refused += 1
        else:
            continue  # the damage did no harm: such a study would run
        with pytest.raises(SystemExit) as stop:
            main(["study", "run", "study.toml"])
        out, err = capsys.readouterr()
        assert stop.value.code == 2, seed
        said = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert len(said) == 1, (seed, err)
        assert said[0].startswith("celegans-nn: study.toml: "), seed
        assert len(said[0]) < 700
        assert "Traceback" not in err
        assert out == ""
        assert [p.name for p in tmp_path.iterdir()] == ["study.toml"], seed
    assert seed < 2 * MALFORMED
