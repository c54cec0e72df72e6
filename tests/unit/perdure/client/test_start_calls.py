"""What the client sends for a start, and what it makes of the answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_type

import pytest

from perdure.client import RPCError, RPCStatusCode, WorkflowFailureError, WorkflowHandle
from perdure.common import Priority, RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from perdure.converter.data_converter import KEPT_SIZE_MAX
from perdure.exceptions import PayloadSizeError, WorkflowAlreadyStartedError
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.frontend import ClusterDescription, CountWorkflows, ExecutionCount
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Outcome, ReplyKind, Started
from perdure.protocol.requests import AwaitResult, StartWorkflow
from perdure.protocol.retry import RetryPolicyData
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Greet, Rows, count_letters, refuse

COMPLETED = Outcome("run-1", int(ExecutionStatus.COMPLETED), CONVERTER.to_bytes([[3]]))


def play(number: int, request: Any) -> Rows:
    match request:
        case StartWorkflow():
            yield number, ReplyKind.OK, Started("run-1", True)
            if request.wait_result:
                yield number, ReplyKind.OUTCOME, COMPLETED
        case AwaitResult():
            yield number, ReplyKind.OUTCOME, COMPLETED
        case CountWorkflows():
            yield number, ReplyKind.OK, ExecutionCount(7)
        case _:
            yield number, ReplyKind.OK, ClusterDescription("c0ffee", 1, 4, "0.1.0", ("node-1",))


async def test_execute_is_one_request_and_gives_the_typed_result() -> None:
    async with client_of(play) as (client, engine):
        assert await client.execute_workflow(Greet.run, "ada", id="g", task_queue="q") == [3]
        (request,) = engine.requests()
        assert request.workflow_type == "Greeting"
        assert request.wait_result
        assert CONVERTER.from_bytes(request.input) == ["ada"]


async def test_start_by_method_by_function_and_by_name() -> None:
    async with client_of(play) as (client, engine):
        handle = await client.start_workflow(Greet.run, "ada", id="g", task_queue="q")
        assert (handle.id, handle.run_id, handle.result_run_id) == ("g", None, "run-1")
        assert await handle.result() == [3]
        await client.start_workflow(count_letters, "text", id="c", task_queue="q")
        await client.start_workflow("Anything", args=[1, "two"], id="a", task_queue="q")
        starts = engine.requests(StartWorkflow)
        assert [request.workflow_type for request in starts] == ["Greeting", "count_letters", "Anything"]
        assert CONVERTER.from_bytes(starts[2].input) == [1, "two"]
        assert len({request.request_id for request in starts}) == 3


async def test_types_travel_from_the_definition_to_the_call() -> None:
    async with client_of(play) as (client, _):
        result = await client.execute_workflow(Greet.run, "ada", id="g", task_queue="q")
        assert_type(result, list[int])
        handle = await client.start_workflow(Greet.run, "ada", id="g", task_queue="q")
        assert_type(handle, WorkflowHandle[Greet, list[int]])
        function = await client.start_workflow(count_letters, "text", id="c", task_queue="q")
        assert_type(function, WorkflowHandle[Any, int])
        by_name = await client.execute_workflow("Greeting", "ada", id="g", task_queue="q", result_type=list)
        assert_type(by_name, Any)
        assert result == by_name == [3]


async def test_every_option_travels() -> None:
    async with client_of(play) as (client, engine):
        await client.start_workflow(
            "T",
            id="w",
            task_queue="q",
            execution_timeout=timedelta(hours=1),
            run_timeout=timedelta(minutes=1),
            task_timeout=timedelta(seconds=2),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            retry_policy=RetryPolicy(maximum_attempts=3),
            memo={"customer": "ada"},
            start_delay=timedelta(milliseconds=5),
            static_summary="one line",
            static_details="more",
            priority=Priority(2),
            rpc_metadata={"for": "nobody"},
            request_eager_start=True,
        )
        (request,) = engine.requests(StartWorkflow)
        timeouts = (request.execution_timeout_ms, request.run_timeout_ms, request.task_timeout_ms)
        assert timeouts == (3_600_000, 60_000, 2_000)
        assert (request.id_reuse_policy, request.id_conflict_policy, request.start_delay_ms) == (3, 2, 5)
        assert request.retry_policy == RetryPolicyData(maximum_attempts=3)
        assert b"ada" in request.memo
        assert (request.summary, request.static_details, request.priority) == ("one line", "more", 2)
        assert (request.namespace, request.identity) == ("default", "tester")


async def test_an_id_that_is_taken_names_the_run() -> None:
    def taken(number: int, request: Any) -> Rows:
        return refuse(number, ErrorCode.ALREADY_STARTED, "taken", run_id="run-0")

    async with client_of(taken) as (client, _):
        for call in (client.start_workflow, client.execute_workflow):
            with pytest.raises(WorkflowAlreadyStartedError) as caught:
                await call("T", id="w", task_queue="q")
            assert (caught.value.workflow_id, caught.value.run_id) == ("w", "run-0")


async def test_a_refusal_keeps_its_words_and_kind() -> None:
    async with client_of(lambda number, _: refuse(number, ErrorCode.INVALID_ARGUMENT, "too long")) as (client, _):
        with pytest.raises(RPCError, match="too long") as caught:
            await client.execute_workflow("T", id="w", task_queue="q")
        assert caught.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_a_failed_workflow_raises_with_its_cause() -> None:
    failure = Failure.of("out of tea", ApplicationInfo("TeaError"))

    def fail(number: int, request: Any) -> Rows:
        yield number, ReplyKind.OUTCOME, Outcome("run-1", int(ExecutionStatus.FAILED), failure=failure)

    async with client_of(fail) as (client, _):
        with pytest.raises(WorkflowFailureError, match="out of tea") as caught:
            await client.execute_workflow("T", id="w", task_queue="q")
        assert "TeaError" in str(caught.value.cause)


async def test_the_result_of_the_run_that_took_over_is_the_result() -> None:
    def go_on(number: int, request: Any) -> Rows:
        if isinstance(request, StartWorkflow):
            status = int(ExecutionStatus.CONTINUED_AS_NEW)
            return [(number, ReplyKind.OUTCOME, Outcome("run-1", status, next_run_id="run-2"))]
        return play(number, request)

    async with client_of(go_on) as (client, engine):
        assert await client.execute_workflow(Greet.run, "ada", id="g", task_queue="q") == [3]
        assert [request.run_id for request in engine.requests(AwaitResult)] == ["run-2"]


async def test_what_cannot_be_sent_is_refused_before_it_is_sent() -> None:
    async with client_of(play) as (client, engine):
        with pytest.raises(ValueError, match="NUL"):
            await client.start_workflow("T", id="a\0b", task_queue="q")
        with pytest.raises(ValueError, match="task queue must not be empty"):
            await client.start_workflow("T", id="w", task_queue="")
        with pytest.raises(PayloadSizeError, match="the arguments of workflow 'T' take"):
            await client.start_workflow("T", "x" * (KEPT_SIZE_MAX + 1), id="w", task_queue="q")
        with pytest.raises(ValueError, match="execution_timeout is negative"):
            await client.start_workflow("T", id="w", task_queue="q", execution_timeout=timedelta(seconds=-1))
        assert engine.requests() == []
