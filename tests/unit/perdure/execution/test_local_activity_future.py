"""How a local activity looks to who awaits it; live and replay are in `test_local_activities`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.exceptions import ActivityError, CancelledError, RetryState, TimeoutError
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.protocol.failure import CanceledInfo, Failure, TimeoutInfo, TimeoutType
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=9)


def outcome(call: LocalCall, **changes: Any) -> LocalOutcome:
    return LocalOutcome(call.number, call.activity_id, call.activity_type, call.attempt)._replace(**changes)


@workflow.defn
async def one(result_type: str) -> Any:
    kind = {"int": int}.get(result_type)
    return await workflow.execute_local_activity("count", result_type=kind, start_to_close_timeout=TIMEOUT)


def error_of(failure: Failure) -> ActivityError:
    story = Story(one, "any")
    story.task(lambda call: outcome(call, failure=failure, retry_state=RetryState.TIMEOUT))
    assert isinstance(story.failure, ActivityError)
    return story.failure


def test_a_timeout_says_which() -> None:
    error = error_of(Failure.of("activity start-to-close timeout", TimeoutInfo(TimeoutType.START_TO_CLOSE)))
    assert (str(error), error.activity_type, error.activity_id) == ("Activity task timed out", "count", "1")
    assert error.retry_state == RetryState.TIMEOUT
    assert isinstance(error.cause, TimeoutError)


def test_one_that_was_stopped_by_others_is_an_error() -> None:
    error = error_of(Failure.of("Cancelled", CanceledInfo()))
    assert str(error) == "Activity task cancelled"
    assert isinstance(error.cause, CancelledError)


def test_a_result_that_does_not_fit_its_type_is_named() -> None:
    story = Story(one, "int")
    with pytest.raises(TypeError, match="does not fit int") as caught:
        story.task(lambda call: outcome(call, result=story.converter.value_to_bytes("many")))
    assert caught.value.__notes__ == ["The result of local activity 'count' is meant."]


@workflow.defn
async def waits_to_try_again() -> str:
    handle = workflow.start_local_activity("flaky", start_to_close_timeout=TIMEOUT)
    nap = asyncio.create_task(asyncio.sleep(5))
    await asyncio.wait([handle, nap], return_when=asyncio.FIRST_COMPLETED)
    assert handle.cancel()
    assert not handle.cancel()
    try:
        await handle
    except ActivityError as error:
        return str(error.cause)
    return "done"


def test_one_that_waits_for_its_next_attempt_is_cancelled_with_its_timer() -> None:
    story = Story(waits_to_try_again)
    story.task(lambda call: outcome(call, failure=Failure("no"), backoff_ms=60_000))
    story.fire_timer("1")
    kinds = [type(command).__name__ for command in story.task()]
    assert kinds == ["CancelTimer", "CompleteWorkflowExecution"]
    assert story.result == "Cancelled"
    story.replay()


@workflow.defn
async def is_cancelled_itself() -> str:
    try:
        await workflow.execute_local_activity("slow", start_to_close_timeout=TIMEOUT)
    except ActivityError as error:
        return f"{error} by {type(error.cause).__name__}"
    return "done"


def test_a_workflow_that_is_cancelled_sees_an_activity_error() -> None:
    story = Story(is_cancelled_itself)
    story.task(lambda call: None)
    story.request_cancel()
    story.task(lambda call: None)
    assert story.result == "Activity task cancelled by CancelledError"
    story.replay()
