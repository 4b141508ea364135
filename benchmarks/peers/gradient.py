"""Speed of training by gradient: this package, snntorch, norse, spikingjelly and ncps on networks of the same size.

279 cells, 2200 edges, 25 steps of one tick, batch 128, 784 inputs onto 80 cells, 10 outputs from 80 cells; one update
is the forward pass, the cross-entropy and the backward pass, encoder and decoder included. Each library is used as
its documentation shows: snntorch's `Leaky` and norse's functional `lif_feed_forward_step` in a loop over time with
encoder and masked recurrent matrix inside it (and once more with the encoder taken out, which their tutorials do not
show), norse's `lsnn_feed_forward_step`, whose threshold adapts as `alif`'s does, the same way;
spikingjelly's `LinearRecurrentContainer` in multi-step mode (dense: it takes no mask), ncps' `CfC` over a
`Wiring` of these edges. "compiled" and "torch" are this package's two ways; both take the encoder's product once.
Rounds are interleaved, so that a busy machine slows all alike; the figures to keep are the ratios. OpenMP's threads
wait without spinning (OMP_WAIT_POLICY=passive), for all libraries: spinning ones hold the core that others need.

Run by `make bench`; writes benchmarks/results/gradient.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median

import ncps.torch
import ncps.wirings
import norse.torch.functional.lif as norse_lif
import norse.torch.functional.lsnn as norse_lsnn
import numpy as np
import pandas as pd
import snntorch
import torch
from snntorch import surrogate as snntorch_surrogate
from spikingjelly.activation_based import functional as spikingjelly_functional
from spikingjelly.activation_based import layer, neuron, surrogate
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, pad

from celegans_nn import Connectome, build
from celegans_nn.files import write_atomic
from celegans_nn.networks import Interface
from celegans_nn.networks.network import Network
from celegans_nn.studies.machine import machine, versions

RESULTS = Path(__file__).parents[1] / "results"
CELLS, EDGES, STEPS, BATCH, INPUTS, INPUT_CELLS, OUTPUT_CELLS, OUTPUTS = 279, 2200, 25, 128, 784, 80, 80, 10
MILLISECONDS, DECAY = 1.0, 0.9
LEVELS = ("lif", "rate", "alif")
Update = Callable[[], Tensor]
"""The forward pass; its loss."""


def wiring() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random edges: presynaptic, postsynaptic, sign."""
    rng = np.random.default_rng(0)
    pre, post = np.divmod(np.sort(rng.choice(CELLS * CELLS, EDGES, replace=False)), CELLS)
    return pre, post, rng.choice([1, -1], EDGES)


def ours(level: str, backend: str) -> Network:
    pre, post, sign = wiring()
    names = np.array([f"c{i:03d}" for i in range(CELLS)])
    edges = pd.DataFrame({"pre": names[pre], "post": names[post], "kind": "chemical", "sign": sign})
    interface = Interface(
        tuple(f"i{k}" for k in range(INPUTS)),
        tuple(f"o{k}" for k in range(OUTPUTS)),
        tuple(names[:INPUT_CELLS].tolist()),
        tuple(names[-OUTPUT_CELLS:].tolist()),
        encoder="linear",
        decoder="linear",
    )
    worm = Connectome.from_edges(edges, pd.DataFrame({"name": names}))
    net = build(worm, level, interface, ticks=1, dt_ms=MILLISECONDS)
    net.backend = backend
    return net


class Peer(nn.Module):
    """Encoder, masked recurrent matrix [post, pre] and decoder, which the peers share."""

    def __init__(self) -> None:
        super().__init__()
        pre, post, _ = wiring()
        self.encoder, self.decoder = nn.Linear(INPUTS, INPUT_CELLS), nn.Linear(OUTPUT_CELLS, OUTPUTS)
        mask = torch.zeros(CELLS, CELLS)
        mask[post, pre] = 1
        self.register_buffer("mask", mask)
        self.recurrent = nn.Parameter(0.4 * torch.randn(CELLS, CELLS) * mask)

    hoisted = True
    """Whether the encoder takes all steps in one product, which is faster, or each step in the loop, as the
    tutorials of snntorch and norse write it."""

    def current(self, x: Tensor) -> Tensor:
        """[steps, batch, cells], all steps at once."""
        return pad(self.encoder(x), (0, CELLS - INPUT_CELLS))

    def each(self, x: Tensor) -> Iterator[Tensor]:
        """[batch, cells] of each step."""
        return iter(self.current(x)) if self.hoisted else (self.current(at) for at in x)

    def decode(self, spikes: Tensor) -> Tensor:
        return self.decoder(spikes[:, -OUTPUT_CELLS:] / STEPS)


class Snntorch(Peer):
    def __init__(self) -> None:
        super().__init__()
        self.cells = snntorch.Leaky(beta=DECAY, spike_grad=snntorch_surrogate.fast_sigmoid(25))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.recurrent * self.mask
        spikes, membrane = torch.zeros(BATCH, CELLS), self.cells.init_leaky()
        total = torch.zeros(BATCH, CELLS)
        for at in self.each(x):
            spikes, membrane = self.cells(at + linear(spikes, weight), membrane)
            total = total + spikes
        return self.decode(total)


class Norse(Peer):
    rule = norse_lif.LIFParameters(method="super", alpha=torch.tensor(100.0))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.recurrent * self.mask
        spikes = total = torch.zeros(BATCH, CELLS)
        state = norse_lif.LIFFeedForwardState(v=spikes, i=spikes)
        for at in self.each(x):
            jump = at + linear(spikes, weight)
            spikes, state = norse_lif.lif_feed_forward_step(jump, state, self.rule, 0.001)
            total = total + spikes
        return self.decode(total)


class NorseAdaptive(Peer):
    rule = norse_lsnn.LSNNParameters(method="super", alpha=100.0)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.recurrent * self.mask
        spikes = total = torch.zeros(BATCH, CELLS)
        state = norse_lsnn.LSNNFeedForwardState(v=spikes, i=spikes, b=spikes + self.rule.v_th)
        for at in self.each(x):
            jump = at + linear(spikes, weight)
            spikes, state = norse_lsnn.lsnn_feed_forward_step(jump, state, self.rule, 0.001)
            total = total + spikes
        return self.decode(total)


class SnntorchTutorial(Snntorch):
    hoisted = False


class NorseTutorial(Norse):
    hoisted = False


class Spikingjelly(Peer):
    def __init__(self) -> None:
        super().__init__()
        del self.recurrent
        cells = neuron.LIFNode(surrogate_function=surrogate.ATan(), detach_reset=True)
        self.cells = layer.LinearRecurrentContainer(cells, CELLS, CELLS, bias=False, step_mode="m")

    def forward(self, x: Tensor) -> Tensor:
        spikingjelly_functional.reset_net(self.cells)
        return self.decode(self.cells(self.current(x)).sum(0))


class Edges(ncps.wirings.Wiring):
    """ncps' own class of wirings, with these edges."""

    def __init__(self) -> None:
        super().__init__(CELLS)
        self.set_output_dim(OUTPUT_CELLS)
        for pre, post, sign in zip(*(array.tolist() for array in wiring()), strict=True):
            self.add_synapse(pre, post, sign)

    def build(self, input_dim: int) -> None:
        super().build(input_dim)
        for k in range(input_dim):
            self.add_sensory_synapse(k, k, 1)


class Ncps(Peer):
    def __init__(self) -> None:
        super().__init__()
        del self.recurrent
        self.cells = ncps.torch.CfC(INPUT_CELLS, Edges(), batch_first=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.cells(self.encoder(x))[0].sum(0))


def updates(x: Tensor, y: Tensor) -> dict[str, tuple[nn.Module, Update, int]]:
    """Each library's network, its forward pass, and every how many rounds it is run."""
    made: dict[str, tuple[nn.Module, Update, int]] = {}
    for backend in ("compiled", "torch"):
        for level in LEVELS:
            net = ours(level, backend)
            made[f"celegans_nn {level}, {backend}"] = net, lambda net=net: cross_entropy(net.unroll(x)[0].mean(0), y), 1
    peers = {"snntorch Leaky": (SnntorchTutorial, 1), "snntorch Leaky, encoder out of the loop": (Snntorch, 1),
             "norse lif_feed_forward_step": (NorseTutorial, 1),
             "norse lif_feed_forward_step, encoder out of the loop": (Norse, 1),
             "norse lsnn_feed_forward_step, encoder out of the loop": (NorseAdaptive, 1),
             "spikingjelly LinearRecurrentContainer": (Spikingjelly, 1), "ncps CfC": (Ncps, 3)}  # fmt: skip
    for name, (kind, every) in peers.items():
        net = kind()
        made[name] = net, lambda net=net: cross_entropy(net(x), y), every
    return made


def measure(runs: dict[str, tuple[nn.Module, Update, int]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """(seconds of the update, of its forward pass) in every round, after one that is not counted."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for k in range(-1, rounds):
        for name, (net, update, every) in runs.items():
            if k > 0 and k % every:
                continue
            net.zero_grad()
            started = time.perf_counter()
            loss = update()
            forward = time.perf_counter()
            loss.backward()
            ended = time.perf_counter()
            if k >= 0:
                times[name].append((ended - started, forward - started))
    return times


def disagreement(level: str, x: Tensor, y: Tensor) -> float:
    """The largest difference of a gradient of the compiled way from autograd's through torch's ticks, in float64,
    relative to the largest entry of that gradient."""
    found = []
    for backend in ("compiled", "torch"):
        net = ours(level, backend).double()
        cross_entropy(net.unroll(x.double())[0].mean(0), y).backward()
        found.append([p.grad for p in net.parameters()])
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(*found, strict=True) if b.abs().max() > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(1)
    x, y = (torch.rand(STEPS, BATCH, INPUTS) < 0.15).float(), torch.randint(0, OUTPUTS, (BATCH,))
    times = measure(updates(x, y), asked.rounds)
    middle = {name: tuple(1000 * median(column) for column in zip(*rows, strict=True)) for name, rows in times.items()}
    apart = {f"celegans_nn {level}, compiled": disagreement(level, x, y) for level in LEVELS}
    base = [middle[f"celegans_nn {level}, compiled"][0] for level in ("lif", "rate")]
    lines = [
        "| | ms an update | of it forward | times lif compiled | times rate compiled | gradients off autograd's by |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {total:.1f} | {forward:.1f} | {total / base[0]:.2f} | {total / base[1]:.2f} | "
            f"{format(apart[name], '.0e') if name in apart else ''} |"
            for name, (total, forward) in middle.items()
        ),
    ]
    host, used = machine(), versions()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("snntorch", "norse", "spikingjelly", "ncps", "numba"))
    about = (
        f"{host['processor']}, {asked.threads} threads, {asked.rounds} interleaved rounds, medians. The last column is "
        f"the largest difference in float64, relative to each gradient's largest entry. Python {used['python']}, "
        f"torch {used['torch']}, numpy {used['numpy']}, {libraries}; sources {used['sources']}."
    )
    what = __doc__.strip().split("\n\n")[1].replace("\n", " ")
    text = "\n\n".join(["# Training by gradient, side by side", what, "\n".join(lines), about]) + "\n"
    print(text)
    write_atomic(RESULTS / "gradient.md", text.encode())


if __name__ == "__main__":
    main()
