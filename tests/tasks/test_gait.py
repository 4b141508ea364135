"""Figures of a gait, on waves that are written down."""

import numpy as np
import pytest

from celegans_nn.errors import TaskError
from celegans_nn.tasks.gait import PUBLISHED, Gait, curvatures, gait


def bent(curvature, speed=0.0, dt=0.02, heading=0.0):
    """Segments [T, K + 1, 2, 2] of a body with this curvature x length [T, K], whose head goes at `speed`."""
    links = curvature.shape[1] + 1
    angle = heading - np.concatenate([np.zeros((len(curvature), 1)), np.cumsum(curvature / links, axis=1)], axis=1)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1) / links
    head = speed * dt * np.arange(len(curvature))[:, None, None] * np.array([np.cos(heading), np.sin(heading)])
    rear = head - np.cumsum(along, axis=1)
    return np.stack([rear + along, rear], axis=2)


def sine(hz=0.7, wavelength=0.8, depth=5.0, seconds=6.0, sense=1.0, dt=0.02):
    t, s = np.arange(0, seconds, dt)[:, None], np.arange(1, 25)[None] / 25
    return depth * np.sin(2 * np.pi * (hz * t - sense * s / wavelength))


@pytest.mark.parametrize("hz", [0.3, 0.77, 1.76])
@pytest.mark.parametrize("wavelength", [0.5, 0.65, 1.54])
def test_a_travelling_wave_is_measured_as_it_was_written(hz, wavelength):
    found = gait(bent(sine(hz, wavelength, seconds=10.0)), 0.02)
    assert found.frequency == pytest.approx(hz, rel=0.03)
    assert found.wavelength == pytest.approx(wavelength, rel=0.01)
    assert found.towards_tail == pytest.approx(1.0, abs=0.01)
    assert found.bending == pytest.approx(5.0, rel=0.06)


def test_a_wave_towards_the_head_and_one_that_stands_are_told_apart():
    assert gait(bent(sine(sense=-1.0)), 0.02).towards_tail == pytest.approx(-1.0, abs=0.01)
    standing = sine(seconds=10 / 0.7) + sine(seconds=10 / 0.7, sense=-1.0)
    assert abs(gait(bent(standing), 0.02).towards_tail) < 0.1


@pytest.mark.parametrize("heading", [0.0, 2.0])
def test_speed_is_that_of_the_whole_body_towards_the_head(heading):
    straight = np.zeros((50, 24))
    forward, backward = (gait(bent(straight, speed, heading=heading), 0.02) for speed in (0.3, -0.2))
    assert forward.forward_speed == pytest.approx(0.3)
    assert backward.forward_speed == pytest.approx(-0.2)
    assert backward.displacement == pytest.approx(0.2)


def test_a_straight_body_has_no_wave():
    found = gait(bent(np.zeros((50, 24))), 0.02)
    assert np.isnan([found.frequency, found.wavelength, found.towards_tail]).all()
    assert found.bending == 0.0


def test_curvature_is_positive_to_the_left_however_far_the_body_has_turned():
    given = np.full((3, 24), 15.0)  # more than two turns of the tangent
    np.testing.assert_allclose(curvatures(bent(given, heading=3.0)), given)


def test_the_published_figures_are_those_of_a_gait():
    assert {p.figure for p in PUBLISHED} <= set(Gait._fields)
    assert {p.movement for p in PUBLISHED} == {"swimming", "crawling"}


def test_too_few_moments_are_refused():
    with pytest.raises(TaskError, match="give"):
        gait(np.zeros((3, 25, 2, 2)), 0.02)
