"""The worm's body against calculations that share no code with it, and against what a slender body must do."""

import math
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from celegans_nn.connectome.sources import BODY_WALL, load_connectome
from celegans_nn.errors import TaskError
from celegans_nn.tasks import make_task
from celegans_nn.tasks.body import Body
from celegans_nn.tasks.compiled_rules import force_all
from celegans_nn.tasks.gait import gait
from celegans_nn.tasks.ruled import RuledTask
from celegans_nn.tasks.rules import rules_of
from celegans_nn.tasks.worm import make_worm
from celegans_nn.tasks.worm_body import (
    MEDIA,
    Medium,
    full_torque,
    inertia,
    medium_named,
    physics_dt,
    segments,
    worm_mjcf,
)
from celegans_nn.tasks.worm_rules import WormConstants

ROW = np.array([int(name[3:]) for name in make_worm().actions])
SIDE = np.array([1.0 if name[1] == "D" else -1.0 for name in make_worm().actions])


def constants(medium, dt=None):
    dt = physics_dt(medium) if dt is None else dt
    return make_worm().constants._replace(normal_drag=medium.normal / medium.tangential, physics_dt=dt)


def rows_of(data):
    """The one body as P = 1 bodies, sharing MuJoCo's memory."""
    arrays = {name: getattr(data, name)[None] for name in ("qpos", "qvel", "ctrl", "qfrc_applied")}
    nothing = np.empty((1, 0))
    return SimpleNamespace(time=np.array([[data.time]]), sensordata=nothing, xpos=nothing, cfrc_ext=nothing, **arrays)


def body_of(data):
    return Body(**vars(rows_of(data)))


def anywhere(seed, medium=MEDIA["agar"]):
    """A bent body in motion."""
    model, rng = mujoco.MjModel.from_xml_string(worm_mjcf(medium)), np.random.default_rng(seed)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = rng.normal(0, 0.4, model.nq), rng.normal(0, 2.0, model.nv)
    mujoco.mj_forward(model, data)
    return model, data


def wave(model, c, hz, waves, seconds, depth=1.0, settle=2.0):
    """Ends of the links every 0.02 s from `settle` on, while muscles contract in a wave towards the tail."""
    data = mujoco.MjData(model)
    body, every, found = body_of(data), round(0.02 / model.opt.timestep), []
    for step in range(round(seconds / model.opt.timestep)):
        body.time[0, 0] = data.time
        data.ctrl[:] = depth / 2 * SIDE * np.sin(2 * np.pi * (hz * data.time - waves * ROW / 25))
        force_all(c, body)
        mujoco.mj_step(model, data)
        if data.time >= settle and step % every == 0:
            found.append(data.qpos.copy())
    return segments(np.array(found))


# -- drag --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_drag_equals_resistive_force_theory_on_velocities_that_mujoco_computes(seed):
    model, data = anywhere(seed)
    now = data.qpos.copy()
    data.qpos -= 0.5 * physics_dt(MEDIA["agar"]) * data.qvel  # where it was half a step ago
    mujoco.mj_forward(model, data)
    expected, velocity, jacobian, turning = np.zeros(model.nv), np.zeros(6), np.zeros((3, 27)), np.zeros((3, 27))
    for link in range(1, 26):
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, link, velocity, 0)
        along = data.xmat[link].reshape(3, 3)[:, 0]
        speed = velocity[3:] @ along * along
        force = -(speed + 40.0 * (velocity[3:] - speed)) / 25
        mujoco.mj_jac(model, data, jacobian, turning, data.xipos[link], link)
        expected += jacobian.T @ force + turning.T @ np.array([0, 0, -40.0 / 25**3 / 12 * velocity[2]])
    data.qpos[:] = now
    force_all(constants(MEDIA["agar"]), body_of(data))
    np.testing.assert_allclose(data.qfrc_applied, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("medium", list(MEDIA.values()))
def test_drag_only_ever_takes_energy_away(medium):
    for seed in range(20):
        data = anywhere(seed)[1]
        force_all(constants(medium), body_of(data))
        assert data.qvel @ data.qfrc_applied < 0


def test_a_whole_body_that_glides_is_held_back_by_the_drag_of_its_medium():
    data = anywhere(0)[1]
    data.qpos[:], data.qvel[:] = 0, 0
    data.qvel[0] = 1.0
    force_all(constants(MEDIA["agar"]), body_of(data))
    assert data.qfrc_applied[0] == pytest.approx(-1.0)
    data.qvel[:2] = 0.0, 1.0
    force_all(constants(MEDIA["agar"]), body_of(data))
    assert data.qfrc_applied[1] == pytest.approx(-40.0)


def soft(ratio):
    """The body of a sketch from before this one: soft, and moved by a torque of 0.02 in waves of one body length."""
    medium = Medium(3.2e-3, 3.2e-3 * ratio)
    model = mujoco.MjModel.from_xml_string(worm_mjcf(medium, mass=0.05))
    model.opt.timestep = 0.001
    model.jnt_stiffness[3:], model.dof_damping[3:] = 0.02, 0.002
    lag = math.hypot(1.0, 2 * math.pi * 0.1)  # of the muscles, which the sketch had not
    model.actuator_gear *= 0.02 * lag / full_torque(medium)
    return model, constants(medium, 0.001)


def test_a_wave_of_torque_moves_a_soft_body_only_where_drag_across_exceeds_drag_along():
    speeds = {ratio: gait(wave(*soft(ratio), 1.0, 1.0, 6.0), 0.02).displacement for ratio in (1.0, 1.58, 10.0, 40.0)}
    assert speeds[1.0] < 0.012
    assert speeds[1.58] == pytest.approx(0.060, rel=0.1)
    assert speeds[10.0] == pytest.approx(0.116, rel=0.1)
    assert speeds[40.0] == pytest.approx(0.063, rel=0.1)


def test_a_body_as_stiff_as_a_worms_needs_the_difference_of_drags_as_well():
    model = mujoco.MjModel.from_xml_string(worm_mjcf(MEDIA["water"]))
    isotropic = gait(wave(model, constants(Medium(1.0, 1.0), 0.004), 1.76, 1 / 1.54, 5.0), 0.02)
    water = gait(wave(model, constants(MEDIA["water"]), 1.76, 1 / 1.54, 5.0), 0.02)
    assert isotropic.bending == pytest.approx(water.bending, rel=0.05)
    assert abs(isotropic.forward_speed) < 0.01
    assert water.forward_speed > 0.15


@pytest.mark.parametrize(("medium", "hz", "waves"), [("water", 1.76, 0.65), ("agar", 0.5, 1.5)])
def test_speed_does_not_depend_on_the_masses(medium, hz, waves):
    drags = MEDIA[medium]
    speeds = []
    for lighter in (1, 8):
        model = mujoco.MjModel.from_xml_string(worm_mjcf(drags, mass=inertia(drags) / lighter))
        model.opt.timestep /= lighter
        c = constants(drags, model.opt.timestep)
        speeds.append(gait(wave(model, c, hz, waves, 3.0, settle=1.0), 0.02).forward_speed)
    assert speeds == pytest.approx([speeds[-1]] * 2, rel=0.01)


def test_inertia_dies_within_a_fiftieth_of_an_undulation():
    assert inertia(MEDIA["water"]) <= 1 / 1.76 / 50
    assert inertia(MEDIA["agar10"]) <= 1 / 0.30 / 50
    assert inertia(MEDIA["agar"]) <= 1 / 0.30 / 50


def test_the_wave_that_runs_towards_the_tail_drives_forward_and_the_other_backward():
    model, c = mujoco.MjModel.from_xml_string(worm_mjcf(MEDIA["agar"])), constants(MEDIA["agar"])
    for waves, sense in ((1.5, 1), (-1.5, -1)):
        found = gait(wave(model, c, 0.5, waves, 6.0), 0.02)
        assert sense * found.forward_speed > 0.15
        assert sense * found.towards_tail > 0.95
        assert found.frequency == pytest.approx(0.5, abs=0.02)
        assert found.wavelength == pytest.approx(1 / 1.5, rel=0.03)


# -- muscles -----------------------------------------------------------------------------------------------------


def held(names, activity=1.0, seconds=6.0):
    """Joint angles x 25 / full bend after these muscles have been active in water."""
    model = make_worm().model
    data, c = mujoco.MjData(model), make_worm().constants
    body = body_of(data)
    for name in names:
        data.actuator(name).ctrl = activity
    for _ in range(round(seconds / model.opt.timestep)):
        force_all(c, body)
        mujoco.mj_step(model, data)
    return data.qpos[3:] * 25 / 10


@pytest.mark.parametrize(
    ("muscles", "row", "bend"),
    [
        (("MDL07", "MDR07"), 7, 1.0),
        (("MDL07",), 7, 0.5),
        (("MVL12", "MVR12"), 12, -1.0),
        (("MVR24",), 24, -1.0),
        (("MDL24", "MDR24", "MVR24"), 24, 0.0),
    ],
)
def test_each_muscle_bends_the_joint_of_its_row_towards_its_side(muscles, row, bend):
    expected = np.zeros(24)
    expected[row - 1] = bend
    np.testing.assert_allclose(held(muscles, seconds=1.5), expected, atol=0.03)


def test_dorsal_is_on_the_left_of_the_heads_direction():
    task = make_worm()
    data, c = mujoco.MjData(task.model), task.constants
    body = body_of(data)
    data.ctrl[:] = 0.3 * (SIDE > 0)
    for _ in range(250):
        force_all(c, body)
        mujoco.mj_step(task.model, data)
    ends = segments(data.qpos)
    middle, tips = ends[12].mean(0), (ends[0, 0] + ends[-1, 1]) / 2
    ahead = ends[12, 0] - ends[12, 1]
    assert ahead[0] * (tips - middle)[1] - ahead[1] * (tips - middle)[0] > 0


def test_muscles_lag_behind_their_input_by_a_tenth_of_a_second():
    model = make_worm().model
    data = mujoco.MjData(model)
    data.ctrl[:] = 1.0
    mujoco.mj_step(model, data, 25)
    np.testing.assert_allclose(data.act, 1 - math.exp(-1), atol=0.005)


def test_there_are_the_95_body_wall_muscles_of_the_connectome():
    worm = load_connectome(circuit=None)
    muscles = {n for n, kind in zip(worm.names, worm.cells["cell_class"], strict=True) if kind in BODY_WALL}
    assert set(make_worm().actions) == muscles
    assert len(muscles) == 95


# -- what it feels and is paid -----------------------------------------------------------------------------------


def seen(task, qpos):
    data = mujoco.MjData(task.model)
    data.qpos[:] = qpos
    return task.observe(rows_of(data))[0]


def test_wen2012_feels_the_bend_of_the_five_rows_in_front_as_a_share_of_a_full_bend():
    task, qpos = make_worm(), np.random.default_rng(0).normal(0, 0.3, 27)
    felt, bend = seen(task, qpos), qpos[3:] * 25 / 10
    assert felt[0] == 1.0 == len(felt) - 24
    assert felt[1] == 0.0
    assert felt[2] == pytest.approx(bend[0])
    assert felt[1 + 11] == pytest.approx(bend[6:11].mean())
    assert felt[24] == pytest.approx(bend[18:23].mean())


def test_boyle2012_feels_the_stretch_from_here_to_half_a_body_behind():
    task, qpos = make_worm(proprioception="boyle2012"), np.random.default_rng(0).normal(0, 0.3, 27)
    felt, bend = seen(task, qpos), qpos[3:] * 25 / 10
    assert felt[1] == pytest.approx(-bend[:12].mean())
    assert felt[20] == pytest.approx(-bend[19:].mean())
    assert felt[24] == pytest.approx(-bend[23])


def test_without_proprioception_there_is_the_command_alone():
    task = make_worm(proprioception="none")
    assert task.observations == ("forward",)
    np.testing.assert_array_equal(seen(task, np.ones(27)), [1.0])


def test_the_reward_is_the_way_of_the_centre_of_mass_towards_the_head():
    task = make_task("worm", medium="agar")
    data = mujoco.MjData(task.model)
    data.qpos[2], data.qpos[3:] = 0.3, np.random.default_rng(1).normal(0, 0.1, 24)
    before = task.before(rows_of(data))
    start = task.segments(data.qpos)
    ahead = start[0, 0] - start[-1, 1]
    data.qpos[:2] += 0.01 * ahead / np.linalg.norm(ahead) + 0.003 * np.array([-ahead[1], ahead[0]])
    rewards, terminated = task.reward(before, np.zeros((1, 95), np.float32), rows_of(data))
    assert rewards[0] == pytest.approx(0.01 / 0.02)
    assert not terminated[0]


def test_progress_is_the_velocity_that_mujoco_gives_to_the_centre_of_mass_half_a_step_ago():
    task = make_worm()
    model, data = anywhere(3, MEDIA["water"])
    now, x = data.qpos.copy(), data.subtree_com[1][0]
    ends = task.segments(now)
    ahead = ends[0, 0] - ends[-1, 1]
    data.qpos -= 0.5 * physics_dt(MEDIA["water"]) * data.qvel
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    data.qpos[:] = now
    told = task.progress(rows_of(data))
    assert told["forward_velocity"][0] == pytest.approx(data.subtree_linvel[1][:2] @ ahead / np.linalg.norm(ahead))
    assert told["x"][0] == pytest.approx(x)


@pytest.mark.parametrize("medium", ["water", "agar"])
def test_the_mean_of_progress_is_the_way_that_a_swimming_body_came(medium):
    task = make_worm(medium)
    data, c = mujoco.MjData(task.model), task.constants
    body, velocity, earned, hz = rows_of(data), [], [], 1.76 if medium == "water" else 0.5
    for _control in range(150):
        before = task.before(body)
        data.ctrl[:] = 0.5 * SIDE * np.sin(2 * np.pi * (hz * data.time - ROW / 25))
        for _ in range(task.frame_skip):
            body.time[0, 0] = data.time
            force_all(c, body_of(data))
            mujoco.mj_step(task.model, data)
        velocity.append(task.progress(body)["forward_velocity"][0])
        earned.append(task.reward(before, np.zeros((1, 95), np.float32), body)[0][0])
    assert np.mean(earned[50:]) > 0.05
    assert np.mean(velocity[50:]) == pytest.approx(np.mean(earned[50:]), rel=0.04)


def test_segments_are_where_mujoco_puts_the_links():
    _, data = anywhere(4)
    ends = segments(data.qpos)
    np.testing.assert_allclose(ends[:, 0], data.xpos[1:, :2], atol=1e-12)
    np.testing.assert_allclose(ends.mean(1), data.xipos[1:, :2], atol=1e-12)


@pytest.mark.parametrize(("drive", "expected"), [("sine", math.sin(0.4 * math.pi)), ("square", 1.0)])
def test_the_head_drive_turns_the_joints_of_the_head_alone_and_is_off_by_default(drive, expected):
    task, off = make_worm(head_drive=drive, head_drive_hz=2.0, head_drive_bend=5.0), make_worm()
    data = mujoco.MjData(task.model)
    data.time = 0.1
    torque = task.force(rows_of(data))[0]
    np.testing.assert_allclose(torque[3:9], expected * 0.5 * full_torque(MEDIA["water"]), rtol=1e-12)
    assert not torque[:3].any() and not torque[9:].any()
    assert not off.force(rows_of(data)).any()


# -- the task ----------------------------------------------------------------------------------------------------


def test_the_rules_are_the_worms_and_its_own_alone():
    task = make_task("worm")
    assert isinstance(task, RuledTask) and rules_of(task) is not None
    assert type(task.constants) is WormConstants
    assert task.has_force and not task.contact_forces and not task.current_sensors


def test_equal_seeds_start_alike_and_others_differ():
    qpos, qvel = make_worm().initial_state([3, 3, 4])
    np.testing.assert_array_equal(qpos[0], qpos[1])
    assert (qpos[0] != qpos[2]).any() and not qvel.any()


def test_media_between_water_and_agar_grow_by_equal_factors():
    low, middle, high = (medium_named(share) for share in (0, 0.5, 1))
    assert low == MEDIA["water"]
    assert high == pytest.approx(MEDIA["agar"])
    assert middle.normal**2 == pytest.approx(low.normal * high.normal)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"medium": "agr"}, "did you mean 'agar'"),
        ({"medium": 1.5}, "medium is 1.5; give a number from 0"),
        ({"medium": float("nan")}, "give a number from 0"),
        ({"medium": None}, "give a name or a number"),
        ({"proprioception": "wen"}, "did you mean 'wen2012'"),
        ({"head_drive": "sin"}, "did you mean 'sine'"),
        ({"head_drive_hz": 0.0}, "head_drive_hz is 0.0; give a number from 0.01 to 10"),
        ({"head_drive_bend": "6"}, "head_drive_bend is '6'"),
        ({"settle_steps": 500}, "settle_steps"),
    ],
)
def test_options_that_make_no_worm_are_refused_in_one_line(options, message):
    with pytest.raises(TaskError, match=message) as caught:
        make_task("worm", **options)
    assert "\n" not in str(caught.value)
