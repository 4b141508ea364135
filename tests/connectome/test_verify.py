"""`verify_data` agrees with the shipped tables, and notices when they are not what shipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from celegans_nn.connectome import sources
from celegans_nn.connectome.verify import Check, verify_data


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the tables that may be damaged; the caches are emptied afterwards."""
    folder = tmp_path / "data"
    shutil.copytree(sources.data_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "data_folder", lambda: folder)
    yield folder
    for cached in (sources.table_bytes, sources.read_table, sources._whole):
        cached.cache_clear()


def failed(checks: list[Check]) -> set[tuple[str, str]]:
    return {(check.table, check.number) for check in checks if not check.holds}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_every_checksum_and_every_published_count_holds() -> None:
    checks = verify_data()
    assert failed(checks) == set()
    sums = (sources.data_folder() / "SHA256SUMS").read_text().splitlines()
    assert sum(check.number == "sha256" for check in checks) == len(sums) == 18


def test_every_shipped_table_has_a_checksum() -> None:
    sums = (sources.data_folder() / "SHA256SUMS").read_text()
    tables = [path.name for path in sources.data_folder().glob("*.csv")]
    assert tables and all(f"  {name}\n" in sums for name in tables)


def test_a_number_that_differs_from_the_paper_is_explained() -> None:
    different = [check for check in verify_data() if check.ours != check.published]
    assert [(check.ours, check.published) for check in different] == [(6394, 6393)]
    assert "avfl" in different[0].explanation


def test_one_changed_weight_fails_the_checksum_and_the_sum(copy: Path) -> None:
    replace(copy / "cook2019.csv", "\nADAL,ADAL,chemical,6\n", "\nADAL,ADAL,chemical,7\n")
    assert failed(verify_data()) == {("cook2019.csv", "sha256"), ("cook2019.csv", "chemical weight (EM sections)")}


def test_one_lost_synapse_is_noticed_although_the_count_equals_the_papers(copy: Path) -> None:
    replace(copy / "varshney2011.csv", "\nAVFL,AVFR,chemical,7\n", "\nAVFL,AVFR,chemical,6\n")
    assert failed(verify_data()) == {("varshney2011.csv", "sha256"), ("varshney2011.csv", "chemical synapses (S + Sp)")}


def test_a_flipped_sign_breaks_dales_law(copy: Path) -> None:
    replace(copy / "haspel2012.csv", "\nhm_DD1,hm_VD1,chemical,1,-1\n", "\nhm_DD1,hm_VD1,chemical,1,1\n")
    assert ("haspel2012.csv", "neurons with both signs (Dale's law)") in failed(verify_data())


def test_a_lost_synapse_of_a_young_head_is_noticed(copy: Path) -> None:
    replace(copy / "witvliet2021_1.csv", "\nADAL,AVAL,chemical,1\n", "\nADAL,AVAL,chemical,2\n")
    assert failed(verify_data()) == {("witvliet2021_1.csv", "sha256"), ("witvliet2021_1.csv", "chemical synapses")}


def test_a_table_that_cannot_be_read_is_a_row_and_the_rest_is_still_counted(copy: Path) -> None:
    (copy / "varshney2011.csv").write_text("pre,post,kind,weight\nADAL,nobody,chemical,1\n")
    (copy / "somas.csv").unlink()
    checks = verify_data()
    assert {("varshney", "readable"), ("somas.csv", "sha256"), ("cells", "readable")} <= failed(checks)
    assert any(check.table == "haspel2012.csv" and check.number == "signed edges" and check.holds for check in checks)
