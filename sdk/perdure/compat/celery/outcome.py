"""What is known of a task by its id: its state, by Celery's names, and what belongs to that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from perdure.client import ActivityExecutionDescription, ActivityExecutionStatus, Client, PendingActivityState
from perdure.client.failures import ActivityFailureError
from perdure.compat.celery import states
from perdure.compat.celery.activity import IGNORED, RETRY, told_by
from perdure.compat.celery.exceptions import TaskRevokedError
from perdure.compat.celery.failures import exception_of, remade, stand_in, traceback_of
from perdure.compat.celery.values import from_plain
from perdure.exceptions import ApplicationError
from perdure.service import RPCError, RPCStatusCode

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

REVOKED_AS = frozenset({ActivityExecutionStatus.CANCELED, ActivityExecutionStatus.TERMINATED})


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    result: What it returned, the exception that it raised, or the information that it gave about its state.
    """

    status: str
    result: Any = None
    traceback: str | None = None
    name: str | None = None
    queue: str | None = None
    worker: str | None = None
    retries: int | None = None
    date_done: datetime | None = None

    @property
    def is_ready(self) -> bool:
        return self.status in states.READY_STATES


UNKNOWN = Outcome(states.PENDING)
"""Of an id that nobody knows, as under Celery."""


async def look_up(app: Celery, task_id: str, client: Client) -> Outcome:
    """What is known of a task."""
    try:
        found = await client.get_activity_handle(task_id).describe(
            include_outcome=True, include_heartbeat_details=True, include_last_failure=True
        )
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return UNKNOWN
    known: dict[str, Any] = {
        "name": found.activity_type,
        "queue": found.task_queue,
        "worker": found.last_worker_identity,
        "date_done": found.close_time,
    }
    if found.status == ActivityExecutionStatus.RUNNING:
        return await _open(app, found, known)
    if found.status == ActivityExecutionStatus.COMPLETED:
        return of_result(await found.result(), known)
    failure = await found.outcome_failure()
    return of_failure(failure or ApplicationError("it ended without a word"), known, found.status)


async def wait_for(task_id: str, client: Client) -> Outcome:
    """How a task ended, as soon as it has.

    Raises:
        RPCError: nobody knows it (NOT_FOUND).
    """
    try:
        return of_result(await client.get_activity_handle(task_id).result(), {})
    except ActivityFailureError as error:
        return of_failure(error.cause, {}, None)


def of_result(value: Any, known: dict[str, Any]) -> Outcome:
    """Of a task that returned."""
    if isinstance(value, dict) and value.keys() == {IGNORED}:
        state, meta = value[IGNORED]["state"] or states.IGNORED, from_plain(value[IGNORED]["meta"])
        return Outcome(state, told_exception(state, meta), **known)
    return Outcome(states.SUCCESS, from_plain(value), **known)


def of_failure(error: BaseException | None, known: dict[str, Any], status: ActivityExecutionStatus | None) -> Outcome:
    """Of a task that did not."""
    error = error or ApplicationError("it ended without a word")
    made = exception_of(error)
    is_revoked = isinstance(made, TaskRevokedError) or status in REVOKED_AS
    return Outcome(states.REVOKED if is_revoked else states.FAILURE, made, traceback_of(error), **known)


def told_exception(state: str, meta: Any) -> Any:
    """What a task told that gave itself the state of a failure, as Celery's programs do before they raise `Ignore`."""
    if state in states.EXCEPTION_STATES and isinstance(meta, dict) and "exc_type" in meta:
        message = meta.get("exc_message", "")
        return stand_in(str(meta["exc_type"]), *(message if isinstance(message, list) else [message]))
    return meta


async def _open(app: Celery, found: ActivityExecutionDescription, known: dict[str, Any]) -> Outcome:
    told = told_by(await found.heartbeat_details())
    retries = told.get("retries", 0)
    if told.get("state"):
        meta = from_plain(told.get("meta"))
        return Outcome(told["state"], told_exception(told["state"], meta), retries=retries, **known)
    if found.run_state == PendingActivityState.SCHEDULED and found.attempt > 1:
        failure = await found.last_failure()
        if isinstance(failure, ApplicationError) and failure.type == RETRY:
            reason = remade(failure.details[0] if failure.details else None, failure)
            return Outcome(states.RETRY, reason, traceback_of(failure), retries=retries, **known)
    task = app.tasks.get(found.activity_type)
    is_tracked = app.conf.task_track_started if task is None else task.track_started
    is_seen = is_tracked and found.run_state == PendingActivityState.STARTED
    return Outcome(states.STARTED if is_seen else states.PENDING, retries=retries, **known)
