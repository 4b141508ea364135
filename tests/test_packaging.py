"""What `pip install .` gives to someone without this folder."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_carries_the_tables_their_provenance_and_the_report_template(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    tables = {f"celegans_nn/data/{path.name}" for path in (ROOT / "data").iterdir() if path.suffix in (".csv", ".md")}
    assert len(tables) >= 9
    templates = {f"celegans_nn/studies/templates/{p.name}" for p in (ROOT / "celegans_nn/studies/templates").iterdir()}
    assert tables | templates | {"celegans_nn/data/SHA256SUMS", "celegans_nn/py.typed"} <= inside
