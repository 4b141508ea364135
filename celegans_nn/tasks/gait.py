"""How a worm moves: the figures by which its gaits are told apart, from the postures of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from celegans_nn.errors import TaskError
from celegans_nn.tasks.body import Array

LEAST_BEND = 0.1
"""Curvature x body length below which a body counts as straight, so that it has no wave."""
FINEST = 16
"""Frequencies tried for each that the recording's length tells apart."""


class Gait(NamedTuple):
    """Figures of one episode. Of a body that does not bend to and fro, those of the wave are NaN."""

    forward_speed: float
    """Body lengths a second, or mm/s of a worm of 1 mm: mean velocity of the centre of mass towards the head."""
    displacement: float
    """Body lengths a second: from the first place of the centre of mass to the last, by the straight way."""
    frequency: float
    """Hz, at which curvature has most power, all joints together."""
    wavelength: float
    """Body lengths, from the mean slope of the phase along the body at that frequency."""
    towards_tail: float
    """What of the wave travels: 1 if it runs from head to tail at one amplitude, as in forward movement, 0 if it
    stands, -1 if it runs from tail to head."""
    bending: float
    """Curvature x body length: the peak of a sine with curvature's standard deviation in time, mean of the joints."""


class Figure(NamedTuple):
    """How a field of `Gait` is told."""

    field: str
    name: str
    unit: str
    digits: int


FIGURES = (
    Figure("forward_speed", "speed towards the head", "mm/s", 3),
    Figure("displacement", "speed by the straight way", "mm/s", 3),
    Figure("frequency", "frequency", "Hz", 2),
    Figure("wavelength", "wavelength", "body lengths", 2),
    Figure("towards_tail", "travels (1 to the tail, 0 stands, -1 to the head)", "", 2),
    Figure("bending", "bending, curvature x body length", "", 1),
)
"""Units as in `worm`; in another body, whose lengths are m, speeds are m/s."""
UNKNOWN = (np.nan,) * 6
"""Of an episode that failed or is too short."""
STANDING = 0.5
"""A wave of which less travels counts as one that stands."""
STRAIGHT = 0.7
"""Of the way towards the head; who comes less far by the straight way swims in a curve, or turns on the spot."""


class Published(NamedTuple):
    """A figure to hold a gait against."""

    movement: str
    figure: str
    """A field of `Gait`."""
    value: float
    source: str
    read: bool = False
    """Whether the figure was read again at its source for this table; else it is as commonly cited."""


PUBLISHED = (
    Published("swimming", "frequency", 1.76, "Fang-Yen et al. 2010, PNAS 107:20323"),
    Published("swimming", "wavelength", 1.54, "Fang-Yen et al. 2010, PNAS 107:20323"),
    Published("swimming", "forward_speed", 0.35, "Sznitman et al. 2010, Phys. Fluids 22:121901", True),
    Published("crawling", "frequency", 0.30, "Fang-Yen et al. 2010, PNAS 107:20323"),
    Published("crawling", "wavelength", 0.65, "Fang-Yen et al. 2010, PNAS 107:20323"),
    Published("crawling", "forward_speed", 0.22, "Ramot et al. 2008, PLoS ONE 3:e2208"),
    Published("crawling", "bending", 9.0, "Fang-Yen et al. 2010, PNAS 107:20323"),
)
"""Young adults."""


def gait(segments: Array, control_dt: float) -> Gait:
    """The gait of one episode.

    segments: [T, links, 2 ends, 2], body lengths, head first: those of a recording, without what is to be left out at
        its start. control_dt: s between rows.

    Of all frequencies from one over the recording's length, the one with most power is taken, by a Fourier transform
    under a Hann window that is padded to a finer grid. With a(s) the complex amplitude of curvature along the body
    there, q is the slope of its phase (weighed by |a|^2), and a(s) = A exp(-i q s) + B exp(i q s) by least squares: A
    runs towards the tail, B towards the head, and what travels is (|A|^2 - |B|^2) / (|A|^2 + |B|^2).
    """
    segments = np.asarray(segments, dtype=float)
    if segments.ndim != 4 or len(segments) < 4 or segments.shape[1] < 3:
        raise TaskError(f"segments have shape {list(segments.shape)}; give [4 or more moments, 3 or more links, 2, 2]")
    forward, net = _speeds(segments, control_dt)
    swing = curvatures(segments)
    swing = swing - swing.mean(0)
    bending = float(np.sqrt(2) * swing.std(0).mean())
    if bending < LEAST_BEND:
        return Gait(forward, net, np.nan, np.nan, np.nan, bending)
    frequency, amplitude = _strongest(swing, control_dt)
    wavelength, travels = _wave(amplitude, segments.shape[1])
    return Gait(forward, net, frequency, wavelength, travels, bending)


def mean_gait(gaits: Sequence[Gait]) -> Gait:
    """The mean of each figure, over those episodes that have it."""
    table = np.array(gaits, dtype=float).reshape(-1, len(Gait._fields))
    known = np.isfinite(table)
    total = np.where(known, table, 0.0).sum(0)
    return Gait(*np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan).tolist())


def in_words(found: Gait) -> str:
    """The direction of travel, of the body and of its wave.

    >>> in_words(Gait(0.23, 0.18, 1.76, 0.94, 0.99, 8.6))
    'moves forward; its wave runs from head to tail'
    >>> in_words(Gait(-0.1, 0.02, 0.5, 1.0, 0.1, 5.0))
    'moves backward, not straight on; its wave stands'
    """
    speed = round(found.forward_speed, 3) if np.isfinite(found.forward_speed) else 0.0
    body = "stays where it is" if speed == 0 else "moves forward" if speed > 0 else "moves backward"
    if speed != 0 and found.displacement < STRAIGHT * abs(found.forward_speed):
        body += ", not straight on"
    if not np.isfinite(found.towards_tail):
        return f"{body}; it has no wave"
    if abs(found.towards_tail) < STANDING:
        return f"{body}; its wave stands"
    return f"{body}; its wave runs from {'head to tail' if found.towards_tail > 0 else 'tail to head'}"


def _wave(amplitude: Array, links: int) -> tuple[float, float]:
    """(wavelength, body lengths; what travels towards the tail) of complex amplitudes at the joints [links - 1]."""
    s, weight = np.arange(1, links) / links, np.abs(amplitude) ** 2
    s = s - np.average(s, weights=weight)
    q = abs((weight * s * np.unwrap(np.angle(amplitude))).sum() / (weight * s**2).sum())
    waves = np.stack([np.exp(-1j * q * s), np.exp(1j * q * s)], axis=1)
    tailward, headward = np.abs(np.linalg.lstsq(waves, amplitude)[0]) ** 2
    return float(2 * np.pi / max(q, 1e-9)), float((tailward - headward) / (tailward + headward))


def curvatures(segments: Array) -> Array:
    """Curvature x body length at each joint, positive where the body bends towards the left of the head's direction
    (dorsal in `worm`): [T, links, 2, 2] -> [T, links - 1]."""
    along = segments[:, :, 0] - segments[:, :, 1]
    turn = np.diff(np.arctan2(along[..., 1], along[..., 0]), axis=1)
    return -((turn + np.pi) % (2 * np.pi) - np.pi) * segments.shape[1]


def _speeds(segments: Array, control_dt: float) -> tuple[float, float]:
    """(mean velocity of the centre of mass towards the head, speed by the straight way)."""
    centre = segments.mean((1, 2))
    to_head = segments[:, 0, 0] - segments[:, -1, 1]
    to_head = (to_head[1:] + to_head[:-1]) / 2
    to_head /= np.maximum(np.linalg.norm(to_head, axis=1, keepdims=True), 1e-9)
    forward = (np.diff(centre, axis=0) * to_head).sum(1).mean() / control_dt
    return float(forward), float(np.linalg.norm(centre[-1] - centre[0]) / control_dt / (len(centre) - 1))


def _strongest(swing: Array, control_dt: float) -> tuple[float, Array]:
    """(frequency with most power, complex amplitude of every joint there [joints])."""
    steps = len(swing)
    spectrum = np.fft.rfft(swing * np.hanning(steps)[:, None], FINEST * steps, axis=0)
    power = (np.abs(spectrum) ** 2).sum(1)
    power[:FINEST] = 0.0
    best = int(power.argmax())
    return best / (FINEST * steps * control_dt), spectrum[best]
