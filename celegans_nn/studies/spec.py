"""What a study is: networks x tasks x seeds = trials. The values; `reading.py` reads them from a file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from celegans_nn import __version__
from celegans_nn.errors import SpecError, one_line


@dataclass(frozen=True)
class NetworkSpec:
    """One network: a wiring (perhaps rewired), a neuron model and an interface; or a baseline of another one."""

    label: str
    """Name shown in tables and figures; no part of the trial's hash."""
    source: str = "cook2019"
    """A named wiring, or the path of a CSV table, a folder of them or a GraphML file, as it stands in the spec."""
    graph: str | None = None
    """Fingerprint of a wiring that is read from a file, which is what tells it from another one."""
    file: str | None = None
    """Where that file is on this machine; no part of the trial's hash."""
    circuit: str = "default"
    """A named circuit, "default" or "all" (the whole table)."""
    muscles: bool = True
    polarity: str = "transmitter"
    control: str = "none"
    """"none" for the wiring itself, or the name of a null model."""
    control_seed: int = 0
    """Seed of the rewiring; another one gives another graph of the same ensemble."""
    scope: str = "neurons"
    neuron: str = "rate"
    unknown_sign: str | None = None
    gap_junctions: bool = False
    ticks: int = 5
    """Network steps a control step."""
    dt_ms: float | None = None
    """What a tick means to a model with units, ms; the model's own step if not given."""
    delay: int = 1
    """Ticks that a chemical synapse takes."""
    preset: str | None = None
    """A named set of the neuron model's constants; its own ones if none is named."""
    interface: str = "coders"
    """"coders": an encoder and a decoder that are learned; "direct": `direct_interface` as made of the intact wiring,
    where cells that feel the body of `worm` and its muscles are wired to it by name, and nothing is learned."""
    encoder: str = "mlp"
    """Observations to input cells: "mlp" is Schmidgall et al. 2022's non-linear one, or "linear"."""
    decoder: str = "mlp"
    hidden: int = 16
    """Hidden units of a non-linear encoder and decoder each."""
    weights: str = "shared"
    """Where synapses start: "shared", "synapse_count" or "rank"."""
    spectral_radius: float | None = None
    """If given, the chemical weights are multiplied at the start to have it."""
    share: str = "auto"
    """"sign": one weight for all excitatory and one for all inhibitory synapses; "edge": each its own; "auto":
    "sign" where training begins with evolution strategies, as Schmidgall et al. 2022, else "edge"."""
    baseline: str | None = None
    """Name of a baseline; then only `label` and `like` matter."""
    like: NetworkSpec | None = None
    """The network that a baseline is matched to."""

    def definition(self) -> dict[str, Any]:
        """Everything that determines this network but its seed, as JSON values; labels are left out."""
        if self.baseline is not None:
            like = None if self.like is None else self.like.definition()
            return {"baseline": self.baseline, "like": like}
        left_out = {"label", "baseline", "like"}
        if self.control == "none":
            left_out |= {"control_seed", "scope"}
        if self.control == "interface_shuffle":
            left_out |= {"scope"}
        if self.graph is None:
            left_out |= {"graph", "file"}
        # a network of before there was a choice keeps its hash
        left_out |= {"interface"} if self.interface == "coders" else {"encoder", "decoder", "hidden"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any], label: str = "") -> NetworkSpec:
        """The network that a `definition()` describes."""
        values = dict(definition)
        if values.get("like") is not None:
            values["like"] = cls.from_definition(values["like"])
        return cls(label=label, **values)


@dataclass(frozen=True)
class TaskSpec:
    """One task with the trainer, its budget and its settings."""

    label: str
    """Name shown in tables and figures; no part of the trial's hash."""
    name: str
    method: str
    budget: int
    """Environment steps, or samples seen, of all training stages together."""
    seeds: tuple[int, ...]
    task: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Options of the task itself, e.g. episode_steps."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Hyperparameters of the trainer."""

    def definition(self) -> dict[str, Any]:
        """Everything that determines the training but its seed, as JSON values."""
        return {
            "name": self.name,
            "method": self.method,
            "budget": self.budget,
            "task": dict(self.task),
            "options": dict(self.options),
        }


@dataclass(frozen=True)
class Trial:
    """One network trained on one task from one seed (which draws initial weights, data order and episodes)."""

    network: NetworkSpec
    task: TaskSpec
    seed: int

    @cached_property
    def hash(self) -> str:
        """sha256 in hexadecimal over everything that determines the result: see `definition`."""
        return hashlib.sha256(canonical_json(_without_places(self.definition())).encode()).hexdigest()

    def definition(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON values; the version stands for the code."""
        return {
            "version": __version__,
            "network": self.network.definition(),
            "task": self.task.definition(),
            "seed": self.seed,
        }

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Trial:
        """The trial that a `definition()` of this version describes, without labels.

        Raises SpecError for another version's: its result would not be this code's.
        """
        if definition["version"] != __version__:
            raise SpecError(
                f"trial of celegans_nn {definition['version']} cannot run under {__version__}; "
                "install that version or run the study anew"
            )
        network = NetworkSpec.from_definition(definition["network"])
        task = TaskSpec(label="", seeds=(definition["seed"],), **definition["task"])
        return cls(network, task, definition["seed"])

    def describe(self) -> str:
        """For a log line: `worm, rate on swimmer6, seed 0`."""
        graph = f" (rewiring {self.network.control_seed})" if self.network.control != "none" else ""
        return f"{one_line(self.network.label, 100)}{graph} on {one_line(self.task.label, 60)}, seed {self.seed}"


@dataclass(frozen=True)
class ComparisonSpec:
    """The main comparison, stated before anything runs: one task, one metric, the worm and at most three nulls."""

    task: str
    """Label of the task."""
    metric: str
    """A column of the results, such as final_forward_speed; or one of a whole curve: see `curve_metrics.py`."""
    worm: str
    """Label of the network with the worm's own wiring."""
    nulls: tuple[str, ...]
    """Labels of its controls, each standing for all of its rewirings."""
    margin: float
    """The smallest effect that would matter, in the metric's unit."""
    direction: str = "higher"
    """Which values of the metric are better: "higher" or "lower"."""
    alpha: float = 0.05
    """Family-wise error over the nulls."""
    test: str = "rank"
    """"rank": p = (1 + k) / (1 + R), k of a null's R rewirings reaching the worm's score."""

    threshold: float | None = None
    """The score that a learning curve is to reach, for the metric cost_to_threshold."""

    @property
    def fewest_rewirings(self) -> int:
        """Of each null, below which Holm's correction lets nothing be significant: m / alpha - 1, 20 m - 1 at 5 %."""
        return math.ceil(len(self.nulls) / self.alpha - 1e-9) - 1


@dataclass(frozen=True)
class Study:
    """A specification, read and checked."""

    name: str
    """Also the name of the results folder."""
    title: str
    question: str
    networks: tuple[NetworkSpec, ...]
    tasks: tuple[TaskSpec, ...]
    path: Path
    text: str
    """The file as it was read."""
    preset: str | None = None
    comparison: ComparisonSpec | None = None

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """networks x tasks x seeds, in the order of the spec, with the dearest tasks' trials first.

        Dear trials first keeps two workers busy to the end; the results do not depend on the order.
        """
        by_budget = sorted(self.tasks, key=lambda task: -task.budget)
        return tuple(Trial(shared_for(n, t.method), t, s) for t in by_budget for s in t.seeds for n in self.networks)

    @property
    def folder_name(self) -> str:
        return self.name if self.preset is None else f"{self.name}_{self.preset}"


def shared_for(network: NetworkSpec, method: str) -> NetworkSpec:
    """The network with `share="auto"` decided by the training method."""
    like = None if network.like is None else shared_for(network.like, method)
    share = network.share
    if share == "auto":
        share = "sign" if method.startswith("es") else "edge"
    return replace(network, share=share, like=like)


def _without_places(value: Any) -> Any:
    """A definition without what differs from one machine to another."""
    if not isinstance(value, dict):
        return value
    return {key: _without_places(v) for key, v in value.items() if key != "file"}


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, floats by their shortest repr.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
