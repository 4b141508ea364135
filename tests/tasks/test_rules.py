"""A rule is one function, whoever runs it: the interpreter, or compiled code over a whole population."""

from dataclasses import dataclass, fields
from types import SimpleNamespace

import numpy as np
import pytest

from celegans_nn.tasks import make_task
from celegans_nn.tasks.body import KEPT, Body
from celegans_nn.tasks.rules import RULES, rules_of
from celegans_nn.tasks.swimmer import Swimmer

TASKS = ["swimmer6", "swimmer_v5", "halfcheetah", "hopper", "walker2d", "ant"]


def some_bodies(task, individuals, seed):
    """Bodies in any state, near that of a start and far from it."""
    model, rng = task.model, np.random.default_rng(seed)
    far = np.resize([0.01, 1.0, 30.0], (individuals, 1))
    qpos, qvel = task.initial_state(range(individuals))
    return SimpleNamespace(
        time=rng.uniform(0, 30, individuals),
        qpos=qpos + far * rng.standard_normal(qpos.shape),
        qvel=qvel + far * rng.standard_normal(qvel.shape),
        ctrl=np.zeros((individuals, model.nu)),
        qfrc_applied=np.zeros(qvel.shape),
        sensordata=far * rng.standard_normal((individuals, model.nsensordata)),
        xpos=far[:, None] * rng.standard_normal((individuals, model.nbody, 3)),
        cfrc_ext=far[:, None] * rng.standard_normal((individuals, model.nbody, 6)),
    )


def one(bodies, p):
    return Body(**{name: np.array(getattr(bodies, name)[p]).reshape(-1) for name in Body._fields})


@pytest.mark.parametrize("name", TASKS)
def test_compiled_rules_are_the_interpreters_to_the_last_bit(name):
    task, individuals = make_task(name), 12
    rules, constants = rules_of(task), task.constants
    start, end = some_bodies(task, individuals, 0), some_bodies(task, individuals, 1)
    actions = np.random.default_rng(2).uniform(-1, 1, (individuals, len(task.actions))).astype(np.float32)
    observed, kept = task.observe(start), task.before(start)
    rewards, terminated = task.reward(kept, actions, end)
    progress = task.progress(end)
    for p in range(individuals):
        seen, before, now = np.full(len(task.observations), np.nan), np.zeros(KEPT), np.zeros(2)
        rules.observe(constants, one(start, p), seen)
        rules.before(constants, one(start, p), before)
        np.testing.assert_array_equal(observed[p], seen)
        np.testing.assert_array_equal(kept[p], before)
        assert (rewards[p], terminated[p]) == rules.reward(constants, before, actions[p], one(end, p))
        rules.progress(constants, one(end, p), now)
        assert progress["forward_velocity"][p] == now[0]
        assert progress["x"][p] == pytest.approx(now[1], rel=1e-14)  # a sine may differ in its last bit
    if name in ("hopper", "walker2d", "ant"):
        assert terminated.any()
    assert (task.force(start) == 0).all()


@dataclass(frozen=True)
class Generous(Swimmer):
    def reward(self, before, actions, bodies):
        value, over = super().reward(before, actions, bodies)
        return value + 1, over


def test_a_task_that_does_anything_its_own_way_has_no_rules():
    plain = make_task("swimmer6")
    generous = Generous(**{field.name: getattr(plain, field.name) for field in fields(plain)})
    assert rules_of(plain) is RULES[type(plain.constants)]
    assert rules_of(generous) is None
    assert rules_of(make_task("gymnasium:Reacher-v5")) is None
    assert rules_of(make_task("ant")) is RULES[type(make_task("ant").constants)]
