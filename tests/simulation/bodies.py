"""Swimmers with something wrong with them, and policies that are a table of actions."""

from dataclasses import dataclass, fields

import mujoco
import numpy as np
import torch

from celegans_nn.tasks.swimmer import Swimmer, make_swimmer, swimmer_mjcf


def table_policy(actions):
    """A policy that plays `actions` [T, P, n] (inside (-1, 1)), whatever it sees."""
    outputs = torch.from_numpy(np.arctanh(np.asarray(actions, dtype=np.float64)))

    def policy(x, state):
        step = 0 if state is None else state
        return outputs[step], step + 1

    return policy


def random_actions(steps, individuals, n=5, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (steps, individuals, n))


def variant(kind, **changes):
    """A six-link swimmer of class `kind` (a subclass of Swimmer)."""
    base = make_swimmer()
    return kind(**{f.name: getattr(base, f.name) for f in fields(base)} | changes)


@dataclass(frozen=True)
class Mortal(Swimmer):
    """Individual p terminates at control step p + 1, except individual 0, which never does."""

    def reward(self, before, actions, bodies):
        value, _ = super().reward(before, actions, bodies)
        age = np.round(bodies.time / self.control_dt)
        own = np.arange(len(age)) + 1
        return value, (age >= own) & (own > 1)


@dataclass(frozen=True)
class Exploding(Swimmer):
    """Individual 1 starts with a velocity that no integrator survives."""

    def initial_state(self, seeds):
        qpos, qvel = super().initial_state(seeds)
        qvel[1:2, 4] = 1e12
        return qpos, qvel


@dataclass(frozen=True)
class Bent(Swimmer):
    """Individual 1 starts with every joint beyond its limit."""

    def initial_state(self, seeds):
        qpos, qvel = super().initial_state(seeds)
        qpos[1:2, 3:] = 2.0
        return qpos, qvel


def cramped(kilobytes, kind=Swimmer):
    """A swimmer whose MuJoCo has little memory: for bodies bent to their limits it is not enough."""
    mjcf = swimmer_mjcf(6).replace("<default>", f'<size memory="{kilobytes}K"/><default>', 1)
    return variant(kind, model=mujoco.MjModel.from_xml_string(mjcf))
