"""Controls: a connectome goes in, another one comes out that keeps some of its properties and loses the rest.

One file a null model. Each is a function `(worm, scope, rng) -> Rewired` named in `NULLS`; `rewire` adds the
seed and the provenance, `compare` measures what one control kept, and `compare_ensemble` where the original stands
among many.
"""

from celegans_nn.rewiring.control import NULLS, rewire
from celegans_nn.rewiring.edges import SCOPES
from celegans_nn.rewiring.ensemble import EnsembleReport, compare_ensemble
from celegans_nn.rewiring.interface_shuffle import shuffle_interface
from celegans_nn.rewiring.many import control_seed, rewire_many
from celegans_nn.rewiring.report import PreservationReport, compare

__all__ = [
    "NULLS",
    "SCOPES",
    "EnsembleReport",
    "PreservationReport",
    "compare",
    "compare_ensemble",
    "control_seed",
    "rewire",
    "rewire_many",
    "shuffle_interface",
]
