"""The exceptions of Celery that programs raise and catch, and those by which this package refuses something."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any

from perdure.exceptions import RequestError
from perdure.service import RPCError

OperationalError = RPCError
"""What a call raises that no engine confirmed in time."""


class CeleryError(Exception):
    """Base of what a Celery program catches."""


class ImproperlyConfigured(CeleryError, RequestError):
    """A setting, an option or a call asks for what there is not here. The text says what to do instead."""


class SecurityError(ImproperlyConfigured):
    """It would be unsafe: pickle, for one, runs code of whoever may write to the broker."""


class NotRegistered(KeyError, CeleryError):
    """No task of this name is known to the application."""

    def __str__(self) -> str:
        return f"no task is registered under the name {self.args[0]!r}; import the module that defines it (include=...)"


class TaskPredicate(CeleryError):
    """What a task raises to say what is to become of it."""


class Retry(TaskPredicate):
    """The task is to be tried again; raised by `self.retry()`.

    Attributes:
        exc: Why, if an exception is the reason.
        when: After so many seconds, or at this moment.
    """

    def __init__(
        self,
        message: str | None = None,
        exc: BaseException | None = None,
        when: float | datetime | None = None,
        is_eager: bool = False,
        sig: Any = None,
    ) -> None:
        self.message = message
        self.exc = exc
        self.when = when
        self.is_eager = is_eager
        self.sig = sig
        super().__init__(message, exc, when)

    def humanize(self) -> str:
        """When, in words."""
        return f"at {self.when}" if isinstance(self.when, datetime) else f"in {self.when}s"

    def __str__(self) -> str:
        if self.message:
            return self.message
        return f"Retry {self.humanize()}" + (f": {self.exc!r}" if self.exc is not None else "")


class Ignore(TaskPredicate):
    """The task ends, and no result of it is kept."""


class Reject(TaskPredicate):
    """The task is not carried out by this attempt: with `requeue` another one is made, else it has failed."""

    def __init__(self, reason: Any = None, requeue: bool = False) -> None:
        self.reason = reason
        self.requeue = requeue
        super().__init__(reason, requeue)

    def __str__(self) -> str:
        return f"reject requeue={self.requeue}: {self.reason}"


class TaskError(CeleryError):
    """How a task ended."""


class TimeoutError(TaskError, builtins.TimeoutError):
    """`AsyncResult.get(timeout=...)`: there is no result yet."""


class MaxRetriesExceededError(TaskError):
    """The task was tried as often as it may be.

    Attributes:
        task_args, task_kwargs: What it was called with.
    """

    def __init__(self, *args: Any, task_args: Any = (), task_kwargs: Any = None) -> None:
        self.task_args = task_args
        self.task_kwargs = task_kwargs or {}
        super().__init__(*args)


class TaskRevokedError(TaskError):
    """The task was revoked, or expired before it began."""


class InvalidTaskError(TaskError):
    """What travelled is no task."""


class SoftTimeLimitExceeded(Exception):
    """Raised in a task when its soft time limit has passed: it may clean up, and end."""

    def __str__(self) -> str:
        return "SoftTimeLimitExceeded" + (repr(self.args) if self.args else "()")


class TimeLimitExceeded(Exception):
    """The hard time limit of the task has passed; it was ended."""

    def __str__(self) -> str:
        return "TimeLimitExceeded" + repr(self.args)


class WorkerLostError(Exception):
    """The worker that ran the task is gone."""


class ChordError(TaskError):
    """A member of a chord's header failed, and its body was not begun."""


class AlreadyRegistered(CeleryError):
    """Taken for programs that catch it: the first task of a name counts, as under Celery."""


class BackendError(CeleryError):
    """An outcome cannot be had."""


class EncodeError(CeleryError, TypeError):
    """An argument or a result cannot be made JSON."""
