"""What lives above the SDK and is found by name: the engine, its migration, `dev`, `demo`.

Role: the SDK never imports the engine, so that a worker needs no database driver. Whoever brings an extension names it
in the entry point group `perdure.extensions`; here it is loaded, or its absence explained.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from perdure.exceptions import RequestError

GROUP = "perdure.extensions"

EXTRA_OF = {"engine": "engine", "migrate": "engine", "dev": "dev", "demo": "dev"}
"""The extra to install for each extension."""


class ExtensionMissing(RequestError):
    """What was asked for is not installed. Says which extra brings it."""

    def __init__(self, name: str, missing: str) -> None:
        extra = EXTRA_OF.get(name, name)
        super().__init__(
            f"{missing} is not installed, which `perdure {name}` needs. Install it with: pip install 'perdure[{extra}]'"
        )
        self.name = name


def load_extension(name: str) -> Callable[..., Any]:
    """The function behind an extension.

    Raises:
        ExtensionMissing: it, or a package that it needs, is not installed.
    """
    found = _entry_point(name)
    if found is None:
        raise ExtensionMissing(name, f"the extension {name!r}")
    try:
        loaded: Callable[..., Any] = found.load()
    except ModuleNotFoundError as error:
        raise ExtensionMissing(name, f"the package {error.name!r}") from error
    return loaded


def _entry_point(name: str) -> EntryPoint | None:
    return next(iter(entry_points(group=GROUP, name=name)), None)
