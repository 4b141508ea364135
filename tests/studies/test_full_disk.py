"""A disk that fills up stops a study in one line; with room again it goes on to the bytes of one never stopped."""

import errno
import os
import sys

import pytest

from celegans_nn.errors import DiskError
from celegans_nn.studies import load_study, pool, resume_study, run_study
from celegans_nn.studies.store import is_finished

SPEC = """
name = "small"
[[networks]]
label = "worm"
source = "haspel2012"
[[networks]]
label = "linear"
baseline = "linear"
like = "worm"
[[tasks]]
name = "swimmer6"
method = "ga"
budget = 400
task = { episode_steps = 5 }
options = { ga = { population = 4, elites = 1 }, evaluation_episodes = 1 }
[[tasks]]
name = "digits"
method = "bptt"
budget = 128
"""


class Disk:
    """Takes so many files in all, whichever process writes them; then none until there is room."""

    def __init__(self, folder, files):
        self.written, self.room, self.files, self.fsync = folder / "written", folder / "room", files, os.fsync

    def sync(self, handle):
        with open(self.written, "a") as count:
            count.write("x")
        if self.written.stat().st_size > self.files and not self.room.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.fsync(handle)


WORKER = """
import os, pathlib, sys
from tests.studies.test_full_disk import Disk
os.fsync = Disk(pathlib.Path({folder!r}), {files}).sync
from celegans_nn.studies.worker import main
main()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of the study, never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "study.toml").write_text(SPEC)
    run_study(folder / "study.toml", out=folder / "out", workers=1)
    return folder / "out"


@pytest.mark.parametrize("files", [1, 5, 9])
def test_a_full_disk_is_one_line_and_with_room_again_the_study_ends_with_the_same_bytes(
    whole, write_spec, tmp_path, monkeypatch, files
):
    out, disk = tmp_path / "out", Disk(tmp_path, files)
    monkeypatch.setattr(os, "fsync", disk.sync)
    code = WORKER.format(folder=str(tmp_path), files=files)
    monkeypatch.setattr(pool, "WORKER", (sys.executable, "-c", code))
    spec = write_spec(SPEC)
    with pytest.raises(DiskError, match="No space left on device; make room there") as error:
        run_study(spec, out=out, workers=1)
    assert "\n" not in str(error.value)
    assert not list(out.rglob("*.part")), "what could not be written is not left half there"
    trials = load_study(spec).trials
    kept = {t.hash: (out / "trials" / f"{t.hash}.json").stat().st_mtime_ns for t in trials if is_finished(out, t)}
    assert len(kept) < len(trials)
    disk.room.touch()
    resume_study(out, workers=1) if (out / "study.json").exists() else run_study(spec, out=out, workers=1)
    for trial, stamp in kept.items():
        assert (out / "trials" / f"{trial}.json").stat().st_mtime_ns == stamp
    for name in ("results.csv", "curves.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
