"""Requests that are well formed and make no sense: every field the right type, and a value that nobody would send."""

from __future__ import annotations

import random
import types
import typing
import uuid
from typing import Any

from perdure.protocol.commands import COMMANDS
from perdure.protocol.failure import (
    ActivityInfo,
    ApplicationInfo,
    CanceledInfo,
    ChildWorkflowInfo,
    Failure,
    ServerInfo,
    TerminatedInfo,
    TimeoutInfo,
)

NUMBERS = (-(2**63), -1, 0, 1, 2, 5, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
LIKELY = (1, 1, 2, 2, 5, 7)
"""Event ids and attempts of runs that have just begun."""

FLOATS = (0.0, -1.0, 1.0, 2.0, 1e308, float("inf"), float("nan"))
INFOS = (ApplicationInfo, TimeoutInfo, CanceledInfo, TerminatedInfo, ServerInfo, ActivityInfo, ChildWorkflowInfo)


class Maker:
    """Makes messages of any class, by its type hints.

    Args:
        known: texts that mean something there: run ids, workflow ids, a namespace, a task queue.
    """

    def __init__(self, seed: int, known: list[str]) -> None:
        self._random = random.Random(seed)
        self._known = known

    def make(self, cls: type[Any]) -> Any:
        if cls is Failure:
            return self._failure(self._random.choice((0, 0, 1, 60)))
        hints = typing.get_type_hints(cls)
        return cls(**{name: self._value(hints[name]) for name in cls._fields})

    def _failure(self, causes: int) -> Failure:
        cause = self._failure(causes - 1) if causes else None
        info = self.make(self._random.choice(INFOS))
        return Failure.of(self._text(), info, cause=cause, stack_trace=self._text(), source=self._text())

    def _value(self, hint: Any) -> Any:
        choose = self._random.choice
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self._value(choose(arguments))
        if origin is tuple and arguments[-1] is Ellipsis:
            if set(COMMANDS.kind_of) <= set(typing.get_args(arguments[0])):
                kinds = list(COMMANDS.kind_of)
                return tuple(COMMANDS.numbered(self.make(choose(kinds))) for _ in range(choose((0, 1, 5))))
            return tuple(self._value(arguments[0]) for _ in range(choose((0, 1, 3))))
        if hint is Any:
            return choose((None, 0, "x", b"\xff", ("x", 1), -(2**63)))
        if hint is str:
            return self._text()
        if hint is bytes:
            return choose((b"", b"\xc1", b"\0" * 10, self._random.randbytes(100), self._random.randbytes(3_000)))
        if hint is bool:
            return choose((True, False))
        if hint is float:
            return choose(FLOATS)
        if hint is type(None):
            return None
        if isinstance(hint, type) and issubclass(hint, int):
            return choose(NUMBERS if self._random.random() < 0.3 else LIKELY)
        return self.make(hint)

    def _text(self) -> str:
        choose = self._random.choice
        unknown = str(uuid.UUID(int=self._random.getrandbits(128)))
        odd = ("", "x", "ü☃\U0001f40d", "%s{}'\"\\;--", "y" * 1_001, "z" * 50_000, unknown)
        return str(choose(self._known)) if self._random.random() < 0.6 else choose(odd)
