"""Why a peer cannot take part: the first of its parts that is not there, with what brings it."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

NODE_FOLDER = Path(__file__).resolve().parents[1] / "peers" / "node"


def missing_module(*modules: str) -> str | None:
    """A Python package that is not installed."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            return f"the Python package that has {module} is not installed; `make bench` installs it (group `peers`)"
    return None


def missing_node_package(*packages: str, program: str = "node") -> str | None:
    """Node, or a package of npm, that is not installed."""
    if shutil.which(program) is None:
        return f"there is no {program} on the PATH; install Node.js 20 or newer"
    for package in packages:
        if not (NODE_FOLDER / "node_modules" / package).is_dir():
            return f"{package} is not installed; `make bench` installs it (npm install --prefix bench/peers/node)"
    return None
