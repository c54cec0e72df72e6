"""The chain: who is asked first, what may be changed, and that no call goes around it."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleSpec,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WithStartWorkflowOperation,
)
from perdure.client.execution import time_of
from perdure.common import Payload, WorkflowIDConflictPolicy
from perdure.protocol.codec import DecodeError
from perdure.protocol.frontend import CountWorkflows, ExecutionCount
from perdure.protocol.payload import unpack_payload_map
from perdure.protocol.replies import Description, ExecutionStatus, Outcome, QueryAnswer, ReplyKind, Started
from perdure.protocol.requests import (
    AwaitResult,
    DescribeWorkflow,
    QueryWorkflow,
    SignalWorkflow,
    StartWorkflow,
    StartWorkflowWith,
)
from perdure.protocol.updates import UpdateReply, UpdateStage, UpdateWorkflow
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Greet, Rows


def answer(number: int, request: Any) -> Rows:
    match request:
        case StartWorkflow():
            yield number, ReplyKind.OK, Started("run-1", True)
        case AwaitResult():
            result = CONVERTER.to_bytes([[3]])
            yield number, ReplyKind.OUTCOME, Outcome("run-1", int(ExecutionStatus.COMPLETED), result)
        case QueryWorkflow():
            yield number, ReplyKind.OK, QueryAnswer(CONVERTER.to_bytes([[1, 2]]))
        case DescribeWorkflow():
            yield number, ReplyKind.OK, Description("default", "w", "r", "T", "q", 2, 5, 9, 11, 900, b"", b"")
        case CountWorkflows():
            yield number, ReplyKind.OK, ExecutionCount(7)
        case UpdateWorkflow() | StartWorkflowWith():
            yield number, ReplyKind.OUTCOME, UpdateReply("run-1", UpdateStage.COMPLETED, CONVERTER.to_bytes([[3]]))
        case _:
            yield number, ReplyKind.OK, None


class Noting(Interceptor):
    """Notes which calls pass, by wrapping every method there is."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        noting = OutboundInterceptor(next)
        for method in [name for name in vars(OutboundInterceptor) if not name.startswith("_")]:
            setattr(noting, method, self._noting(method, getattr(next, method)))
        return noting

    def _noting(self, method: str, call: Any) -> Any:
        def note(input: Any) -> Any:
            self.notes.append(f"{self.name}.{method}")
            return call(input)

        return note


async def test_every_call_passes_the_chain_in_the_order_given() -> None:
    notes: list[str] = []
    async with client_of(answer) as (plain, _):
        client = Client(plain.transport, interceptors=[Noting("a", notes), Noting("b", notes)])
        assert await client.execute_workflow(Greet.run, "ada", id="w", task_queue="q") == [3]
        handle = await client.start_workflow(Greet.run, "ada", id="w", task_queue="q")
        await handle.signal(Greet.wave_back, 1)
        assert await handle.query(Greet.mood) == (1, 2)
        await handle.cancel()
        await handle.terminate()
        await handle.describe()
        handle.fetch_history_events()
        client.list_workflows()
        assert (await client.count_workflows()).count == 7
        assert await handle.execute_update("add", 2) == [3]
        start: Any = WithStartWorkflowOperation(
            Greet.run, "ada", id="w", task_queue="q", id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
        )
        assert await client.execute_update_with_start_workflow("add", 2, start_workflow_operation=start) == [3]
        action = ScheduleActionStartWorkflow(Greet.run, "ada", id="w", task_queue="q")
        schedule = await client.create_schedule("s", Schedule(action, ScheduleSpec()))
        await client.list_schedules()
        await schedule.backfill(ScheduleBackfill(time_of(0), time_of(1)))
        await schedule.delete()
        await schedule.pause()
        await schedule.trigger()
        await schedule.unpause()
        for lost in (schedule.describe(), schedule.update(lambda _: None)):
            with pytest.raises(DecodeError):
                await lost
    passed = [
        "start_workflow",
        "start_workflow",
        "signal_workflow",
        "query_workflow",
        "cancel_workflow",
        "terminate_workflow",
        "describe_workflow",
        "fetch_workflow_history_events",
        "list_workflows",
        "count_workflows",
        "start_workflow_update",
        "start_update_with_start_workflow",
        "create_schedule",
        "list_schedules",
        "backfill_schedule",
        "delete_schedule",
        "pause_schedule",
        "trigger_schedule",
        "unpause_schedule",
        "describe_schedule",
        "update_schedule",
    ]
    assert notes == [f"{name}.{method}" for method in passed for name in "ab"]


class Marking(Interceptor):
    """Changes what it can: an argument, and the headers."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return MarkingCalls(next)


class MarkingCalls(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        input.args = [name.upper() for name in input.args]
        input.headers = {**input.headers, "user": Payload({}, b"ada")}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = {**input.headers, "user": Payload({}, b"bob")}
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> Any:
        input.headers = {"user": Payload({}, b"eve")}
        return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(self, input: StartWorkflowUpdateWithStartInput) -> Any:
        input.start_workflow_input.headers = {"user": Payload({}, b"ada")}
        input.update_workflow_input.headers = {"user": Payload({}, b"eve")}
        input.update_workflow_input.args = (7,)
        return await super().start_update_with_start_workflow(input)


async def test_what_an_interceptor_changes_is_what_travels() -> None:
    async with client_of(answer) as (plain, engine):
        client = Client(plain.transport, interceptors=[Marking()])
        handle = await client.start_workflow(Greet.run, "ada", id="w", task_queue="q")
        await handle.signal("wave", 1)
        (start,) = engine.requests(StartWorkflow)
        assert CONVERTER.from_bytes(start.input) == ["ADA"]
        assert unpack_payload_map(start.headers) == {"user": Payload({}, b"ada")}
        (signal,) = engine.requests(SignalWorkflow)
        assert unpack_payload_map(signal.headers) == {"user": Payload({}, b"bob")}
        await handle.execute_update("add", 2)
        (update,) = engine.requests(UpdateWorkflow)
        assert unpack_payload_map(update.headers) == {"user": Payload({}, b"eve")}
        start: Any = WithStartWorkflowOperation(
            Greet.run, "ada", id="w", task_queue="q", id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
        )
        await client.execute_update_with_start_workflow("add", 2, start_workflow_operation=start)
        (both,) = engine.requests(StartWorkflowWith)
        assert unpack_payload_map(both.start.headers) == {"user": Payload({}, b"ada")}
        assert unpack_payload_map(both.update.headers) == {"user": Payload({}, b"eve")}
        assert CONVERTER.from_bytes(both.update.input) == [7]


async def test_what_is_no_interceptor_is_named() -> None:
    async with client_of(answer) as (plain, _):
        with pytest.raises(TypeError, match="is no client interceptor"):
            Client(plain.transport, interceptors=[object()])  # type: ignore[list-item]
