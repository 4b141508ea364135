"""Generations of connectome networks: from everything connected to a wiring that compares with the worm's own."""

import numpy as np
import pytest

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import GenerationsError
from celegans_nn.generations import cut_to, evolve_wiring, kept_after, overcomplete, wiring_after
from celegans_nn.generations.wiring_model import Making, WiringModel
from celegans_nn.generations.wiring_overcomplete import blocks
from celegans_nn.networks import default_interface
from celegans_nn.rewiring import compare
from celegans_nn.studies import load_study, tables
from celegans_nn.studies.summary import ACCURACY, NetworkResults, Point, TaskResults, group_of
from celegans_nn.studies.trial import run_trial
from celegans_nn.tasks import make_task
from tests.worms import random_worm

WORM = random_worm(seed=3, neurons=8, muscles=3, edges=30)
DIGITS = make_task("digits", steps=1)


def evolve(start: Connectome, generations: int = 3, **settings) -> Connectome:
    return evolve_wiring(start, DIGITS, **{
        "generations": generations, "budget": 128, "method": "bptt", "ticks": 2, "seed": 1, **settings,
    })  # fmt: skip


def counts(worm: Connectome) -> dict[str, int]:
    return {name: len(part) for name, part in blocks(worm).items()}


def signs_of(worm: Connectome) -> dict[int, set[int]]:
    edges = worm.chemical_edges
    return {cell: set(edges.sign[edges.pre == cell].tolist()) for cell in np.unique(edges.pre)}


def test_an_overcomplete_wiring_connects_every_neuron_to_all_others_and_to_every_muscle():
    full = overcomplete(WORM, seed=0)
    assert full.neurons.equals(WORM.neurons)
    assert counts(full) == {"to_neurons": 8 * 7, "to_muscles": 8 * 3}
    edges = full.chemical_edges
    assert not (edges.pre == edges.post).any()
    assert full.cells["neuron"][edges.pre].all()
    assert not len(full.electrical_edges.pre)


def test_an_overcomplete_wiring_has_one_sign_a_neuron_and_the_worms_share_of_inhibitory_ones():
    from celegans_nn import load_connectome

    haspel = load_connectome("haspel2012")
    assert sum(signs == {-1} for signs in signs_of(haspel).values()) == 18
    for seed in (0, 1):
        signs = signs_of(overcomplete(haspel, seed=seed))
        assert len(signs) == 66
        assert sum(s == {-1} for s in signs.values()) == 18
        assert sum(s == {1} for s in signs.values()) == 48
    assert overcomplete(haspel, seed=0) != overcomplete(haspel, seed=1)
    assert overcomplete(haspel, seed=1) == overcomplete(haspel, seed=1)


def test_each_pruning_leaves_in_each_layer_what_the_rule_says():
    full, seen = overcomplete(WORM, seed=0), []
    evolved = evolve(full, generations=4, progress=lambda generation: seen.append(dict(generation.kept)))
    assert seen == [{name: kept_after(n, k) for name, n in counts(full).items()} for k in (1, 2, 3, 4)]
    assert counts(evolved) == seen[-1]
    facts = evolved.provenance["evolved"]
    assert facts["samples"] == 4 * 128 == sum(generation["samples"] for generation in facts["history"])


def test_what_is_left_keeps_cells_and_signs_and_compares_with_the_worm():
    full = overcomplete(WORM, seed=0)
    evolved = evolve(full)
    assert evolved.neurons.equals(WORM.neurons)
    sign = full.adjacency(values="sign")
    here = evolved.adjacency(values="sign")
    assert np.array_equal(here[here != 0], sign[here != 0])
    matched = cut_to(evolved, WORM)
    assert counts(matched) == counts(WORM)
    assert compare(WORM, matched).kept("chemical edges")


def test_cutting_to_the_worms_numbers_keeps_the_strongest_edges_of_each_layer():
    evolved = evolve(overcomplete(WORM, seed=0))
    matched = cut_to(evolved, WORM)
    there = set(zip(*matched.chemical_edges[:2], strict=True))
    edges = evolved.chemical_edges
    for part in blocks(evolved).values():
        stays = np.array([(edges.pre[i], edges.post[i]) in there for i in part])
        assert edges.weight[part[stays]].min() >= edges.weight[part[~stays]].max()


def test_a_wiring_that_was_pruned_too_far_is_not_cut_to_the_worm():
    with pytest.raises(GenerationsError, match=r"fewer than the worm.s .*prune less"):
        cut_to(WORM, overcomplete(WORM, seed=0))


def test_the_weaker_start_of_inhibitory_edges_does_not_cost_them_their_place():
    """Of the neuron model `rate`, as of Schmidgall et al.'s, untrained inhibition is e^-0.5 of excitation."""
    full = overcomplete(WORM, seed=0)
    model = WiringModel(full, making(full))
    net, unit = model.network(trained=False)
    start = np.abs(net.chemical.edge_weights().detach().numpy())
    sign = full.chemical_edges.sign
    assert start[sign < 0].max() < start[sign > 0].min()
    model.take(net, unit)
    assert np.array_equal(model.edge_weights(), sign)


def making(worm: Connectome) -> Making:
    return Making("rate", default_interface(worm, 64, 10), 2, None, "edge", 0)


def starts(after: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and encoders that each generation began with, and ended with."""
    began, ended = [], []
    network, take = WiringModel.network, WiringModel.take

    def began_with(self, trained):
        net, unit = network(self, trained)
        began.append((net.worm, net.chemical.edge_weights().detach().numpy(), encoder(net)))
        return net, unit

    def ended_with(self, net, unit):
        ended.append((net.worm, net.chemical.edge_weights().detach().numpy(), encoder(net)))
        take(self, net, unit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WiringModel, "network", began_with)
        patch.setattr(WiringModel, "take", ended_with)
        evolve(overcomplete(WORM, seed=0), generations=2, after=after)
    return began, ended


def encoder(net) -> np.ndarray:
    return net.encoder.first_weight.detach().numpy().copy()


def test_after_signs_a_generation_hands_on_its_wiring_alone():
    began, ended = starts("signs")
    for worm, weights, _ in began:
        for sign in (1, -1):
            assert len(np.unique(weights[worm.chemical_edges.sign == sign])) == 1
    assert np.array_equal(began[0][2], began[1][2])
    assert not np.array_equal(ended[0][2], began[1][2])


def test_after_keep_survivors_and_coders_go_on_from_where_they_are():
    began, ended = starts("keep")
    (before, trained, coder), (after, weights, coder_after) = ended[0], began[1]
    full = {edge: w for *edge, w in zip(*before.chemical_edges[:2], trained, strict=True) for edge in [tuple(edge)]}
    kept = [full[edge] for edge in zip(*after.chemical_edges[:2], strict=True)]
    np.testing.assert_allclose(weights, kept, rtol=1e-5)
    assert np.array_equal(coder, coder_after)


class Stopped(Exception):
    """As if the process had been killed."""


def evolve_a_swimmer(start: Connectome, **settings) -> Connectome:
    """Three generations, each of three of evolution strategies."""
    task = make_task("swimmer6", episode_steps=10, settle_steps=2)
    options = {"es": {"population": 4}, "evaluation_episodes": 1}
    return evolve_wiring(
        start, task, generations=3, budget=150, method="es", ticks=2, options=options, every=1, **settings
    )


@pytest.mark.parametrize(("after", "stop"), [("signs", 1), ("signs", 5), ("keep", 6), ("keep", 8)])
def test_interrupted_at_a_generation_or_inside_one_it_ends_with_the_same_bits(tmp_path, after, stop):
    start, told = overcomplete(WORM, seed=0), []

    def stop_at(generation, progress):
        told.append((generation, progress.generation))
        if len(told) == stop:
            raise Stopped

    with pytest.raises(Stopped):
        evolve_a_swimmer(start, after=after, checkpoint=tmp_path, watch=stop_at)
    resumed = evolve_a_swimmer(start, after=after, checkpoint=tmp_path, watch=lambda *now: told.append(now))
    whole = evolve_a_swimmer(start, after=after)
    assert resumed == whole  # weights of all edges are part of it
    assert resumed.provenance == whole.provenance
    assert len(told) == 9 + 1  # the interrupted step alone is done again
    assert evolve_a_swimmer(start, after=after, checkpoint=tmp_path) == whole  # nothing is left to train


def test_the_wiring_after_each_generation_can_be_read_again(tmp_path):
    start = overcomplete(WORM, seed=0)
    evolved = evolve(start, generations=2, checkpoint=tmp_path)
    assert wiring_after(start, tmp_path, 1) == evolved
    assert len(wiring_after(start, tmp_path, 0).chemical_edges.pre) > len(evolved.chemical_edges.pre)


def test_a_lost_file_of_weights_is_named(tmp_path):
    start = overcomplete(WORM, seed=0)
    evolve(start, generations=1, checkpoint=tmp_path)
    (tmp_path / "trained-000.safetensors").unlink()
    with pytest.raises(GenerationsError, match=r"trained-000\.safetensors: No such file.*remove"):
        evolve(start, generations=1, checkpoint=tmp_path)


def test_a_checkpoint_of_another_task_is_refused(tmp_path):
    start = overcomplete(WORM, seed=0)
    evolve(start, generations=1, checkpoint=tmp_path)
    with pytest.raises(GenerationsError, match="of another run, whose about"):
        evolve(start, generations=2, budget=192, checkpoint=tmp_path)


def test_evolution_on_a_body_prunes_too():
    task = make_task("swimmer6", episode_steps=10, settle_steps=2)
    start = overcomplete(WORM, seed=0)
    options = {"es": {"population": 4}, "ga": {"population": 4, "elites": 1}, "evaluation_episodes": 1}
    for method in ("es", "es+ga"):
        evolved = evolve_wiring(
            start, task, generations=2, budget=150, method=method, options=options, ticks=2, seed=0, scope="global"
        )
        assert len(evolved.chemical_edges.pre) == kept_after(len(start.chemical_edges.pre), 2)
        assert evolved.provenance["evolved"]["samples"] <= 300


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"after": "rewind"}, "after is 'rewind'"),
        ({"generations": 0}, "generations is 0"),
        ({"prune_fraction": 1.0}, "prune_fraction is 1.0"),
        ({"scope": "layers"}, "did you mean 'layer'"),
        ({"seed": -1}, "seed is -1"),
        ({"after": "keep", "options": {"normalise": True}}, "drop one"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said_in_one_line(settings, says):
    with pytest.raises(GenerationsError, match=says) as error:
        evolve(overcomplete(WORM, seed=0), **settings)
    assert "\n" not in str(error.value)


def test_a_wiring_of_unknown_signs_or_without_edges_cannot_evolve():
    unsigned = random_worm(signs=(0,))
    with pytest.raises(GenerationsError, match="edges of unknown sign"):
        evolve(unsigned)
    with pytest.raises(GenerationsError, match="no share of inhibitory"):
        overcomplete(unsigned, seed=0)


def test_a_study_trains_an_evolved_wiring_and_says_what_evolving_it_cost(tmp_path):
    evolve(overcomplete(WORM, seed=0)).to_csv(tmp_path / "evolved")
    (tmp_path / "study.toml").write_text("""
name = "prior"
title = "Evolved wirings as priors"
question = "What does it cost?"
networks = [
    { label = "{source}", source = ["./evolved", "haspel2012"], ticks = 2 },
    { label = "control", source = "./evolved", ticks = 2, control = "density", scope = "all", rewirings = 1 },
    { label = "linear", baseline = "linear", like = "control" },
]
tasks = [{ name = "digits", method = "bptt", budget = 128, seeds = [0], task = { steps = 1 } }]
""")
    rows = {trial: run_trial(trial).row for trial in load_study(tmp_path / "study.toml").trials}
    outer = {trial.network.label: row.get("cost_outer") for trial, row in rows.items()}
    assert outer == {"./evolved": 3 * 128, "haspel2012": None, "control": 3 * 128, "linear": None}
    assert {row["cost_total"] for row in rows.values()} == {128}

    networks = tuple(
        NetworkResults(trial.network.label, group_of(trial.network), trial.network, (Point(trial, row),))
        for trial, row in rows.items()
    )
    table = tables.results(TaskResults(next(iter(rows)).task, "classification", ACCURACY, networks, ()))
    place = [head["text"] for head in table["heads"]].index("Outer loop")
    assert {block["label"]: block["rows"][0][place] for block in table["blocks"]} == {
        "./evolved": "384", "haspel2012": "–", "control": "384", "linear": "–",
    }  # fmt: skip
