"""Observation normalisation: the running mean and spread, and that a trained network carries them."""

import warnings

import numpy as np
import pytest
import torch

from celegans_nn.errors import TrainingError
from celegans_nn.networks import baseline, build, load_network
from celegans_nn.simulation import evaluate_population
from celegans_nn.tasks import make_task
from celegans_nn.training import Normalised, Normaliser, load_trained, save_trained, train
from celegans_nn.training.normalise import Seen
from celegans_nn.training.run import HELD_OUT_SEED
from tests.worms import random_worm


def seen(groups):
    return Seen(
        np.array([len(g) for g in groups], float),
        np.stack([g.sum(0) for g in groups]),
        np.stack([(g**2).sum(0) for g in groups]),
    )


def groups(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal([5.0, -100.0, 0.0], [1.0, 30.0, 1e-3], (n, 3)) for n in (3, 50, 1, 200)]


def test_merged_in_any_portions_it_is_the_mean_and_deviation_of_all_observations():
    first, second = groups(0), groups(1)
    mean, std = Normaliser.fresh(3).after(seen(first)).after(seen(second)).mean_and_std()
    every = np.concatenate([*first, *second])
    np.testing.assert_allclose(mean, every.mean(0), rtol=1e-10)
    np.testing.assert_allclose(std, every.std(0, ddof=1), rtol=1e-8)


def test_individuals_that_saw_something_not_finite_or_nothing_are_left_out():
    good = groups()
    bad = seen(good)
    bad.total[1, 0], bad.square[2, 1] = np.nan, np.inf
    bad.number[3] = 0
    expected = Normaliser.fresh(3).after(seen(good[:1]))
    for one, other in zip(Normaliser.fresh(3).after(bad), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_before_anything_was_seen_and_where_nothing_changes_observations_are_not_blown_up():
    mean, std = Normaliser.fresh(2).mean_and_std()
    assert mean.tolist() == [0, 0] and std.tolist() == [1, 1]
    still = Normaliser.fresh(1).after(seen([np.full((10, 1), 3.0)]))
    mean, std = still.mean_and_std()
    assert ((np.array([3.5]) - mean) / std).tolist() == [0.0]


def test_it_goes_to_disk_and_back_to_the_bit(tmp_path):
    before = Normaliser.fresh(3).after(seen(groups()))
    before.save(tmp_path / "n.json")
    for one, other in zip(before, Normaliser.load(tmp_path / "n.json"), strict=True):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "n.json").write_text('{"number": 1, "mean": [1], "deviation": [1, 2]}')
    with pytest.raises(TrainingError, match="not a saved normaliser"):
        Normaliser.load(tmp_path / "n.json")


def linear(task):
    worm = build(random_worm(), "rate", inputs=task.observations, outputs=task.actions)
    return baseline("linear", like=worm)


def test_a_network_trained_on_normalised_observations_scores_the_same_when_it_is_given_raw_ones():
    task = make_task("swimmer6", episode_steps=20)
    result = train(
        linear(task), task, method="ars", seed=0, budget=1000, options={"normalise": True, "evaluation_episodes": 3}
    )
    assert result.normaliser.number == result.cost["total"]
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + 3)
    raw = evaluate_population(Normalised(result.net, result.normaliser), task, list(seeds))
    assert abs(raw.returns.mean() - result.scores["final"]) < 1e-4 * abs(result.scores["final"])
    without = evaluate_population(result.net, task, list(seeds))
    assert abs(without.returns.mean() - result.scores["final"]) > 1e-2 * abs(result.scores["final"])


def test_ncap_which_feels_angles_as_they_are_is_not_trained_on_others():
    task = make_task("swimmer6", episode_steps=20)
    worm = build(random_worm(), "rate", inputs=task.observations, outputs=task.actions)
    net = baseline("ncap", like=worm)
    with pytest.raises(TrainingError, match="normalise: ncap feels the joints' angles as they are") as caught:
        train(net, task, method="ars", seed=0, budget=1000, options={"normalise": True})
    assert "\n" not in str(caught.value)


def test_a_folder_of_a_network_trained_on_normalised_observations_gives_a_policy_for_raw_ones(tmp_path):
    task, options = make_task("swimmer6", episode_steps=20), {"normalise": True, "evaluation_episodes": 3}
    result = train(linear(task), task, method="ars", seed=0, budget=1000, options=options)
    save_trained(result, tmp_path, {"task": {"name": "swimmer6", "options": {}}})
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + 3)
    raw = evaluate_population(load_trained(tmp_path).policy, task, list(seeds))
    assert raw.returns.mean() == pytest.approx(result.scores["final"], rel=1e-4)
    with pytest.warns(UserWarning, match=r"normalised observations .*load_trained"):
        load_network(tmp_path)


def test_a_folder_of_a_network_trained_on_raw_observations_gives_it_without_a_word(tmp_path):
    task, options = make_task("swimmer6", episode_steps=20), {"evaluation_episodes": 1}
    for normalise in (True, False):  # what the training before left in the folder says nothing of this one
        result = train(linear(task), task, method="ars", seed=0, budget=400, options=options | {"normalise": normalise})
        save_trained(result, tmp_path, {"task": {"name": "swimmer6", "options": {}}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(load_network(tmp_path).layers[0].weight, result.net.layers[0].weight)
    assert load_trained(tmp_path).policy.layers


def test_normalised_observations_are_clipped_to_ten_deviations():
    net = Normalised(torch.nn.Identity(), Normaliser(2.0, np.zeros(2), np.ones(2)))
    net.net.forward = lambda x, state: (x, state)
    assert net(torch.tensor([[1e6, -2.0]]))[0].tolist() == [[10.0, -2.0]]
