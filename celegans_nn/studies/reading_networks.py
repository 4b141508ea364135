"""The [[networks]] of a study's file: lists of values expanded to their product, every value checked."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from celegans_nn.errors import LARGEST_SEED, ConnectomeError, nearest, one_line
from celegans_nn.studies import known
from celegans_nn.studies.place import Place
from celegans_nn.studies.spec import NetworkSpec, canonical_json
from celegans_nn.studies.wiring_files import fingerprint, is_path, locate

READ_FROM_THE_FILE = ("graph", "file")
NETWORK_KEYS = (
    *(f.name for f in fields(NetworkSpec) if f.name not in ("control_seed", *READ_FROM_THE_FILE)),
    "control_seeds", "rewirings",
)  # fmt: skip
AXES = tuple(k for k in NETWORK_KEYS if k not in ("label", "like", "rewirings"))
BASELINE_KEYS = ("label", "baseline", "like")
CODER_KEYS = ("encoder", "decoder", "hidden")
LABEL_FIELDS = (*AXES, "control_seed")
OF_A_NAMED_WIRING = {"circuit": ("default", "all"), "muscles": (True,), "polarity": ("transmitter",)}
"""What may be said of a wiring from a file, which has its own cells and signs."""

MOST_TICKS = 100_000
MOST_REWIRINGS = 10_000
MOST_NETWORKS = 100_000
_TYPES: dict[str, type] = {
    "muscles": bool, "gap_junctions": bool, "control_seeds": int, "ticks": int, "hidden": int, "dt_ms": float,
    "delay": int, "spectral_radius": float,
}  # fmt: skip


def read_networks(top: Place) -> tuple[NetworkSpec, ...]:
    """All networks, in the order of the file; a baseline may be matched to an entry anywhere in it."""
    places = top.tables("networks")
    wired = {k: _wired(place) for k, place in enumerate(places) if "baseline" not in place.table}
    by_label: dict[str, list[NetworkSpec]] = {}
    for network in itertools.chain.from_iterable(wired.values()):
        by_label.setdefault(network.label, []).append(network)
    found: dict[str, NetworkSpec] = {}
    first: dict[str, NetworkSpec] = {}
    for k, place in enumerate(places):
        for network in wired[k] if k in wired else _baselines(place, by_label):
            _refuse_duplicate(place, network, found, first)
    return tuple(found.values())


def _wired(place: Place) -> list[NetworkSpec]:
    place.only(NETWORK_KEYS)
    label = place.value("label", str)
    if "like" in place.table:
        place.wrong("like", place.table["like"], "only a baseline is matched to another network; remove it")
    networks: dict[str, NetworkSpec] = {}
    for values in _product(place, AXES, _rewirings(place)):
        for key, value in values.items():
            _check_value(place, key, value)
        if values.get("interface") == "direct" and (coder := next((k for k in CODER_KEYS if k in values), None)):
            place.wrong(coder, values[coder], "the direct interface has no encoder and no decoder; remove it")
        if "control_seeds" in values:
            values["control_seed"] = values.pop("control_seeds")
        network = NetworkSpec(label="", **values, **_in_file(place, values))
        network = replace(network, label=_filled(place, label, network))
        networks.setdefault(canonical_json(network.definition()), network)
    return list(networks.values())


def _rewirings(place: Place) -> dict[str, list[int]]:
    """`rewirings = 59` is control_seeds = [0, 1, ..., 58]."""
    if "rewirings" not in place.table:
        return {}
    number = place.value("rewirings", int)
    if not 1 <= number <= MOST_REWIRINGS:
        place.wrong("rewirings", number, f"must be from 1 to {MOST_REWIRINGS:,}")
    if "control_seeds" in place.table:
        place.wrong("rewirings", number, "control_seeds says the same one by one; remove one of the two")
    if "control" not in place.table:
        place.wrong("rewirings", number, "needs a `control`, the null model that rewires")
    return {"control_seeds": list(range(number))}


def _baselines(place: Place, by_label: Mapping[str, list[NetworkSpec]]) -> list[NetworkSpec]:
    for key in place.table:
        if key in NETWORK_KEYS and key not in BASELINE_KEYS:
            place.wrong(key, place.table[key], "a baseline takes this from the network it is `like`; remove it")
    place.only(BASELINE_KEYS)
    label, like = place.value("label", str), place.value("like", str)
    place.named("like", like, by_label)
    if len(by_label[like]) > 1:
        place.wrong("like", like, f"stands for {len(by_label[like])} graphs; match the baseline to a single one")
    networks = []
    for values in _product(place, ["baseline"], {}):
        place.named("baseline", place.checked("baseline", values["baseline"], str), known.baselines())
        network = NetworkSpec(label="", baseline=values["baseline"], like=by_label[like][0])
        networks.append(replace(network, label=_filled(place, label, network)))
    return networks


def _product(place: Place, axes: Iterable[str], more: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of the listed values of the axes, in the order of the file's keys; `more` comes last."""
    lists: dict[str, list[Any]] = {}
    for key in [k for k in place.table if k in axes]:
        value = place.table[key]
        if value == []:
            place.wrong(key, value, "the list is empty; give at least one value")
        lists[key] = value if isinstance(value, list) else [value]
    lists |= more
    if (size := math.prod(map(len, lists.values()))) > MOST_NETWORKS:
        place.wrong("its lists", None, f"expand to {size:,} networks, more than {MOST_NETWORKS:,}; shorten them")
    return (dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()))


def _check_value(place: Place, key: str, value: Any) -> None:
    kind = _TYPES.get(key, str)
    value = place.checked(key, value, kind)
    if key == "source" and is_path(value, Path(place.file).parent):
        return
    if kind is str and key in known.NETWORK_NAMES:
        place.named(key, value, known.NETWORK_NAMES[key]())
    if key in ("ticks", "hidden", "delay") and not 1 <= value <= MOST_TICKS:
        place.wrong(key, value, f"must be from 1 to {MOST_TICKS:,}")
    if key == "control_seeds" and not 0 <= value <= LARGEST_SEED:
        place.wrong(key, value, f"a seed is a whole number of 0 to {LARGEST_SEED}")
    if key in ("dt_ms", "spectral_radius") and not 0 < value < float("inf"):
        place.wrong(key, value, "must be above 0" + (" (milliseconds)" if key == "dt_ms" else ""))


def _in_file(place: Place, values: Mapping[str, Any]) -> dict[str, Any]:
    """Fingerprint and place of a wiring that is read from a file; nothing for a named one."""
    beside = Path(place.file).parent
    source = values.get("source", "")
    if not is_path(source, beside):
        return {}
    for key, allowed in OF_A_NAMED_WIRING.items():
        if values.get(key, allowed[0]) not in allowed:
            place.wrong(key, values[key], "a wiring from a file has its own cells and signs; remove this")
    path = locate(source, beside)
    try:
        return {"graph": fingerprint(path), "file": str(path)}
    except ConnectomeError as error:
        place.wrong("source", source, one_line(error, 400))


def _filled(place: Place, label: str, network: NetworkSpec) -> str:
    """The label with each `{axis}` replaced by its value (plain replacement: nothing is evaluated)."""

    def value(match: re.Match[str]) -> str:
        key = match[1]
        if key not in LABEL_FIELDS:
            place.wrong("label", label, f"unknown field {{{one_line(key, 40)}}}; {nearest(key, LABEL_FIELDS)}")
        return str(getattr(network, "control_seed" if key == "control_seeds" else key))

    filled = re.sub(r"\{(\w+)\}", value, label).strip()
    if not filled:
        place.wrong("label", label, "is empty; give the network a name for tables and figures")
    return filled


def _refuse_duplicate(
    place: Place, network: NetworkSpec, found: dict[str, NetworkSpec], first: dict[str, NetworkSpec]
) -> None:
    """Take the network into `found` (by definition) and `first` (by label), or say what it repeats."""
    definition = canonical_json(network.definition())
    if definition in found:
        place.wrong("label", network.label, f"is the same network as {found[definition].label!r}; remove one of them")
    other = first.setdefault(network.label, network)
    graphs = other.control == network.control != "none" and other.control_seed != network.control_seed
    if other is not network and not graphs:
        place.wrong("label", network.label, "names two networks; put what differs into the label, e.g. '{neuron}'")
    found[definition] = network
