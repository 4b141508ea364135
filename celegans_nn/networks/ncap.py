"""NCAP, the circuit that Bhattasali, Zador & Engel 2022 (arXiv 2201.05242) designed by hand after the worm's."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from celegans_nn.errors import NetworkError
from celegans_nn.networks.interface import check_observations

PERIOD = 60
"""Control steps of the head's oscillator; as in the paper, 1.8 s on the swimmer."""
LARGEST_TORQUE = 1.0 - 1e-6
"""What a full contraction gives, so that the task's tanh has something to undo."""
OSCILLATOR = "head_oscillator"
_JOINT = re.compile(r"joint_([1-9][0-9]*)")


class NCAP(nn.Module):
    """Drives a swimmer of n joints: x [batch, observations] -> (y [batch, n], control steps so far [batch, 1]).

    Joint k has a dorsal and a ventral B-type neuron, and a muscle on each side, all in [0, 1]. A B neuron feels how
    far the joint in front is bent to its side, as a share of its range; those of the first joint are driven by a
    square wave, the observation `head_oscillator` where there is one, else a counter of their own. A B neuron
    excites the muscle of its side and inhibits the other; torque is dorsal contraction minus ventral.

    Trained are 4 weights that all joints share, or with shared=False one for each synapse, 6 n. A
    weight is cut off at 0 where it is used, so that no training can flip its sign. They start from U(0, 1), negative
    ones from U(-1, 0).

    The outputs are artanh of the torques, so that they are the torques once the task has taken their tanh.
    Observations must be as the task gives them, not normalised.
    """

    def __init__(
        self, observations: Sequence[str], actions: Sequence[str], generator: torch.Generator, shared: bool = True
    ):
        super().__init__()
        missing = [name for name in actions if not _JOINT.fullmatch(name) or name not in observations]
        if missing or not actions:
            what = f"no observation {missing[0]!r} of a joint" if missing else "no actions"
            raise NetworkError(f"ncap drives swimmers, whose actions are joints that they feel; here is {what}")
        self.observations, self.actions, self.shared = tuple(observations), tuple(actions), shared
        self.joints = [self.observations.index(name) for name in actions]
        self.oscillator = self.observations.index(OSCILLATOR) if OSCILLATOR in observations else None
        n = len(actions)

        def weight(sign: int, *shape: int) -> nn.Parameter:
            return nn.Parameter(sign * torch.rand(() if shared else shape, generator=generator))

        self.proprioception = weight(1, 2, n - 1)
        """[dorsal and ventral, joints from the second on], from the joint in front onto a B neuron."""
        self.drive = weight(1, 2, 1)
        """[2, 1], from the oscillator onto the first B neurons."""
        self.ipsilateral = weight(1, 2, n)
        """[2, joints], from the B neuron of a muscle's own side."""
        self.contralateral = weight(-1, 2, n)
        """[2, joints], from that of the other side."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One control step."""
        check_observations(x, len(self.observations))
        step = x.new_zeros(len(x), 1) if state is None else state
        whole_range = 2 * math.pi / (len(self.joints) + 1)  # of a joint to either side: swimmer_mjcf
        bent = (x[:, self.joints] / whole_range).clamp(-1, 1)
        side = torch.stack((bent.clamp(min=0), (-bent).clamp(min=0)), 1)[..., :-1]
        if self.oscillator is None:
            up = (torch.remainder(step, PERIOD) < PERIOD // 2).to(x.dtype)
        else:
            up = (x[:, [self.oscillator]] > 0).to(x.dtype)
        head = torch.stack((up, 1 - up), 1)
        felt = side * self.proprioception.clamp(min=0)
        driven = head * self.drive.clamp(min=0)
        b = torch.cat((driven, felt), 2).clamp(0, 1)
        muscle = (b * self.ipsilateral.clamp(min=0) + b.flip(1) * self.contralateral.clamp(max=0)).clamp(0, 1)
        torque = muscle[:, 0] - muscle[:, 1]
        return torch.atanh(LARGEST_TORQUE * torque), step + 1
