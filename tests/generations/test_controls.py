"""Controls differ from the connectome in what their names say, and in nothing else."""

from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays
from torch import nn

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import (
    CONTROLS,
    Control,
    Generation,
    ModelConnectome,
    Start,
    begin,
    compare_controls,
    evolve_connectome,
    learner_seed,
)
from celegans_nn.generations.prunable import weight_of
from celegans_nn.generations.random_masks import degree_matched_mask, random_mask
from tests.generations.learners import Stopped, Trainer, net, random_connectome

MASKED = "connectome", "mask", "random_mask", "degree_mask", "shuffled_signs"


@pytest.fixture(scope="module")
def worm():
    return evolve_connectome(net, Trainer(3), generations=4, seed=1)


def begun(worm, name, seed=0):
    """The weights that a learner under this control starts from."""
    model = begin(net(9), CONTROLS[name].start(worm, np.random.default_rng(seed)))
    return {n: weight_of(model, n).numpy() for n in worm.mask}


@pytest.mark.parametrize("name", CONTROLS)
def test_each_control_has_the_density_of_the_connectome_in_each_layer_to_the_weight_or_is_dense(worm, name):
    for n, weight in begun(worm, name).items():
        assert np.count_nonzero(weight) == (worm.mask[n].sum() if name in MASKED else weight.size)


@pytest.mark.parametrize("name", [name for name in CONTROLS if name not in ("mask", "dense_gaussian")])
def test_all_at_one_scale_but_those_that_are_gaussian(worm, name):
    for weight in begun(worm, name).values():
        assert set(np.abs(weight[weight != 0]).tolist()) == {np.float32(0.02)}


def test_the_mask_alone_and_dense_gaussian_start_from_one_fresh_model(worm):
    mask, dense = begun(worm, "mask"), begun(worm, "dense_gaussian")
    assert all(np.array_equal(mask[n], np.where(worm.mask[n], dense[n], 0)) for n in worm.mask)


def test_shuffled_signs_keep_the_mask_and_how_many_are_positive(worm):
    for n, weight in begun(worm, "shuffled_signs").items():
        assert np.array_equal(weight != 0, worm.mask[n])
        assert (weight > 0).sum() == (worm.sign[n] > 0).sum()
        assert not np.array_equal(np.sign(weight), worm.sign[n])


def test_signs_alone_keep_the_evolved_signs_and_draw_the_others(worm):
    for n, weight in begun(worm, "signs").items():
        assert np.array_equal(np.sign(weight)[worm.mask[n]], worm.sign[n][worm.mask[n]])
        assert not np.array_equal(np.sign(weight), np.sign(begun(worm, "signs", seed=1)[n]))


def test_degree_matched_masks_keep_the_sums_of_rows_and_columns_and_move_weights(worm):
    for n, weight in begun(worm, "degree_mask").items():
        mask = weight != 0
        assert np.array_equal(mask.sum(0), worm.mask[n].sum(0)) and np.array_equal(mask.sum(1), worm.mask[n].sum(1))
        assert not np.array_equal(mask, worm.mask[n])
        assert (weight > 0).sum() == (worm.sign[n] > 0).sum()


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_depends_on_its_own_random_numbers_alone(worm, name):
    one, two = begun(worm, name, seed=5), begun(worm, name, seed=5)
    assert all(np.array_equal(one[n], two[n]) for n in one)


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 3))), st.integers(0, 2**32 - 1))
def test_any_mask_keeps_its_count_and_with_degrees_its_sums(mask, seed):
    assert random_mask(mask, np.random.default_rng(seed)).sum() == mask.sum()
    matched = degree_matched_mask(mask, np.random.default_rng(seed)).reshape(len(mask), -1)
    flat = mask.reshape(len(mask), -1)
    assert np.array_equal(matched.sum(0), flat.sum(0)) and np.array_equal(matched.sum(1), flat.sum(1))


def test_degree_matched_masks_are_drawn_uniformly():
    """Of rows and columns with one weight each there are 3! masks; chi-square of 1200 draws, 5 degrees of freedom."""
    rng = np.random.default_rng(0)
    seen = Counter(degree_matched_mask(np.eye(3, dtype=bool), rng).tobytes() for _ in range(1200))
    assert len(seen) == 6
    assert sum((count - 200) ** 2 / 200 for count in seen.values()) < 20.5, "p < 0.001"


def test_a_mask_that_no_switch_can_change_is_refused():
    full = ModelConnectome({"w": np.ones((2, 2), bool)}, {"w": np.ones((2, 2), int)}, {"w": 0.02})
    with pytest.raises(GenerationsError, match="leave the control 'degree_mask' out"):
        CONTROLS["degree_mask"].start(full, np.random.default_rng(0))


class Learner(Trainer):
    """The trainer of these tests as an inner loop."""

    def __call__(self, model, seed, folder=None):
        told = super().__call__(model, seed, 0, folder)
        return {"samples": told["samples"], "score": model[0].weight.detach().double().sum().item()}


def test_a_row_for_each_control_connectome_and_learner_with_the_cost_of_both_loops(worm):
    other = evolve_connectome(net, Trainer(3), generations=4, seed=2)
    table = compare_controls(net, Learner(), [worm, other], seeds=range(3))
    assert len(table) == 6 * 2 * 3 + 2 * 3
    assert set(table["control"]) == set(CONTROLS)
    inherits = table["outer_seed"].notna()
    assert (table["outer_samples"] == np.where(inherits, worm.samples, 0)).all()
    assert (table["inner_samples"] == 5 * 8).all()
    assert set(table.loc[~inherits, "control"]) == {"dense_scale", "dense_gaussian"}
    masked = table["control"].isin(MASKED)
    assert (table.loc[masked, "density"] == worm.density()).all() and (table.loc[~masked, "density"] == 1).all()
    assert not table.duplicated("score").any(), "every row is a learner of its own"


def test_under_one_inner_seed_the_fresh_model_and_its_data_are_the_same_for_all_and_not_the_outer_loops(worm):
    seeds = {}

    def learn(model, seed, control):
        seeds.setdefault(control, []).append((seed, model[0].bias[0].item()))
        return {}

    compare_controls(net, learn, worm, seeds=[1, 5])
    first = seeds["connectome"]
    assert all(seen == first for seen in seeds.values()) and first[0] != first[1]
    assert [seed for seed, _ in first] == [learner_seed(1), learner_seed(5)]
    assert first[0][1] != net(1)[0].bias[0].item()


@pytest.mark.parametrize("stop", range(5))
def test_interrupted_at_any_step_and_called_again_the_table_is_identical(tmp_path, worm, stop):
    arguments = (worm, ["connectome", "random_mask", "dense_scale"], [0, 1])
    whole = compare_controls(net, Learner(), *arguments)
    compare_controls(net, Learner(), worm, ["connectome"], [1], tmp_path)
    with pytest.raises(Stopped):
        compare_controls(net, Learner(stop=stop), *arguments, folder=tmp_path)
    rest = Learner()
    assert compare_controls(net, rest, *arguments, folder=tmp_path).equals(whole)
    assert rest.taken == 5 * rest.steps - stop, "one row was there, and no step was taken twice"
    again = Learner()
    assert compare_controls(net, again, *arguments, folder=tmp_path).equals(whole) and not again.taken
    assert not list(tmp_path.glob("*.training"))


def test_rows_of_another_connectome_or_budget_are_refused(tmp_path, worm):
    compare_controls(net, Learner(), worm, ["connectome"], [0], tmp_path, about={"steps": 5})
    with pytest.raises(GenerationsError, match="whose steps is 5, and here it is 6"):
        compare_controls(net, Learner(), worm, ["connectome"], [0], tmp_path, about={"steps": 6})
    with pytest.raises(GenerationsError, match="whose inherits is"):
        other = random_connectome(net(0), seed=1)
        compare_controls(net, Learner(), other, ["connectome"], [0], tmp_path, about={"steps": 5})


def test_an_arm_of_ones_own_inherits_what_it_says_and_tells_what_it_cost(worm):
    shuffled = {worm.seed: random_connectome(net(0), density=0.5)}

    def learn(model, seed, control):
        return {"outer_samples": 7, "samples": 3} if control == "dense_on_both" else {"samples": 3}

    arms = {
        "shuffled_text": Control(lambda evolved, rng: Start(shuffled[evolved.seed])),
        "dense_on_both": Control(lambda evolved, rng: Start(None), inherits=False),
    }
    table = compare_controls(net, learn, worm, arms, [0]).set_index("control")
    assert table.loc["shuffled_text", "density"] == shuffled[1].density()
    assert table.loc["dense_on_both", "outer_samples"] == 7


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"controls": ["random"]}, "did you mean 'random_mask'"),
        ({"controls": []}, "no control was given"),
        ({"controls": {"../x": CONTROLS["mask"]}}, "letters, digits"),
        ({"seeds": []}, "give at least one"),
        ({"seeds": [1, 1]}, "each once"),
        ({"connectomes": []}, "give one or more"),
        ({"learn": lambda model, seed: None}, "learn gave a NoneType"),
        ({"learn": lambda model, seed: {"density": 1}}, "'density', which is a column of its own"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(worm, options, match):
    arguments = {"make_model": net, "learn": Learner(), "connectomes": worm, "controls": ["mask"], "seeds": [0]}
    with pytest.raises(GenerationsError, match=match) as caught:
        compare_controls(**arguments | options)
    assert "\n" not in str(caught.value)


def test_connectomes_that_are_no_replicates_are_refused(worm):
    with pytest.raises(GenerationsError, match="each of a seed of its own"):
        compare_controls(net, Learner(), [worm, worm])
    with pytest.raises(GenerationsError, match="outer seeds 1 and 3 differ"):
        compare_controls(net, Learner(), [worm, random_connectome(nn.Linear(4, 4), seed=3)])


def test_costs_that_were_not_told_are_missing_and_not_zero():
    made = random_connectome(net(0))
    silent = ModelConnectome(made.mask, made.sign, made.scale, (Generation(0, {}, None, {}),), {"seed": 0})
    table = compare_controls(net, lambda model, seed: {"score": 1.0}, silent, ["connectome"], [0])
    assert table["outer_samples"].isna().all() and table["inner_samples"].isna().all()


def test_learners_train_with_their_masks_held(worm):
    def learn(model, seed):
        for step in range(5):
            x = torch.randn(8, 12, generator=torch.Generator().manual_seed(step))
            model(x).square().mean().backward()
            torch.optim.AdamW(model.parameters(), lr=0.1).step()
        return {"left": sum(int(torch.count_nonzero(weight_of(model, name))) for name in worm.mask)}

    table = compare_controls(net, learn, worm, MASKED, [0])
    assert (table["left"] == sum(int(mask.sum()) for mask in worm.mask.values())).all()
