"""Time, chance and UUIDs of the standard library, made deterministic inside workflows.

Role: functions such as `time.time`, `random.random`, `uuid.uuid4` and `asyncio.sleep` are replaced, in their modules,
by ones that look whether a workflow runs on this thread; if none does, they are the real ones. `datetime.now` cannot be
replaced in its class, so that the names `datetime` and `date` of modules that define workflows are.

Rules: installed once a process, when its first worker or replayer of workflows is made, and never removed: code may
have taken the names. Everything outside of workflows must not notice. What is not listed here, replay guards.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import datetime as datetime_module
import functools
import random
import sys
import time
import types
import uuid
from collections.abc import Callable
from typing import Any

import pydantic_core

from perdure.workflow import concurrency, context
from perdure.workflow.errors import WorkflowIOError
from perdure.workflow.runtime import Runtime

_installed: dict[Any, Any] = {}
"""Real function to its stand-in."""


def _runtime() -> Runtime | None:
    runtime: Runtime | None = getattr(asyncio.events._get_running_loop(), "workflow_runtime", None)
    return runtime


def install() -> None:
    """Put the stand-ins in place. Repeating it does nothing."""
    if _installed:
        return
    for name in ("time", "monotonic"):
        _replace(time, name, lambda runtime: runtime.now_us / 1_000_000)
    for name in ("time_ns", "monotonic_ns"):
        _replace(time, name, lambda runtime: runtime.now_us * 1_000)
    _replace(time, "sleep", _refuse_sleep)
    _replace(uuid, "uuid4", lambda runtime: context.uuid4())
    _replace(uuid, "uuid1", lambda runtime, *_, **__: context.uuid4())
    for name in _RANDOM:
        if hasattr(random, name):
            _replace(random, name, _random_method(name))
    _replace_asyncio()


def adapt_module_of(target: Any) -> None:
    """Replace the names that the module of a workflow has taken from elsewhere: `from uuid import uuid4`."""
    module = sys.modules.get(target.__module__)
    if module is None:
        return
    for name, value in list(vars(module).items()):
        stand_in = _stand_in_of(value)
        if stand_in is not None:
            setattr(module, name, stand_in)


def _stand_in_of(value: Any) -> Any:
    if value is datetime_module.datetime:
        return WorkflowDatetime
    if value is datetime_module.date:
        return WorkflowDate
    if value is datetime_module:
        return _datetime_stand_in
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return _installed.get(value)
    return None


def _replace(module: Any, name: str, inside: Callable[..., Any]) -> None:
    real = getattr(module, name)

    @functools.wraps(real)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        runtime = _runtime()
        return real(*args, **kwargs) if runtime is None else inside(runtime, *args, **kwargs)

    _installed[real] = stand_in
    setattr(module, name, stand_in)


_RANDOM = (
    "random", "uniform", "triangular", "randint", "choice", "randrange", "sample", "shuffle", "choices",
    "normalvariate", "lognormvariate", "expovariate", "vonmisesvariate", "gammavariate", "gauss", "betavariate",
    "binomialvariate", "paretovariate", "weibullvariate", "getrandbits", "randbytes", "seed", "getstate", "setstate",
)  # fmt: skip


def _random_method(name: str) -> Callable[..., Any]:
    return lambda runtime, *args, **kwargs: getattr(runtime.random, name)(*args, **kwargs)


def _refuse_sleep(runtime: Runtime, *args: Any) -> None:
    raise WorkflowIOError(
        "time.sleep in a workflow would hold up every workflow of the worker; use `await asyncio.sleep(...)` or "
        "`await workflow.sleep(...)`, which are durable timers"
    )


def _replace_asyncio() -> None:
    real_sleep = asyncio.sleep
    real_as_completed = asyncio.as_completed

    async def sleep(delay: Any, result: Any = None) -> Any:
        if _runtime() is not None and isinstance(delay, datetime_module.timedelta):
            delay = delay.total_seconds()
        return await real_sleep(delay, result)

    def as_completed(fs: Any, *, timeout: Any = None) -> Any:
        if _runtime() is None:
            return real_as_completed(fs, timeout=timeout)
        return concurrency.as_completed(fs, timeout=timeout)

    pairs: list[tuple[str, Any, Any]] = [
        ("sleep", real_sleep, sleep),
        ("as_completed", real_as_completed, as_completed),
    ]
    for name, real, stand_in in pairs:
        functools.update_wrapper(stand_in, real)
        _installed[real] = stand_in
        setattr(asyncio, name, stand_in)
        setattr(asyncio.tasks, name, stand_in)


class _LikeItsBase(type):
    """Instances of the real class count as instances of the stand-in, of which none is ever made."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1])

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.__mro__[1])


class WorkflowDatetime(datetime_module.datetime, metaclass=_LikeItsBase):
    """`datetime.datetime`, whose `now`, `utcnow` and `today` are the workflow's inside of one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return datetime_module.datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: datetime_module.tzinfo | None = None) -> Any:
        runtime = _runtime()
        if runtime is None:
            return datetime_module.datetime.now(tz)
        return datetime_module.datetime.fromtimestamp(runtime.now_us / 1_000_000, tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(datetime_module.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return pydantic_core.core_schema.datetime_schema()


class WorkflowDate(datetime_module.date, metaclass=_LikeItsBase):
    """`datetime.date`, whose `today` is the workflow's inside of one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return datetime_module.date(*args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        return WorkflowDatetime.now().date()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return pydantic_core.core_schema.date_schema()


_datetime_stand_in = types.ModuleType("datetime", datetime_module.__doc__)
vars(_datetime_stand_in).update(
    {name: value for name, value in vars(datetime_module).items() if not name.startswith("__")}
)
vars(_datetime_stand_in).update({"datetime": WorkflowDatetime, "date": WorkflowDate})
