"""Hyperparameters of `train`: nested by method, from plain values, and the presets that papers stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from celegans_nn.errors import TrainingError, nearest, one_line, whole_number
from celegans_nn.training.ars import ARSOptions
from celegans_nn.training.cmaes import CMAOptions
from celegans_nn.training.evolution_strategies import ESOptions
from celegans_nn.training.genetic import GAOptions
from celegans_nn.training.gradient import BPTTOptions

_S22_PRETRAINING = {
    "population": 200, "generations": 1000, "sigma": 0.1, "learning_rate": 0.1, "decay": 0.999,
    "update": "sgd", "evaluate_centre": False,
}  # fmt: skip


def _s22(interface: float, connectome: float, decay: float) -> dict[str, dict[str, Any]]:
    genetic = {"population": 750, "elites": 8, "mutation_interface": interface, "mutation_connectome": connectome}
    return {"es": _S22_PRETRAINING, "ga": {**genetic, "decay": decay}}


PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "s22_realism": _s22(0.01, 0.01, 0.997),
    "s22_statistics": _s22(0.01, 0.02, 0.997),
    "s22_limits": _s22(0.02, 0.02, 0.998),
}
"""The numbers of Schmidgall, Schuman, Parsa 2022 (arXiv 2209.14406), one preset an experiment; for method "es+ga" and a
network built with share="sign". Their pretraining alone is 200,000 episodes. Not given there, and chosen here:
the update (plain), how fitness shapes the step (centred ranks), and how many generations the genetic algorithm ran (to
the budget)."""


@dataclass(frozen=True)
class TrainOptions:
    """In a spec: `options = { es = { population = 32 }, episodes = 2 }`."""

    es: ESOptions = field(default_factory=ESOptions)
    ga: GAOptions = field(default_factory=GAOptions)
    ars: ARSOptions = field(default_factory=ARSOptions)
    cma: CMAOptions = field(default_factory=CMAOptions)
    bptt: BPTTOptions = field(default_factory=BPTTOptions)
    preset: str = ""
    """A name in `PRESETS`, whose numbers take the place of the defaults; what else is given goes before them."""
    pretraining_share: float = 0.5
    """Of the budget, for evolution strategies in "es+ga"."""
    episodes: int = 1
    """Episodes of each individual a generation; its fitness is their mean."""
    common_random_numbers: bool = True
    """Whether all individuals of a generation start from the same seeds (or see the same images); else each from its
    own."""
    normalise: bool = False
    """Whether a body's observations are normalised by their running mean and standard deviation."""
    evaluation_episodes: int = 8
    """Held-out episodes of each evaluation."""
    evaluate_every: int = 0
    """Generations between held-out evaluations while training, for the curve (stage "held_out"); 0 for none. They
    teach nothing and are not in the cost."""
    evolution_batch: int = 256
    """Images an individual sees a generation, where evolution trains a classifier."""

    @classmethod
    def of(cls, values: Mapping[str, Any] | TrainOptions | None, preset: str | None = None) -> TrainOptions:
        """From nested plain values; TrainingError with the nearest known key for a wrong one.

        >>> TrainOptions.of({"preset": "s22_limits", "ga": {"population": 100}}).ga
        GAOptions(population=100, elites=8, mutation_interface=0.02, mutation_connectome=0.02, decay=0.998)
        """
        if isinstance(values, TrainOptions):
            if preset is not None and preset != values.preset:
                raise TrainingError(
                    f"preset is {one_line(preset)!r} beside finished options; give it to TrainOptions.of"
                )
            return values
        given = {**(values or {})} | ({} if preset is None else {"preset": preset})
        base = _preset(given.get("preset", ""))
        known = {f.name: getattr(cls(), f.name) for f in fields(cls)}
        chosen: dict[str, Any] = {}
        for key in dict.fromkeys((*base, *given)):
            if key not in known:
                raise TrainingError(f"unknown training option {one_line(key)!r}; {nearest(key, known)}")
            if key in NESTED:
                own = _checked(key, given.get(key, {}), asdict(known[key]))
                chosen[key] = NESTED[key](**{**base.get(key, {}), **own})
            else:
                chosen.update(_checked("", {key: given[key]}, known))
        options = cls(**chosen)
        for key, least in (("evaluation_episodes", 1), ("evolution_batch", 1), ("episodes", 1), ("evaluate_every", 0)):
            whole_number(f"training option {key}", getattr(options, key), least, 10**9, TrainingError)
        if not 0 < options.pretraining_share < 1:
            raise TrainingError(f"pretraining_share is {options.pretraining_share}; give a share between 0 and 1")
        return options


NESTED: dict[str, Any] = {"es": ESOptions, "ga": GAOptions, "ars": ARSOptions, "cma": CMAOptions, "bptt": BPTTOptions}


def _preset(name: Any) -> dict[str, dict[str, Any]]:
    if name == "":
        return {}
    if not isinstance(name, str) or name not in PRESETS:
        raise TrainingError(f"unknown training preset {one_line(name)!r}; {nearest(str(name), PRESETS)}")
    return PRESETS[name]


def _checked(where: str, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Known keys with values of the default's type."""
    prefix = f"{where}." if where else ""
    if not isinstance(values, Mapping):
        raise TrainingError(f"training option {where!r} is {one_line(values)!r}; give a table of options")
    for key, value in values.items():
        if key not in defaults:
            raise TrainingError(f"unknown training option {prefix}{one_line(key)}; {nearest(key, defaults)}")
        kind = type(defaults[key])
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise TrainingError(
                f"training option {prefix}{key} is {one_line(value)!r}; give a value of type {kind.__name__}"
            )
    return dict(values)
