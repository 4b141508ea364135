"""Every level of realism learns to tell digits apart by backpropagation through time."""

import pytest

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.networks import build
from celegans_nn.tasks import make_task
from celegans_nn.training import train

IMAGES = 1259
# what a tick stands for: 25 of them must hold the path from input to output
LEVELS = [
    ("relu", {}), ("rate", {}), ("lif", {}), ("alif", {}), ("izhikevich", {"preset": "s22"}),
    ("izhikevich", {"dt_ms": 0.2}), ("graded", {"dt_ms": 20.0}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("neuron", "options"), LEVELS)
def test_every_level_learns_digits(neuron, options):
    task = make_task("digits")
    net = build(load_connectome("haspel2012"), neuron, inputs=task.observations, outputs=task.actions, **options)
    result = train(net, task, method="bptt", seed=0, budget=20 * IMAGES)
    assert result.scores["untrained"] < 0.3
    assert result.scores["final"] > 0.93
