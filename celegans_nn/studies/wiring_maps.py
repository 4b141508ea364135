"""The wirings of a study as they stand in its report: a map a wiring, with one graph of each of its null models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.wiring_figure import draw_wiring
from celegans_nn.errors import one_line
from celegans_nn.figures import png_bytes, save_png
from celegans_nn.studies.explorer import BEND, KINDS, LEFT, RIGHT, WIDTH, Map, can_be_explored
from celegans_nn.studies.pictures import data_uri, slug
from celegans_nn.studies.spec import NetworkSpec, Study
from celegans_nn.studies.summary import group_of, made_wirings
from celegans_nn.studies.trial import wirings

MOST_WIRINGS = 9
"""Graphs in one report, those of null models counted."""
MOST_THUMBNAIL_EDGES = 3000
"""Of a wiring whose null models are drawn small below it; larger ones are to be chosen on the map alone."""


def wiring_maps(folder: Path, study: Study) -> list[dict[str, Any]]:
    """A map of each distinct wiring; every graph is also drawn into a PNG beside the page."""
    maps: list[dict[str, Any]] = []
    number = 0
    for spec, controls in _originals(study):
        if number >= MOST_WIRINGS:
            break
        worm = wirings(replace(spec, control="none"))[0]
        graphs = [(_name(spec), worm)]
        for control in controls[: MOST_WIRINGS - number - 1]:
            made = made_wirings(control)
            if made is None:
                continue
            rewired = made[1]
            if all(rewired.fingerprint != graph.fingerprint for _, graph in graphs):
                graphs.append((_control_name(control), rewired))
        for k, (name, graph) in enumerate(graphs):
            number += 1
            drawn = draw_wiring(graph, like=worm, small=k > 0)
            save_png(drawn, folder / f"wiring_{number}_{slug(name.partition(',')[0].removesuffix(' control'))}.png")
        maps.append(_map(len(maps) + 1, worm, graphs, _caption(worm, study, spec)))
    return maps


def _originals(study: Study) -> list[tuple[NetworkSpec, list[NetworkSpec]]]:
    """Each wiring that the study starts from, and the first graph of each null model of it."""
    found: dict[tuple[Any, ...], tuple[NetworkSpec, dict[tuple[str, str], NetworkSpec]]] = {}
    for network in study.networks:
        group = group_of(network)
        if group == "baseline":
            continue
        controls = found.setdefault(_source(network), (network, {}))[1]
        if group == "control":
            controls.setdefault((network.control, network.scope), network)
    return [(spec, list(controls.values())) for spec, controls in found.values()]


def _source(network: NetworkSpec) -> tuple[Any, ...]:
    return network.source, network.graph, network.circuit, network.muscles, network.polarity


def _name(spec: NetworkSpec) -> str:
    return one_line(spec.source if spec.circuit in ("default", "all") else f"{spec.source}, {spec.circuit}", 120)


def _control_name(control: NetworkSpec) -> str:
    scope = f", scope {control.scope}" if control.scope != "neurons" else ""
    return f"{control.control} control, seed {control.control_seed}{scope}"


def _caption(worm: Connectome, study: Study, spec: NetworkSpec) -> str:
    neurons = int(np.sum(worm.cells["neuron"]))
    said = [f"{neurons} neurons and {len(worm) - neurons} other cells, head to the left, dorsal side up."]
    if len(worm.electrical_edges.pre):
        used = {n.gap_junctions for n in study.networks if n.baseline is None and _source(n) == _source(spec)}
        how = "are used" if used == {True} else "are drawn, but switched off in this study’s networks"
        said.append(f"Gap junctions {'are used in some of this study’s networks' if len(used) > 1 else how}.")
    return " ".join(said)


def _map(number: int, worm: Connectome, graphs: Sequence[tuple[str, Connectome]], caption: str) -> dict[str, Any]:
    """What the template needs of one wiring and its controls."""
    shown: dict[str, Any] = {
        "id": f"map{number}",
        "title": graphs[0][0],
        "caption": caption,
        "notes": [one_line(note, 600) for note in worm.provenance.get("notes", ())],
        "graphs": [name for name, _ in graphs],
        "explored": can_be_explored(worm),
    }
    if not shown["explored"]:
        picture = data_uri(png_bytes(draw_wiring(worm), 110), "png")
        return shown | {"picture": Markup('<img alt="Wiring: {}" src="{}">').format(graphs[0][0], picture)}
    on = Map(worm)
    edges = len(worm.chemical_edges.pre) + len(worm.electrical_edges.pre)
    small = graphs[1:] if edges <= MOST_THUMBNAIL_EDGES else []
    return shown | {
        "width": WIDTH,
        "height": on.height,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "bend": BEND,
        "rows": on.rows(),
        "cells": on.cells(),
        "paths": on.paths(worm),
        "opacity": round(float(np.clip(14 / np.sqrt(max(edges, 1)), 0.12, 0.8)), 2),
        "counts": _counts(worm),
        "controls": [{"name": name, "paths": on.paths(graph)} for name, graph in small],
        "data": on.data([graph for _, graph in graphs]),
    }


def _counts(worm: Connectome) -> list[tuple[str, str, int]]:
    """(kind, what it is called, how many) of each kind of synapse that there is."""
    sign = worm.chemical_edges.sign
    counts = [int((sign == s).sum()) for s in (1, -1, 0)] + [len(worm.electrical_edges.pre)]
    called = ("excitatory", "inhibitory", "of unknown sign", "gap junction")
    return [(kind, name, n) for kind, name, n in zip(KINDS, called, counts, strict=True) if n]
