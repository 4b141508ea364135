"""Files of a results folder: whole or not at all, and the same text for the same numbers."""

import errno
import os

import pytest

from celegans_nn.errors import CelegansError, SpecError
from celegans_nn.files import write_atomic
from celegans_nn.studies.store import Record, csv_text, load_results, read_record, write_record

RECORD = Record("ab12", {"seed": 0}, {"final": 0.1 + 0.2, "x": None}, [("es", 10, -1.5)], {"cores": 2})


def test_a_record_reads_back_to_the_same_bits(tmp_path):
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path, "ab12") == RECORD
    assert read_record(tmp_path, "cd34") is None


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "results.csv"
    write_atomic(path, "old")

    def full_disk(source, target):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(CelegansError, match="no space left on device"):
        write_atomic(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]
    assert path.read_text() == "old"


def test_what_is_written_was_synced_before_it_took_the_name(tmp_path, monkeypatch):
    order = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), real_fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), real_replace(a, b)))
    write_atomic(tmp_path / "a", b"1")
    assert order == ["fsync", "rename"]


def test_a_damaged_record_is_one_line_that_names_the_file(tmp_path):
    write_record(tmp_path, RECORD)
    (tmp_path / "trials" / "ab12.json").write_text('{"trial": "ab12"')
    with pytest.raises(SpecError, match=r"ab12\.json: is not a trial's record") as error:
        read_record(tmp_path, "ab12")
    assert "\n" not in str(error.value)


def test_floats_in_csv_are_their_repr_and_labels_survive(tmp_path):
    rows = [["None", 'a,"b"', 0.1 + 0.2, None], ["nan", "é\nx", 1e-300, True]]
    text = csv_text(["trial", "network", "value", "flag"], rows)
    assert "0.30000000000000004" in text
    (tmp_path / "results.csv").write_text(text, encoding="utf-8")
    table = load_results(tmp_path)
    assert table["trial"].tolist() == ["None", "nan"]
    assert table["network"].tolist() == ['a,"b"', "é\nx"]
    assert table["value"].tolist() == [0.1 + 0.2, 1e-300]


def test_a_folder_without_results_is_one_line(tmp_path):
    with pytest.raises(SpecError, match="not there; give the folder"):
        load_results(tmp_path)
