"""`self.retry` and `autoretry_for`: whether a task is tried again, and when."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from perdure.compat.celery.exceptions import Ignore, ImproperlyConfigured, Retry
from perdure.compat.celery.publishing import moment

if TYPE_CHECKING:
    from perdure.compat.celery.task import Task


def retry(
    task: Task,
    args: Any,
    kwargs: Any,
    exc: BaseException | None,
    eta: datetime | None,
    countdown: float | None,
    max_retries: int | None,
    options: Mapping[str, Any],
) -> Retry:
    """What is to be raised by a task that wants to be tried again.

    Raises:
        BaseException: `exc`, or `MaxRetriesExceededError` without one: it was tried as often as it may be.
        ImproperlyConfigured: another queue, priority or the like for the next attempt.
    """
    if options:
        raise ImproperlyConfigured(
            f"retry({', '.join(options)}) is not known to Perdure: an attempt is made on the same queue, with the same "
            "options. Start another task by apply_async, and end this one"
        )
    request = task.request
    limit = task.max_retries if max_retries is None else max_retries
    if request.called_directly:
        raise exc or Retry("Task can be retried", None)
    if eta is None and countdown is None:
        countdown = task.default_retry_delay
    if limit is not None and request.retries >= limit:
        if exc is not None:
            raise exc
        raise task.MaxRetriesExceededError(
            f"Can't retry {task.name}[{request.id}] args:{request.args} kwargs:{request.kwargs}",
            task_args=request.args,
            task_kwargs=request.kwargs,
        )
    changed = None
    if args is not None or kwargs is not None:
        changed = {
            "args": list(request.args if args is None else args),
            "kwargs": dict(request.kwargs if kwargs is None else kwargs),
        }
    when = countdown if eta is None else moment(eta, task.app.conf.tz)
    return Retry(exc=exc, when=when, is_eager=request.is_eager, sig=changed)


def run_with_autoretry(task: Task, args: Any, kwargs: Any) -> Any:
    """Call a task that has `autoretry_for`.

    Raises:
        Retry: it raised one of those exceptions, and is tried again.
        BaseException: whatever else it raises.
    """
    try:
        return task.run(*args, **kwargs)
    except (Ignore, Retry):
        raise
    except tuple(task.dont_autoretry_for):
        raise
    except tuple(task.autoretry_for) as error:
        options = dict(task.retry_kwargs)
        if task.retry_backoff:
            options["countdown"] = backoff_s(
                int(max(1.0, task.retry_backoff)),
                task.request.retries,
                int(task.retry_backoff_max),
                is_jittered=task.retry_jitter,
            )
        raise task.retry(exc=error, throw=False, **options) from error


def backoff_s(factor: int, retries: int, maximum: int, *, is_jittered: bool) -> int:
    """Seconds until the next attempt: twice as long each time; with jitter, anything up to that."""
    countdown = min(maximum, factor << min(retries, 63))
    if is_jittered:
        countdown = random.randrange(countdown + 1)
    return max(0, countdown)
