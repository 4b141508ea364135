"""Tasks by name."""

import subprocess
import sys

import pytest

from celegans_nn.errors import TaskError
from celegans_nn.tasks import TASKS, make_task


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(TaskError, match="unknown task 'half_cheetah': did you mean 'halfcheetah'"):
        make_task("half_cheetah")


@pytest.mark.parametrize("name", TASKS)
def test_an_unknown_option_gives_the_nearest_before_any_data_are_read(name):
    near = "episode_steps" if name in ("swimmer6", "halfcheetah") else "steps"
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
    assert make_task("swimmer6", n_links=4).name == "swimmer4"


def test_importing_the_room_loads_neither_mujoco_nor_torch_nor_gymnasium():
    heavy = ("mujoco", "torch", "torchvision", "gymnasium", "sklearn", "pandas")
    code = f"import sys, celegans_nn.tasks; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
