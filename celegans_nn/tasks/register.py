"""Importing this registers the swimmer with gymnasium, and nothing else does:

gymnasium.make("celegans_nn.tasks.register:celegans_nn/Swimmer-v0", n_links=6)
"""

from gymnasium.envs.registration import register, registry

from celegans_nn.tasks.swimmer import EPISODE_STEPS

SWIMMER_ID = "celegans_nn/Swimmer-v0"

if SWIMMER_ID not in registry:  # gymnasium imports this again for every `make`
    register(SWIMMER_ID, "celegans_nn.tasks.swimmer_env:SwimmerEnv", max_episode_steps=EPISODE_STEPS)
