"""The update rules compile as they stand: one equation serves torch and a compiled evaluator."""

import math

import numba
import numpy as np
import pytest
import torch
from numba.extending import overload

from celegans_nn.networks.synapses import gap_current
from celegans_nn.neurons import MODELS, SynapticInput, ops


@overload(ops.tanh)
def _tanh(x):
    return lambda x: math.tanh(x)


@overload(ops.rectify)
def _rectify(x):
    return lambda x: x if x > 0 else x - x


@overload(ops.select)
def _select(condition, chosen, otherwise):
    return lambda condition, chosen, otherwise: chosen if condition > 0 else otherwise


@overload(ops.exp)
def _exp(x):
    return lambda x: math.exp(x)


@overload(ops.sigmoid)
def _sigmoid(x):
    one = numba.from_dtype(np.float32)  # a literal would make float64 of it
    return lambda x: one(1) / (one(1) + math.exp(-x))


@overload(ops.clip)
def _clip(x, low, high):
    return lambda x, low, high: low if x < low else high if x > high else x  # NaN stays


@overload(ops.spike)
def _spike(distance, slope, surrogate):
    return lambda distance, slope, surrogate: distance if distance != distance else type(distance)(distance >= 0)


CASES = [(name, preset) for name, model in MODELS.items() for preset in (None, *model.presets)]


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_compiled_rule_agrees_with_torch_at_each_of_200_ticks(name, preset):
    model, cells, ticks = MODELS[name], 20, 200
    rng = np.random.default_rng(7)
    weights = torch.from_numpy(rng.normal(0.05, 0.25, (cells, cells)).astype(np.float32))
    drive = torch.from_numpy(rng.normal(0.1, 0.3, (ticks, cells)).astype(np.float32)) * model.encoder_gain
    gap = torch.from_numpy(rng.uniform(0, 0.02, (cells, cells)).astype(np.float32))
    gap = gap + gap.T
    excitatory, inhibitory = weights.clamp(min=0), (-weights).clamp(min=0)
    rule = model.parameters({k: torch.tensor(c.value) for k, c in model.values(preset).items()}, 1.0)
    rule = type(rule)(*(v if isinstance(v, int) else torch.as_tensor(v, dtype=torch.float32) for v in rule))
    if model.settle is not None:
        rule = model.settle(rule, excitatory, inhibitory, gap)
        spread = model.spread(rule, gap)
    compiled, compiled_push = numba.njit(model.step), numba.njit(model.push) if model.conductance else None

    def of_rule(i):
        return type(rule)(*(v if isinstance(v, int) else of_cell(v, i) for v in rule))

    def compiled_step(i, before, given):
        """One cell's tick, in float32 scalars throughout."""
        return compiled(of_rule(i), model.state(*before), given)

    state = model.initial(rule, torch.zeros(cells))
    moved = changes = 0.0
    for t in range(ticks):
        sent = state.output
        before = [[of_cell(field, i) for field in state] for i in range(cells)]
        if model.conductance:
            reached = SynapticInput(drive[t], sent @ excitatory, sent @ inhibitory, gap_current(state.voltage, gap))
            push = model.push(rule, state, reached)
            each = [SynapticInput(*(of_cell(v, i) for v in reached)) for i in range(cells)]
            pushes = [compiled_push(of_rule(i), model.state(*before[i]), each[i]) for i in range(cells)]
            assert all(isinstance(p, float) for p in pushes)
            np.testing.assert_allclose(pushes, push.numpy(), rtol=1e-5, atol=1e-5 * push.abs().max())
            given = push @ spread
        else:
            given = drive[t] + sent @ weights
        given_to = [of_cell(given, i) for i in range(cells)]
        state = model.step(rule, state, given)
        after = [compiled_step(i, before[i], given_to[i]) for i in range(cells)]
        ours = np.array([[field[i].item() for field in state] for i in range(cells)])
        error = np.abs(ours - np.array(after, dtype=np.float64)).max(0)
        assert (error <= 1e-6 * np.abs(ours).max(0) + 1e-7).all(), (t, model.state._fields, error)
        moved += np.abs(ours - before).max(1).sum()
        changes += float((state.output - sent).abs().sum())
    assert moved > ticks / 10  # the network was doing something
    assert changes > (ticks if model.spiking else 0.1)


def of_cell(values, i):
    return np.float32(values[i].item() if values.dim() else values.item())


def test_rules_hold_no_numeric_literal():
    import ast
    import inspect

    for model in MODELS.values():
        for rule in (model.step, model.push) if model.conductance else (model.step,):
            nodes = ast.walk(ast.parse(inspect.getsource(rule)))
            numbers = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, (int, float))]
            assert numbers == [], f"{model.name}: {numbers} would be float64 in a compiled float32 rule"
