"""Files of a results folder: whole or not at all, and the same text for the same numbers."""

import errno
import os
import shutil
import warnings

import duckdb
import pandas as pd
import pytest

from celegans_nn.errors import CelegansError, SpecError
from celegans_nn.files import write_atomic
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.store import (
    Record,
    csv_text,
    is_finished,
    load_results,
    read_record,
    write_record,
    write_tables,
)

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


# -- tables ------------------------------------------------------------------------------------------------------


def write_rows(folder, study, trials, change=0.0):
    """Records of trials as if they had run: a row that the trial determines, plus `change`."""
    for trial in trials:
        own = trial.network.control == "none"
        row = {
            "baseline": trial.network.baseline, "control_seed": None if own else trial.network.control_seed,
            "gap_junctions": None if trial.network.baseline else trial.network.gap_junctions, "wiring": "123456789012",
            "preset": None, "spectral_radius": None, "parameters": 17, "final": trial.seed + 0.1 + 0.2 + change,
            "after_pretraining": 3 if trial.seed else 0.5,
        }  # fmt: skip
        provenance = {"wall_time_s": 1.5, "cores": 2, "started": "2026-01-01T00:00:00Z", "traceback": None}
        write_record(folder, Record(trial.hash, trial.definition(), row, [("es", 10, 0.5)], provenance))
    write_tables(folder, study)


def test_parquet_holds_the_rows_of_the_csv_with_their_types_and_duckdb_reads_it(tiny, tmp_path):
    study = load_study(tiny)
    write_rows(tmp_path, study, study.trials)
    table = pd.read_parquet(tmp_path / "results.parquet")
    pd.testing.assert_frame_equal(table, load_results(tmp_path), check_dtype=False)
    path = str(tmp_path / "results.parquet")
    types = dict(duckdb.sql(f"select column_name, column_type from (describe select * from '{path}')").fetchall())
    assert {name: types[name] for name in ("trial", "seed", "wiring", "baseline", "preset")} == {
        "trial": "VARCHAR", "seed": "BIGINT", "wiring": "VARCHAR", "baseline": "VARCHAR", "preset": "VARCHAR",
    }  # fmt: skip
    assert (types["gap_junctions"], types["control_seed"], types["final"]) == ("BOOLEAN", "BIGINT", "DOUBLE")
    assert (types["spectral_radius"], types["after_pretraining"]) == ("DOUBLE", "DOUBLE")
    means = dict(duckdb.sql(f"select task, avg(final) from '{path}' group by task").fetchall())
    assert means == pytest.approx({"swimmer6": 0.3, "digits": 0.8})
    assert pd.read_parquet(tmp_path / "provenance.parquet")["wall_time_s"].tolist() == [1.5] * len(study.trials)


def test_tables_of_a_study_without_a_finished_trial_can_be_read(tiny, tmp_path):
    write_tables(tmp_path, load_study(tiny))
    assert len(load_results(tmp_path)) == len(pd.read_parquet(tmp_path / "results.parquet")) == 0
    assert len(pd.read_parquet(tmp_path / "provenance.parquet")) == 0


def test_the_trials_of_two_machines_copied_into_one_folder_are_the_study_as_one_machine_runs_it(tiny, tmp_path):
    study = load_study(tiny)
    for name, trials in (("whole", study.trials), ("a", study.trials[:6]), ("b", study.trials[5:])):
        write_rows(tmp_path / name, study, trials)
    shutil.copytree(tmp_path / "b" / "trials", tmp_path / "a" / "trials", dirs_exist_ok=True)
    assert all(is_finished(tmp_path / "a", trial) for trial in study.trials)
    write_tables(tmp_path / "a", study)
    for table in ("results.csv", "curves.csv", "results.parquet"):
        assert (tmp_path / "a" / table).read_bytes() == (tmp_path / "whole" / table).read_bytes()


def test_several_folders_are_read_as_one_table_with_each_trial_once(tiny, tmp_path):
    study = load_study(tiny)
    for name, trials in (("whole", study.trials), ("a", study.trials[:6]), ("b", study.trials[5:])):
        write_rows(tmp_path / name, study, trials)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        merged = load_results(tmp_path / "b", tmp_path / "a")
    pd.testing.assert_frame_equal(merged, load_results(tmp_path / "whole"), check_dtype=False)


def test_a_trial_with_other_results_elsewhere_is_said_and_taken_from_the_first_folder(tiny, tmp_path):
    study = load_study(tiny)
    write_rows(tmp_path / "a", study, study.trials[:3])
    write_rows(tmp_path / "b", study, study.trials[2:5], change=1e-9)
    with pytest.warns(UserWarning, match="1 of 1 trials that another folder holds too have other results there"):
        merged = load_results(tmp_path / "a", tmp_path / "b")
    assert len(merged) == 5
    one = load_results(tmp_path / "a").set_index("trial")["final"]
    assert merged.set_index("trial")["final"][study.trials[2].hash] == one[study.trials[2].hash]
