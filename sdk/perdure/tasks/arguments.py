"""The arguments of a task on their way: keywords become positions, as its signature says, and at the other end those of
parameters that are given by name alone become keywords again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Signature:
    """Of the function of a task: its parameters are in order, those that are given by name alone behind the others.

    Raises:
        TypeError: it takes what has no place in that order.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._signature = inspect.signature(function)
        parameters = list(self._signature.parameters.values())
        self.by_name = tuple(each.name for each in parameters if each.kind is each.KEYWORD_ONLY)
        has_rest = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        placeless = self.by_name if has_rest else ()
        found = [each for each in parameters if each.kind is each.VAR_KEYWORD or each.name in placeless]
        if found:
            raise TypeError(
                f"{function.__qualname__} has {found[0]}, which has no place among its arguments; the arguments of a "
                "task travel in order: let it be given by position, or take a dictionary"
            )
        positional = parameters[: len(parameters) - len(self.by_name)]
        self.positional_count = len(positional)
        self._most = None if has_rest else len(positional)
        required = [each for each in parameters if each.default is each.empty and each.kind is not each.VAR_POSITIONAL]
        self._least = len(required)
        self._needs_names = any(each.name in self.by_name for each in required)

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
        return not self._needs_names and self._least <= count and (self._most is None or count <= self._most)


class InOrder:
    """Calls a task with its arguments as they travelled: what workers run of one that has parameters which are given by
    name alone.

    Attributes:
        function: That of the task.
    """

    def __init__(self, task: Callable[..., Any], function: Callable[..., Any], signature: Signature) -> None:
        self.function = function
        self._task = task
        self._count = signature.positional_count
        self._names = signature.by_name

    def __call__(self, *values: Any) -> Any:
        end = self._count + len(self._names)
        named = dict(zip(self._names, values[self._count : end], strict=False))
        return self._task(*values[: self._count], *values[end:], **named)  # too many is an error of the function

    def __reduce__(self) -> Any:
        return in_order, (self._task,)  # in another process the task is found where it was defined


def in_order(task: Any) -> InOrder:
    """What calls a task with arguments in order."""
    return InOrder(task, task.function, task.signature)
