"""Runs that begin after another one: what they inherit, and what befalls them no more."""

from __future__ import annotations

import pytest

from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.events import EventType, decode_records
from perdure.protocol.ids import run_id_after
from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    ReplyKind,
    decode_error,
    decode_outcome,
    decode_started,
)
from perdure.protocol.requests import (
    AwaitResult,
    SignalWorkflow,
    TerminateWorkflow,
)
from perdure.protocol.retry import RetryPolicyData
from perdure_engine.history.runs import REPEATED_WITHIN_US
from perdure_store.memory import CommitFault
from tests.engine_stage import Stage, completion, done, pass_time, start_request


def signal(request_id: str = "s", run_id: str = "", workflow_id: str = "wf") -> SignalWorkflow:
    return SignalWorkflow("default", workflow_id, run_id, "go", b"", request_id, "client")


def terminate(request_id: str = "t", run_id: str = "") -> TerminateWorkflow:
    return TerminateWorkflow("default", "wf", run_id, "enough", b"", request_id, "client")


def recorded(stage: Stage, run_id: str) -> list[str]:
    """The names of what stands in the history of a run."""
    rows = next(rows for (_, found), rows in stage.database.history.items() if found == run_id)
    records = [record for number in sorted(rows) for record in decode_records(rows[number].data)]
    return [EventType(record.event_type).name for record in records]


async def test_a_run_that_was_loaded_anew_knows_what_the_one_before_it_knew(stage: Stage) -> None:
    await stage.start()
    await stage.ask(signal())
    await stage.ask(terminate())
    await stage.start("wf", request_id="2")
    stage.kill_engine()
    await stage.open("two")
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert (await stage.ask(terminate()))[0] == ReplyKind.OK
    assert [row.status for row in stage.database.executions.values()][-1] == ExecutionStatus.RUNNING


async def test_what_was_asked_long_ago_is_forgotten(stage: Stage) -> None:
    await stage.start()
    await stage.ask(signal())
    await stage.ask(terminate())
    await pass_time(REPEATED_WITHIN_US / 1_000_000 + 10)
    run_id = await stage.start("wf", request_id="2")
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert recorded(stage, run_id)[2:] == ["EVENT_BUFFERED"]


# Runs that follow ---------------------------------------------------------------------------------------------------


def continuing(data: bytes = b"more") -> ContinueAsNewWorkflowExecution:
    return ContinueAsNewWorkflowExecution(data)


async def test_a_run_that_continues_is_closed_in_the_commit_that_begins_the_next(stage: Stage) -> None:
    first = await stage.start()
    [number] = await stage.send(AwaitResult("default", "wf", first))
    assert (await stage.reply(number))[0] == ReplyKind.REGISTERED
    await stage.decide(continuing())
    kind, body = await stage.reply(number)
    outcome = decode_outcome(body)
    assert (kind, outcome.status) == (ReplyKind.OUTCOME, ExecutionStatus.CONTINUED_AS_NEW)
    assert outcome.next_run_id == run_id_after(first)
    [commit] = [batch for batch in stage.commits if batch.closes]
    assert [close.run_id for close in commit.closes] == [first]
    assert [row.run_id for row in commit.executions] == [outcome.next_run_id]
    await stage.decide(done())
    _, body = await stage.ask(AwaitResult("default", "wf", outcome.next_run_id))
    statuses = {row.run_id: row.status for row in stage.database.executions.values()}
    assert statuses == {first: ExecutionStatus.CONTINUED_AS_NEW, outcome.next_run_id: ExecutionStatus.COMPLETED}


async def test_a_run_that_follows_may_end_in_the_same_batch(stage: Stage) -> None:
    first = await stage.start()
    entry, task = await stage.take_workflow_task()
    done_, ended = await stage.send(completion(entry, task, continuing()), terminate())
    assert (await stage.reply(done_))[0] == (await stage.reply(ended))[0] == ReplyKind.OK
    statuses = {row.run_id: row.status for row in stage.database.executions.values()}
    assert statuses == {
        first: ExecutionStatus.CONTINUED_AS_NEW,
        run_id_after(first): ExecutionStatus.TERMINATED,
    }


@pytest.mark.parametrize("reloaded", [False, True])
async def test_what_is_repeated_after_a_continuation_does_not_befall_the_next_run(stage: Stage, reloaded: bool) -> None:
    first = await stage.start()
    await stage.ask(signal())
    entry, task = await stage.take_workflow_task()
    await stage.complete(entry, task)
    await stage.decide(continuing())
    second = run_id_after(first)
    if reloaded:
        stage.kill_engine()
        await stage.open("two")
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert recorded(stage, second) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]
    assert (await stage.ask(signal("another")))[0] == ReplyKind.OK
    assert recorded(stage, second)[2:] == ["EVENT_BUFFERED"]
    kind, body = await stage.ask(signal("third", run_id=first))
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


async def test_a_repeated_start_of_a_chain_is_answered_like_the_first(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(continuing())
    await pass_time(3)
    [number] = await stage.send(start_request(wait_result=True))
    assert tuple(decode_started((await stage.reply(number))[1])) == (first, True)
    kind, body = await stage.reply(number)
    assert (kind, decode_outcome(body).next_run_id) == (ReplyKind.OUTCOME, run_id_after(first))
    assert len(stage.database.executions) == 2


async def test_a_workflow_that_times_out_is_tried_again(stage: Stage) -> None:
    first = await stage.start("wf", run_timeout_ms=1_000, retry_policy=RetryPolicyData(initial_interval_ms=500))
    await pass_time(1.2)
    statuses = [row.status for row in stage.database.executions.values()]
    assert statuses == [ExecutionStatus.TIMED_OUT, ExecutionStatus.RUNNING]
    await pass_time(0.5)
    assert recorded(stage, run_id_after(first)) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]


async def test_a_continuation_that_is_not_durable_is_decided_again(stage: Stage) -> None:
    first = await stage.start()
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    [number] = await stage.send(completion(entry, task, continuing()))
    await pass_time(0.5)
    stage.commit_rule = lambda batch: CommitFault.NONE
    assert (await stage.reply(number))[0] == ReplyKind.OK
    await stage.decide(done())
    assert len(stage.database.executions) == 2
    assert recorded(stage, run_id_after(first))[-1] == "WORKFLOW_EXECUTION_COMPLETED"
