"""What a run knows from its first event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perdure.common import Payload, RetryPolicy
from perdure.execution.properties import RunProperties
from perdure.execution.surroundings import (
    RunIdentity,
    WorkerSettings,
    describe,
    moment,
)
from perdure.protocol.codec import pack
from perdure.protocol.commands import Command
from perdure.protocol.events import EventType, HistoryEvent, WorkflowExecutionStarted
from perdure.protocol.retry import RetryPolicyData


def unexpected(command: Command) -> None:
    raise AssertionError(f"nothing asked for {command}")


def test_the_description() -> None:
    started = WorkflowExecutionStarted(
        "Order",
        "",
        execution_timeout_ms=5_000,
        retry_policy=RetryPolicyData(maximum_attempts=2),
        memo=pack({"a": Payload({"encoding": b"x"}, b"1")}),
        attempt=3,
    )
    settings = WorkerSettings("space", "queue")
    properties = RunProperties(started, settings.converter, unexpected)
    first = HistoryEvent(1, 1_000_000, EventType.WORKFLOW_EXECUTION_STARTED, started)
    info = describe(settings, RunIdentity("wf", "run"), first, 2_000_000, properties)
    assert (info.namespace, info.task_queue, info.workflow_id, info.run_id) == ("space", "queue", "wf", "run")
    assert info.first_execution_run_id == "run"
    assert info.execution_timeout == timedelta(seconds=5)
    assert info.run_timeout is None
    assert info.retry_policy == RetryPolicy(maximum_attempts=2)
    assert info.raw_memo == {"a": Payload({"encoding": b"x"}, b"1")}
    assert info.workflow_start_time == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert info.start_time == moment(2_000_000)
    assert info.attempt == 3
