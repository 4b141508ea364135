"""The update rules compile as they stand: one equation serves torch and a compiled evaluator."""

import math

import numba
import numpy as np
import pytest
import torch
from numba.extending import overload

from celegans_nn.neurons import MODELS, ops


@overload(ops.tanh)
def _tanh(x):
    return lambda x: math.tanh(x)


@overload(ops.rectify)
def _rectify(x):
    return lambda x: x if x > 0 else x - x


@overload(ops.select)
def _select(condition, chosen, otherwise):
    return lambda condition, chosen, otherwise: chosen if condition != 0 else otherwise


@overload(ops.spike)
def _spike(distance, slope):
    return lambda distance, slope: distance - distance + (distance >= 0)


@pytest.mark.parametrize("name", MODELS)
def test_compiled_rule_agrees_with_torch_at_each_of_200_ticks(name):
    model, cells, ticks = MODELS[name], 20, 200
    rng = np.random.default_rng(7)
    weights = torch.from_numpy(rng.normal(0.05, 0.25, (cells, cells)).astype(np.float32))
    drive = torch.from_numpy(rng.normal(0.1, 0.3, (ticks, cells)).astype(np.float32))
    constants = {k: torch.tensor(c.value) for k, c in model.constants.items()}
    rule = model.parameters(constants, 1.0)
    rule = type(rule)(*(torch.as_tensor(v, dtype=torch.float32) for v in rule))
    compiled_rule = type(rule)(*(np.float32(v.item()) for v in rule))
    compiled = numba.njit(model.step)

    state = model.initial(rule, torch.zeros(cells))
    active = 0.0
    for t in range(ticks):
        current = drive[t] + state.output @ weights
        before = [[np.float32(field[i].item()) for field in state] for i in range(cells)]
        state = model.step(rule, state, current)
        after = [compiled(compiled_rule, model.state(*before[i]), np.float32(current[i].item())) for i in range(cells)]
        ours = np.array([[field[i].item() for field in state] for i in range(cells)])
        np.testing.assert_allclose(ours, np.array(after, dtype=np.float64), rtol=1e-6, atol=1e-7)
        active += float(state.output.abs().sum())
    assert active > ticks  # the network was doing something


def test_rules_hold_no_numeric_literal():
    import ast
    import inspect

    for model in MODELS.values():
        tree = ast.parse(inspect.getsource(model.step))
        numbers = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, (int, float))]
        assert numbers == [], f"{model.name}: {numbers} would be float64 in a compiled float32 rule"
