"""What an activity's code is given, made from its task: in the worker, or in the process that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from perdure.activity.definition import ActivityDefinition
from perdure.activity.information import Info
from perdure.common import Priority, RetryPolicy
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.execution.surroundings import moment
from perdure.protocol.codec import pack
from perdure.protocol.ids import activity_run_id
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure.protocol.tasks import ActivityTask

_ARGUMENTS_MAX = 32
"""Hints to prepare for functions with `*args`; arguments beyond are decoded without."""


def arguments_of(task: ActivityTask, definition: ActivityDefinition, converter: DataConverter) -> Sequence[Any]:
    """The decoded arguments.

    Raises:
        ApplicationError: they do not fit the activity's parameters.
    """
    try:
        values = converter.from_bytes(task.input, definition.argument_hints(_ARGUMENTS_MAX))
    except (TypeError, ValueError) as error:
        raise ApplicationError(
            f"the arguments of activity {task.activity_type!r} do not fit its parameters: {error}",
            type=type(error).__name__,
        ) from error
    return (values,) if definition.name is None else values  # the dynamic one takes them as one list


def information_of(task: ActivityTask, converter: DataConverter, task_queue: str, started_us: int) -> Info:
    """What `activity.info()` returns. `task_queue` is what the worker polls, where the task names none."""
    return Info(
        activity_id=task.activity_id,
        activity_type=task.activity_type,
        attempt=max(task.attempt - task.attempt_base, 1),
        current_attempt_scheduled_time=moment(task.current_attempt_scheduled_time_us),
        heartbeat_details=converter.from_bytes(task.heartbeat_details),
        heartbeat_timeout=_duration(task.heartbeat_timeout_ms),
        is_local=False,
        namespace=task.namespace,
        schedule_to_close_timeout=_duration(task.schedule_to_close_timeout_ms),
        scheduled_time=moment(task.scheduled_time_us),
        start_to_close_timeout=_duration(task.start_to_close_timeout_ms),
        started_time=moment(started_us),
        task_queue=task.task_queue or task_queue,
        task_token=_task_token(task),
        workflow_id=task.workflow_id or None,
        workflow_namespace=task.namespace if task.workflow_id else None,
        workflow_run_id=task.run_id if task.workflow_id else None,
        workflow_type=task.workflow_type or None,
        priority=Priority.from_data(task.priority, task.fairness),
        retry_policy=RetryPolicy.from_data(task.retry_policy or DEFAULT_RETRY_POLICY),
        activity_run_id=None if task.workflow_id else activity_run_id(task.run_id, task.scheduled_event_id),
        idempotency_key=_idempotency_key(task),
    )


def _task_token(task: ActivityTask) -> bytes:
    fields = (task.namespace, task.workflow_id, task.run_id, task.scheduled_event_id, task.attempt)
    return pack(fields if task.workflow_id else (*fields, task.activity_id))


def _idempotency_key(task: ActivityTask) -> str:
    if task.workflow_id:
        return f"{task.namespace}/{task.workflow_id}/{task.run_id}/{task.activity_id}"
    return f"{task.namespace}/{task.activity_id}/{activity_run_id(task.run_id, task.scheduled_event_id)}"


def _duration(milliseconds: int) -> timedelta | None:
    return timedelta(milliseconds=milliseconds) if milliseconds else None
