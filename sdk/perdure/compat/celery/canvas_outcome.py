"""What is known of an id: of a task, or of a canvas, which is a workflow whose steps are tasks.

A canvas ends as its task did that failed: with the exception that this raised, or a `ChordError` where that task was a
member of a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perdure.client import Client, WorkflowExecutionStatus
from perdure.client.failures import WorkflowFailureError
from perdure.compat.celery import outcome, states
from perdure.compat.celery.links import chord_error
from perdure.compat.celery.outcome import UNKNOWN, Outcome
from perdure.exceptions import ActivityError, ApplicationError, ChildWorkflowError
from perdure.service import RPCError, RPCStatusCode
from perdure.tasks.canvas.failures import ChainError, GroupError, MapError
from perdure.tasks.canvas.plan import WORKFLOW_NAME

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

_PUT_TOGETHER = frozenset(kind.__name__ for kind in (ChainError, GroupError, MapError))


async def look_up(app: Celery, id: str, client: Client) -> Outcome:
    """What is known."""
    found = await outcome.look_up(app, id, client)
    return found if found is not UNKNOWN else await _look_up_canvas(id, client)


async def wait_for(id: str, client: Client) -> Outcome:
    """How it ended, as soon as it has.

    Raises:
        RPCError: nobody knows it (NOT_FOUND).
    """
    try:
        return await outcome.wait_for(id, client)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
    return await _wait_for_canvas(id, client, {})


async def _look_up_canvas(id: str, client: Client) -> Outcome:
    try:
        found = await client.get_workflow_handle(id).describe()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return UNKNOWN
    if found.workflow_type != WORKFLOW_NAME:
        return UNKNOWN
    known: dict[str, Any] = {"queue": found.task_queue, "date_done": found.close_time}
    if found.status == WorkflowExecutionStatus.RUNNING:
        return Outcome(states.PENDING, **known)
    return await _wait_for_canvas(id, client, known)


async def _wait_for_canvas(id: str, client: Client, known: dict[str, Any]) -> Outcome:
    try:
        return outcome.of_result(await client.get_workflow_handle(id).result(), known)
    except WorkflowFailureError as error:
        cause, member = _root(error.cause)
    ended = outcome.of_failure(cause, known, None)
    if member is None:
        return ended
    made = chord_error(member, ended.result)
    return Outcome(ended.status, made, ended.traceback, **known)


def _root(error: BaseException) -> tuple[BaseException, Mapping[str, Any] | None]:
    """What a step raised; and which member of a group it was, if it was one."""
    member = None
    while error.__cause__ is not None:
        kind = error.type if isinstance(error, ApplicationError) else None
        if not isinstance(error, ActivityError | ChildWorkflowError) and kind not in _PUT_TOGETHER:
            break
        if isinstance(error, ApplicationError) and kind == GroupError.__name__:
            member = error.details[0]["failed"][0]
        error = error.__cause__
    return error, member
