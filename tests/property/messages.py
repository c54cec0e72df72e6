"""Strategies for every message of the protocol, made from its type hints."""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Any

from hypothesis import strategies as st

from perdure.protocol.commands import COMMANDS
from perdure.protocol.events import EVENTS, EventBuffered
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

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)

_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: text,
    bytes: st.binary(max_size=20),
    int: integers,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    type(None): st.none(),
    Any: st.tuples(text, integers),
}


@cache
def failures() -> st.SearchStrategy[Failure]:
    """Chains of up to a handful of causes; `kind` follows from `info`."""
    infos = st.one_of(
        *(
            messages(cls)
            for cls in (
                ApplicationInfo,
                TimeoutInfo,
                CanceledInfo,
                TerminatedInfo,
                ServerInfo,
                ActivityInfo,
                ChildWorkflowInfo,
            )
        )
    )

    def link(causes: st.SearchStrategy[Failure | None]) -> st.SearchStrategy[Failure]:
        return st.builds(Failure.of, text, infos, cause=causes, stack_trace=text, source=text)

    return link(st.recursive(st.none(), link, max_leaves=4))


@cache
def commands() -> st.SearchStrategy[Any]:
    return st.one_of(*(messages(cls) for cls in COMMANDS.kind_of))


def messages(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Messages of one class."""
    if cls is Failure:
        return failures()
    if cls is EventBuffered:
        kinds = {inner: kind for inner, kind in EVENTS.kind_of.items() if inner is not EventBuffered}
        attempt = (_values(int), _values(str), _values(int))
        return st.one_of(
            *(st.builds(EventBuffered, st.just(kinds[inner]), messages(inner), *attempt) for inner in kinds)
        )
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{name: _values(hints[name]) for name in getattr(cls, "_fields", ())})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if set(COMMANDS.kind_of) <= set(arguments):
            return commands()
        return st.one_of(*(_values(argument) for argument in arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
    if hint in _PLAIN:
        return _PLAIN[hint]
    return messages(hint)
