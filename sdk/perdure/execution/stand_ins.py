"""Time, chance and UUIDs of the standard library, made deterministic inside workflows.

Role: functions such as `time.time`, `random.random`, `uuid.uuid4` and `asyncio.sleep` are replaced, in their modules,
by ones that look whether a workflow runs on this thread; if none does, they are the real ones. `datetime.now` cannot be
replaced in its class, so that the names `datetime` and `date` of modules that define workflows are. What must not be
foreseen (`secrets`, `os.urandom`) cannot be repeated either, and is refused.

Rules: installed once a process, when its first worker or replayer of workflows is made, and never removed: code may
have taken the names. Everything outside of workflows must not notice. What is not listed here, replay guards.
"""

from __future__ import annotations

import asyncio
import datetime as datetime_module
import functools
import os
import random
import sys
import time
import types
import uuid
from collections.abc import Callable
from typing import Any

from perdure.execution.calendar_stand_ins import WorkflowDate, WorkflowDatetime, workflow_datetime
from perdure.execution.io_guard import is_python_itself
from perdure.workflow import chance, concurrency
from perdure.workflow.errors import WorkflowIOError
from perdure.workflow.runtime import Runtime, running
from perdure.workflow.unsafe_code import is_io_permitted

_installed: dict[Any, Any] = {}
"""Real function to its stand-in."""

_RANDOM = (
    "random", "uniform", "triangular", "randint", "choice", "randrange", "sample", "shuffle", "choices",
    "normalvariate", "lognormvariate", "expovariate", "vonmisesvariate", "gammavariate", "gauss", "betavariate",
    "binomialvariate", "paretovariate", "weibullvariate", "getrandbits", "randbytes", "seed", "getstate", "setstate",
)  # fmt: skip


def install() -> None:
    """Put the stand-ins in place. Repeating it does nothing."""
    if _installed:
        return
    for name in ("time", "monotonic", "perf_counter"):
        _replace(time, name, lambda runtime: runtime.now_us / 1_000_000)
    for name in ("time_ns", "monotonic_ns", "perf_counter_ns"):
        _replace(time, name, lambda runtime: runtime.now_us * 1_000)
    for name in ("gmtime", "localtime", "ctime"):
        _replace(time, name, _of_now(getattr(time, name)))
    _replace(time, "sleep", _refuse_sleep)
    _replace(uuid, "uuid4", lambda runtime: chance.uuid4())
    _replace(uuid, "uuid1", lambda runtime, *args, **kwargs: chance.uuid1(*args, **kwargs))
    if hasattr(uuid, "uuid7"):
        _replace(uuid, "uuid7", lambda runtime: chance.uuid7())
    for name in _RANDOM:
        if hasattr(random, name):
            _replace(random, name, _random_method(name))
    _seed_what_has_no_seed()
    _refuse_entropy()
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
        return workflow_datetime
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return _installed.get(value)
    return None


def _runtime() -> Runtime | None:
    """The workflow that runs on this thread, unless it asked to be let out."""
    runtime: Runtime | None = running.runtime
    return None if runtime is None or is_io_permitted() else runtime


class _Home:
    """Where a stand-in belongs: it is pickled as a name of that module, as the builtin is."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(sys.modules[self._module], name)


def _replace(module: Any, name: str, inside: Callable[..., Any]) -> None:
    real = getattr(module, name)

    def stand_in(_: Any, *args: Any, **kwargs: Any) -> Any:
        # Called all over the process, by event loops among others: the ordinary way out is short.
        runtime: Runtime | None = running.runtime
        if runtime is None or is_io_permitted():
            return real(*args, **kwargs)
        return inside(runtime, *args, **kwargs)

    functools.update_wrapper(stand_in, real)
    # A bound method, which stays what it is when a class holds it, as the builtin does; a function would bind again.
    _installed[real] = bound = types.MethodType(stand_in, _Home(module.__name__))
    setattr(module, name, bound)


def _of_now(real: Callable[..., Any]) -> Callable[..., Any]:
    """`time.gmtime()` means the workflow's time; `time.gmtime(0)` means what it says."""

    def inside(runtime: Runtime, seconds: float | None = None) -> Any:
        return real(runtime.now_us / 1_000_000 if seconds is None else seconds)

    return inside


def _random_method(name: str) -> Callable[..., Any]:
    return lambda runtime, *args, **kwargs: getattr(runtime.random, name)(*args, **kwargs)


def _seed_what_has_no_seed() -> None:
    """`random.Random()` seeds itself by the operating system's chance: inside of a workflow, by the workflow's."""
    real = random.Random.seed

    @functools.wraps(real)
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        runtime = _runtime() if a is None else None
        real(self, a if runtime is None else runtime.random.getrandbits(128), version)

    random.Random.seed = seed  # type: ignore[method-assign]


def _refuse_entropy() -> None:
    """`secrets`, `random.SystemRandom` and whatever else asks the operating system."""
    _replace(os, "urandom", _refuse_secret)
    random._urandom = os.urandom  # type: ignore[attr-defined]  # the name that both of them use


def _refuse_secret(runtime: Runtime, size: int) -> bytes:
    if is_python_itself():
        return _real_urandom(size)
    raise WorkflowIOError(
        "os.urandom (which `secrets` and `random.SystemRandom` use) in a workflow: a replay could not repeat it, and "
        "what can be repeated is no secret. Make secrets in an activity; for ids, and for chance that is the same on "
        "every replay, use `workflow.uuid4()`, `workflow.random()`, `uuid.uuid4()` or the module `random`"
    )


_real_urandom = os.urandom


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
