"""What the type hints of a user's function say about its arguments and its result."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class CallableTypes(NamedTuple):
    """`arguments`: the hint of each positional parameter, None where there is none; the last one repeats when
    `variadic`. `result` is None when there is no hint."""

    arguments: tuple[Any, ...]
    variadic: bool
    result: Any

    def hints(self, count: int) -> Sequence[Any]:
        """Hints for `count` arguments, as far as there are any."""
        if self.variadic and count > len(self.arguments):
            return (*self.arguments, *self.arguments[-1:] * (count - len(self.arguments)))
        return self.arguments


def callable_types(function: Callable[..., Any], *, has_self: bool, by_name: bool = False) -> CallableTypes:
    """The types of a function; of a method as its class holds it with `has_self`. `by_name`: those of parameters that
    are given by name alone, too, behind the others.

    A hint that cannot be resolved (a name that exists for type checkers only) counts as none.
    """
    parameters = list(inspect.signature(function).parameters.values())[1 if has_self else 0 :]
    hints = _resolved_hints(function)
    kinds = (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY) if by_name else _POSITIONAL
    arguments = [hints.get(p.name) for p in parameters if p.kind in kinds]
    variadic = next((p for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    if variadic is not None:
        arguments.append(hints.get(variadic.name))
    return CallableTypes(tuple(arguments), variadic is not None, hints.get("return"))


def _resolved_hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return _hints_one_by_one(target)


def _hints_one_by_one(function: Callable[..., Any]) -> dict[str, Any]:
    """Resolve what can be resolved: one unknown name must not cost the types of all others."""
    found: dict[str, Any] = {}
    namespace = getattr(inspect.unwrap(function), "__globals__", {})
    for name, hint in getattr(function, "__annotations__", {}).items():
        holder = type("_Holder", (), {"__annotations__": {name: hint}})
        try:
            found.update(typing.get_type_hints(holder, globalns=namespace, include_extras=True))
        except (NameError, TypeError, AttributeError):
            found[name] = None
    return found
