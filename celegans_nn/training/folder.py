"""A trained network in a folder of its own: what it is, what it was trained on, and how it got there.

`network.json` and what it names (see `networks.saving`), `run.json` with settings, scores and cost, `curve.csv`, and
`normaliser.json` where observations were normalised. `run.json` is written last: where it is, training had ended.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from celegans_nn.errors import TrainingError, one_line
from celegans_nn.files import write_atomic
from celegans_nn.networks.saving import DESCRIPTION, NORMALISER, load_network, save_network
from celegans_nn.training.normalise import Normalised, Normaliser
from celegans_nn.training.result import TrainResult

FORMAT = "celegans_nn trained 1"
RUN, CURVE, CHECKPOINT = "run.json", "curve.csv", "checkpoint.safetensors"


class Trained(NamedTuple):
    """A network as training left it."""

    net: nn.Module
    """Takes observations that `normaliser` has normalised, where there is one."""
    normaliser: Normaliser | None
    run: Mapping[str, Any]
    """What `run.json` says; empty for a folder that holds a network alone."""

    @property
    def policy(self) -> nn.Module:
        """The network as it is shown to a task: it takes observations as they are."""
        return self.net if self.normaliser is None else Normalised(self.net, self.normaliser)


def save_trained(result: TrainResult, folder: str | Path, settings: Mapping[str, Any]) -> None:
    """Writes network, curve, scores and `settings` (nested plain values; "task" holds its name and options).

    A checkpoint beside them is removed: training goes on no more. Raises CelegansError where the disk says no.
    """
    folder = Path(folder)
    save_network(result.net, folder)
    if result.normaliser is not None:
        result.normaliser.save(folder / NORMALISER)
    else:
        (folder / NORMALISER).unlink(missing_ok=True)
    rows = [f"{point.stage},{point.cost},{point.score!r}\n" for point in result.curve]
    write_atomic(folder / CURVE, "stage,cost,score\n" + "".join(rows))
    facts = {
        "format": FORMAT, **settings, "normalised": result.normaliser is not None, "scores": result.scores,
        "cost": result.cost,
    }  # fmt: skip
    write_atomic(folder / RUN, json.dumps(facts, indent=2) + "\n")
    (folder / CHECKPOINT).unlink(missing_ok=True)


def load_trained(folder: str | Path) -> Trained:
    """What `save_trained` wrote, or the network alone of a folder that `save_network` wrote.

    Raises NetworkError or TrainingError, one line, for a folder that is neither.
    """
    folder = Path(folder)
    run = read_run(folder)
    if not (folder / DESCRIPTION).exists() and (folder / CHECKPOINT).exists():
        raise TrainingError(f"{folder}: training has not ended there; run the same celegans-nn train command again")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "normalised observations")  # here they come too
        net = load_network(folder)
    return Trained(net, Normaliser.load(folder / NORMALISER) if run.get("normalised") else None, run)


def read_run(folder: str | Path) -> dict[str, Any]:
    """What `run.json` says; empty where there is none."""
    path = Path(folder) / RUN
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or not isinstance(facts["task"]["options"], dict):
            raise ValueError(facts["format"])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror or type(error).__name__}; choose another folder") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TrainingError(f"{path}: not a training's record ({one_line(error, 80)}); train again") from None
    return dict(facts)
