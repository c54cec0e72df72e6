"""Activity definitions: what `defn` records on a function, a method or a class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, overload

from perdure.callable_types import CallableTypes, callable_types
from perdure.common import RawValue
from perdure.protocol.ids import text_problem
from perdure.types import CallableType

_ACTIVITY = "__perdure_activity__"


@dataclass(frozen=True, eq=False)
class ActivityDefinition:
    """An activity type.

    Attributes:
        name: The type, as histories say it; None for the dynamic activity, which takes all that have none of their own.
        function: What is called: a function, a bound method, or an object with `__call__`.
        is_async: Runs on the worker's event loop, not in its executor.
        no_thread_cancel_exception: Cancellation raises nothing in the activity's thread.
        is_task: It is that of a `perdure.task`.
    """

    name: str | None
    function: Callable[..., Any]
    is_async: bool
    no_thread_cancel_exception: bool = False

    is_task: ClassVar[bool] = False

    @cached_property
    def types(self) -> CallableTypes:
        function: Any = self.function
        if isinstance(function, type):
            return callable_types(function.__call__, has_self=True)
        if inspect.ismethod(function) or not inspect.isroutine(function):
            # A bound method or a callable object: its signature has lost `self` already.
            return callable_types(function, has_self=False)
        return callable_types(function, has_self=_looks_like_a_method(function))

    @property
    def result_type(self) -> Any:
        return self.types.result

    def argument_hints(self, count: int) -> Sequence[Any]:
        """Hints to decode `count` arguments by."""
        return (RawValue,) * count if self.name is None else self.types.hints(count)

    @staticmethod
    def of(activity: Any) -> ActivityDefinition | None:
        """The definition of a function, a method (bound or not), a class or an object; None if it is no activity."""
        found: ActivityDefinition | None = getattr(activity, _ACTIVITY, None)
        return found

    @staticmethod
    def to_register(activity: Any) -> ActivityDefinition:
        """The definition of something that a worker is to run.

        Raises:
            TypeError: it is no activity, or it cannot be called as it is.
        """
        found = ActivityDefinition.of(activity)
        if found is None:
            raise TypeError(
                f"{_name_of(activity)} is not an activity: decorate it with @activity.defn "
                "(activities= takes functions, bound methods and objects with __call__)"
            )
        if isinstance(activity, type):
            raise TypeError(f"activities= needs an object of {activity.__name__}, not the class: {activity.__name__}()")
        if activity is found.function and _looks_like_a_method(activity):
            raise TypeError(
                f"{activity.__qualname__} is a method that is bound to no object; pass it from an object, "
                f"for example {activity.__qualname__.rpartition('.')[0]}().{activity.__name__}"
            )
        return found.of_registered(activity)

    def of_registered(self, activity: Any) -> ActivityDefinition:
        """The definition for a worker that was given `activity`, which is called then."""
        return replace(self, function=activity)


@overload
def defn(fn: CallableType) -> CallableType: ...
@overload
def defn(
    *, name: str | None = None, no_thread_cancel_exception: bool = False
) -> Callable[[CallableType], CallableType]: ...
@overload
def defn(
    *, no_thread_cancel_exception: bool = False, dynamic: Literal[True]
) -> Callable[[CallableType], CallableType]: ...
def defn(
    fn: Any = None, *, name: str | None = None, no_thread_cancel_exception: bool = False, dynamic: bool = False
) -> Any:
    """Make a function, a method or a class with `__call__` an activity. `def` and `async def` both may be.

    Args:
        fn: The function or class.
        name: Name of the activity type; that of the function if not given.
        no_thread_cancel_exception: Do not raise `CancelledError` in the thread of a `def` activity that is cancelled.
        dynamic: The activity that runs every type without an activity of its own; it takes one
            `Sequence[RawValue]`.
    """
    if name is not None and dynamic:
        raise RuntimeError("a dynamic activity has no name; give either name= or dynamic=True")

    def decorate(function: Any) -> Any:
        if not callable(function):
            raise TypeError(f"an activity must be callable; {function!r} is not")
        own_name = None if dynamic else name or function.__name__
        problem = None if own_name is None else text_problem("the name of an activity", own_name)
        if problem is not None:
            raise ValueError(problem)
        called = function.__call__ if isinstance(function, type) else function
        definition = ActivityDefinition(
            own_name, function, inspect.iscoroutinefunction(called), no_thread_cancel_exception
        )
        setattr(function, _ACTIVITY, definition)
        return function

    return decorate if fn is None else decorate(fn)


def _looks_like_a_method(function: Any) -> bool:
    """Whether a plain function was defined in a class and takes `self`."""
    if not inspect.isfunction(function):
        return False
    outer = function.__qualname__.rpartition(".")[0]
    parameters = list(inspect.signature(function).parameters)
    return bool(outer) and not outer.endswith("<locals>") and parameters[:1] == ["self"]


def _name_of(activity: Any) -> str:
    return str(getattr(activity, "__qualname__", None) or repr(activity))
