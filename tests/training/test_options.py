"""Options from plain values, and the presets that stand for a paper's numbers."""

import pytest

from celegans_nn.errors import TrainingError
from celegans_nn.networks import build
from celegans_nn.tasks import make_task
from celegans_nn.training import PRESETS, TrainOptions, train
from tests.worms import random_worm


@pytest.mark.parametrize(
    ("preset", "interface", "connectome", "decay"),
    [("s22_realism", 0.01, 0.01, 0.997), ("s22_statistics", 0.01, 0.02, 0.997), ("s22_limits", 0.02, 0.02, 0.998)],
)
def test_the_presets_are_the_numbers_of_schmidgall_and_others(preset, interface, connectome, decay):
    options = TrainOptions.of(None, preset=preset)
    es, ga = options.es, options.ga
    assert (es.generations, es.population, es.sigma, es.learning_rate, es.decay) == (1000, 200, 0.1, 0.1, 0.999)
    assert not es.evaluate_centre, "their pretraining is 200,000 evaluations"
    assert (ga.population, ga.elites) == (750, 8)
    assert (ga.mutation_interface, ga.mutation_connectome, ga.decay) == (interface, connectome, decay)
    assert options == TrainOptions.of({"preset": preset})


def test_what_is_given_goes_before_the_preset():
    options = TrainOptions.of({"preset": "s22_realism", "es": {"population": 20}, "episodes": 3})
    assert (options.es.population, options.es.generations, options.ga.population, options.episodes) == (
        20,
        1000,
        750,
        3,
    )


def network(task, share="sign"):
    return build(random_worm(), "rate", inputs=task.observations, outputs=task.actions, share=share)


def test_a_preset_pretrains_for_its_generations_and_leaves_the_rest_to_the_genetic_algorithm():
    task = make_task("swimmer6", episode_steps=2)
    options = {"es": {"population": 4, "generations": 5}, "ga": {"population": 10}, "evaluation_episodes": 1}
    result = train(network(task), task, method="es+ga", seed=0, budget=100, options=options, preset="s22_limits")
    assert result.cost == {"es": 5 * 4 * 2, "ga": 3 * 10 * 2, "total": 100}


def test_a_budget_that_cannot_hold_the_presets_pretraining_is_refused_before_it_is_spent():
    task = make_task("swimmer6", episode_steps=2)
    with pytest.raises(TrainingError, match=r"1000 generations cost 400000, one of ga 1500, .*lower es.generations"):
        train(network(task), task, method="es+ga", seed=0, budget=400_000, preset="s22_realism")
    options = {"es": {"population": 2}, "ga": {"population": 750}}
    with pytest.raises(TrainingError, match="ga: a generation costs 1500"):
        train(network(task), task, method="es+ga", seed=0, budget=2000, options=options)


def test_a_preset_is_refused_for_a_network_with_a_weight_an_edge():
    task = make_task("swimmer6", episode_steps=2)
    with pytest.raises(TrainingError, match='build it with share="sign"'):
        train(network(task, "edge"), task, method="es+ga", seed=0, budget=10**9, preset="s22_realism")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"preset": "s22_realsm"}, "did you mean 's22_realism'"),
        ({"preset": 3}, "unknown training preset '3'"),
        ({"ars": {"direction": 3}}, "did you mean 'directions'"),
        ({"normalise": 1}, "type bool"),
        ({"episodes": 0}, "episodes is 0"),
        ({"episodes": True}, "type int"),
        ({"es": {"shaping": "rank"}}, "did you mean 'ranks'"),
        ({"es": {"generations": -1}}, "es.generations is -1"),
        ({"cma": {"diagonal": 1}}, "type bool"),
    ],
)
def test_a_wrong_option_is_one_line_with_the_remedy(values, words):
    with pytest.raises(TrainingError, match=words) as caught:
        TrainOptions.of(values)
    assert "\n" not in str(caught.value)


def test_options_of_bodies_are_refused_for_images():
    task = make_task("digits")
    for options, words in (({"normalise": True}, "for bodies"), ({"episodes": 2}, "raise evolution_batch")):
        with pytest.raises(TrainingError, match=words):
            train(network(task), task, method="ga", seed=0, budget=10**6, options=options)


def test_every_preset_is_made_of_known_options():
    for preset in PRESETS:
        assert TrainOptions.of({}, preset=preset).preset == preset
