"""Where and with what a trial ran: for provenance, never for results."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import celegans_nn
from celegans_nn.cores import usable_cores

PACKAGES = ("numpy", "torch", "mujoco", "gymnasium", "scipy", "pandas", "scikit-learn", "networkx")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system, as plain values."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gb": _memory_gb(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, this package, its sources and the packages that results can depend on."""
    found = {
        "python": platform.python_version(),
        "celegans_nn": celegans_nn.__version__,
        "sources": source_hash()[:12],
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def source_hash() -> str:
    """sha256 over this package's Python files: tells apart results made by different code of one version."""
    root = Path(celegans_nn.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
