"""Controls that would not be controls: what the rest of an experiment makes equal to the original or a lower rung."""

from __future__ import annotations

from celegans_nn.errors import RewiringError, nearest, one_line

INITIAL_WEIGHTS = ("table", "shared")
"""Where a network's first weights come from: from the wiring's own weights, or from constants shared by all
excitatory and all inhibitory edges, as Schmidgall et al. (2022) do."""

EQUAL_UNDER_SHARED_WEIGHTS = {"weight_shuffle": "the original", "strength": "degree_sign"}


def refuse_void(null: str, initial_weights: str) -> None:
    """RewiringError where a network built with these initial weights could not tell the control apart.

    `boundary` and `interface_shuffle` are void for some interfaces; they look at the cells themselves.
    """
    if initial_weights not in INITIAL_WEIGHTS:
        raise RewiringError(
            f"unknown initial weights {one_line(initial_weights)!r}; {nearest(initial_weights, INITIAL_WEIGHTS)}"
        )
    same = EQUAL_UNDER_SHARED_WEIGHTS.get(null)
    if initial_weights == "shared" and same is not None:
        raise RewiringError(
            f"{null} is void under shared initial weights: the table's weights play no part in the network, so it "
            f"equals {same}; start from the table's weights or choose another null model"
        )
