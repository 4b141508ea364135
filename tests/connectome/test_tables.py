"""The tables in data/ are what data/make_tables.py makes, and that is what the authors' files say."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from celegans_nn.connectome.sources import SOURCES, data_folder, load_connectome, read_table

SCRIPT = data_folder() / "make_tables.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tables", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("DD01", "DD1"), ("VA12", "VA12"), ("CP07", "CP7"), ("dBWML1", "MDL01"), ("vBWMR24", "MVR24"),
        ("BWM-DL01", "MDL01"), ("BWM-VR08", "MVR08"), ("excgl", "exc_gl"),
        ("DB1/3", "DB1"), ("DB3/1", "DB3"), ("avfl", "AVFL"), ("M1", "M1"), ("IL2DL", "IL2DL"), ("vm2PL", "vm2PL"),
    ],
)  # fmt: skip
def test_a_name_is_written_as_the_field_writes_it(script: ModuleType, source: str, ours: str) -> None:
    assert script.canonical(source) == ours


@pytest.mark.parametrize(
    ("listed", "transmitter"),
    [
        (["ACh"], "ACh"), (["DA", "Glu - NEW"], "Glu"), (["octopamine", "Glu "], "Glu"), (["*Glu - NEW "], "Glu"),
        (["ACh", "*GABA ", "*betaine (uptake) - NEW"], "ACh"), (["GABA (uptake)"], ""), (["unknown (orphan)"], ""),
        (["Unknown (orphan, unc-47 expression)"], ""), (["5-HT", "PEOH? (new)"], "5-HT"), (["DA", "tyramine"], "DA"),
        (["unknown (orphan)", "male - 5-HT (alternative synthesis/uptake mechanism?)"], ""),
        (["*bas-1-depen unknown monoamine? (new)"], ""), (["Glu", "5-HTP - NEW"], "Glu"),
    ],
)  # fmt: skip
def test_the_transmitter_is_the_first_fast_one_that_a_neuron_makes(
    script: ModuleType, listed: list[str], transmitter: str
) -> None:
    assert script.the_transmitter(listed) == transmitter


def test_another_wheel_is_refused(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "cect.whl").write_bytes(b"PK")
    with pytest.raises(SystemExit, match=r"sha256 [0-9a-f]{64} is not that of cect==0\.3\.5"):
        script.opened(tmp_path / "cect.whl", "cect==0.3.5")


def test_an_asymmetric_gap_sheet_is_refused(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"A - B is not symmetric"):
        script.one_row_a_pair({("A", "B"): 2, ("B", "A"): 3})


def test_every_table_is_sorted_with_one_row_an_edge() -> None:
    for source in SOURCES:
        header, rows = read_table(f"{source}.csv")
        assert header[:4] == ["pre", "post", "kind", "weight"]
        assert len({tuple(row[:3]) for row in rows}) == len(rows)
        assert all(float(row[3]) > 0 for row in rows)
        assert all(row[0] <= row[1] for row in rows if row[2] == "electrical")


def test_every_column_of_every_table_is_explained() -> None:
    text = (data_folder() / "PROVENANCE.md").read_text()
    for path in data_folder().glob("*.csv"):
        assert path.name in text
        assert all(f"`{column}`" in text for column in read_table(path.name)[0])


# -- from the wheels themselves (fetched; run by make test-all) -----------------------------------------------------


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for pin in ("cect==0.3.5", "c302==0.12.1"):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), pin]
        subprocess.run(command, check=True)
    return {name: next(folder.glob(f"{name}-*.whl")) for name in ("cect", "c302")}


@pytest.fixture(scope="module")
def source(wheels: dict[str, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheels["cect"])


@pytest.mark.slow
def test_the_script_makes_the_shipped_tables_byte_for_byte(wheels: dict[str, Path], tmp_path: Path) -> None:
    given = [f"--{name}={path}" for name, path in wheels.items()]
    subprocess.run([sys.executable, str(SCRIPT), *given, f"--out={tmp_path}"], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {name: (data_folder() / name).read_bytes() for name in made}
    assert set(made) == {p.name for p in data_folder().glob("*.csv")} | {"SHA256SUMS"}


def sheet(source: zipfile.ZipFile, name: str) -> pd.DataFrame:
    """Cook's matrix by position: names in row 3 and column C, the repeated last row and column dropped."""
    file = "cect/data/SI 5 Connectome adjacency matrices, corrected July 2020.xlsx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = pd.read_excel(io.BytesIO(source.read(file)), sheet_name=name, header=None)
    rows, columns = raw[2].iloc[3:].dropna(), raw.iloc[2, 3:].dropna()
    return (
        pd.DataFrame(raw.loc[rows.index, columns.index].to_numpy(), index=rows, columns=columns).fillna(0).astype(float)
    )


def cooks_name(name: str) -> str:
    """Our name in Cook's spelling."""
    if name[:2] in ("MD", "MV") and len(name) == 5:
        return f"{name[1].lower()}BWM{name[2]}{int(name[3:])}"
    if name[:2] in ("AS", "CA", "CP", "DA", "DB", "DD", "VA", "VB", "VC", "VD") and name[2:].isdigit():
        return f"{name[:2]}{int(name[2:]):02d}"
    return name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sex"), [("cook2019", "hermaphrodite"), ("cook2019_male", "male")])
def test_every_entry_of_cooks_sheets_is_there_and_no_other(source: zipfile.ZipFile, name: str, sex: str) -> None:
    worm = load_connectome(name, circuit=None)
    names = [cooks_name(cell) for cell in worm.names]
    for kind, sheet_name in (("chemical", f"{sex} chemical"), ("electrical", f"{sex} gap jn symmetric")):
        published = sheet(source, sheet_name)
        assert set(published.index) | set(published.columns) <= set(names)
        expected = published.reindex(index=names, columns=names).fillna(0).to_numpy()
        assert np.array_equal(worm.adjacency(kind), expected)


@pytest.mark.slow
def test_every_row_of_varshneys_list_is_there_and_no_other(source: zipfile.ZipFile) -> None:
    import xlrd

    book = xlrd.open_workbook(file_contents=source.read("cect/data/NeuronConnect.xls")).sheet_by_index(0)
    rows = [book.row_values(i) for i in range(1, book.nrows)]
    raw = pd.DataFrame(rows, columns=["pre", "post", "kind", "weight"])
    worm = load_connectome("varshney2011", circuit=None)
    names = [cooks_name(cell) for cell in worm.names]
    for kind, types in (("chemical", ["S", "Sp"]), ("electrical", ["EJ"])):
        edges = raw[raw["kind"].isin(types)]
        published = edges.pivot_table(index="pre", columns="post", values="weight", aggfunc="sum", fill_value=0)
        expected = published.reindex(index=names, columns=names).fillna(0).to_numpy()
        assert expected.sum() == edges["weight"].sum()
        assert np.array_equal(worm.adjacency(kind), expected)
    received = raw[raw["kind"].isin(["R", "Rp"])]
    assert received["weight"].sum() == 6394
    assert received[received["pre"].isin(names)]["weight"].sum() == 6393


@pytest.mark.slow
def test_every_entry_of_haspels_matrices_is_there_and_no_other(source: zipfile.ZipFile) -> None:
    import scipy.io

    file = scipy.io.loadmat(io.BytesIO(source.read("cect/data/CeConnMtrcs_170626.mat")))
    worm = load_connectome("haspel2012")
    labels = [str(label[0][0]).replace("lr", "") for label in file["Names_conn_full"]]
    assert [cooks_name(n.removeprefix("hm_")) if n[3] != "M" else n[3:] for n in worm.names] == labels
    assert np.array_equal(worm.adjacency("chemical", "signed"), file["A_conn_full"].T)
    both = file["J_conn_full"]
    assert np.array_equal(worm.adjacency("electrical"), (both + both.T) / 2)
    assert np.array_equal(file["A_conn_seg"] != 0, (file["A_conn_full"] != 0)[:17, :17])
    assert np.array_equal(file["J_conn_seg"] != 0, (both != 0)[:17, :17])


@pytest.mark.slow
@pytest.mark.parametrize("n", range(1, 9))
def test_every_row_of_witvliets_lists_is_there_and_no_other(source: zipfile.ZipFile, n: int) -> None:
    (file,) = (name for name in source.namelist() if name.startswith(f"cect/data/witvliet_2020_{n} "))
    raw = pd.read_excel(io.BytesIO(source.read(file)))
    worm = load_connectome(f"witvliet2021_{n}")
    names = [
        f"BWM-{c[1:]}" if c[:2] in ("MD", "MV") and len(c) == 5 else c.replace("exc_gl", "excgl") for c in worm.names
    ]
    assert set(raw["pre"]) | set(raw["post"]) == set(names)
    for kind in ("chemical", "electrical"):
        edges = raw[raw["type"] == kind]
        listed = edges.pivot_table(index="pre", columns="post", values="synapses", aggfunc="sum", fill_value=0)
        expected = listed.reindex(index=names, columns=names).fillna(0).to_numpy()
        if kind == "electrical":
            expected = expected + expected.T - np.diag(np.diag(expected))
        assert np.array_equal(worm.adjacency(kind), expected)
