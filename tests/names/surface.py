"""What a library shows: its public names with their signatures, as plain data.

    python tests/names/surface.py temporalio > tests/names/temporalio_names.json

Role: run in an environment that has `temporalio`, it writes the data that the table of names is made of; run in ours,
it describes `perdure` by the same rules. It needs nothing but the standard library, and reads names and defaults only.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import sys
from datetime import timedelta
from importlib.metadata import version
from typing import Any, ParamSpec, TypeVar

MODULES = (
    "workflow",
    "activity",
    "client",
    "worker",
    "common",
    "exceptions",
    "converter",
    "testing",
    "envconfig",
    "service",
)

_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_SIMPLE = (bool, int, float, str, bytes, type(None))


def surface(library: str) -> dict[str, Any]:
    """Version, and for each module what it names: `{module: {name: description}}`."""
    modules: dict[str, Any] = {}
    for module in MODULES:
        try:
            loaded = importlib.import_module(f"{library}.{module}")
        except ModuleNotFoundError:
            modules[module] = {}
            continue
        modules[module] = {name: describe(getattr(loaded, name)) for name in public_names(loaded, library)}
    return {"library": library, "version": version(library), "modules": modules}


def public_names(module: Any, library: str) -> list[str]:
    """`__all__`, else what the module defines itself."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted(name for name in listed if hasattr(module, name) and not name.startswith("_"))
    found = []
    for name, value in vars(module).items():
        if name.startswith("_") or inspect.ismodule(value) or name in ("annotations", "TYPE_CHECKING"):
            continue
        home = getattr(value, "__module__", None) or module.__name__
        if home == module.__name__ or home.startswith(f"{library}."):
            found.append(name)
    return sorted(found)


def describe(value: Any) -> dict[str, Any]:
    """What kind of thing it is, its signature, and of a class its members."""
    if inspect.isclass(value):
        if issubclass(value, enum.Enum):
            return {"kind": "enum", "members": dict.fromkeys(value.__members__, "")}
        return {"kind": "class", "signature": signature(value), "members": members(value)}
    if callable(value) and not _is_typing(value):
        return {"kind": "function", "signature": signature(value)}
    return {"kind": "value"}


def members(cls: type) -> dict[str, str]:
    """Public attributes: methods by their signature, everything else by an empty text."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not base.__module__.startswith(("perdure", "temporalio")):
            continue
        for name in getattr(base, "__annotations__", {}):
            if not name.startswith("_"):
                found[name] = ""
        for name, value in vars(base).items():
            if name.startswith("_"):
                continue
            function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
            found[name] = signature(function) if inspect.isroutine(function) else ""
    return dict(sorted(found.items()))


def signature(function: Any) -> str:
    """Names, kinds and defaults of the parameters, without `self` and without types."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ""
    if parameters and parameters[0].name in ("self", "cls") and not inspect.isclass(function):
        parameters = parameters[1:]
    parts, keyword_only = [], False
    for parameter in parameters:
        if parameter.name.startswith("_") and parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            if not any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
                parts.append("*")
        stars = _STARS.get(parameter.kind, "")
        default = "" if parameter.default is inspect.Parameter.empty else f"={default_text(parameter.default)}"
        keyword_only = keyword_only or stars == "*"
        parts.append(f"{stars}{parameter.name}{default}")
    return f"({', '.join(parts)})"


def default_text(value: Any) -> str:
    """A default, if it means the same in both libraries; else `...`."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, _SIMPLE):
        return repr(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, list | tuple | dict | set | frozenset) and not value:
        return "[]" if isinstance(value, list | tuple) else "{}"
    return "..."


def _is_typing(value: Any) -> bool:
    return isinstance(value, TypeVar | ParamSpec) or type(value).__module__ == "typing"


if __name__ == "__main__":
    json.dump(surface(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
