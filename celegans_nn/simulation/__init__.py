"""Networks in closed loop with bodies: whole populations at once, each individual with its own body."""

from celegans_nn.simulation.episodes import Episodes
from celegans_nn.simulation.evaluator import Evaluator
from celegans_nn.simulation.policies import Policy, PolicyStack, stack_policies
from celegans_nn.simulation.population import PopulationSimulator, evaluate_population
from celegans_nn.simulation.recording import Recording, record_episode

__all__ = [
    "Episodes",
    "Evaluator",
    "Policy",
    "PolicyStack",
    "PopulationSimulator",
    "Recording",
    "evaluate_population",
    "record_episode",
    "stack_policies",
]
