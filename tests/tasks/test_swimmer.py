"""The swimmer against dm_control's own model, compiled side by side."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from dm_control.suite import swimmer as dm_swimmer

from celegans_nn.errors import TaskError
from celegans_nn.tasks.swimmer import HEADING_X, make_swimmer


def dm_model(n_links):
    xml, assets = dm_swimmer.get_model_and_assets(n_links)
    return mujoco.MjModel.from_xml_string(xml.decode(), {name: bytes(data) for name, data in assets.items()})


def moved(model, seed, n_steps=40):
    """The model after `n_steps` control steps of random actions, sensors current; with a reference head heading."""
    data, rng = mujoco.MjData(model), np.random.default_rng(seed)
    data.qpos[2] = HEADING_X
    data.qpos[3:] = rng.uniform(-0.1, 0.1, model.nq - 3)
    mujoco.mj_forward(model, data)
    for _ in range(n_steps):
        data.ctrl[:] = rng.uniform(-1, 1, model.nu)
        mujoco.mj_step(model, data, 15)
        mujoco.mj_step1(model, data)
    return data


def as_bodies(data):
    arrays = {name: getattr(data, name)[None] for name in ("qpos", "qvel", "sensordata")}
    return SimpleNamespace(time=np.array([data.time]), **arrays)


@pytest.mark.parametrize("n_links", [3, 6, 15, 25])
def test_every_physical_constant_equals_dm_controls(n_links):
    ours, theirs = make_swimmer(n_links).model, dm_model(n_links)
    assert (ours.nbody, ours.njnt, ours.nu) == (n_links + 1, n_links + 2, n_links - 1)
    fields = [
        *("body_mass", "body_inertia", "body_ipos", "body_iquat", "body_pos", "body_quat", "body_parentid"),
        *("jnt_type", "jnt_pos", "jnt_axis", "jnt_range", "jnt_limited", "jnt_stiffness", "jnt_solref", "jnt_solimp"),
        *("dof_armature", "dof_damping", "dof_frictionloss", "dof_invweight0", "body_invweight0", "qpos0"),
        *("actuator_gear", "actuator_ctrlrange", "actuator_ctrllimited", "actuator_trnid", "actuator_gainprm"),
        *("actuator_biasprm", "actuator_forcelimited"),
    ]
    for name in fields:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    for name in ("timestep", "density", "viscosity", "integrator", "solver", "iterations", "disableflags", "wind"):
        np.testing.assert_array_equal(getattr(ours.opt, name), getattr(theirs.opt, name), err_msg=name)
    assert (ours.opt.density, ours.opt.viscosity, ours.opt.timestep) == (3000, 0, 0.002)


@pytest.mark.parametrize(("n_links", "seed"), [(3, 3), (6, 0), (6, 1), (15, 2), (25, 4)])
def test_the_same_controls_move_it_exactly_as_dm_controls(n_links, seed):
    ours, theirs = moved(make_swimmer(n_links).model, seed, 200), moved(dm_model(n_links), seed, 200)
    assert np.abs(ours.qpos[:2]).max() > 0.005
    np.testing.assert_array_equal(ours.qpos, theirs.qpos)
    np.testing.assert_array_equal(ours.qvel, theirs.qvel)


def test_observation_is_dm_controls_without_the_target():
    task = make_swimmer()
    ours, theirs = moved(task.model, 3), moved(dm_model(6), 3)
    body_velocities = theirs.sensordata[12:].reshape(-1, 6)[:, [0, 1, 5]].ravel()
    np.testing.assert_array_equal(task.observe(as_bodies(ours))[0], np.concatenate((theirs.qpos[3:], body_velocities)))
    assert len(task.observations) == len(set(task.observations)) == 23


def test_the_head_starts_along_plus_x_at_rest_with_small_angles_from_the_seed():
    task = make_swimmer()
    qpos, qvel = task.initial_state([5, 6, 5])
    np.testing.assert_array_equal(qpos[0], qpos[2])
    assert (qpos[0, 3:] != qpos[1, 3:]).all()
    assert np.abs(qpos[:, 3:]).max() <= 0.1
    assert not qvel.any()
    nose_to_neck = task.segments(qpos)[:, 0, 0] - task.segments(qpos)[:, 0, 1]
    np.testing.assert_allclose(nose_to_neck, [[0.1, 0.0]] * 3, atol=1e-12)
    np.testing.assert_array_equal(qpos[:, :2], 0)


def test_reward_is_the_heads_velocity_along_its_own_axis_now():
    task = make_swimmer()
    data = moved(task.model, 4)
    velocity = np.zeros(6)
    mujoco.mj_objectVelocity(task.model, data, mujoco.mjtObj.mjOBJ_XBODY, task.model.body("link_0").id, velocity, 0)
    nose = -data.body("link_0").xmat.reshape(3, 3)[:, 1]
    reward, terminated = task.reward(task.before(as_bodies(data)), np.zeros((1, 5)), as_bodies(data))
    np.testing.assert_allclose(reward, velocity[3:] @ nose, rtol=1e-12)
    assert not terminated.any()


def test_a_body_that_glides_forward_is_rewarded_whatever_its_heading():
    task = make_swimmer()
    data = mujoco.MjData(task.model)
    for heading in (0.0, HEADING_X, 2.5):
        data.qpos[2] = heading
        data.qvel[:2] = 0.3 * np.sin(heading), -0.3 * np.cos(heading)
        mujoco.mj_forward(task.model, data)
        assert task.progress(as_bodies(data))["forward_velocity"][0] == pytest.approx(0.3)


@pytest.mark.parametrize("n_links", [2, 6, 11])
def test_segments_and_centre_of_mass_are_mujocos(n_links):
    task = make_swimmer(n_links)
    data = moved(task.model, 5)
    segments = task.segments(data.qpos)
    for k in range(n_links):
        body = data.body(f"link_{k}")
        half = body.xmat.reshape(3, 3)[:2, 1] * 0.05
        np.testing.assert_allclose(segments[k], [body.xpos[:2] - half, body.xpos[:2] + half], atol=1e-12)
    mujoco.mj_forward(task.model, data)
    x = task.progress(as_bodies(data))["x"][0]
    assert x == pytest.approx(data.subtree_com[0, 0], abs=1e-12)
    np.testing.assert_array_equal(task.segments(np.stack([data.qpos] * 2))[1], segments)


def test_actions_are_float32_tanh():
    actions = make_swimmer().squash(np.array([[-50.0, -0.5, 0.0, 0.5, 50.0]]))
    np.testing.assert_array_equal(actions, np.tanh(np.array([[-50, -0.5, 0, 0.5, 50]], dtype=np.float32)))
    assert actions.dtype == np.float32


@pytest.mark.parametrize("n_links", [1, 26, 6.0, "6", True, None])
def test_a_number_of_links_that_cannot_be_is_refused_in_one_line(n_links):
    with pytest.raises(TaskError, match=r"n_links is .* from 2 to 25") as error:
        make_swimmer(n_links)
    assert "\n" not in str(error.value)


def test_the_head_oscillator_is_a_square_wave_of_sixty_control_steps_and_absent_unless_asked_for():
    assert "head_oscillator" not in make_swimmer().observations
    task = make_swimmer(head_drive="square")
    assert task.observations[-1] == "head_oscillator"
    data = mujoco.MjData(task.model)
    seen = []
    for _ in range(130):
        seen.append(task.observe(as_bodies(data))[0, -1])
        mujoco.mj_step(task.model, data, nstep=task.frame_skip)
    assert seen == [1.0 if t % 60 < 30 else -1.0 for t in range(130)]
    with pytest.raises(TaskError, match="did you mean 'square'"):
        make_swimmer(head_drive="sqare")
