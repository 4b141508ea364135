"""Trainers: what they promise about signs, seeds, costs and budgets; and that they learn."""

import copy

import numpy as np
import pytest
import torch

from celegans_nn.errors import NetworkError, TrainingError
from celegans_nn.networks import BASELINES, baseline, build, count_parameters
from celegans_nn.networks.saving import load_weights, save_weights
from celegans_nn.neurons import MODELS
from celegans_nn.simulation import Evaluator
from celegans_nn.tasks import make_task
from celegans_nn.training import TrainOptions, train
from celegans_nn.training import evolution_strategies as es
from celegans_nn.training import genetic as ga
from celegans_nn.training.objective import LocomotionObjective, objective_for
from celegans_nn.training.vector import Layout
from tests.worms import random_worm

SMALL = {"es": {"population": 6}, "ga": {"population": 6, "elites": 2}, "ars": {"directions": 3},
         "cma": {"population": 6}, "evaluation_episodes": 2}  # fmt: skip
FAST = {"es": {"population": 4, "sigma": 0.5, "learning_rate": 0.5}, "evolution_batch": 32,
        "ga": {"population": 4, "elites": 1, "mutation_connectome": 0.5, "mutation_interface": 0.5},
        "ars": {"directions": 2, "sigma": 0.5, "learning_rate": 0.5}}  # fmt: skip


def swimmer(steps=10):
    return make_task("swimmer6", episode_steps=steps)


def network(task, neuron="rate", share="sign", **more):
    return build(random_worm(), neuron, inputs=task.observations, outputs=task.actions, share=share, **more)


def values(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def test_the_two_stages_of_schmidgall_and_others_unshare_the_weights_and_count_every_step():
    task = swimmer()
    result = train(network(task), task, method="es+ga", seed=0, budget=400, options=SMALL)
    assert len(result.net.chemical.log_weight) == 40
    assert set(result.cost) == {"es", "ga", "total"}
    # a generation of evolution strategies is its population and its centre; 200 steps hold two of 70
    assert result.cost["es"] == 2 * 7 * 10
    assert result.cost["ga"] == 4 * 6 * 10
    assert result.cost["total"] == result.curve[-1].cost == 380
    assert {"untrained", "after_pretraining", "final", "final_forward_speed"} <= set(result.scores)
    assert [p.cost for p in result.curve] == sorted(p.cost for p in result.curve)


@pytest.mark.parametrize("method", ["es", "ga", "es+ga", "ars", "cma"])
def test_the_same_seed_trains_the_same_bits_and_another_seed_others(method):
    task = swimmer()
    runs = [train(network(task), task, method=method, seed=s, budget=300, options=SMALL) for s in (3, 3, 4)]
    a, b, c = (values(r.net) for r in runs)
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert any(not torch.equal(a[n], c[n]) for n in a)
    assert runs[0].scores == runs[1].scores
    assert runs[0].curve == runs[1].curve


def test_threads_of_the_simulation_change_no_bit():
    task = swimmer()
    how = {"method": "ars", "seed": 0, "budget": 500, "options": SMALL | {"normalise": True, "ars": {"directions": 20}}}
    one, two, four = (train(network(task), task, **how, threads=n) for n in (1, 2, 4))
    assert one.curve == two.curve == four.curve and one.scores == two.scores == four.scores
    for name, value in values(one.net).items():
        assert torch.equal(value, values(two.net)[name]) and torch.equal(value, values(four.net)[name])


def test_training_leaves_the_network_it_was_given_and_the_global_random_states_alone():
    task, rng = make_task("digits"), np.random.get_state()[1].copy()  # noqa: NPY002
    net, state = network(task, "rate"), torch.random.get_rng_state()
    before = values(net)
    train(net, task, method="bptt", seed=0, budget=128)
    assert all(torch.equal(before[n], after) for n, after in values(net).items())
    assert torch.equal(state, torch.random.get_rng_state())
    assert np.array_equal(rng, np.random.get_state()[1])  # noqa: NPY002


TRAINED = [
    ("es", "rate"),
    ("ga", "rate"),
    ("ars", "rate"),
    ("es+ga", "lif"),
    ("es+ga", "relu"),
    *(("bptt", n) for n in MODELS),
]


@pytest.mark.parametrize(("method", "neuron"), TRAINED)
def test_no_synapse_changes_its_sign_through_many_large_updates(method, neuron):
    check_signs_through(200, method, neuron)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "neuron"), TRAINED)
def test_no_synapse_changes_its_sign_through_a_thousand_large_updates(method, neuron):
    check_signs_through(1000, method, neuron)


def check_signs_through(updates, method, neuron):
    task = make_task("digits", steps=1)
    net = network(task, neuron, share="edge", ticks=5)
    before = net.chemical.matrix().sign()
    budget = updates * (64 if method == "bptt" else 5 * 32)
    options = {**FAST, "bptt": {"learning_rate": 0.3, "clip": 100.0}}
    result = train(net, task, method=method, seed=0, budget=budget, options=options)
    moved = (result.net.chemical.log_weight - net.chemical.log_weight).abs().detach()
    assert float((moved > 0).float().mean()) > 0.7 and float(moved.max()) > 1
    assert torch.equal(result.net.chemical.matrix().sign(), before)
    assert bool((result.net.gap.matrix() >= 0).all())


def test_the_genetic_algorithm_moves_weights_and_leaves_neuron_constants():
    task = swimmer()
    net = network(task, share="edge")
    result = train(net, task, method="ga", seed=0, budget=600, options=FAST)
    after, before = values(result.net), values(net)
    for name in before:
        same = torch.equal(before[name], after[name])
        assert same == name.startswith("log_constants."), name


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_trains_by_every_method(name):
    body, images = swimmer(), make_task("digits")
    for task, methods, budget in ((body, ("es+ga", "ars", "cma"), 300), (images, ("bptt", "ga"), 1600)):
        if name == "ncap" and task is images:  # the circuit of a body: it has no use for pixels
            with pytest.raises(NetworkError, match="ncap drives swimmers"):
                baseline(name, like=network(task, "relu"))
            continue
        net = baseline(name, like=network(task, "relu"))
        for method in methods:
            result = train(net, task, method=method, seed=0, budget=budget, options=SMALL | {"evolution_batch": 64})
            assert 0 < result.cost["total"] <= budget
            assert np.isfinite(result.scores["final"])


def test_evolution_strategies_climb_a_known_hill():
    target = np.linspace(-1, 1, 7)
    options = es.ESOptions(population=20, sigma=0.1, learning_rate=0.05, decay=1.0, update="adam")
    state, rng = es.initial(np.zeros(7, np.float32)), np.random.default_rng(0)
    for _ in range(200):
        individuals, noise = es.ask(state, options, rng)
        state = es.tell(state, options, noise, -((individuals - target) ** 2).sum(1))
    assert np.abs(state.centre - target).max() < 0.1


def test_the_gradient_of_evolution_strategies_is_that_of_a_linear_fitness():
    slope = np.array([3.0, -1.0, 0.0, 2.0])
    options = es.ESOptions(population=4000, sigma=0.1, learning_rate=1.0, decay=1.0, update="sgd")
    state = es.initial(np.zeros(4, np.float32))
    individuals, noise = es.ask(state, options, np.random.default_rng(1))
    step = es.tell(state, options, noise, individuals @ slope).centre
    assert np.dot(step, slope) / np.linalg.norm(step) / np.linalg.norm(slope) > 0.99


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("shaping", ["ranks", "scores"])
def test_every_kind_of_noise_and_shaping_follows_the_slope(antithetic, shaping):
    slope = np.array([3.0, -1.0, 0.0, 2.0])
    options = es.ESOptions(population=4000, antithetic=antithetic, shaping=shaping, decay=1.0, update="sgd")
    state = es.initial(np.zeros(4, np.float32))
    individuals, noise = es.ask(state, options, np.random.default_rng(1))
    assert individuals.shape == (4000, 4) and abs(individuals.std() - 0.1) < 0.005
    step = es.tell(state, options, noise, individuals @ slope).centre
    assert np.dot(step, slope) / np.linalg.norm(step) / np.linalg.norm(slope) > 0.99


def test_antithetic_individuals_mirror_each_other_around_the_centre():
    state = es.initial(np.arange(5, dtype=np.float32))
    individuals, _ = es.ask(state, es.ESOptions(population=6), np.random.default_rng(0))
    np.testing.assert_allclose(individuals[0::2] + individuals[1::2], 2 * state.centre[None].repeat(3, 0), rtol=1e-6)


def test_the_genetic_algorithm_keeps_its_best_unchanged_and_never_gets_worse():
    options = ga.GAOptions(population=30, elites=3, decay=1.0)
    state, rng, best = ga.initial(np.ones(6, np.float32)), np.random.default_rng(0), []
    scale = np.full(6, 0.1, np.float32)
    for _ in range(100):
        individuals = ga.ask(state, options, scale, rng)
        assert np.array_equal(individuals[: len(state.elites)], state.elites)
        fitness = -(individuals**2).sum(1)
        best.append(fitness.max())
        state = ga.tell(state, options, individuals, fitness)
    assert best == sorted(best)
    assert best[-1] > -0.05


def test_a_vector_goes_into_the_network_and_back_unchanged():
    net = network(swimmer())
    layout = Layout.of(net)
    vector = np.random.default_rng(0).normal(size=layout.flatten(net).shape).astype(np.float32)
    layout.load(net, vector)
    assert np.array_equal(layout.flatten(net), vector)
    stacked = layout.stack(np.stack([vector, vector + 1]))
    assert all(torch.equal(stacked[n][0], p) for n, p in net.named_parameters())


def test_weights_go_to_disk_and_back_and_into_no_other_network(tmp_path):
    task = swimmer()
    net = network(task)
    with torch.no_grad():
        net.chemical.log_weight.uniform_(generator=torch.Generator().manual_seed(1))
    save_weights(net, tmp_path / "net.safetensors")
    twin = network(task)
    load_weights(twin, tmp_path / "net.safetensors")
    assert all(torch.equal(v, values(twin)[n]) for n, v in values(net).items())
    with pytest.raises(NetworkError, match="another network's weights"):
        load_weights(copy.deepcopy(net).unshared(), tmp_path / "net.safetensors")
    (tmp_path / "torn").write_bytes(b"torn")
    with pytest.raises(NetworkError, match="not a readable safetensors file"):
        load_weights(net, tmp_path / "torn")


def test_wrong_settings_are_one_line_with_the_remedy():
    task = swimmer()
    net = network(task)
    for call, words in (
        ({"method": "gaa"}, "did you mean 'ga'"),
        ({"method": "bptt"}, "bptt needs a classification task"),
        ({"options": {"es": {"popullation": 4}}}, r"es.popullation; did you mean 'population'"),
        ({"options": {"bppt": {}}}, "did you mean 'bptt'"),
        ({"options": {"es": {"population": 5}}}, "even number"),
        ({"options": {"es": {"population": "many"}}}, "type int"),
        ({"options": {"es": {"update": "adm"}}}, "did you mean 'adam'"),
        ({"options": {"ga": {"elites": 800}}}, "give fewer"),
        ({"options": {"pretraining_share": 2.0}}, "between 0 and 1"),
        ({"budget": 20}, "raise the budget"),
        ({"budget": -5}, "budget is -5; give a whole number"),
        ({"seed": "a"}, "seed is 'a'; give a whole number"),
        ({"options": {"evolution_batch": 0}}, "evolution_batch is 0"),
        ({"options": {"evaluation_episodes": 0}}, "evaluation_episodes is 0"),
    ):
        with pytest.raises(TrainingError, match=words) as caught:
            train(net, task, **{"method": "es", "seed": 0, "budget": 10_000, **call})
        assert "\n" not in str(caught.value)


def seeds_used(monkeypatch, options):
    """The seeds [generations][P, episodes] that a run of three generations gives to its individuals."""
    used, call = [], LocomotionObjective.__call__

    def spy(self, individuals, seeds, normalise):
        used.append(np.array(seeds))
        return call(self, individuals, seeds, normalise)

    monkeypatch.setattr(LocomotionObjective, "__call__", spy)
    task = swimmer(2)
    train(network(task), task, method="ga", seed=0, budget=3 * 6 * 2 * options["episodes"], options=SMALL | options)
    return used


def test_individuals_share_their_seeds_or_have_their_own_as_asked(monkeypatch):
    shared = seeds_used(monkeypatch, {"episodes": 3})
    assert [s.shape for s in shared] == [(6, 3)] * 3
    assert all((s == s[0]).all() for s in shared)
    assert len({tuple(s[0]) for s in shared}) == 3
    own = seeds_used(monkeypatch, {"episodes": 2, "common_random_numbers": False})
    assert len(np.unique(np.concatenate(own))) == 3 * 6 * 2


def test_without_common_random_numbers_each_individual_sees_images_of_its_own():
    task = make_task("digits", steps=1)
    objective = objective_for(network(task), task, Layout.of(network(task)), TrainOptions(evolution_batch=16))
    twins = np.repeat(Layout.of(network(task)).flatten(network(task))[None], 3, axis=0)
    values = objective(twins, np.array([[1], [1], [2]])).values
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)
    assert abs(values[0] - values[2]) > 1e-4


def test_fitness_is_the_mean_over_episodes_and_every_one_is_paid_for():
    task, net = swimmer(10), network(swimmer(10))
    layout = Layout.of(net)
    twins = np.repeat(layout.flatten(net)[None], 2, axis=0)
    one, both = (
        objective_for(net, task, layout, TrainOptions(episodes=e))(twins, np.array(s), None)
        for e, s in ((1, [[5], [6]]), (2, [[5, 6], [6, 5]]))
    )
    np.testing.assert_allclose(both.values, one.values.mean(), rtol=1e-9)
    assert (one.cost, both.cost) == (20, 40)


def test_episodes_that_fail_cost_their_steps_and_end_no_training():
    task = swimmer(10)
    net = baseline("linear", like=network(task))
    with torch.no_grad():
        net.layers[0].weight.fill_(torch.nan)
    result = train(net, task, method="ars", seed=0, budget=70, options=SMALL)
    assert result.scores["final_failed_episodes"] == 2
    generations = [p for p in result.curve if p.stage == "ars"]
    assert result.cost["total"] == 6 * len(generations) >= 6
    assert all(p.score == task.failure_reward * 10 for p in generations)


def test_progress_is_told_after_each_generation():
    told, task = [], swimmer()
    result = train(network(task), task, method="es+ga", seed=0, budget=400, options=SMALL, progress=told.append)
    assert [(p.stage, p.generation) for p in told] == [("es", 1), ("es", 2), *(("ga", k) for k in (1, 2, 3, 4))]
    assert [p.cost for p in told] == [p.cost for p in result.curve if p.stage in ("es", "ga")]
    assert told[0].steps_per_second == 0 and all(p.steps_per_second > 0 for p in told[1:])


def test_held_out_points_come_as_often_as_asked_and_change_nothing():
    task = swimmer()
    how = {"method": "ars", "seed": 0, "budget": 60 * 7}
    looked = train(network(task), task, **how, options=SMALL | {"evaluate_every": 3})
    plain = train(network(task), task, **how, options=SMALL)
    assert tuple(p for p in looked.curve if p.stage != "held_out") == plain.curve
    assert [p.cost for p in looked.curve if p.stage == "held_out"] == [180, 360]
    assert looked.cost == plain.cost and looked.scores == plain.scores


def test_a_budget_below_one_batch_is_refused_and_never_exceeded():
    task = make_task("digits", steps=1)
    net = network(task)
    with pytest.raises(TrainingError, match="raise the budget"):
        train(net, task, method="bptt", seed=0, budget=63)
    assert train(net, task, method="bptt", seed=0, budget=200).cost["total"] == 192


@pytest.mark.parametrize("method", ["es", "ga", "es+ga", "ars", "cma"])
def test_a_budget_below_one_generation_is_refused_before_any_episode_is_run(method, monkeypatch):
    def run(*_, **__):
        raise AssertionError

    task = swimmer()
    monkeypatch.setattr(Evaluator, "evaluate", run)
    with pytest.raises(TrainingError, match="raise the budget"):
        train(network(task), task, method=method, seed=0, budget=50, options=SMALL)


def test_the_parameter_matched_baseline_is_matched_to_what_two_stages_train():
    task = swimmer()
    net = network(task, share="sign")
    trained = train(net, task, method="es+ga", seed=0, budget=300, options=SMALL).net
    target, dense = count_parameters(trained), count_parameters(baseline("dense_mlp_parameters", like=net))
    assert abs(dense - target) < 0.05 * target
