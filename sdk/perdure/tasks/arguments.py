"""The arguments of a task on their way: keywords become positions, as its signature says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Signature:
    """Of the function of a task.

    Raises:
        TypeError: it takes what cannot travel by position.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._signature = inspect.signature(function)
        for parameter in self._signature.parameters.values():
            if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"{function.__qualname__} has {parameter}, which is given by name alone; the arguments of a task "
                    "travel in order: let it be given by position, or take a dictionary"
                )

    def positions(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """The arguments in order; what is left out between two of them is the default.

        Raises:
            TypeError: they do not fit the signature.
        """
        if not kwargs and self._takes(len(args)):
            return args
        bound = self._signature.bind(*args, **kwargs)
        given = list(bound.arguments)
        if not given:
            return ()
        names = list(self._signature.parameters)
        values: list[Any] = []
        for name in names[: names.index(given[-1]) + 1]:
            parameter = self._signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                values.extend(bound.arguments.get(name, ()))
            else:
                values.append(bound.arguments.get(name, parameter.default))
        return values

    def _takes(self, count: int) -> bool:
        """Whether so many arguments by position fit."""
        least = most = 0
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                return count >= least
            most += 1
            if parameter.default is parameter.empty:
                least += 1
        return least <= count <= most
