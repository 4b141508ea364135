"""The compiled closed loop: its bits, its agreement with the way through torch, and what happens where things break."""

import os
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass, fields

import numpy as np
import pytest
import torch

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import NetworkError, TaskError
from celegans_nn.networks import build
from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.neurons import MODELS
from celegans_nn.simulation import Evaluator, PopulationSimulator, crew, record_episode, stack_policies
from celegans_nn.simulation import evaluator as evaluator_module
from celegans_nn.simulation.crew import Crew, Start, record_compiled
from celegans_nn.simulation.replay import pack_replay
from celegans_nn.tasks import make_task
from celegans_nn.tasks.gymnasium_tasks import GymnasiumTask
from celegans_nn.tasks.swimmer import Swimmer

from .bodies import Mortal, cramped, random_actions, variant
from .lane_runs import perturbed

STEPS = 40
FIELDS = ("returns", "steps", "failed", "seen_count", "seen_sum", "seen_square")


@dataclass(frozen=True)
class Wild(Swimmer):
    """An episode of seed 99 starts with a velocity that no integrator survives, one of 98 with every joint beyond
    its limit."""

    def initial_state(self, seeds):
        qpos, qvel = super().initial_state(seeds)
        qvel[np.array(seeds) == 99, 4] = 1e12
        qpos[np.array(seeds) == 98, 3:] = 2.0
        return qpos, qvel


class Settling(GymnasiumTask):
    """One whose first steps are not scored."""

    settle_steps = 20


def linear(task, seed=0):
    return DenseMLP([len(task.observations), len(task.actions)], torch.Generator().manual_seed(seed))


def some(parameters, chosen):
    return {name: rows[chosen] for name, rows in parameters.items()}


def assert_same(a, b, rows_a=slice(None), rows_b=slice(None)):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(a, field)[rows_a], getattr(b, field)[rows_b], err_msg=field)
    assert a.metrics.keys() == b.metrics.keys()
    for name in a.metrics:
        np.testing.assert_array_equal(a.metrics[name][rows_a], b.metrics[name][rows_b], err_msg=name)


def through_torch(net, task, parameters, seeds, steps=None, normalise=None):
    simulator = PopulationSimulator(task, len(seeds))
    return simulator.evaluate(stack_policies(net, parameters), list(seeds), steps, normalise)


@pytest.fixture(scope="module")
def task():
    return make_task("swimmer6", episode_steps=STEPS)


@pytest.fixture(scope="module")
def net(task):
    return linear(task)


@pytest.fixture(scope="module")
def population(net):
    return perturbed(net, 33, spread=0.5)


@pytest.fixture(scope="module")
def whole(net, task, population):
    return Evaluator(net, task, 2).evaluate(population, range(33))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("individuals", [1, 5, 33])
def test_an_individual_depends_neither_on_threads_nor_on_the_others_nor_on_its_place(
    net, task, population, whole, threads, individuals
):
    chosen = np.random.default_rng(threads).permutation(33)[:individuals]
    got = Evaluator(net, task, threads).evaluate(some(population, chosen), chosen)
    assert_same(got, whole, rows_b=chosen)
    assert len(set(whole.returns)) == 33


def test_a_lane_that_goes_from_one_episode_to_the_next_carries_nothing_over_whenever_they_end():
    task = make_task("hopper", episode_steps=80)
    net = worm_network("rate", task)
    population = perturbed(net, 19, spread=0.5)
    for rows in population.values():
        rows[4] = float("nan")
    seeds = np.arange(38).reshape(19, 2)
    one, two, four = (Evaluator(net, task, threads).evaluate(population, seeds) for threads in (1, 2, 4))
    assert_same(one, two)
    assert_same(one, four)
    assert len(np.unique(one.steps)) > 5
    assert np.flatnonzero(one.failed.any(1)).tolist() == [4]
    for p in (3, 5, 18):
        alone = Evaluator(net, task, 1).evaluate(some(population, slice(p, p + 1)), seeds[p : p + 1])
        assert_same(alone, one, rows_b=slice(p, p + 1))


@pytest.mark.parametrize("compiled", [True, False])
def test_who_watches_changes_no_bit_and_sees_all_episodes_done(net, task, population, compiled, monkeypatch):
    monkeypatch.setattr(crew, "LOOK_S", 0.0)
    told, few, seeds = [], some(population, slice(0, 3)), np.arange(6).reshape(3, 2)
    evaluator = Evaluator(net, task, 2)
    if not compiled:
        monkeypatch.setattr(Evaluator, "obstacle", lambda self, parameters=None: "asked for")
        monkeypatch.setattr(evaluator_module, "_warn", lambda text: None)
    alone = evaluator.evaluate(few, seeds)
    assert_same(evaluator.evaluate(few, seeds, watch=told.append), alone)
    assert all(0 <= done <= 6 for done in told)
    assert told[-1] == 6
    if not compiled:
        assert told == sorted(told)
        assert told[STEPS - 1] == 3
    evaluator.record(some(population, slice(0, 1)), 3, watch=told.append)
    assert told[-1] == 1


def test_an_evaluator_used_again_remembers_nothing(net, task, population, whole):
    evaluator = Evaluator(net, task, 2)
    evaluator.evaluate(some(population, slice(0, 7)), range(50, 57), 25)
    assert_same(evaluator.evaluate(population, range(33)), whole)


def test_several_episodes_of_an_individual_are_those_it_has_one_by_one(net, task, population):
    seeds, few = np.arange(12).reshape(4, 3), some(population, slice(4))
    evaluator = Evaluator(net, task, 2)
    got = evaluator.evaluate(few, seeds)
    assert got.returns.shape == got.metrics["forward_speed"].shape == (4, 3)
    columns = [evaluator.evaluate(few, column) for column in seeds.T]
    for k, column in enumerate(columns):
        np.testing.assert_array_equal(got.returns[:, k], column.returns)
        np.testing.assert_array_equal(got.metrics["displacement_x"][:, k], column.metrics["displacement_x"])
    np.testing.assert_array_equal(got.seen_count, [3 * STEPS] * 4)
    np.testing.assert_allclose(got.seen_sum, sum(column.seen_sum for column in columns), rtol=1e-12)


def assert_same_for_the_same_actions(task, steps, individuals=3, wrong=()):
    """`wrong`: (step, individual) whose actions are no numbers. The steps that each lived are returned."""
    actions = random_actions(steps, individuals, len(task.actions)).astype(np.float32)
    for step, individual in wrong:
        actions[step, individual] = np.nan

    def policy(x, state):
        step = 0 if state is None else state
        return torch.from_numpy(actions[step]), step + 1

    seeds = range(5, 5 + individuals)
    scored = PopulationSimulator(task, individuals).evaluate(policy, seeds, steps)
    played = np.tanh(actions)
    packed = pack_replay(played.swapaxes(0, 1))
    starts = [Start(p, seed) for p, seed in enumerate(seeds)]
    got = Crew(task, 2).run(packed, starts, steps, squash=False)
    for field in FIELDS[:3]:
        np.testing.assert_array_equal(getattr(got, field), getattr(scored, field), err_msg=field)
    np.testing.assert_array_equal(got.seen_sum, scored.seen_sum)
    np.testing.assert_array_equal(got.seen_square, scored.seen_square)
    np.testing.assert_array_equal(got.displacement, scored.metrics["displacement_x"])
    np.testing.assert_array_equal(got.speed, scored.metrics["forward_speed"])
    film = record_compiled(Crew(task, 1), packed, 5, steps, squash=False)
    slow = record_episode(lambda x, state: _first(policy(x, state)), task, 5, steps)
    for field in ("qpos", "observations", "actions", "rewards"):
        np.testing.assert_array_equal(getattr(film, field), getattr(slow, field), err_msg=field)
    return scored.steps.tolist()


def test_for_the_same_actions_the_compiled_loop_and_the_other_agree_to_the_last_bit(task):
    assert_same_for_the_same_actions(task, STEPS)


def test_they_score_alike_what_settles_and_what_fails_before_or_after_that():
    task = make_task("swimmer6", episode_steps=STEPS, settle_steps=15)
    lived = assert_same_for_the_same_actions(task, STEPS, wrong=[(7, 1), (22, 2)])
    assert lived == [STEPS, 8, 23]


def test_they_score_alike_what_ends_early_before_or_after_it_has_settled():
    hopper = make_task("hopper")
    task = Settling(**{f.name: getattr(hopper, f.name) for f in fields(hopper)})
    lived = assert_same_for_the_same_actions(task, 60, individuals=20)
    assert min(lived) <= task.settle_steps < max(lived) < 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["worm", "ant", "walker2d", "halfcheetah", "swimmer_v5"])
def test_on_every_body_the_compiled_loop_and_the_other_agree_to_the_last_bit(name):
    assert_same_for_the_same_actions(make_task(name), 100)


def _first(answer):
    y, state = answer
    return y[:1], state


def worm_network(neuron, task):
    return build(load_connectome("haspel2012"), neuron, inputs=len(task.observations), outputs=len(task.actions))


def assert_agrees_with_torch(neuron, task, steps, individuals=5):
    net = worm_network(neuron, task)
    population = perturbed(net, individuals, spread=0.2)
    evaluator = Evaluator(net, task, 2)
    got, expected = (
        evaluator.evaluate(population, range(individuals), steps),
        through_torch(net, task, population, range(individuals), steps),
    )
    # a spike that falls out differently by rounding parts two trajectories: most must agree
    apart = np.abs(got.returns - expected.returns) / np.abs(expected.returns).max()
    assert np.median(apart) < 1e-3, apart
    assert expected.returns.std() > 0
    film, slow = (
        record(some(population, slice(2, 3)))
        for record in (
            lambda own: evaluator.record(own, 2, 10),
            lambda own: record_episode(stack_policies(net, own), task, 2, 10),
        )
    )
    np.testing.assert_allclose(film.outputs[:3], slow.outputs[:3], atol=1e-5 * max(1, np.abs(slow.outputs).max()))
    assert film.cells.shape == slow.cells.shape == (10, len(net.worm))
    np.testing.assert_allclose(film.cells[0], slow.cells[0], atol=1e-4)


def test_a_worms_network_does_in_compiled_code_what_it_does_in_torch(task):
    assert_agrees_with_torch("lif", task, STEPS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("swimmer6", 50), ("halfcheetah", 10)])
@pytest.mark.parametrize("neuron", MODELS)
def test_every_model_does_in_compiled_code_what_it_does_in_torch(neuron, name, steps):
    # in halfcheetah's contacts a difference of 1e-7 grows to 1e-2 within 20 steps, and to 1 within 30
    assert_agrees_with_torch(neuron, make_task(name), steps)


def test_scores_metrics_and_observations_are_those_of_the_way_through_torch(net, task, population):
    few = some(population, slice(6))
    got, expected = Evaluator(net, task).evaluate(few, range(6)), through_torch(net, task, few, range(6))
    np.testing.assert_allclose(got.returns, expected.returns, atol=1e-4)
    np.testing.assert_allclose(got.metrics["forward_speed"], expected.metrics["forward_speed"], atol=1e-5)
    np.testing.assert_allclose(got.metrics["displacement_x"], expected.metrics["displacement_x"], atol=1e-5)
    np.testing.assert_array_equal(got.seen_count, expected.seen_count)
    np.testing.assert_allclose(got.seen_sum, expected.seen_sum, atol=1e-3)
    np.testing.assert_allclose(got.seen_square, expected.seen_square, atol=1e-3)


def test_settling_steps_cost_and_are_not_scored(net, population):
    task, settled = (make_task("swimmer6", episode_steps=30, settle_steps=s) for s in (0, 20))
    few = some(population, slice(3))
    first, all_of_it, last = (
        Evaluator(net, task).evaluate(few, range(3), 20),
        Evaluator(net, task).evaluate(few, range(3)),
        Evaluator(net, settled).evaluate(few, range(3)),
    )
    assert last.steps.tolist() == [30] * 3
    np.testing.assert_allclose(last.returns, all_of_it.returns - first.returns, atol=1e-12)
    np.testing.assert_allclose(last.metrics["forward_speed"], last.returns / 10, atol=1e-12)
    moved = all_of_it.metrics["displacement_x"] - first.metrics["displacement_x"]
    np.testing.assert_allclose(last.metrics["displacement_x"], moved, atol=1e-12)


def test_normalised_observations_are_what_the_network_is_given(net, task, population):
    few, n = some(population, slice(4)), len(task.observations)
    mean, std = np.linspace(-0.5, 0.5, n), np.linspace(0.3, 2.0, n)
    std[3] = np.inf
    evaluator = Evaluator(net, task, 2)
    got = evaluator.evaluate(few, range(4), normalise=(mean, std))
    expected = through_torch(net, task, few, range(4), normalise=(mean, std))
    np.testing.assert_allclose(got.returns, expected.returns, atol=1e-4)
    np.testing.assert_allclose(got.seen_sum, expected.seen_sum, atol=1e-3)
    film = evaluator.record(some(population, slice(1)), 0, normalise=(mean, std))
    assert film.rewards.sum() == pytest.approx(got.returns[0], rel=1e-12)
    weight = few["layers.0.weight"][0].numpy()
    given = np.clip((film.observations - mean) / std, -10, 10)
    np.testing.assert_allclose(film.outputs, given @ weight.T, atol=1e-4)
    assert not np.allclose(got.returns, evaluator.evaluate(few, range(4)).returns)


def test_no_normalised_observation_is_larger_than_ten(net, task, population):
    n, own = len(task.observations), some(population, slice(1))
    film = Evaluator(net, task).record(own, 0, normalise=(np.zeros(n), np.full(n, 1e-9)))
    signs = np.where(film.observations == 0, 0, np.sign(film.observations)) * 10
    clear = (np.abs(film.observations) > 1e-7) | (film.observations == 0)
    rows = clear.all(1)
    assert rows.any()
    expected = signs @ own["layers.0.weight"][0].numpy().T
    np.testing.assert_allclose(film.outputs[rows], expected[rows], rtol=1e-4, atol=1e-4)


def test_an_episode_that_terminates_ends_alone_and_its_lane_goes_on():
    task = make_task("hopper", episode_steps=60)
    net = linear(task)
    population = perturbed(net, 40, spread=1.0)
    whole = Evaluator(net, task, 1).evaluate(population, range(40))
    assert len(set(whole.steps)) > 5
    assert not whole.failed.any()
    for p in (0, 17, 39):
        alone = Evaluator(net, task, 1).evaluate(some(population, slice(p, p + 1)), [p])
        assert_same(alone, whole, rows_b=slice(p, p + 1))
    assert_same(Evaluator(net, task, 2).evaluate(population, range(40)), whole)


def test_a_network_that_answers_nan_ends_its_own_episode_alone(net, task, population, whole):
    broken = {name: rows.clone() for name, rows in population.items()}
    broken["layers.0.weight"][7, 2, 3] = float("nan")
    got = Evaluator(net, task, 2).evaluate(broken, range(33))
    assert np.flatnonzero(got.failed).tolist() == [7]
    assert (got.returns[7], got.steps[7]) == (STEPS * task.failure_reward, 1)
    assert all(np.isnan(values[7]) for values in got.metrics.values())
    assert (got.seen_count[7], got.seen_sum[7].any(), got.seen_square[7].any()) == (0, False, False)
    others = np.delete(np.arange(33), 7)
    assert_same(got, whole, others, others)


@pytest.mark.parametrize("individual", [0, 11, 32])
def test_a_body_that_flies_apart_ends_its_own_episode_alone(
    net, population, whole, individual, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    task, seeds = variant(Wild, episode_steps=STEPS), np.arange(33)
    seeds[individual] = 99
    evaluator = Evaluator(net, task, 2)
    got = evaluator.evaluate(population, seeds)
    assert np.flatnonzero(got.failed).tolist() == [individual]
    assert (got.returns[individual], got.steps[individual]) == (STEPS * task.failure_reward, 1)
    others = np.delete(np.arange(33), individual)
    assert_same(got, whole, others, others)
    assert_same(evaluator.evaluate(population, range(33)), whole)
    assert list(tmp_path.iterdir()) == []  # MuJoCo's own log


def test_a_body_for_which_mujoco_has_no_memory_ends_its_own_episode_alone(net, task, population):
    gentle = {name: 0.01 * rows[:3] for name, rows in population.items()}  # bends no joint to its limit
    got = Evaluator(net, cramped(2, Wild), 1).evaluate(gentle, [0, 98, 2], STEPS)
    assert got.failed.tolist() == [False, True, False]
    assert (got.returns[1], got.steps[1]) == (STEPS * task.failure_reward, 1)
    assert_same(got, Evaluator(net, task, 1).evaluate(gentle, [0, 1, 2]), [0, 2], [0, 2])


def test_a_recording_is_the_episode_that_is_scored(net, task, population, whole):
    film = Evaluator(net, task, 2).record(some(population, slice(9, 10)), 9)
    assert film.rewards.sum() == pytest.approx(whole.returns[9], rel=1e-12)
    assert film.qpos.shape == (STEPS + 1, task.model.nq)
    np.testing.assert_array_equal(film.qpos[0], task.initial_state([9])[0][0])
    np.testing.assert_array_equal(film.segments, task.segments(film.qpos))
    np.testing.assert_allclose(film.actions, np.tanh(film.outputs), rtol=1e-6)
    np.testing.assert_allclose(film.observations.sum(0), whole.seen_sum[9], rtol=1e-12, atol=1e-12)
    assert (film.failed, film.cells.shape) == (False, (STEPS, 0))


class Late(Exception):
    """Of an alarm."""


def test_an_evaluation_that_is_interrupted_stops_and_leaves_nothing_behind(net, task, population, whole):
    def stop(*_):
        raise Late

    evaluator = Evaluator(net, task, 2)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Late):
            evaluator.evaluate(population, range(33), 10**9)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert_same(evaluator.evaluate(population, range(33)), whole)


@pytest.mark.slow
def test_the_user_is_told_once_that_the_loop_is_being_compiled(tmp_path):
    code = """
import torch
from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.simulation import Evaluator
from celegans_nn.tasks import make_task
task = make_task("swimmer6", episode_steps=3)
net = DenseMLP([23, 5], torch.Generator().manual_seed(0))
for k in range(2):
    Evaluator(net, task).evaluate({"layers.0.weight": torch.zeros(2, 5, 23)}, [0, 1])
"""
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stderr.count("compiling the closed loop of DenseProgram and swimmer6")
        for _ in range(2)
    ]
    assert told == [1, 0]


class Untold(torch.nn.Linear):
    """A module that nobody has a program for."""

    def forward(self, x, state=None):
        return super().forward(x), state


def test_what_cannot_be_compiled_runs_through_torch_and_says_so_once(task):
    net = Untold(len(task.observations), len(task.actions))
    population = perturbed(net, 3)
    with pytest.warns(UserWarning, match="Untold has no compiled form.*through torch"):
        got = Evaluator(net, task).evaluate(population, np.arange(6).reshape(3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(Evaluator(net, task, 1).evaluate(population, np.arange(6).reshape(3, 2)), got)
    expected = through_torch(net, task, population, [1, 3, 5])
    np.testing.assert_array_equal(got.returns[:, 1], expected.returns)
    np.testing.assert_array_equal(got.metrics["forward_speed"][:, 1], expected.metrics["forward_speed"])
    assert Evaluator(net, task).record(some(population, slice(2, 3)), 5).rewards.sum() == pytest.approx(
        got.returns[2, 1]
    )


def test_a_task_that_scores_in_python_runs_through_torch(net, population):
    task = variant(Mortal, episode_steps=8)
    with pytest.warns(UserWarning, match="Mortal has no compiled rules"):
        got = Evaluator(net, task).evaluate(some(population, slice(4)), range(4))
    assert got.steps.tolist() == [8, 2, 3, 4]


def test_parameters_that_are_not_named_are_the_modules_own(task):
    net, other = worm_network("lif", task), worm_network("lif", task)
    name = "chemical.log_weight"
    with torch.no_grad():
        other.encoder.layers[0].weight *= 2.0
    some_of_it = {name: perturbed(net, 2)[name]}
    a, b = (Evaluator(each, task).evaluate(some_of_it, [0, 1]) for each in (net, other))
    assert (a.returns != b.returns).all()


def test_what_cannot_be_evaluated_is_refused_in_one_line(net, task, population):
    evaluator, few = Evaluator(net, task), some(population, slice(2))
    for seeds, message in (
        ([0], r"seeds have the shape \[1\] for 2 individuals"),
        (np.zeros((2, 0), int), r"shape \[2, 0\]"),
        ([0.5, 1.0], "whole numbers"),
        ([0, -1], "whole numbers"),
    ):
        with pytest.raises(TaskError, match=message):
            evaluator.evaluate(few, seeds)
    with pytest.raises(TaskError, match="episode_steps is 0"):
        evaluator.evaluate(few, [0, 1], 0)
    with pytest.raises(TaskError, match=r"mean of shape \[3\]"):
        evaluator.evaluate(few, [0, 1], normalise=(np.zeros(3), np.ones(3)))
    n = len(task.observations)
    with pytest.raises(TaskError, match="not above 0"):
        evaluator.evaluate(few, [0, 1], normalise=(np.zeros(n), np.zeros(n)))
    with pytest.raises(TaskError, match="threads is 0"):
        Evaluator(net, task, 0)
    with pytest.raises(TaskError, match="'digits' has no body"):
        Evaluator(net, make_task("digits"))
    with pytest.raises(TaskError, match="one individual"):
        evaluator.record(few, 0)
    with pytest.raises(NetworkError, match=r"no parameter 'layers\.0\.wieght'"):
        evaluator.evaluate({"layers.0.wieght": torch.zeros(2, 5, 23)}, [0, 1])
    cheetah = make_task("halfcheetah")
    with pytest.raises(NetworkError, match="17"):
        Evaluator(net, cheetah).evaluate(few, [0, 1])
    narrow = DenseMLP([17, 5], torch.Generator().manual_seed(0))
    with pytest.raises(TaskError, match=r"gives 5 outputs.* halfcheetah has 6 actions"):
        Evaluator(narrow, cheetah).evaluate(perturbed(narrow, 1), [0])
