"""Exceptions of tasks on their way: as the failure of an activity there, as the exception that it was here.

Rules: nothing is imported for the sake of a failure, and nothing but exceptions is made: a class is looked for among
the modules that the program has. What is not found is stood in for by a class of the same name.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from typing import Any

from perdure.compat.celery import exceptions
from perdure.compat.celery.exceptions import TaskRevokedError, TimeLimitExceeded, WorkerLostError
from perdure.compat.celery.policies import DEAD_PROCESS, STOPPED_WORKER
from perdure.compat.celery.values import from_plain, to_plain
from perdure.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError, TimeoutType
from perdure.worker.process_call import RemoteTraceback

_LOST = DEAD_PROCESS, STOPPED_WORKER
_SCALARS = str, int, float, bool, type(None)


class ExceptionInfo:
    """An exception with its traceback, as receivers and handlers get it: `str()` of it is the traceback's text."""

    def __init__(self, exception: BaseException, traceback: str) -> None:
        self.exception = exception
        self.type = type(exception)
        self.tb = exception.__traceback__
        self.traceback = traceback

    def __str__(self) -> str:
        return self.traceback

    def __repr__(self) -> str:
        return f"<ExceptionInfo: {self.exception!r}>"


def described(exception: BaseException) -> Mapping[str, Any]:
    """What another process needs to make the exception again."""
    kind = type(exception)
    return {"module": kind.__module__, "type": kind.__qualname__, "args": [_shown(value) for value in exception.args]}


def text_of(exception: BaseException) -> str:
    """What it says. A broken `__str__` must not hide the failure."""
    try:
        return str(exception)
    except Exception as error:  # what a user's class raises
        return f"{type(exception).__name__} (its text cannot be had: {type(error).__name__})"


def failure_of(exception: BaseException) -> ApplicationError:
    """It as what fails an activity for good."""
    kind = type(exception)
    error = ApplicationError(text_of(exception), described(exception), type=kind.__name__, non_retryable=True)
    return error.with_traceback(exception.__traceback__)


def exception_of(error: BaseException) -> BaseException:
    """The exception that an outcome stands for."""
    match error:
        case ApplicationError() if error.type in _LOST:
            return WorkerLostError(error.message)
        case ApplicationError():
            return remade(error.details[0] if error.details else None, error)
        case TimeoutError() if error.type == TimeoutType.SCHEDULE_TO_START:
            return TaskRevokedError("expired")
        case TimeoutError() if error.type == TimeoutType.HEARTBEAT:
            return WorkerLostError(error.message)
        case TimeoutError():
            return TimeLimitExceeded(error.message)
        case CancelledError():
            return TaskRevokedError("revoked")
        case TerminatedError():
            return TaskRevokedError("revoked")
        case _:
            return error


def remade(described: Any, error: ApplicationError) -> BaseException:
    """The exception of a description; without a good one, one of the failure's name and text."""
    if not isinstance(described, dict) or not isinstance(described.get("args"), list):
        return stand_in(error.type or "Exception", error.message)
    name, args = str(described.get("type")), from_plain(described["args"])
    found = _class(str(described.get("module")), name)
    if found is not None:
        try:
            return found(*args)
        except Exception as problem:  # what a user's `__init__` raises
            return stand_in(name, f"{error.message} (it cannot be made again: {problem})")
    return stand_in(name, *args)


def stand_in(name: str, *args: Any) -> BaseException:
    """An exception of a class of this name."""
    made: BaseException = type(name.rpartition(".")[2], (Exception,), {"__module__": exceptions.__name__})(*args)
    return made


def traceback_of(error: BaseException | None) -> str | None:
    """The text of where it was raised, as far as it travelled: from another process it came as a cause."""
    failure = getattr(error, "failure", None)
    if error is None or failure is None:
        return None
    cause = error.__cause__
    is_remote = isinstance(cause, ApplicationError) and cause.type == RemoteTraceback.__name__
    stack = cause.message if is_remote and isinstance(cause, ApplicationError) else failure.stack_trace
    if not stack:
        return None
    kind = getattr(error, "type", None) or type(error).__name__
    return f"Traceback (most recent call last):\n{stack}{kind}: {failure.message}\n"


def _class(module: str, name: str) -> type[BaseException] | None:
    found: Any = builtins if module == "builtins" else sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _shown(value: Any) -> Any:
    """An argument of an exception, if JSON can hold it, else its `repr`."""
    plain = to_plain(value)
    return plain if _is_plain(plain) else repr(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(member) for member in value)
    if isinstance(value, dict):
        return all(_is_plain(member) for member in value.values())
    return isinstance(value, _SCALARS)
