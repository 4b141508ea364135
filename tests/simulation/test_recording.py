"""A recorded episode is the episode that evaluation scores."""

import numpy as np
import pytest

from celegans_nn.simulation import evaluate_population, record_episode
from celegans_nn.tasks import make_task

from .bodies import Mortal, random_actions, table_policy, variant


@pytest.mark.parametrize("name", ["swimmer6", "halfcheetah"])
def test_a_recording_is_the_evaluated_episode(name):
    task = make_task(name, episode_steps=25)
    actions = random_actions(25, 1, len(task.actions))
    film = record_episode(table_policy(actions), task, seed=3)
    scored = evaluate_population(table_policy(actions), task, [3])
    assert film.rewards.sum() == pytest.approx(scored.returns[0], rel=1e-12)
    np.testing.assert_allclose(film.actions, actions[:, 0], rtol=1e-6)
    np.testing.assert_allclose(np.tanh(film.outputs), film.actions, rtol=1e-6)
    qpos, _ = task.initial_state([3])
    np.testing.assert_array_equal(film.qpos[0], qpos[0])
    assert film.qpos.shape == (26, task.model.nq)
    assert film.observations.shape == (25, len(task.observations))
    np.testing.assert_array_equal(film.segments, task.segments(film.qpos))
    assert film.segments.shape[0] == 26
    assert (film.control_dt, film.failed) == (task.control_dt, False)
    assert len({row.tobytes() for row in film.qpos}) == 26


def test_each_observation_is_what_the_network_saw_before_that_step():
    task, seen = make_task("swimmer6"), []
    play = table_policy(random_actions(10, 1))

    def policy(x, state):
        seen.append(x.numpy().copy())
        return play(x, state)

    film = record_episode(policy, task, 0, 10)
    np.testing.assert_array_equal(film.observations.astype(np.float32), np.concatenate(seen))


def test_a_recording_stops_where_the_episode_ends():
    task = variant(Mortal)
    film = record_episode(table_policy(random_actions(6, 1)), task, 0, 6)
    assert (len(film.rewards), len(film.qpos)) == (6, 7)
    nan = record_episode(table_policy(np.full((6, 1, 5), np.nan)), task, 0, 6)
    assert nan.failed
    assert (nan.rewards.tolist(), len(nan.qpos)) == ([0.0], 2)
