"""The worm in the compiled loop: drag before every physics step, muscles that a wiring drives alone."""

import numpy as np
import pytest
import torch

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.networks import build, direct_interface
from celegans_nn.simulation import Evaluator, PopulationSimulator, record_episode, stack_policies
from celegans_nn.simulation.crew import Crew, Start
from celegans_nn.simulation.replay import pack_replay
from celegans_nn.tasks import make_task

STEPS = 40


@pytest.mark.parametrize("medium", ["water", "agar"])
def test_given_the_same_actions_drag_and_head_drive_are_the_same_to_the_last_bit_in_both_loops(medium):
    task = make_task("worm", medium=medium, head_drive="square", episode_steps=STEPS)
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, 3, 95)).astype(np.float32)

    def policy(x, state):
        step = 0 if state is None else state
        return torch.from_numpy(actions[step]), step + 1

    simulator = PopulationSimulator(task, 3)
    simulator.reset([5, 6, 7])
    played = [step.actions.copy() for step in simulator.control_steps(policy, STEPS)]
    scored = simulator.evaluate(policy, [5, 6, 7])
    packed = pack_replay(np.stack(played, axis=1))
    got = Crew(task, 2).run(packed, [Start(p, 5 + p) for p in range(3)], STEPS, squash=False)
    np.testing.assert_array_equal(got.returns, scored.returns)
    np.testing.assert_array_equal(got.seen_square, scored.seen_square)
    np.testing.assert_array_equal(got.displacement, scored.metrics["displacement_x"])
    assert (got.seen_square[:, 12] > 0).all() and len(set(got.returns)) == 3


@pytest.mark.slow
def test_a_wiring_without_encoder_or_decoder_does_in_compiled_code_what_it_does_in_torch():
    task = make_task("worm", head_drive="sine", episode_steps=STEPS)
    worm = load_connectome("haspel2012")
    net = build(worm, "rate", direct_interface(worm, task, proprioceptive_gain=3.0), spectral_radius=1.0)
    population = {
        name: value.detach() + 0.1 * torch.randn((4, *value.shape), generator=torch.Generator().manual_seed(i))
        for i, (name, value) in enumerate(net.named_parameters())
    }
    evaluator = Evaluator(net, task, 2)
    assert evaluator.obstacle(population) is None
    got = evaluator.evaluate(population, range(4))
    expected = PopulationSimulator(task, 4).evaluate(stack_policies(net, population), list(range(4)))
    np.testing.assert_allclose(got.returns, expected.returns, rtol=1e-3, atol=1e-4)
    one = {name: value[2:3] for name, value in population.items()}
    film, slow = evaluator.record(one, 2), record_episode(stack_policies(net, one), task, 2)
    np.testing.assert_allclose(film.qpos, slow.qpos, atol=1e-3)
    assert np.abs(film.actions).max() > 0.05
