"""Decorators of signal and query handlers, and what they record on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any, Literal, TypeVar, overload

from perdure.callable_types import CallableTypes, callable_types
from perdure.common import RawValue
from perdure.types import CallableSyncOrAsyncReturnNoneType, CallableType
from perdure.workflow.errors import HandlerUnfinishedPolicy

HINTS_MAX = 32
"""Hints to prepare for handlers with `*args`; arguments beyond are decoded without."""

_SIGNAL = "__perdure_signal__"
_QUERY = "__perdure_query__"


@dataclass(frozen=True)
class _Handler:
    """`name` None: the dynamic handler, for every name that has none of its own. `is_method`: takes `self` first."""

    name: str | None
    function: Callable[..., Any]
    is_method: bool = True
    description: str | None = None

    @cached_property
    def types(self) -> CallableTypes:
        return callable_types(self.function, has_self=self.is_method)

    @property
    def result_type(self) -> Any:
        return self.types.result

    @cached_property
    def takes_raw_values(self) -> bool:
        """Whether a dynamic handler takes its arguments as one sequence (the other form takes `*args`)."""
        return not self.types.variadic

    @cached_property
    def _count_range(self) -> tuple[int, float]:
        parameters = list(signature(self.function).parameters.values())[1 if self.is_method else 0 :]
        if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
            return 0, float("inf")
        required = [p for p in parameters if p.default is Parameter.empty and p.kind is not Parameter.VAR_KEYWORD]
        return len(required), len(parameters)

    def count_problem(self, count: int) -> str | None:
        """What is wrong with being given `count` arguments, or None."""
        least, most = self._count_range
        if self.name is None or least <= count <= most:
            return None
        wanted = str(least) if least == most else f"{least} to {most}"
        return f"it takes {wanted} arguments and was given {count}"

    @cached_property
    def is_async(self) -> bool:
        return iscoroutinefunction(self.function)

    def argument_hints(self, count: int) -> Sequence[Any]:
        """Hints to decode `count` arguments by."""
        if self.name is not None:
            return self.types.hints(count)
        return (RawValue,) * count if self.takes_raw_values else ()

    def bind(self, instance: Any) -> Callable[..., Any]:
        """The handler of one workflow."""
        return self.function.__get__(instance) if self.is_method else self.function

    def call_arguments(self, name: str, arguments: Sequence[Any]) -> Sequence[Any]:
        """What the function is called with."""
        if self.name is not None:
            return arguments
        return (name, arguments) if self.takes_raw_values else (name, *arguments)


@dataclass(frozen=True)
class SignalDefinition(_Handler):
    """A signal handler."""

    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON

    @staticmethod
    def of(function: Any) -> SignalDefinition | None:
        """What `signal` recorded on a function."""
        found: SignalDefinition | None = getattr(function, _SIGNAL, None)
        return found


@dataclass(frozen=True)
class QueryDefinition(_Handler):
    """A query handler."""

    @staticmethod
    def of(function: Any) -> QueryDefinition | None:
        """What `query` recorded on a function."""
        found: QueryDefinition | None = getattr(function, _QUERY, None)
        return found


@overload
def signal(fn: CallableSyncOrAsyncReturnNoneType) -> CallableSyncOrAsyncReturnNoneType: ...
@overload
def signal(
    *,
    name: str | None = None,
    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    description: str | None = None,
) -> Callable[[CallableSyncOrAsyncReturnNoneType], CallableSyncOrAsyncReturnNoneType]: ...
@overload
def signal(
    *,
    dynamic: Literal[True],
    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    description: str | None = None,
) -> Callable[[CallableSyncOrAsyncReturnNoneType], CallableSyncOrAsyncReturnNoneType]: ...
def signal(
    fn: Any = None,
    *,
    name: str | None = None,
    dynamic: bool | None = False,
    unfinished_policy: HandlerUnfinishedPolicy = HandlerUnfinishedPolicy.WARN_AND_ABANDON,
    description: str | None = None,
) -> Any:
    """Make a method (`def` or `async def`) the handler of a signal.

    Args:
        fn: The method.
        name: Name of the signal; that of the method if not given.
        dynamic: The handler of every signal that has none of its own; it takes `(self, name: str,
            args: Sequence[RawValue])`.
        unfinished_policy: Whether to warn when the workflow finishes before this handler has.
        description: One line about it.
    """
    _check_name("signal", name, dynamic)

    def decorate(function: Any) -> Any:
        own_name = None if dynamic else name or function.__name__
        _check_parameters("signal", function, own_name)
        definition = SignalDefinition(own_name, function, True, description, unfinished_policy)
        setattr(function, _SIGNAL, definition)
        return function

    return decorate if fn is None else decorate(fn)


@overload
def query(fn: CallableType) -> CallableType: ...
@overload
def query(*, name: str | None = None, description: str | None = None) -> Callable[[CallableType], CallableType]: ...
@overload
def query(*, dynamic: Literal[True], description: str | None = None) -> Callable[[CallableType], CallableType]: ...
def query(
    fn: Any = None, *, name: str | None = None, dynamic: bool | None = False, description: str | None = None
) -> Any:
    """Make a method the handler of a query. It must not change the workflow and must not wait.

    Args:
        fn: The method.
        name: Name of the query; that of the method if not given.
        dynamic: The handler of every query that has none of its own; it takes `(self, name: str,
            args: Sequence[RawValue])`.
        description: One line about it.
    """
    _check_name("query", name, dynamic)

    def decorate(function: Any) -> Any:
        own_name = None if dynamic else name or function.__name__
        _check_parameters("query", function, own_name)
        setattr(function, _QUERY, QueryDefinition(own_name, function, True, description))
        return function

    return decorate if fn is None else decorate(fn)


def runtime_signal(name: str | None, function: Callable[..., Any]) -> SignalDefinition:
    """The definition of a handler that a running workflow sets."""
    _check_parameters("signal", function, name, has_self=False)
    return SignalDefinition(name, function, is_method=False)


def runtime_query(name: str | None, function: Callable[..., Any]) -> QueryDefinition:
    """The definition of a handler that a running workflow sets."""
    _check_parameters("query", function, name, has_self=False)
    return QueryDefinition(name, function, is_method=False)


_Definition = TypeVar("_Definition")


def replaced(
    handlers: Mapping[str | None, _Definition], name: str | None, definition: _Definition | None
) -> dict[str | None, _Definition]:
    """A copy (the class's own table is shared) with one handler set or removed."""
    copy = dict(handlers)
    if definition is None:
        copy.pop(name, None)
    else:
        copy[name] = definition
    return copy


def _check_name(kind: str, name: str | None, dynamic: bool | None) -> None:
    if name is not None and dynamic:
        raise RuntimeError(f"a dynamic {kind} handler has no name; give either name= or dynamic=True")


def _check_parameters(kind: str, function: Any, name: str | None, *, has_self: bool = True) -> None:
    if kind == "query" and iscoroutinefunction(function):
        raise ValueError(f"query handler {function.__name__} must be a plain `def`: it must not wait")
    parameters = list(signature(function).parameters.values())[1 if has_self else 0 :]
    required = [p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY and p.default is Parameter.empty]
    if required:
        raise ValueError(f"{kind} handler {function.__name__} must take positional parameters only, not {required}")
    if name is None and (len(parameters) != 2 or parameters[0].kind is Parameter.VAR_POSITIONAL):
        raise RuntimeError(
            f"dynamic {kind} handler {function.__name__} must take (name: str, args: Sequence[RawValue])"
            f"{' after self' if has_self else ''}"
        )
