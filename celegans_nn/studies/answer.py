"""What a study's points say, and what so few of them cannot say, in plain sentences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from celegans_nn.studies.comparison import Comparison
from celegans_nn.studies.null_places import FEWEST_GRAPHS
from celegans_nn.studies.spec import Study
from celegans_nn.studies.summary import Metric, NetworkResults, TaskResults, original_of, shallow_networks
from celegans_nn.studies.verdict import headline, sentences

FEWEST_FOR_AN_INTERVAL = 10
"""A percentile bootstrap of an interquartile mean covers 75, 88 and 94 % at n = 3, 5 and 10: below, only points."""
FEWEST_REWIRINGS = 19
"""p = (1 + k) / (1 + R) reaches .05 at R = 19 rewirings, and with more than one null only above that."""

MOST_NAMED = 6
"""Trials or networks that a sentence names."""
MOST_SETTINGS = 3
"""Of the worm's networks with controls, those that the box speaks of."""
LEAST_SHARE_OF_WAY = 1 / 3
"""Of speed times time: a body that gets on by less than this along its first heading did not go straight."""


@dataclass(frozen=True)
class Answer:
    """The box at the head of the report."""

    headline: str
    findings: tuple[tuple[str, tuple[str, ...]], ...]
    """(task, sentences)."""
    limits: tuple[str, ...]


def answer(study: Study, results: Sequence[TaskResults], comparison: Comparison | None = None) -> Answer:
    """The sentences of the box, from the finished trials; the pre-registered comparison's first, where there is one."""
    findings = tuple((r.task.label, tuple(_findings(study, r))) for r in results if r.points)
    if comparison is None or not findings:
        return Answer(_headline(results), findings, tuple(_limits(results, False)))
    stated = ("The comparison that was stated beforehand", tuple(sentences(comparison)))
    return Answer(headline(comparison), (stated, *findings), tuple(_limits(results, True)))


def _headline(results: Sequence[TaskResults]) -> str:
    """The verdict, which few seeds and few rewirings cannot give."""
    if not any(r.points for r in results):
        return "No trial has finished yet."
    networks = [n for r in results for n in r.networks if n.points]
    rewirings = max((n.graphs for n in networks if n.group == "control"), default=0)
    seeds = min(len(r.task.seeds) for r in results)
    if not rewirings:
        return "Description only: no rewired control was run, so nothing here speaks for or against the exact wiring."
    if rewirings < FEWEST_REWIRINGS:
        few = "one rewiring" if rewirings == 1 else f"{rewirings} rewirings"
        return (
            f"Undecided at this budget. With {few} of each null model and {_seeds(seeds)} these points describe what "
            "happened; they cannot show whether the wiring helps."
        )
    return "Description only: every point is shown, but no comparison was stated beforehand, so none is tested."


def _findings(study: Study, result: TaskResults) -> list[str]:
    networks = [n for n in result.networks if n.values(result.metric)]
    if not networks:
        return ["No trial gave a usable number."]
    return [
        *_learned(result.metric, networks),
        *_against_controls(study, result.metric, networks),
        *_realism(study, result.metric, networks),
        *_extremes(result.metric, networks),
        *_stays_in_place(result),
    ]


def _learned(metric: Metric, networks: Sequence[NetworkResults]) -> list[str]:
    """From before training to after it, for the worm's wiring where there is one."""
    worm = [n for n in networks if n.group == "worm"] or list(networks)
    before = [v for n in worm for v in n.values(metric, "untrained")]
    after = [v for n in worm for v in n.values(metric)]
    who = "the worm’s wiring" if worm[0].group == "worm" else "these networks"
    return [
        f"With {who}, {metric.name} was {_span(metric, before)} untrained and {_span(metric, after)} trained "
        f"({len(after)} trials)."
    ]


def _against_controls(study: Study, metric: Metric, networks: Sequence[NetworkResults]) -> list[str]:
    """One sentence for each of the worm's networks that has rewired controls."""
    against: dict[str, list[NetworkResults]] = {}
    for control in networks:
        if control.group == "control" and (original := original_of(control.network, study)) is not None:
            against.setdefault(original.label, []).append(control)
    said = [said for worm in networks if worm.label in against for said in _over(metric, worm, against[worm.label])]
    if len(said) > MOST_SETTINGS:
        said[MOST_SETTINGS:] = ["The worm’s other networks among their rewirings are shown below."]
    return said


def _over(metric: Metric, worm: NetworkResults, controls: Sequence[NetworkResults]) -> list[str]:
    """The worm's network and its controls: among the graphs of a null where it has several, else point by point."""
    relations: dict[str, list[str]] = {}
    for control in controls:
        graphs = list(control.by_graph(metric).values())
        if len(graphs) >= FEWEST_GRAPHS:
            below = sum(score < float(np.mean(worm.values(metric))) for score in graphs)
            relations.setdefault("has a mean above {} graphs", []).append(f"{below} of {control.label}’s {len(graphs)}")
        else:
            name = f"{control.label} ({_list(metric, control.values(metric))})"
            relations.setdefault(_relation(metric, worm, control), []).append(name)
    parts = [relation.format(_join(names)) for relation, names in relations.items()]
    return [f"{worm.label} ({_list(metric, worm.values(metric))}) {_join(parts)}."]


def _relation(metric: Metric, worm: NetworkResults, control: NetworkResults) -> str:
    mine, theirs = worm.values(metric), control.values(metric)
    if min(mine) > max(theirs):
        return "lies above {} in every trial"
    if max(mine) < min(theirs):
        return "lies below {} in every trial"
    return "overlaps with {}"


def _realism(study: Study, metric: Metric, networks: Sequence[NetworkResults]) -> list[str]:
    """The worm's wiring at several levels of realism, where they differ in nothing else."""
    worm = [n for n in networks if n.group == "worm"]
    if len({n.network.neuron for n in worm}) < 2 or len({_but_neuron(n) for n in worm}) > 1:
        return []
    ordered = sorted(worm, key=lambda n: -float(np.mean(n.values(metric))))
    parts = ", ".join(f"{n.network.neuron} ({_list(metric, n.values(metric))})" for n in ordered)
    apart = all(min(a.values(metric)) > max(b.values(metric)) for a, b in itertools.pairwise(ordered))
    how = "no two of them overlap" if apart else "some of them overlap"
    return [f"Neuron models on the worm’s wiring, highest mean first: {parts}; {how}."]


def _but_neuron(network: NetworkResults) -> str:
    definition = network.network.definition()
    return repr({k: v for k, v in definition.items() if k != "neuron"})


def _extremes(metric: Metric, networks: Sequence[NetworkResults]) -> list[str]:
    if len(networks) < 2:
        return []
    ordered = sorted(networks, key=lambda n: -float(np.mean(n.values(metric))))
    first, last = ordered[0], ordered[-1]
    return [
        f"Highest mean of all: {first.label} ({_list(metric, first.values(metric))}); "
        f"lowest: {last.label} ({_list(metric, last.values(metric))})."
    ]


def _stays_in_place(result: TaskResults) -> list[str]:
    """Bodies whose head moves forward in its own frame while the body hardly gets on: they turn or curl."""
    if result.scored_seconds is None:
        return []
    where: dict[str, list[int]] = {}
    for network in result.networks:
        for point in network.points:
            speed, distance = point.at(result.metric, "final"), point.row.get("final_displacement_x")
            if speed is None or distance is None or not speed > 0:
                continue
            if abs(distance) < LEAST_SHARE_OF_WAY * speed * result.scored_seconds:
                where.setdefault(network.label, []).append(point.trial.seed)
    if not where:
        return []
    trials = sum(map(len, where.values()))
    of_all = {n.label: len(n.points) for n in result.networks}
    if trials <= MOST_NAMED:
        named = [f"{label} (seed {seed})" for label, seeds in where.items() for seed in seeds]
    else:
        named = [f"{label} ({len(seeds)} of {of_all[label]} trials)" for label, seeds in where.items()]
    if len(named) > MOST_NAMED:
        named[MOST_NAMED:] = [f"{len(named) - MOST_NAMED} more networks"]
    return [
        f"Not all of this is swimming along. In {'one trial' if trials == 1 else f'{trials} trials'} the body "
        "came less than a third as far along its first heading as its speed would carry it, so it turned or curled: "
        f"{_join(named)}."
    ]


def _limits(results: Sequence[TaskResults], stated: bool) -> list[str]:
    """`stated`: whether a comparison that was stated beforehand is part of the page."""
    results = [r for r in results if r.points]
    if not results:
        return ["No trial has finished, so there is nothing to say yet."]
    said = []
    graphs = [n.graphs for r in results for n in r.networks if n.group == "control" and n.points]
    most = max(graphs, default=0)
    if 0 < most < FEWEST_REWIRINGS:
        one = "1 rewiring" if most == 1 else f"{most} rewirings"
        said.append(
            f"Whether the wiring helps. The graph is the unit of such a claim, and each null model has {one} here: "
            f"no p-value can fall below 1/(1+{most}) = {1 / (1 + most):.2g}. It takes at least "
            f"{FEWEST_REWIRINGS} rewirings of one null model, more of several, for a verdict either way."
        )
    elif graphs and not stated:
        said.append(f"Whether the wiring helps. There are up to {most} rewirings, but no claim was stated beforehand.")
    elif graphs and min(graphs) < FEWEST_REWIRINGS:
        said.append(
            f"What a null with few rewirings shows. Some have {min(graphs)} only, which describe and decide nothing."
        )
    if min(len(r.task.seeds) for r in results) < FEWEST_FOR_AN_INTERVAL:
        said.append(
            f"How sure a mean is. A network has {_range([len(r.task.seeds) for r in results])} here; below "
            f"{FEWEST_FOR_AN_INTERVAL} seeds or graphs an interval promises more than it holds, so every trial is "
            "shown as a point and no interval is drawn."
        )
    unknown = sorted(
        {
            (int(p.row["unknown_edges"]), str(p.row["unknown_sign"]))
            for r in results
            for p in r.points
            if p.row.get("unknown_edges")
        }
    )
    for edges, choice in unknown:
        done = {"drop": "left out", "excitatory": "taken as excitatory", "free": "trained with their sign"}[choice]
        said.append(f"What the unknown signs are. {edges:,} chemical edges of unknown sign were {done}.")
    for result in results:
        shares = [p.row.get("share_of_s22") for p in result.points]
        known = [float(s) for s in shares if s is not None]
        if known:
            most = max(int(p.row["cost_total"]) for p in result.points)
            said.append(
                f"What longer training would give. A {result.task.label} trial saw at most {most:,} environment "
                f"steps in all stages together, {100 * max(known):.2g} % of the 200,000,000 of Schmidgall et al.'s "
                "(2022) pretraining alone."
            )
    shallow = shallow_networks(results)
    if shallow:
        ticks, needed = min(t for t, _ in shallow), max(n for _, n in shallow)
        said.append(
            f"What depth alone does. A control step has {ticks} ticks, and {needed} are needed before every output has "
            "felt every input in the deepest graph here; deeper graphs answer later, which is no property of wiring "
            "alone."
        )
    sizes = [int(p.row["parameters"]) for r in results for p in r.points]
    if max(sizes) > 1.2 * min(sizes):
        said.append(
            f"What size alone does. The networks have {min(sizes):,} to {max(sizes):,} trained values "
            "(column “parameters” of results.csv)."
        )
    return said


# -- small sentences -------------------------------------------------------------------------------------------


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _span(metric: Metric, values: Sequence[float]) -> str:
    if not values:
        return "an unknown value"
    low, high = metric.text(min(values)), metric.with_unit(max(values))
    return high if low == metric.text(max(values)) else f"between {low} and {high}"


def _list(metric: Metric, values: Sequence[float]) -> str:
    if len(values) > 4:
        return f"{len(values)} points {_span(metric, values)}"
    return (
        ", ".join(metric.text(v) for v in values[:-1])
        + (" and " if len(values) > 1 else "")
        + (metric.with_unit(values[-1]))
    )


def _range(seeds: Sequence[int]) -> str:
    low, high = min(seeds), max(seeds)
    return _seeds(low) if low == high else f"{low} to {high} seeds"


def _seeds(number: int) -> str:
    return "1 seed" if number == 1 else f"{number} seeds"
