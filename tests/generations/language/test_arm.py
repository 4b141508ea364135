"""Both loops on a made-up language, end to end: evolve, inherit, compare; stopped anywhere, the same."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import CONTROLS, ModelConnectome, compare_controls, evolve_connectome, kept_after
from celegans_nn.generations.language import (
    LanguageOptions,
    Lessons,
    dense_lessons,
    language_controls,
    language_model,
    learner,
    outer_trainer,
)
from celegans_nn.tasks.text_tokens import shuffled
from tests.generations.language.conftest import SHAPE
from tests.generations.language.test_train import StoppedError

OUTER = LanguageOptions(steps=6, batch=4, micro_batch=4, warm_up=2, learning_rate=0.01, warm_down=2, optimizer="muon")
INNER = LanguageOptions(steps=5, batch=2, micro_batch=2, warm_up=1, learning_rate=0.01)
MAKE = partial(language_model, SHAPE)


def stop_at(calls):
    """Raises at the so-manyth step, counted over all trainings."""
    left = [calls]

    def progress(step, loss):
        left[0] -= 1
        if left[0] == 0:
            raise StoppedError

    return progress


def never(model, seed):
    raise AssertionError("every row stood on the disk already")


def evolve(tokens, seed, checkpoint=None, every=2, progress=None):
    train = outer_trainer(Lessons(tokens, OUTER), every=every, progress=progress)
    return evolve_connectome(MAKE, train, generations=2, seed=seed, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def evolved(outer):
    return evolve(outer, seed=1)


def test_two_generations_keep_what_the_rule_says_and_tell_their_cost(evolved):
    assert {name: int(mask.sum()) for name, mask in evolved.mask.items()} == {
        name: kept_after(mask.size, 2) for name, mask in evolved.mask.items()
    }
    assert len(evolved.mask) == 2 + 2 * 6
    assert [generation.samples for generation in evolved.history] == [6 * 4 * 16] * 2
    first, second = evolved.history
    assert set(first.scores) == {"loss", "validation_loss", "perplexity", "validation_tokens", "bits_per_byte"}
    assert first.loss != second.loss


def test_all_controls_stand_in_one_table_with_the_cost_of_both_loops(evolved, outer, inner, tmp_path):
    masks = {1: evolve(shuffled(outer, seed=0), seed=1)}
    controls = language_controls(masks)
    learn = learner(
        Lessons(inner, INNER),
        before={"dense_outer_inner": dense_lessons(Lessons(outer, OUTER), generations=2)},
        evaluate=lambda model: {"heads_norm": float(model.lm_head.weight.detach().norm())},
    )
    table = compare_controls(MAKE, learn, evolved, controls=controls, seeds=[0, 1], folder=tmp_path)
    assert table.groupby("control", sort=False).size().to_dict() == dict.fromkeys(controls, 2)
    assert set(controls) == {*CONTROLS, "dense_outer_inner", "shuffled_text"}
    assert table.notna().drop(columns="outer_seed").to_numpy().all()
    of = table.groupby("control").first()
    inner_cost, outer_cost = 5 * 2 * 16, 2 * 6 * 4 * 16
    costs = of[["outer_samples", "inner_samples"]].to_dict("index")
    assert costs.pop("dense_outer_inner") == {"outer_samples": 0, "inner_samples": outer_cost + inner_cost}
    for name, cost in costs.items():
        wanted = outer_cost if controls[name].inherits else 0
        assert cost == {"outer_samples": wanted, "inner_samples": inner_cost}, name
    assert of.loc["shuffled_text", "density"] == of.loc["connectome", "density"] == pytest.approx(0.64, abs=0.001)
    losses = table[table["inner_seed"] == 0].set_index("control")["validation_loss"]
    assert losses.is_unique
    assert losses.idxmin() == "dense_outer_inner"  # it alone has read five times as much
    again = compare_controls(MAKE, never, evolved, controls=controls, seeds=[0, 1], folder=tmp_path)
    assert again.equals(table)


@pytest.mark.parametrize("calls", [1, 3, 6, 8, 12])
def test_evolution_stopped_at_any_step_of_any_generation_ends_with_the_same_connectome(calls, evolved, outer, tmp_path):
    with pytest.raises(StoppedError):
        evolve(outer, 1, tmp_path, progress=stop_at(calls))
    steps = []
    again = evolve(outer, 1, tmp_path, progress=lambda step, loss: steps.append(step))
    done = calls // 6 * 6 + calls % 6 // 2 * 2
    assert len(steps) == 12 - done
    assert again == evolved
    assert [a.tobytes() for a in again.sign.values()] == [a.tobytes() for a in evolved.sign.values()]


def test_a_comparison_stopped_within_a_learner_ends_with_the_same_table(evolved, outer, inner, tmp_path):
    names = ("connectome", "dense_outer_inner")
    controls = {name: language_controls()[name] for name in names}
    before = {"dense_outer_inner": Lessons(outer, replace(INNER, steps=4))}
    compare = partial(compare_controls, MAKE, connectomes=evolved, controls=controls, seeds=[0])
    wanted = compare(learner(Lessons(inner, INNER), before))
    for calls in (4, 5, 3):
        stopped = learner(Lessons(inner, INNER), before, every=2, progress=stop_at(calls))
        with pytest.raises(StoppedError):
            compare(stopped, folder=tmp_path)
    assert compare(learner(Lessons(inner, INNER), before, every=2), folder=tmp_path).equals(wanted)


def test_the_outer_seed_draws_another_connectome_and_shuffled_text_another_mask(evolved, outer):
    other = evolve(outer, seed=2)
    mixed = evolve(shuffled(outer, seed=0), seed=1)
    for second in (other, mixed):
        same = [np.mean(second.mask[name] == mask) for name, mask in evolved.mask.items()]
        assert max(same) < 1


def test_a_mask_of_shuffled_text_must_be_there_for_every_outer_seed(evolved):
    control = language_controls({7: evolved})["shuffled_text"]
    with pytest.raises(GenerationsError, match=r"no mask of shuffled text for outer seed 1; there are \[7\]"):
        control.start(evolved, np.random.default_rng(0))
    assert isinstance(language_controls({1: evolved})["shuffled_text"].start(evolved, None).connectome, ModelConnectome)
