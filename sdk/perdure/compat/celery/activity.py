"""The activity that a task is for workers: what they call, and how its outcome is reported.

What an attempt has to tell the next one travels as heartbeat details: how often the task asked to be tried again (lost
workers do not count), the arguments that it is to have then, and the state that it gave itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from perdure import activity
from perdure.activity.definition import ActivityDefinition
from perdure.activity.information import Info
from perdure.callable_types import CallableTypes, callable_types
from perdure.compat.celery import links, message, signals, states
from perdure.compat.celery.context import Context
from perdure.compat.celery.exceptions import Retry, TaskRevokedError
from perdure.compat.celery.failures import described, failure_of, text_of
from perdure.compat.celery.tracing import Ended, carry_out
from perdure.compat.celery.values import from_plain, to_plain
from perdure.exceptions import ApplicationError, ApplicationErrorCategory
from perdure.tasks.definition import TaskActivity

if TYPE_CHECKING:
    from perdure.compat.celery.task import Task

RETRY = "Retry"
REJECT = "Reject"

AGAIN_AFTER = timedelta(seconds=1)
"""When a task that was rejected is tried again."""

LEAST = timedelta(milliseconds=1)

IGNORED = "__ignored__"
"""The key of what is kept of a task that raised `Ignore`: the state that it gave itself, and its information."""


@dataclass(frozen=True, eq=False)
class TaskRunActivity(TaskActivity):
    """Takes arguments as they come: Celery's tasks are not converted by their hints."""

    @functools.cached_property
    def types(self) -> CallableTypes:
        return callable_types(_anything, has_self=False)

    def of_registered(self, activity: Any) -> ActivityDefinition:
        return self


def _anything(*arguments: Any) -> Any:
    """Stands for the signature of every task."""


class TaskRun:
    """Calls a task for a worker. In another process it is found by the task's name, in the application that runs
    there."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.__qualname__ = self.__name__ = task.name
        self.__perdure_activity__ = TaskRunActivity(task.name, self, False)

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        from perdure.compat.celery.worker import task_run

        return task_run, (self.task.name,)

    def __call__(self, *arguments: Any) -> Any:
        info = activity.info()
        request = request_of(self.task, arguments, info)
        refuse_expired(self.task, request)
        return report(self.task, request, carry_out(self.task, request))


def request_of(task: Task, arguments: Sequence[Any], info: Info) -> Context:
    """What the task is to know of this attempt."""
    told = told_by(info.heartbeat_details) if info.attempt > 1 else {}
    sent = message.unpack(arguments)
    if "args" in told:
        sent = sent._replace(args=from_plain(told["args"]), kwargs=from_plain(told["kwargs"]))
    sent = sent._replace(args=links.with_failure(task.run, sent.args, info.workflow_id))
    limit, soft = info.start_to_close_timeout, sent.extras.get("soft_time_limit")
    if soft is None:
        soft = task.app.conf.task_soft_time_limit if task.soft_time_limit is None else task.soft_time_limit
    return Context.of(
        sent,
        id=info.activity_id if info.workflow_id is None else f"{info.workflow_id}.{info.activity_id}",
        task=task.name,
        retries=told.get("retries", 0),
        told=told,
        is_step=info.workflow_id is not None,
        timelimit=(None if limit is None else _seconds(limit), soft),
        delivery_info={
            "exchange": "",
            "routing_key": info.task_queue,
            "priority": 2 * ((info.priority.priority_key or 3) - 1),
            "redelivered": info.attempt - 1 > told.get("retries", 0),
        },
    )


def refuse_expired(task: Task, request: Context) -> None:
    """What could begin, but comes too late by this machine's clock, is not run; engines drop what waits for longer.

    Raises:
        ApplicationError: it has expired.
    """
    if request.expires is None or datetime.fromisoformat(request.expires) > datetime.now(UTC):
        return
    signals.task_revoked.send(sender=task, request=request, terminated=False, signum=None, expired=True)
    raise failure_of(TaskRevokedError("expired"))


def told_by(details: Sequence[Any] | None) -> dict[str, Any]:
    """What an attempt told."""
    found = details[0] if details else None
    return dict(found) if isinstance(found, dict) else {}


def tell(request: Context, **changes: Any) -> None:
    """Have the next attempt, and who looks, know."""
    told = {**(request.told or {}), **{key: to_plain(value) for key, value in changes.items()}}
    request.told = told
    activity.heartbeat(told)


def report(task: Task, request: Context, ended: Ended) -> Any:
    """What the activity returns.

    Raises:
        ApplicationError: the task failed for good, or is to be tried again.
    """
    match ended.state:
        case states.SUCCESS:
            return to_plain(ended.value) if _is_kept(task, request) else None
        case states.IGNORED:
            told = request.told or {}
            return {IGNORED: {"state": told.get("state", states.IGNORED), "meta": told.get("meta")}}
        case states.RETRY:
            raise again(request, ended.value)
        case states.REJECTED if ended.value.requeue:
            raise ApplicationError(text_of(ended.value), type=REJECT, next_retry_delay=AGAIN_AFTER)
        case _:
            raise failure_of(ended.value)


def _is_kept(task: Task, request: Context) -> bool:
    """Whether its result is. What comes after it in a canvas needs it in any case."""
    return bool(request.is_step) or not (request.ignore_result or task.ignore_result)


def again(request: Context, retry: Retry) -> ApplicationError:
    """What makes an engine try it again."""
    changed: Mapping[str, Any] = {} if retry.sig is None else retry.sig
    tell(request, retries=request.retries + 1, state=None, meta=None, **changed)
    reason = retry.exc or retry
    return ApplicationError(
        text_of(reason),
        described(reason),
        type=RETRY,
        next_retry_delay=max(delay_of(retry.when), LEAST),
        category=ApplicationErrorCategory.BENIGN,
    )


def _seconds(limit: timedelta) -> float:
    """A whole number of seconds is an integer, as programs give them."""
    seconds = limit.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def delay_of(when: float | datetime | None) -> timedelta:
    """How long until then."""
    if isinstance(when, datetime):
        return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)) - datetime.now(UTC)
    return timedelta(seconds=when or 0)
