"""The population's closed loop against one MjData a body, and what happens to individuals that break."""

import mujoco
import numpy as np
import pytest
import torch

from celegans_nn.errors import TaskError
from celegans_nn.simulation import PopulationSimulator, evaluate_population, stack_policies
from celegans_nn.tasks import make_task

from .bodies import Bent, Exploding, Mortal, cramped, random_actions, table_policy, variant


class Recurrent(torch.nn.Module):
    """A small network with (y, state) = net(x, state)."""

    def __init__(self, inputs=23, outputs=5, cells=12, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.into = torch.nn.Parameter(0.5 * torch.randn(inputs, cells, generator=generator))
        self.among = torch.nn.Parameter(0.4 * torch.randn(cells, cells, generator=generator))
        self.out = torch.nn.Parameter(torch.randn(cells, outputs, generator=generator))

    def forward(self, x, state=None):
        state = x.new_zeros(len(x), len(self.among)) if state is None else state
        state = torch.tanh(x @ self.into + state @ self.among)
        return state @ self.out, state


def population_of(net, individuals, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: value.detach() + 0.2 * torch.randn(individuals, *value.shape, generator=generator)
        for name, value in net.named_parameters()
    }


def alone(task, act, seed, steps):
    """Forward velocity after each control step, and x of the centre of mass before and after, of one body in a plain
    MuJoCo loop; `act` takes an observation to an action."""
    data = mujoco.MjData(task.model)
    data.qpos[:], data.qvel[:] = (rows[0] for rows in task.initial_state([seed]))
    mujoco.mj_forward(task.model, data)
    velocities, start = [], data.subtree_com[0, 0]
    for _ in range(steps):
        local = data.sensordata.reshape(-1, 6)[:, [0, 1, 5]]
        data.ctrl[:] = act(np.concatenate((data.qpos[3:], local.ravel())))
        mujoco.mj_step(task.model, data, 15)
        mujoco.mj_step1(task.model, data)
        velocities.append(-data.sensordata[1])
    return np.array(velocities), start, data.subtree_com[0, 0]


def assert_same(a, b, rows_a=slice(None), rows_b=slice(None)):
    np.testing.assert_array_equal(a.returns[rows_a], b.returns[rows_b])
    np.testing.assert_array_equal(a.steps[rows_a], b.steps[rows_b])
    np.testing.assert_array_equal(a.failed[rows_a], b.failed[rows_b])
    assert a.metrics.keys() == b.metrics.keys()
    for name in a.metrics:
        np.testing.assert_array_equal(a.metrics[name][rows_a], b.metrics[name][rows_b], err_msg=name)


def test_physics_rewards_and_metrics_are_those_of_one_mujoco_body_at_a_time():
    task, actions = make_task("swimmer6"), random_actions(80, 3)
    got = evaluate_population(table_policy(actions), task, [4, 5, 6], 80)
    played = np.tanh(np.arctanh(actions).astype(np.float32))
    for p, seed in enumerate([4, 5, 6]):
        pending = iter(played[:, p])
        velocities, start, end = alone(task, lambda _, pending=pending: next(pending), seed, 80)
        assert got.returns[p] == pytest.approx(velocities.sum(), rel=1e-13)
        assert got.metrics["forward_speed"][p] == pytest.approx(velocities.mean(), rel=1e-13)
        assert got.metrics["displacement_x"][p] == pytest.approx(end - start, rel=1e-9)
    assert got.steps.tolist() == [80] * 3
    assert not got.failed.any()


def test_each_individual_swims_as_its_own_network_would_alone():
    task, net = make_task("swimmer6"), Recurrent()
    population = population_of(net, 3)
    got = evaluate_population(stack_policies(net, population), task, [0, 1, 2], 40)
    for p in range(3):
        single = Recurrent()
        single.load_state_dict({name: rows[p] for name, rows in population.items()})
        state = None

        def act(observation, single=single):
            nonlocal state
            with torch.no_grad():
                y, state = single(torch.from_numpy(observation[None].astype(np.float32)), state)
            return torch.tanh(y)[0].double().numpy()

        velocities, _, _ = alone(task, act, p, 40)
        assert got.returns[p] == pytest.approx(velocities.sum(), abs=1e-3)
        assert abs(velocities.sum()) > 0.02
    assert len(set(got.returns)) == 3


@pytest.mark.parametrize("name", ["swimmer6", "halfcheetah"])
def test_the_number_of_threads_changes_not_a_bit(name):
    task = make_task(name)
    net = Recurrent(len(task.observations), len(task.actions))
    policy = stack_policies(net, population_of(net, 5))
    one = evaluate_population(policy, task, range(5), 60, threads=1)
    for threads in (2, 3):
        assert_same(evaluate_population(policy, task, range(5), 60, threads=threads), one)


def test_an_individual_does_not_depend_on_its_neighbours():
    task, net = make_task("swimmer6"), Recurrent()
    population = population_of(net, 6)
    together = evaluate_population(stack_policies(net, population), task, range(6), 60)
    order = [5, 0, 3, 1, 4, 2]
    shuffled = {name: rows[order] for name, rows in population.items()}
    assert_same(evaluate_population(stack_policies(net, shuffled), task, order, 60), together, rows_b=order)
    actions = random_actions(60, 6)
    together = evaluate_population(table_policy(actions), task, range(6), 60)
    for group in (slice(0, 1), slice(1, 4), slice(4, 6)):
        apart = evaluate_population(table_policy(actions[:, group]), task, range(6)[group], 60)
        assert_same(apart, together, rows_b=group)


def test_a_simulator_used_again_remembers_nothing():
    task, net = make_task("swimmer6"), Recurrent()
    policy = stack_policies(net, population_of(net, 4))
    simulator = PopulationSimulator(task, 4)
    first = simulator.evaluate(policy, [3, 2, 1, 0], 30)
    simulator.evaluate(table_policy(random_actions(50, 4)), range(4), 50)
    assert_same(simulator.evaluate(policy, [3, 2, 1, 0], 30), first)


def test_a_network_is_itself_a_policy_of_many_equal_individuals():
    task, net = make_task("swimmer6"), Recurrent()
    got = evaluate_population(net, task, [7, 8, 7], 30)
    assert got.returns[0] == got.returns[2] != got.returns[1]
    assert not torch.is_inference(net.among)
    assert np.isfinite(got.returns).all()


def test_an_individual_that_terminated_stops_accumulating():
    task, actions = variant(Mortal), random_actions(12, 4)
    got = evaluate_population(table_policy(actions), task, range(4), 12)
    immortal = make_task("swimmer6")
    assert got.steps.tolist() == [12, 2, 3, 4]
    assert not got.failed.any()
    for p, steps in enumerate(got.steps):
        whole = evaluate_population(table_policy(actions[:, p : p + 1]), immortal, [p], int(steps))
        assert_same(got, whole, slice(p, p + 1))


def test_nothing_runs_on_when_nobody_is_left():
    calls = []

    def hopeless(x, state):
        calls.append(len(x))
        return torch.full((3, 5), float("nan")), None

    assert evaluate_population(hopeless, make_task("swimmer6"), range(3), 12).failed.all()
    assert calls == [3]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_non_finite_output_ends_that_episode_alone(bad):
    task, actions = make_task("swimmer6"), random_actions(20, 3)
    well = evaluate_population(table_policy(actions), task, range(3), 20)
    healthy = table_policy(actions)

    def policy(x, state):
        y, state = healthy(x, state)
        y = y.clone()
        if state == 8:
            y[1, 2] = bad
        return y, state

    got = evaluate_population(policy, task, range(3), 20)
    if np.isnan(bad):
        assert got.failed.tolist() == [False, True, False]
        assert got.steps.tolist() == [20, 8, 20]
        assert got.returns[1] == 20 * task.failure_reward
        assert all(np.isnan(values[1]) for values in got.metrics.values())
    else:  # tanh of an infinite output is a finite action
        assert not got.failed.any()
        assert got.returns[1] != well.returns[1]
    assert_same(got, well, [0, 2], [0, 2])


def test_a_body_that_explodes_ends_its_own_episode_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warning into a log file here
    task, actions = variant(Exploding), random_actions(20, 3)
    well = evaluate_population(table_policy(actions), make_task("swimmer6"), range(3), 20)
    simulator = PopulationSimulator(task, 3)
    got = simulator.evaluate(table_policy(actions), range(3), 20)
    assert got.failed.tolist() == [False, True, False]
    assert (got.returns[1], got.steps[1]) == (20 * task.failure_reward, 1)
    assert_same(got, well, [0, 2], [0, 2])
    assert_same(simulator.evaluate(table_policy(actions), range(3), 20), got)


def test_an_error_of_the_simulator_ends_that_episode_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps, actions = 60, 0.2 * random_actions(60, 3)
    actions[:, 1] = 0.999  # bends until a joint reaches its limit, for which there is no memory
    well = evaluate_population(table_policy(actions), make_task("swimmer6"), range(3), steps)
    assert not well.failed.any()
    simulator = PopulationSimulator(cramped(2), 3)
    got = simulator.evaluate(table_policy(actions), range(3), steps)
    assert "out of memory" in simulator.bodies.error(1)
    assert got.failed.tolist() == [False, True, False]
    assert 1 < got.steps[1] < steps
    assert got.returns[1] == steps * simulator.task.failure_reward
    assert_same(got, well, [0, 2], [0, 2])
    assert_same(simulator.evaluate(table_policy(actions), range(3), steps), got)


@pytest.mark.parametrize("kilobytes", [1, 2])
def test_a_body_that_cannot_even_start_has_failed_in_its_first_step(tmp_path, monkeypatch, kilobytes):
    monkeypatch.chdir(tmp_path)
    actions = 0.02 * random_actions(5, 3)
    got = evaluate_population(table_policy(actions), cramped(kilobytes, Bent), range(3), 5)
    assert got.failed.tolist() == [False, True, False]
    assert got.steps.tolist() == [5, 1, 5]
    well = evaluate_population(table_policy(actions), make_task("swimmer6"), range(3), 5)
    assert_same(got, well, [0, 2], [0, 2])


def test_episodes_take_the_tasks_length_unless_told():
    task = make_task("swimmer6", episode_steps=7)
    policy = table_policy(random_actions(9, 2))
    assert evaluate_population(policy, task, range(2)).steps.tolist() == [7, 7]
    assert evaluate_population(policy, task, range(2), 9).steps.tolist() == [9, 9]


def test_what_cannot_be_simulated_is_refused_in_one_line():
    task = make_task("swimmer6")
    with pytest.raises(TaskError, match="3 seeds for 2 individuals"):
        PopulationSimulator(task, 2).reset(range(3))
    with pytest.raises(TaskError, match="episode_steps is 0"):
        evaluate_population(Recurrent(), task, [0], 0)
    with pytest.raises(TaskError, match="threads is 0"):
        evaluate_population(Recurrent(), task, [0], 5, threads=0)
    with pytest.raises(TaskError, match="individuals is 0"):
        evaluate_population(Recurrent(), task, [], 5)
    with pytest.raises(TaskError, match=r"shape \[2, 3\] .* swimmer6 needs \[2, 5\]"):
        evaluate_population(Recurrent(outputs=3), task, [0, 1], 5)
    with pytest.raises(TaskError, match="'digits' has no body"):
        PopulationSimulator(make_task("digits"), 2)


def test_settling_steps_cost_and_are_not_scored():
    whole, settled = make_task("swimmer6", episode_steps=30), make_task("swimmer6", episode_steps=30, settle_steps=20)
    first = make_task("swimmer6", episode_steps=20)

    def wave(x, state):
        t = 0 if state is None else state
        return torch.sin(torch.arange(5) - 0.2 * t).repeat(len(x), 1), t + 1

    a, b, c = (evaluate_population(wave, task, [4, 5]) for task in (whole, settled, first))
    assert b.steps.tolist() == [30, 30]
    np.testing.assert_allclose(b.returns, a.returns - c.returns, atol=1e-12)
    np.testing.assert_allclose(b.metrics["forward_speed"], b.returns / 10, atol=1e-12)
    np.testing.assert_allclose(
        b.metrics["displacement_x"], a.metrics["displacement_x"] - c.metrics["displacement_x"], atol=1e-12
    )
