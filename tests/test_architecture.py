"""The house stays in order: imports point downwards only, and importing the package is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "celegans_nn"
FLOORS = [
    {"cli"},
    {"render_command", "evolve_command"},
    {"train_commands"},
    {"gait_output", "network_flags", "train_progress"},
    {"wiring_commands"},
    {"studies"},
    {"generations"},
    {"training"},
    {"simulation"},
    {"tasks", "networks"},
    {"rewiring", "neurons"},
    {"connectome"},
    {"figures"},
    {"files"},
    {"errors", "cores", "compiled"},
]
HEIGHT = {room: len(FLOORS) - i for i, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("celegans_nn.")}


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards_only(path):
    here = room_of(path)
    assert here in HEIGHT, f"{path} stands in no room of the house"
    upwards = {room for room in imported_rooms(path) - {here} if HEIGHT.get(room, 0) >= HEIGHT[here]}
    assert not upwards, f"{path} imports {sorted(upwards)}, which are not below {here}"


HEAVY = "torch", "mujoco", "pandas", "scipy", "matplotlib", "numba"


@pytest.mark.parametrize("command", [["-c", "import celegans_nn"], ["-m", "celegans_nn.cli", "--help"]])
def test_importing_the_package_and_asking_for_help_load_nothing_heavy(command):
    run = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert "celegans_nn" in loaded or "celegans_nn.errors" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


def test_every_public_name_is_there():
    import celegans_nn

    for name in celegans_nn.__all__:
        assert getattr(celegans_nn, name) is not None


def test_an_unknown_public_name_is_refused_with_the_known_ones():
    import celegans_nn

    with pytest.raises(AttributeError, match="load_connectome"):
        celegans_nn.lode_connectome  # noqa: B018
