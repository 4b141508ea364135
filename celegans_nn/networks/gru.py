"""A gated recurrent network: what memory without a wiring makes of the same number of trained values."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from celegans_nn.networks.interface import check_observations, dense_layer


class GRU(nn.Module):
    """Gated recurrent units (Cho et al. 2014, arXiv 1406.1078) and a linear layer that reads them; no biases, so that
    rest in gives rest out.

    x [batch, inputs] -> (y [batch, outputs], state [batch, hidden]); a state of None is rest. As in torch's GRUCell,
    whose weights these are: r, z = sigmoid(W x + U h), n = tanh(W_n x + r * (U_n h)), h' = (1 - z) n + z h.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, generator: torch.Generator):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden, inputs))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden, hidden))
        bound = hidden**-0.5  # torch's own
        with torch.no_grad():
            for weight in (self.weight_ih, self.weight_hh):
                weight.uniform_(-bound, bound, generator=generator)
        self.readout = dense_layer(hidden, outputs, generator)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(inputs, hidden units, outputs)."""
        return self.weight_ih.shape[1], self.weight_hh.shape[1], self.readout.out_features

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One control step."""
        check_observations(x, self.weight_ih.shape[1])
        h = x.new_zeros(len(x), self.weight_hh.shape[1]) if state is None else state
        reset_x, update_x, new_x = (x @ self.weight_ih.T).chunk(3, 1)
        reset_h, update_h, new_h = (h @ self.weight_hh.T).chunk(3, 1)
        new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
        update = torch.sigmoid(update_x + update_h)
        h = (1 - update) * new + update * h
        return self.readout(h), h
