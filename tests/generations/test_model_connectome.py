"""A model connectome is a value, on disk as in memory."""

import json

import numpy as np
import pytest
import torch

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import Generation, ModelConnectome
from tests.generations.learners import net, random_connectome

MASK = {"w": np.array([[True, False], [True, True]])}
SIGN = {"w": np.array([[1, 0], [-1, 1]])}
SCALE = {"w": 0.02}


def test_saved_and_loaded_it_is_equal_to_the_last_bit_with_its_history(tmp_path):
    made = random_connectome(net(0))
    history = (Generation(0, {"a": 3}, 100, {"loss": 0.1}), Generation(1, {"a": 2}, None, {}))
    worm = ModelConnectome(
        made.mask, made.sign, made.scale, history, {"seed": 3, "about": {"corpus": "sotu"}}, (1.5, 2.0)
    )
    worm.save(tmp_path)
    loaded = ModelConnectome.load(tmp_path)
    assert loaded == worm and loaded.fingerprint == worm.fingerprint and loaded.seconds == (1.5, 2.0)
    assert list(loaded.mask) == list(worm.mask)
    assert all(loaded.mask[n].dtype == bool and loaded.sign[n].dtype == np.int8 for n in worm.mask)


def test_two_runs_that_took_different_time_save_the_same_description_and_arrays(tmp_path):
    for name, seconds in (("one", (1.0,)), ("two", (2.0,))):
        ModelConnectome(MASK, SIGN, SCALE, seconds=seconds).save(tmp_path / name)
    files = {path.name for path in (tmp_path / "one").iterdir()} - {"seconds.json"}
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_saving_again_replaces_the_arrays_and_leaves_no_others(tmp_path):
    random_connectome(net(0), seed=1).save(tmp_path)
    worm = random_connectome(net(0), seed=2)
    worm.save(tmp_path)
    assert ModelConnectome.load(tmp_path) == worm
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_its_arrays_are_its_own_and_cannot_be_written_to():
    mask = {"w": MASK["w"].copy()}
    worm = ModelConnectome(mask, SIGN, SCALE)
    mask["w"][:] = False
    assert worm.mask["w"].sum() == 3
    with pytest.raises(ValueError, match="read-only"):
        worm.sign["w"][0, 0] = 0


def test_density_table_and_cost_are_those_of_its_masks_and_history():
    history = (Generation(0, {"w": 4}, 10, {}), Generation(1, {"w": 3}, 32, {"loss": 0.5}))
    worm = ModelConnectome(MASK, SIGN, SCALE, history)
    assert worm.density() == worm.density("w") == 0.75
    assert worm.samples == 42 and worm.history[1].weights == 3 and worm.history[1].loss == 0.5
    row = worm.table().iloc[0].to_dict()
    assert row == {
        "parameter": "w",
        "shape": "2x2",
        "weights": 4,
        "kept": 3,
        "density": 0.75,
        "positive": 2 / 3,
        "scale": 0.02,
    }
    assert ModelConnectome(MASK, SIGN, SCALE, (Generation(0, {"w": 4}, None, {}),)).samples is None


def test_torch_tensors_will_do():
    worm = ModelConnectome({"w": torch.tensor(MASK["w"])}, {"w": torch.tensor(SIGN["w"])}, SCALE)
    assert worm == ModelConnectome(MASK, SIGN, SCALE)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"mask": {}}, "no parameter"),
        ({"sign": {}}, "sign and mask must name the same parameters; 'w'"),
        ({"scale": {"w": 0.0}}, "scale of 'w' is 0.0; give a number above 0"),
        ({"sign": {"w": np.ones((2, 2))}}, "of type float64; give int8"),
        ({"sign": {"w": np.ones((2, 2), int)}}, r"\+1 or -1 where its mask is True"),
        ({"sign": {"w": np.ones((2, 3), int)}}, r"shape \(2, 2\) and signs of shape \(2, 3\)"),
        ({"mask": {"w": np.ones(3, bool)}, "sign": {"w": np.ones(3, int)}}, "two or more dimensions"),
        ({"mask": {"w": 2 * np.ones((2, 2), int)}}, "give bool values"),
        ({"provenance": {"model": object()}}, "provenance must hold plain values"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(change, match):
    with pytest.raises(GenerationsError, match=match) as caught:
        ModelConnectome(**{"mask": MASK, "sign": SIGN, "scale": SCALE} | change)
    assert "\n" not in str(caught.value)


def test_an_unknown_parameter_is_refused_with_the_nearest():
    with pytest.raises(GenerationsError, match=r"no parameter '2.wieght'.*did you mean '2.weight'"):
        random_connectome(net(0)).density("2.wieght")


def edit(folder, **change):
    path = folder / "connectome.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda folder: (folder / "connectome.json").unlink(), "connectome.json: No such file"),
        (lambda folder: (folder / "connectome.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "connectome.json").write_text("[]"), "holds a list"),
        (lambda folder: edit(folder, format="else"), "format 'else'"),
        (lambda folder: edit(folder, arrays="../x"), "not a model connectome"),
        (lambda folder: edit(folder, scale={"v": 1.0}), "lack 'mask.v'; did you mean 'mask.w'"),
        (lambda folder: edit(folder, scale={"w": -1}), "scale of 'w' is -1"),
        (lambda folder: edit(folder, history=[{"number": 0}]), "not a model connectome"),
        (lambda folder: next(folder.glob("*.safetensors")).write_bytes(b"x"), "were changed since"),
        (lambda folder: next(folder.glob("*.safetensors")).unlink(), "No such file"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line_that_names_the_file(tmp_path, damage, match):
    ModelConnectome(MASK, SIGN, SCALE).save(tmp_path)
    damage(tmp_path)
    with pytest.raises(GenerationsError, match=match) as caught:
        ModelConnectome.load(tmp_path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
