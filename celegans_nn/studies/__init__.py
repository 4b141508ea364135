"""Studies: a TOML spec becomes trials, trials run in worker processes, results become one page."""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "load_results": "celegans_nn.studies.store",
    "load_study": "celegans_nn.studies.reading",
    "resume_study": "celegans_nn.studies.runner",
    "run_study": "celegans_nn.studies.runner",
    "run_trial": "celegans_nn.studies.trial",
    "write_report": "celegans_nn.studies.report",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'celegans_nn.studies' has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(_PUBLIC[name]), name)
