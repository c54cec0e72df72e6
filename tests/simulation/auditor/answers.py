"""Rules about answers: what was refused had no effect, one sending gets one answer, and what waiters hear is true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from perdure.protocol.activity_executions import (
    AwaitActivity,
    RequestCancelActivity,
    StartActivity,
    TerminateActivity,
)
from perdure.protocol.events import (
    ActivityTaskCompleted,
    ActivityTaskStarted,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionSignaled,
    WorkflowExecutionTerminated,
    WorkflowTaskCompleted,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, Outcome, ReplyKind
from perdure.protocol.requests import (
    ReportActivity,
    RequestCancelWorkflow,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
    RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed,
    SignalWorkflow,
    StartWorkflow,
    StartWorkflowWith,
    TerminateWorkflow,
)
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.ledger import Ask, Reply
from tests.simulation.rules import Finding, Rule

NOTICE_S = 5.0
"""Within so many seconds an engine that can work notices that the broker has lost data, and reads its inboxes anew."""

CHANGING = (
    StartWorkflow,
    SignalWorkflow,
    RequestCancelWorkflow,
    TerminateWorkflow,
    RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
    RespondActivityTaskCanceled,
    StartActivity,
    RequestCancelActivity,
    TerminateActivity,
    ReportActivity,
)
"""Requests that change a run; the others only read, and are answered as often as they are asked."""

Effect = tuple[Any, ...]


def check_refused(evidence: Evidence) -> Iterator[Finding]:
    """Only what was sent once tells: of several sendings one may take effect, and the others be refused for that. So
    may one that is decided twice, because the broker lost that it was done with, and the first answer too."""
    sendings: dict[Effect, list[Ask]] = defaultdict(list)
    along: dict[str, set[int]] = defaultdict(set)  # starts that brought an update, which alone may have been refused
    for ask in evidence.asks(StartWorkflowWith):
        if ask.request.update is not None:
            along[ask.sender].add(ask.number)
    for asks in (evidence.starts(), evidence.signals(), *(evidence.asks(kind) for kind in CHANGING[2:])):
        for ask in asks:
            effect = _effect_of(ask.request)
            if effect is not None and ask.number not in along[ask.sender]:
                sendings[effect].append(ask)
    recorded = {effect for run in evidence.runs.values() for effect in _recorded(run)}
    for effect, asks in sendings.items():
        first = asks[0]
        if (
            len(asks) == len(first.sent_s) == 1
            and first.is_refused
            and effect in recorded
            and not evidence.ledger.has_lost_since(first.sent_s[0] - NOTICE_S)
        ):
            yield Finding(Rule.REFUSED, f"{effect} stands in a history, and was refused: {first.replies}")


def _effect_of(request: Any) -> Effect | None:
    """What a request leaves in a history, in the words of `_recorded`."""
    if isinstance(request, StartWorkflow):
        return ("start", request.namespace, request.workflow_id, request.request_id)
    if isinstance(request, SignalWorkflow):
        return ("signal", request.namespace, request.workflow_id, request.request_id)
    if isinstance(request, RespondActivityTaskCompleted):
        about = (request.run_id, request.scheduled_event_id, request.attempt, request.identity)
        return ("result", *about, request.result)
    if isinstance(request, RespondWorkflowTaskCompleted):
        # One that exists for its updates alone has no number until it is recorded, as the first attempt.
        return ("task", request.run_id, request.scheduled_event_id, max(request.attempt, 1), request.identity)
    return None


def _recorded(run: Run) -> Iterator[Effect]:
    yield ("start", *run.key, run.started.request_id)
    for _, signal in run.of(WorkflowExecutionSignaled):
        yield ("signal", *run.key, signal.request_id)
    for _, result in run.of(ActivityTaskCompleted):
        started = run.event(result.started_event_id)
        if isinstance(started, ActivityTaskStarted):
            about = (run.row.run_id, result.scheduled_event_id, started.attempt, result.identity)
            yield ("result", *about, result.result)
    for _, completed in run.of(WorkflowTaskCompleted):
        scheduled = run.event(completed.scheduled_event_id)
        attempt = getattr(scheduled, "attempt", 0)
        yield ("task", run.row.run_id, completed.scheduled_event_id, attempt, completed.identity)


def check_answered_once(evidence: Evidence) -> Iterator[Finding]:
    """The same answer may be sent twice, by an engine that does not know whether it was; another one may not. A broker
    that lost its last data may have lost that the request was done with: then it is decided again."""
    for kind in CHANGING:
        for ask in evidence.asks(kind):
            for is_outcome in (False, True):
                said = {_said(item) for item in ask.replies if (item.kind == ReplyKind.OUTCOME) == is_outcome}
                if (
                    len(ask.sent_s) == 1
                    and len(said) > 1
                    and not evidence.ledger.has_lost_since(ask.sent_s[0] - NOTICE_S)
                ):
                    yield Finding(Rule.ANSWERED_ONCE, f"{ask.request} was sent once, and answered with {sorted(said)}")


def _said(reply: Reply) -> str:
    """What an answer comes to. A request that cannot be kept may be set aside twice, with a letter for each, when the
    commit was lost in which it was parted from its neighbours."""
    if isinstance(reply.body, ErrorReply) and reply.body.code == ErrorCode.DEAD_LETTERED:
        return ErrorCode.DEAD_LETTERED.name
    return str(reply[:2])


def check_outcomes(evidence: Evidence) -> Iterator[Finding]:
    for ask in evidence.ledger.asks.values():
        for outcome in ask.bodies(Outcome):
            if isinstance(ask.request, StartActivity | AwaitActivity):
                execution = evidence.tasks.by_run_id.get(outcome.run_id)
                end = None if execution is None else execution.end
                if end is None or end.outcome != outcome:
                    yield Finding(Rule.OUTCOME_TRUE, f"{ask.sender} was told {outcome}, and the truth is {end}")
                continue
            run = evidence.runs.get(outcome.run_id)
            if run is None or (outcome.status, outcome.result) != (run.row.status, _result(run)):
                yield Finding(Rule.OUTCOME_TRUE, f"{ask.sender} was told {outcome}, and the truth is {run and run.row}")


def _result(run: Run) -> bytes:
    attributes = run.closing.attributes if run.closing is not None else None
    if isinstance(attributes, WorkflowExecutionCompleted):
        return attributes.result
    if isinstance(attributes, WorkflowExecutionCanceled | WorkflowExecutionTerminated):
        return attributes.details
    return b""


CHECKS = [check_refused, check_answered_once, check_outcomes]
