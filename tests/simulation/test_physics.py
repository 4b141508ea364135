"""MuJoCo's batches through their C interface against its own Python binding, and against one MjData a body."""

import gc

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

from celegans_nn.simulation.physics import NO_STAGE, VELOCITY_STAGE, Bodies
from celegans_nn.tasks import make_task
from celegans_nn.tasks.quiet import quiet

from .bodies import Bent, cramped


@pytest.mark.parametrize("name", ["swimmer6", "ant"])
@pytest.mark.parametrize("stage", [NO_STAGE, VELOCITY_STAGE])
def test_bodies_move_as_in_mujocos_own_batch_to_the_last_bit(name, stage):
    task, rng = make_task(name), np.random.default_rng(0)
    ours, theirs = Bodies(task.model, 3), Batch(task.model, 3, 1, True)
    qpos, qvel = task.initial_state([0, 1, 2])
    theirs.reset(stage=0)
    for bodies in (ours, theirs):
        bodies.reset() if bodies is ours else None
        bodies.qpos[:], bodies.qvel[:] = qpos, qvel
        _ = bodies.sensordata, bodies.xpos
        bodies.forward()
    for step in range(40):
        ids = None if step % 2 else np.array([0, 2])
        actions = rng.uniform(-1, 1, (3, task.model.nu))
        for bodies in (ours, theirs):
            bodies.ctrl[:] = actions
            bodies.step(ids, task.frame_skip, stage)
        for field in ("time", "qpos", "qvel", "act", "ctrl", "qfrc_applied", "sensordata", "xpos", "warning"):
            np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)
    assert len({row.tobytes() for row in ours.qpos}) == 3
    assert not ours.status.any()


def test_contact_forces_are_those_of_a_single_body():
    task, rng = make_task("ant"), np.random.default_rng(0)
    bodies, data, largest = Bodies(task.model, 2), mujoco.MjData(task.model), 0.0
    qpos, qvel = task.initial_state([0, 0])
    bodies.reset()
    bodies.qpos[:], bodies.qvel[:] = qpos, qvel
    data.qpos[:], data.qvel[:] = qpos[0], qvel[0]
    bodies.forward()
    mujoco.mj_forward(task.model, data)
    for _ in range(100):
        data.ctrl[:] = bodies.ctrl[:] = rng.uniform(-1, 1, task.model.nu)
        bodies.step(None, task.frame_skip, NO_STAGE)
        bodies.compute_contact_forces(None)
        mujoco.mj_step(task.model, data, task.frame_skip)
        mujoco.mj_rnePostConstraint(task.model, data)
        np.testing.assert_array_equal(bodies.cfrc_ext[1], data.cfrc_ext)
        largest = max(largest, np.abs(data.cfrc_ext).max())
    assert largest > 1.0


def test_an_error_is_told_and_leaves_the_others_alone():
    task = cramped(2, Bent)
    bodies = Bodies(task.model, 3)
    qpos, qvel = task.initial_state([0, 1, 2])
    bodies.reset()
    bodies.qpos[:], bodies.qvel[:] = qpos, qvel
    bodies.forward()
    broken = (bodies.status != 0) | bodies.warning[:, :, 1].any(1)
    assert broken.tolist() == [False, True, False]
    assert bodies.error(0) == ""


def test_an_array_outlives_the_bodies_it_came_from():
    bodies = Bodies(make_task("swimmer6").model, 4)
    bodies.qpos[:] = 7.0
    qpos = bodies.qpos
    del bodies
    gc.collect()
    again = [Bodies(make_task("swimmer6").model, 4) for _ in range(3)]
    assert (qpos == 7.0).all()
    assert not any((bodies.qpos == 7.0).any() for bodies in again)


def test_a_body_that_flies_apart_writes_no_log(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    bodies = Bodies(make_task("swimmer6").model, 2)
    bodies.qvel[1] = 1e12
    with quiet(), quiet():
        bodies.step(None, 3, NO_STAGE)
    assert bodies.warning[:, :, 1].any(1).tolist() == [False, True]
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
