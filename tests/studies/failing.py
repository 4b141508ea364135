"""A worker that cannot train some trials, to see what becomes of a trial that fails."""

import sys

MESSAGE = "es: a generation costs more than there is"


def worker_that_fails(budget: int) -> tuple[str, ...]:
    """What `pool.WORKER` may be: trials with that budget end in MESSAGE."""
    return sys.executable, "-c", (
        "import runpy\n"
        "from celegans_nn.errors import TrainingError\n"
        "from celegans_nn.studies import trial as trials\n"
        "whole = trials.run_trial\n"
        "def run_trial(trial, *rest):\n"
        f"    if trial.task.budget == {budget}:\n"
        f"        raise TrainingError({MESSAGE!r})\n"
        "    return whole(trial, *rest)\n"
        "trials.run_trial = run_trial\n"
        "runpy.run_module('celegans_nn.studies.worker', run_name='__main__')\n"
    )  # fmt: skip
