"""What a handle asks, and what it makes of the answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.client import (
    RPCError,
    RPCStatusCode,
    WorkflowContinuedAsNewError,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from perdure.common import QueryRejectCondition, WorkflowIDConflictPolicy
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import Description, ErrorCode, ExecutionStatus, Outcome, QueryAnswer, ReplyKind, Started
from perdure.protocol.requests import (
    AwaitResult,
    DescribeWorkflow,
    QueryWorkflow,
    RequestCancelWorkflow,
    SignalWorkflow,
    StartWorkflow,
    TerminateWorkflow,
)
from perdure_broker.port import StreamKind, TaskStream, WorkerInfo
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Greet, Rows, refuse


def answer(number: int, request: Any) -> Rows:
    match request:
        case QueryWorkflow():
            yield number, ReplyKind.OK, QueryAnswer(CONVERTER.to_bytes([[1, 2]]))
        case DescribeWorkflow():
            yield number, ReplyKind.OK, Description("default", "w", "r", "T", "q", 2, 5, 9, 11, 900, b"", b"")
        case AwaitResult():
            status = int(ExecutionStatus.CONTINUED_AS_NEW)
            yield number, ReplyKind.OUTCOME, Outcome(request.run_id, status, next_run_id="run-2")
        case _:
            yield number, ReplyKind.OK, None


async def test_what_ends_a_workflow_names_its_chain() -> None:
    def answer(number: int, request: Any) -> Rows:
        is_start = isinstance(request, StartWorkflow)
        yield number, ReplyKind.OK, Started("run-1", request.id_conflict_policy == 1) if is_start else None

    async with client_of(answer) as (client, engine):
        mine = await client.start_workflow("W", id="w", task_queue="q")
        existing = WorkflowIDConflictPolicy.USE_EXISTING
        found = await client.start_workflow("W", id="w", task_queue="q", id_conflict_policy=existing)
        for handle in (mine, found):
            await handle.cancel()
            await handle.terminate()
        for kind in (RequestCancelWorkflow, TerminateWorkflow):
            assert [request.first_execution_run_id for request in engine.requests(kind)] == ["run-1", ""]


async def test_signal_cancel_and_terminate() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w", run_id="r")
        await handle.signal(Greet.wave_back, 3)
        await handle.signal("anything", args=[1, 2])
        await handle.cancel(reason="enough")
        await handle.terminate("detail", reason="stop")
        wave, anything, cancel, terminate = engine.requests()
        assert isinstance(wave, SignalWorkflow)
        assert (wave.workflow_id, wave.run_id, wave.signal_name) == ("w", "r", "wave")
        assert CONVERTER.from_bytes(anything.input) == [1, 2]
        assert isinstance(cancel, RequestCancelWorkflow)
        assert cancel.reason == "enough"
        assert isinstance(terminate, TerminateWorkflow)
        assert CONVERTER.from_bytes(terminate.details) == ["detail"]
        assert len({request.request_id for request in engine.requests()}) == 4


async def test_a_query_has_a_deadline_and_a_typed_answer() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w")
        assert await handle.query(Greet.mood) == (1, 2)
        assert await handle.query("mood") == [1, 2]
        (typed, _) = engine.requests(QueryWorkflow)
        assert typed.query_type == "mood"
        assert typed.deadline_us > 0


async def test_a_query_that_fails_has_the_handlers_error_as_cause() -> None:
    failure = Failure.of("no mood", ApplicationInfo("ValueError"))

    def fail(number: int, request: Any) -> Rows:
        return refuse(number, ErrorCode.QUERY_FAILED, "the handler raised", failure=failure)

    async with client_of(fail) as (client, _):
        with pytest.raises(WorkflowQueryFailedError, match="the handler raised") as caught:
            await client.get_workflow_handle("w").query("mood")
        assert "no mood" in str(caught.value.__cause__)


async def test_a_query_that_nobody_answers_says_why() -> None:
    def keep_silent(number: int, request: Any) -> Rows:
        return () if isinstance(request, QueryWorkflow) else answer(number, request)

    soon = timedelta(milliseconds=20)
    async with client_of(keep_silent) as (client, engine):
        handle = client.get_workflow_handle("w")
        with pytest.raises(RPCError, match="no worker polls its task queue 'q'; start one") as caught:
            await handle.query("mood", rpc_timeout=soon)
        assert caught.value.status == RPCStatusCode.DEADLINE_EXCEEDED
        stream = TaskStream("default", "q", StreamKind.WORKFLOW)
        await engine.broker.announce_worker(stream, WorkerInfo("worker-1", "1@host", 10, 0), 60_000)
        with pytest.raises(RPCError, match="though 1 poll its task queue"):
            await handle.query("mood", rpc_timeout=soon)


async def test_a_rejected_query_says_the_status() -> None:
    def reject(number: int, request: Any) -> Rows:
        if isinstance(request, QueryWorkflow):
            return refuse(number, ErrorCode.QUERY_REJECTED, "not open")
        return answer(number, request)

    async with client_of(reject) as (client, engine):
        with pytest.raises(WorkflowQueryRejectedError) as caught:
            await client.get_workflow_handle("w").query("mood", reject_condition=QueryRejectCondition.NOT_OPEN)
        assert caught.value.status == WorkflowExecutionStatus.COMPLETED
        assert engine.requests(QueryWorkflow)[0].reject_condition == QueryRejectCondition.NOT_OPEN


async def test_a_workflow_that_does_not_exist_is_not_found() -> None:
    async with client_of(lambda number, _: refuse(number, ErrorCode.NOT_FOUND, "no workflow 'w'")) as (client, _):
        handle = client.get_workflow_handle("w")
        for call in (handle.result, handle.describe, handle.cancel, handle.fetch_history):
            with pytest.raises(RPCError, match="no workflow 'w'") as caught:
                await call()
            assert caught.value.status == RPCStatusCode.NOT_FOUND


async def test_the_chain_need_not_be_followed() -> None:
    async with client_of(answer) as (client, _):
        with pytest.raises(WorkflowContinuedAsNewError) as caught:
            await client.get_workflow_handle("w", run_id="r").result(follow_runs=False)
        assert caught.value.new_execution_run_id == "run-2"


async def test_a_description_says_who_polls() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w")
        assert (await handle.describe()).pollers == ()
        stream = TaskStream("default", "q", StreamKind.WORKFLOW)
        await engine.broker.announce_worker(stream, WorkerInfo("worker-1", "1@host", 10, 0), 60_000)
        (poller,) = (await handle.describe()).pollers
        assert (poller.identity, poller.slots) == ("1@host", 10)


async def test_names_are_checked_before_anything_is_sent() -> None:
    async with client_of(answer) as (client, engine):
        with pytest.raises(ValueError, match="workflow id must not be empty"):
            client.get_workflow_handle("")
        with pytest.raises(ValueError, match="signal name"):
            await client.get_workflow_handle("w").signal("a\0b")
        with pytest.raises(TypeError, match=r"@workflow\.query"):
            await client.get_workflow_handle("w").query(Greet.wave_back)
        assert engine.requests() == []
