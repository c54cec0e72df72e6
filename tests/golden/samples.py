"""One sample of every message of the protocol, with a value of its own in every field.

Made from the type hints, without chance: the same classes give the same samples. A field that somebody adds changes
the samples of its class, and nothing else.
"""

from __future__ import annotations

import types
import typing
import zlib
from functools import reduce
from typing import Any

from perdure.protocol.commands import COMMANDS
from perdure.protocol.content import ContentBlock, Reference
from perdure.protocol.events import EVENTS, EventBuffered, WorkflowExecutionSignaled
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
from perdure.protocol.frontend import ContentPage

NAME = bytes(range(16))

CONTENT: dict[type[Any], Any] = {
    Reference: Reference(9, (b"(", (NAME, NAME), b")")),
    ContentBlock: ContentBlock(((NAME, b"\0piece"),), NAME),
    ContentPage: ContentPage(((NAME, b"\0piece"),)),
}
"""Messages whose fields are of a form of their own."""

INFOS = (ApplicationInfo, TimeoutInfo, CanceledInfo, TerminatedInfo, ServerInfo, ActivityInfo, ChildWorkflowInfo)


def sample(cls: type[Any]) -> Any:
    """A message of this class."""
    if cls is Failure:
        return failure()
    if cls is EventBuffered:
        kind = EVENTS.kind_of[WorkflowExecutionSignaled]
        return EventBuffered(kind, sample(WorkflowExecutionSignaled), 1_700_000_000_000_000, "worker", 2)
    if cls in CONTENT:
        return CONTENT[cls]
    hints = typing.get_type_hints(cls)
    return cls(*(_value(hints[name], name) for name in cls._fields))


def failure() -> Failure:
    """A chain with every kind of failure."""

    def link(cause: Failure | None, info: type[Any]) -> Failure:
        return Failure.of(f"why {info.__name__}", sample(info), cause=cause, stack_trace="line 1", source="PythonSDK")

    chain = reduce(link, INFOS, None)
    assert chain is not None
    return chain


def _value(hint: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _value(next(arm for arm in arguments if arm is not type(None)), name)
    if origin is tuple and arguments[-1] is Ellipsis:
        if set(typing.get_args(arguments[0])) == set(COMMANDS.kind_of):
            return tuple(sample(command) for command in COMMANDS.kind_of)
        return (_value(arguments[0], name),)
    if origin is dict:
        return {_value(arguments[0], name): _value(arguments[1], name)}
    if hint is bool:
        return True
    if hint is str or hint is Any:
        return f"{name} \u00e9"
    if hint is bytes:
        return b"\x00\xff" + name.encode()
    if hint is float:
        return 1.5
    if isinstance(hint, type) and issubclass(hint, int):
        return 1 + zlib.crc32(name.encode()) % 100_000
    return sample(hint)
