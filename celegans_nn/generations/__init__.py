"""Model connectomes for any torch module: generations prune one, fresh learners inherit it, controls question it."""

from celegans_nn.generations.compare_controls import compare_controls, learner_seed
from celegans_nn.generations.controls import CONTROLS, Control, Start, begin
from celegans_nn.generations.evolve import evolve_connectome
from celegans_nn.generations.inherit import WHAT, inherit, remove
from celegans_nn.generations.model_connectome import Generation, ModelConnectome
from celegans_nn.generations.prune import SCOPES, kept_after, prune
from celegans_nn.generations.wiring_evolve import evolve_wiring, wiring_after
from celegans_nn.generations.wiring_overcomplete import cut_to, overcomplete

__all__ = [
    "CONTROLS",
    "SCOPES",
    "WHAT",
    "Control",
    "Generation",
    "ModelConnectome",
    "Start",
    "begin",
    "compare_controls",
    "cut_to",
    "evolve_connectome",
    "evolve_wiring",
    "inherit",
    "kept_after",
    "learner_seed",
    "overcomplete",
    "prune",
    "remove",
    "wiring_after",
]
