"""Options that several calls have in common: said once, by the function that collects them.

Role: the calls take `**options` and hand them on; what they are shown to take (`help`, `inspect.signature`) are the
collector's. For type checkers overloads say it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Call = TypeVar("Call", bound=Callable[..., Any])


def takes_options_of(collector: Callable[..., Any]) -> Callable[[Call], Call]:
    """Decorates a function whose `**options` are the keywords of `collector` that it does not have itself."""
    shared = [each for each in _parameters(collector) if each.kind is inspect.Parameter.KEYWORD_ONLY]

    def show(call: Call) -> Call:
        own = [each for each in _parameters(call) if each.kind is not inspect.Parameter.VAR_KEYWORD]
        names = {each.name for each in own}
        added = [each for each in shared if each.name not in names]
        parameters = sorted([*added, *own], key=lambda each: each.kind)
        call.__signature__ = inspect.signature(call).replace(parameters=parameters)  # type: ignore[attr-defined]
        return call

    return show


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())
