"""Runs in the states that the tests of this folder begin with, each under the auditor of `tests/audited_run.py`."""

from __future__ import annotations

from typing import Any

from perdure.protocol.commands import Command, ScheduleActivityTask
from perdure.protocol.content import ContentBlock
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ErrorReply, ReplyKind
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
    RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed,
    SignalWorkflow,
    StartWorkflow,
)
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.transition import Transition
from tests.audited_run import AuditedRun

RUN_ID = "5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11"
START_US = 1_700_000_000_000_000
SECOND_US = 1_000_000
STREAM = (b"stream", b"1-0")


def start_request(**changes: Any) -> StartWorkflow:
    return StartWorkflow("default", "order-7", "Order", "q", b"input", "start-1", "client")._replace(**changes)


def begun(**changes: Any) -> AuditedRun:
    """A run whose first workflow task, event 2, is out."""
    return AuditedRun(start_request(**changes), RUN_ID, START_US)


def activity_command(activity_id: str = "a", **changes: Any) -> ScheduleActivityTask:
    command = ScheduleActivityTask(activity_id, "charge", "", b"input", 0, 0, 10_000, 0, None)
    return command._replace(**changes)


def running(*commands: Command, **changes: Any) -> AuditedRun:
    """A run whose first workflow task completed with these commands, whose events are from 5 on."""
    run = begun(**changes)
    go_on(run, *commands)
    return run


def go_on(run: AuditedRun, *commands: Command, content: ContentBlock | None = None, **changes: Any) -> Transition:
    """The workflow task that is out completes."""
    [(event_id, attempt)] = [
        (event_id, task.attempt) for (kind, event_id), task in run.tasks.items() if kind == TaskKind.WORKFLOW
    ]
    request = RespondWorkflowTaskCompleted(
        run.state.run_id, event_id, attempt, run.now_us, commands, "w1", "w1", *STREAM
    )
    return run.decide(request._replace(**changes), content)


def break_down(run: AuditedRun) -> Transition:
    """The workflow task that is out fails."""
    [(event_id, attempt)] = [
        (event_id, task.attempt) for (kind, event_id), task in run.tasks.items() if kind == TaskKind.WORKFLOW
    ]
    failure = Failure("it broke")
    return run.decide(RespondWorkflowTaskFailed(RUN_ID, event_id, attempt, run.now_us, "ODD", failure, "w1", *STREAM))


def signal(run: AuditedRun, request_id: str = "signal-1", **changes: Any) -> Transition:
    request = SignalWorkflow("default", "order-7", "", "poke", b"", request_id, "client")
    return run.decide(request._replace(**changes))


def report_started(run: AuditedRun, event_id: int = 5, attempt: int = 1, worker: str = "w1") -> Transition:
    return run.decide(RecordActivityTaskStarted(RUN_ID, event_id, attempt, run.now_us, worker))


def beat(run: AuditedRun, details: bytes = b"", event_id: int = 5, attempt: int = 1) -> Transition:
    return run.decide(RecordActivityTaskHeartbeat(RUN_ID, event_id, attempt, details, "w1"))


def complete_activity(run: AuditedRun, event_id: int = 5, attempt: int = 1, **changes: Any) -> Transition:
    request = RespondActivityTaskCompleted(RUN_ID, event_id, attempt, run.now_us, b"result", "w1", *STREAM)
    return run.decide(request._replace(**changes))


def fail_activity(
    run: AuditedRun, event_id: int = 5, attempt: int = 1, info: ApplicationInfo | None = None, **changes: Any
) -> Transition:
    failure = Failure.of("it broke", info or ApplicationInfo("Odd"))
    request = RespondActivityTaskFailed(RUN_ID, event_id, attempt, run.now_us, failure, "w1", *STREAM)
    return run.decide(request._replace(**changes))


def names(transition: Transition) -> list[str]:
    """What the records of a transition are called, in order."""
    return [EventType(record.event_type).name for record in transition.records]


def record_of(transition: Transition, event_type: EventType) -> HistoryEvent:
    [record] = [record for record in transition.records if record.event_type == event_type]
    return record


def refusal(transition: Transition) -> ErrorReply:
    """The refusal of a request that changed nothing."""
    assert transition.reply_kind == ReplyKind.ERROR
    assert not transition.records
    assert not transition.effects
    reply: ErrorReply = transition.reply_body
    return reply
