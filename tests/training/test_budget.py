"""What a budget decides: method and populations where they are not given, and whether it holds a generation."""

import pytest

from celegans_nn.errors import TrainingError
from celegans_nn.networks import build
from celegans_nn.tasks import make_task
from celegans_nn.training import TrainOptions, check_training, default_method, train
from celegans_nn.training.budget import fitted
from tests.worms import random_worm


def network(task, share="edge"):
    return build(random_worm(), "rate", inputs=task.observations, outputs=task.actions, share=share)


@pytest.mark.parametrize(("budget", "directions"), [(2_000, 1), (6_000, 3), (100_000, 4), (600_000, 10), (10**9, 16)])
def test_random_search_tries_more_directions_on_a_larger_budget(budget, directions):
    task = make_task("swimmer6")
    assert fitted(TrainOptions(), task, budget).ars.directions == directions
    two = TrainOptions.of({"episodes": 2, "ars": {"directions": 0}})
    assert fitted(two, task, 2 * budget).ars.directions == directions
    given = TrainOptions.of({"ars": {"directions": 5}})
    assert fitted(given, task, budget) == given


def test_a_body_is_trained_by_random_search_and_images_by_gradient_where_nothing_is_said():
    task = make_task("swimmer6", episode_steps=2)
    result = train(network(task), task, seed=0, budget=48, options={"evaluation_episodes": 1})
    assert result.cost == {"ars": 48, "total": 48}
    digits = make_task("digits", steps=1)
    assert train(network(digits), digits, seed=0, budget=64).cost == {"bptt": 64, "total": 64}


def test_a_preset_is_of_the_two_stages_where_no_method_is_said():
    for name in ("swimmer6", "digits"):
        assert default_method(make_task(name), TrainOptions.of({}, "s22_limits")) == "es+ga"


@pytest.mark.parametrize(
    ("method", "budget", "message"),
    [
        ("ars", 19, "ars: a generation costs 20, and 19 of the budget are left; raise the budget"),
        ("es", 169, "es: a generation costs 170, and 169"),
        ("ga", 159, "ga: a generation costs 160, and 159"),
        ("es+ga", 339, "es: a generation costs 170, and 169"),
        ("cma", 10, "cma: a generation costs"),
        ("gaa", 1000, "did you mean 'ga'"),
        ("bptt", 1000, "bptt needs a classification task"),
        ("es", 0, "budget is 0"),
    ],
)
def test_what_a_budget_does_not_hold_is_said_without_a_step(method, budget, message):
    task = make_task("swimmer6", episode_steps=10)
    with pytest.raises(TrainingError, match=message) as caught:
        check_training(network(task, "sign"), task, method=method, budget=budget, options=TrainOptions())
    assert "\n" not in str(caught.value)


def test_what_cma_cannot_train_is_said_without_a_step():
    task = make_task("swimmer6", episode_steps=10)
    net = build(random_worm(), "rate", inputs=task.observations, outputs=task.actions, interface=None)
    for parameter in net.parameters():
        parameter.data = parameter.data.repeat(*([100] * parameter.dim())) if parameter.dim() == 2 else parameter.data
    with pytest.raises(TrainingError, match=r"trained values are too many for a full covariance .*cma.diagonal"):
        check_training(net, task, method="cma", budget=10**6, options=TrainOptions())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "budget", "least"), [("swimmer6", 100_000, 5.0), ("halfcheetah", 300_000, 100.0)])
def test_a_budget_alone_teaches_the_worms_circuit_to_move(name, budget, least):
    """Returns of 1000 steps; untrained they lie at -4 to 0."""
    import celegans_nn as cnn

    task = cnn.make_task(name)
    net = cnn.build(cnn.load_connectome("haspel2012"), inputs=task.observations, outputs=task.actions, seed=0)
    scores = cnn.train(net, task, seed=0, budget=budget).scores
    assert scores["untrained"] < 1.0
    assert scores["final"] > least
