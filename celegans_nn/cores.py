"""How many processors there are for us."""

import os


def usable_cores() -> int:
    """Processors that this process may run on: a batch system may grant fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
