"""A model connectome on disk: masks and signs as safetensors, all else as JSON; nothing unpickled, nothing guessed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from celegans_nn import __version__
from celegans_nn.errors import GenerationsError, nearest, one_line
from celegans_nn.files import write_atomic
from celegans_nn.generations.model_connectome import Generation, ModelConnectome

if TYPE_CHECKING:
    import numpy as np

DESCRIPTION = "connectome.json"
SECONDS = "seconds.json"
FORMAT = "celegans_nn model connectome 1"


def save(connectome: ModelConnectome, folder: str | Path) -> None:
    """See `ModelConnectome.save`. The description is written last and names the arrays by their checksum."""
    folder = Path(folder)
    arrays = {f"mask.{name}": value for name, value in connectome.mask.items()}
    arrays |= {f"sign.{name}": value for name, value in connectome.sign.items()}
    data = save_arrays(arrays)
    name = f"connectome-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    facts = {
        "format": FORMAT,
        "celegans_nn": __version__,
        "arrays": name,
        "scale": connectome.scale,
        "history": [generation._asdict() for generation in connectome.history],
        "provenance": connectome.provenance,
    }
    write_atomic(folder / name, data)
    write_atomic(folder / SECONDS, json.dumps(connectome.seconds) + "\n")
    stale = [path for path in folder.glob("connectome-*.safetensors") if path.name != name]
    write_atomic(folder / DESCRIPTION, json.dumps(facts, indent=1) + "\n")
    for path in stale:
        path.unlink(missing_ok=True)


def load(folder: str | Path) -> ModelConnectome:
    """See `ModelConnectome.load`."""
    folder = Path(folder)
    path = folder / DESCRIPTION
    facts = read_json(path)
    try:
        if facts["format"] != FORMAT:
            raise GenerationsError(f"format {one_line(facts['format'], 60)!r}, not {FORMAT!r}")
        name, scale = facts["arrays"], facts["scale"]
        if not isinstance(scale, dict) or Path(name).name != name:
            raise ValueError("scale or arrays")
        mask, sign = _arrays(folder / name, scale)
        history = tuple(Generation(**entry) for entry in facts["history"])
        return ModelConnectome(mask, sign, scale, history, facts["provenance"], _seconds(folder))
    except GenerationsError as error:
        raise GenerationsError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise GenerationsError(
            f"{path}: not a model connectome that this version reads ({one_line(error, 80)}); save it anew"
        ) from None


def read_json(path: Path) -> Any:
    """The file's object. GenerationsError, in one line, where there is none."""
    try:
        facts = json.loads(path.read_bytes())
    except OSError as error:
        raise GenerationsError(
            f"{path}: {error.strerror or type(error).__name__}; give a folder that was saved"
        ) from None
    except ValueError as error:
        raise GenerationsError(f"{path}: is not JSON ({one_line(error, 80)}); save it anew") from None
    if not isinstance(facts, dict):
        raise GenerationsError(f"{path}: holds a {type(facts).__name__}, not an object; save it anew")
    return facts


def _arrays(path: Path, names: Mapping[str, float]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Masks and signs of these parameters, in their order."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GenerationsError(f"its arrays {path.name}: {error.strerror or type(error).__name__}") from None
    if hashlib.sha256(data).hexdigest()[:16] not in path.name:
        raise GenerationsError(f"its arrays {path.name} were changed since; save it anew")
    try:
        arrays = load_arrays(data)
    except SafetensorError as error:
        raise GenerationsError(f"its arrays {path.name}: {one_line(error, 80)}; save it anew") from None
    wanted = [f"{kind}.{name}" for kind in ("mask", "sign") for name in names]
    for name in wanted:
        if name not in arrays:
            raise GenerationsError(f"its arrays {path.name} lack {name!r}; {nearest(name, arrays)}")
    return {name: arrays[f"mask.{name}"] for name in names}, {name: arrays[f"sign.{name}"] for name in names}


def _seconds(folder: Path) -> tuple[float, ...]:
    """Of each generation; none where the file was left behind."""
    try:
        return tuple(float(value) for value in json.loads((folder / SECONDS).read_bytes()))
    except (OSError, ValueError, TypeError):
        return ()
