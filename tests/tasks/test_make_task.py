"""Tasks by name."""

import subprocess
import sys

import pytest

from celegans_nn.errors import TaskError
from celegans_nn.tasks import TASKS, make_task


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(TaskError, match="unknown task 'half_cheetah': did you mean 'halfcheetah'"):
        make_task("half_cheetah")


@pytest.mark.parametrize("name", [*TASKS, "swimmer9", "gymnasium:Reacher-v5"])
def test_an_unknown_option_gives_the_nearest_before_any_data_are_read(name):
    near = "steps" if name in ("digits", "mnist", "fashion_mnist") else "episode_steps"
    with pytest.raises(TaskError, match=rf"task '{name}' has no option '{near}z': did you mean '{near}'"):
        make_task(name, **{f"{near}z": 5})


@pytest.mark.parametrize("value", [0, -3, 2.5, "ten", True, None])
@pytest.mark.parametrize(("name", "option"), [("swimmer6", "episode_steps"), ("mnist", "steps"), ("digits", "steps")])
def test_an_option_that_is_no_whole_number_is_named(name, option, value):
    with pytest.raises(TaskError, match=rf"task '\w+': {option} is .* whole number") as error:
        make_task(name, **{option: value})
    assert "\n" not in str(error.value)


def test_options_reach_the_task():
    assert make_task("halfcheetah", episode_steps=7).episode_steps == 7
    assert make_task("swimmer", n_links=4).name == "swimmer4"


@pytest.mark.parametrize("n", range(2, 26))
def test_a_swimmer_of_any_number_of_links_has_a_name(n):
    task = make_task(f"swimmer{n}")
    assert (task.name, len(task.actions)) == (f"swimmer{n}", n - 1)
    assert task == make_task("swimmer", n_links=n)


@pytest.mark.parametrize("name", ["swimmer1", "swimmer26", "swimmer100000000000000000000"])
def test_a_swimmer_of_too_few_or_too_many_links_is_refused(name):
    with pytest.raises(TaskError, match=r"n_links is \d+; give a whole number from 2 to 25"):
        make_task(name)


@pytest.mark.parametrize("name", ["swimmer0", "swimmer-3", "swimmer06", "swimmer6.0", "Swimmer6", "", None, 6])
def test_what_only_looks_like_a_swimmer_is_unknown(name):
    with pytest.raises(TaskError, match=r"unknown task .*'swimmer'"):
        make_task(name)


def test_an_option_that_the_name_says_already_is_refused():
    with pytest.raises(TaskError, match="'swimmer6' says its n_links already; leave that out, or ask for 'swimmer'"):
        make_task("swimmer6", n_links=4)


def test_halfcheetah_has_two_names():
    assert make_task("halfcheetah_v5") == make_task("halfcheetah")


def test_importing_the_room_loads_neither_mujoco_nor_torch_nor_gymnasium():
    heavy = ("mujoco", "torch", "torchvision", "gymnasium", "sklearn", "pandas")
    code = f"import sys, celegans_nn.tasks; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
