"""Rules about attempts of activities without a workflow, and about what their executions come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from perdure.protocol.activity_executions import RequestCancelActivity
from perdure.protocol.failure import ApplicationInfo, TimeoutInfo, TimeoutType
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import (
    ActivityReport,
    ReportActivity,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.tasks import ActivityTask
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_store.port import ActivityExecutionRow
from tests.simulation.auditor.evidence import Evidence
from tests.simulation.auditor.task_evidence import TaskExecution, is_task
from tests.simulation.ledger import Ask, Attempt
from tests.simulation.process import EPOCH_US
from tests.simulation.program_ends import outcomes, outcomes_canceled
from tests.simulation.rules import Finding, Rule

EARLY_S = 0.001
"""A start delay travels in whole milliseconds."""


def check_writes(evidence: Evidence) -> Iterator[Finding]:
    """An execution is closed once, and stays as it was closed; its attempts go up, each with one entry."""
    for execution in evidence.tasks.executions.values():
        closed: ActivityExecutionRow | None = None
        attempt = 0
        for write in execution.writes:
            if closed is not None:
                yield Finding(Rule.TASK_CLOSED_ONCE, f"{execution} was closed as {closed}, and then came {write}")
                break
            reached = write.row.attempt if write.row is not None else write.entry.attempt if write.entry else 0
            if reached < attempt:
                yield Finding(Rule.TASK_CLOSED_ONCE, f"{execution}: attempt {reached} was written after {attempt}")
            attempt = max(attempt, reached)
            if write.row is not None and write.row.status != ExecutionStatus.RUNNING:
                closed = write.row
        entries = Counter(task.attempt for _, task in execution.entries)
        for number, count in entries.items():
            if count > 1:
                text = f"{execution}: attempt {number} was given to its task queue {count} times"
                yield Finding(Rule.TASK_CLOSED_ONCE, text)


def check_times(evidence: Evidence) -> Iterator[Finding]:
    """No attempt is given to its task queue, or begins, before its time."""
    for execution in evidence.tasks.executions.values():
        for write, task in execution.entries:
            if write.time_us < task.current_attempt_scheduled_time_us:
                early_s = (task.current_attempt_scheduled_time_us - write.time_us) / 1_000_000
                yield Finding(Rule.NOT_BEFORE, f"{execution}: attempt {task.attempt} was given out {early_s} s early")
            if task.attempt == 1 and execution.ask is not None:
                due_us = task.scheduled_time_us + execution.ask.request.start_delay_ms * 1_000
                if task.current_attempt_scheduled_time_us < due_us:
                    yield Finding(Rule.NOT_BEFORE, f"{execution}: it is to begin at {due_us}, not as in {task}")
        delay_s = execution.ask.request.start_delay_ms / 1_000 if execution.ask is not None else 0.0
        if not evidence.ledger.clocks_are_right or execution.ask is None or not delay_s:
            continue
        due_s = (execution.scheduled_us - EPOCH_US) / 1_000_000 + delay_s
        for attempt in _begun(evidence, execution):
            if attempt.at_s < due_s - EARLY_S:
                yield Finding(Rule.NOT_BEFORE, f"{execution} began at {attempt.at_s:.3f} and not at {due_s:.3f}")


def _begun(evidence: Evidence, execution: TaskExecution) -> list[Attempt]:
    return evidence.ledger.attempts.get((execution.activity_run_id, execution.activity_id), [])


def check_known(evidence: Evidence) -> Iterator[Finding]:
    """What a stream gives away, and what begins, was committed before; what may run once is begun once."""
    tasks = evidence.tasks
    written = {
        (*execution.key, task.attempt): write.at_s
        for execution in tasks.executions.values()
        for write, task in execution.entries
    }
    for worker, task, at_s, _ in evidence.ledger.hand_outs:
        if isinstance(task, ActivityTask) and is_task(task.scheduled_event_id):
            known_s = written.get((task.run_id, task.scheduled_event_id, task.attempt))
            if known_s is None or known_s > at_s:
                name = f"attempt {task.attempt} of {task.activity_id}"
                text = f"{name} was handed out to {worker} at {at_s:.3f}, and committed at {known_s}"
                yield Finding(Rule.ATTEMPT_KNOWN, text)
    for (run_id, activity_id), attempts in evidence.ledger.attempts.items():
        execution = tasks.by_run_id.get(run_id)
        if execution is None:
            continue  # of a workflow, or of nothing: `activities` knows
        for attempt in attempts:
            if attempt.number not in execution.attempts:
                yield Finding(Rule.ATTEMPT_KNOWN, f"{attempt} of {activity_id} ran; known are {execution.attempts}")
        policy = execution.ask.request.options.retry_policy if execution.ask is not None else None
        if policy is not None and policy.maximum_attempts == 1 and len(attempts) > 1:
            yield Finding(Rule.AT_MOST_ONCE, f"{execution} may run once: {attempts}")


def check_results(evidence: Evidence) -> Iterator[Finding]:
    """What a worker was told to be recorded is recorded."""
    for ask in evidence.asks(RespondActivityTaskCompleted):
        if ask.acknowledged_s is not None and is_task(ask.request.scheduled_event_id):
            end = _end(evidence, ask)
            about = (ExecutionStatus.COMPLETED, ask.request.attempt, ask.request.result, ask.request.identity)
            if end is None or (end.status, end.attempt, _result(end), end.worker) != about:
                yield Finding(Rule.RESULT_KEPT, f"the acknowledged {ask.request} became {end}")
    for ask in evidence.asks(RespondActivityTaskFailed):
        if ask.acknowledged_s is not None and is_task(ask.request.scheduled_event_id):
            end = _end(evidence, ask)
            is_over = end is not None and end.status not in (ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED)
            if end is None or not (end.attempt > ask.request.attempt or is_over):
                yield Finding(Rule.RESULT_KEPT, f"the acknowledged {ask.request} became {end}")


def _end(evidence: Evidence, ask: Ask) -> ActivityExecution | None:
    execution = evidence.tasks.executions.get((ask.request.run_id, ask.request.scheduled_event_id))
    return None if execution is None else execution.end


def _result(end: ActivityExecution) -> bytes:
    return b"" if end.outcome is None else end.outcome.result


def check_asked(evidence: Evidence) -> Iterator[Finding]:
    """A result or a failure came from the worker that had this very attempt, or from somebody in its place."""
    results = {
        (*_named(ask), ask.request.attempt, ask.request.result, ask.request.identity)
        for ask in evidence.asks(RespondActivityTaskCompleted)
    }
    failures = {(*_named(ask), ask.request.attempt) for ask in evidence.asks(RespondActivityTaskFailed)}
    reports = {
        (ask.request.activity_id or _named(ask), ask.request.report, ask.request.data)
        for ask in evidence.asks(ReportActivity)
    }
    for execution in evidence.tasks.executions.values():
        end = execution.end
        if end is None or end.outcome is None:
            continue
        about, names = (*execution.key, end.attempt), (execution.activity_id, execution.key)
        if end.status == ExecutionStatus.COMPLETED:
            result = _result(end)
            is_reported = any((name, ActivityReport.COMPLETED, result) in reports for name in names)
            if (*about, result, end.worker) not in results and not is_reported:
                yield Finding(Rule.UNASKED, f"{execution}: no worker sent the result {end.outcome}")
        elif end.outcome.failure is not None and isinstance(end.outcome.failure.info, ApplicationInfo):
            is_reported = any((name, ActivityReport.FAILED, b"") in reports for name in names)
            if about not in failures and not is_reported:
                yield Finding(Rule.UNASKED, f"{execution}: no worker sent the failure {end.outcome}")


def _named(ask: Ask) -> tuple[str, int]:
    return ask.request.run_id, ask.request.scheduled_event_id


def check_outcomes(evidence: Evidence) -> Iterator[Finding]:
    """An execution ends as its code, and what was done to it, allow."""
    canceled = {ask.request.activity_id for ask in evidence.asks(RequestCancelActivity)}
    reported = {(ask.request.activity_id, ask.request.report) for ask in evidence.asks(ReportActivity)}
    for execution in evidence.tasks.executions.values():
        spec, end = execution.spec, execution.end
        if spec is None or end is None or end.outcome is None or end.status == ExecutionStatus.TERMINATED:
            continue
        allowed = set(outcomes_canceled(spec) if execution.activity_id in canceled else outcomes(spec))
        if (execution.activity_id, ActivityReport.COMPLETED) in reported:
            allowed.add("ok")
        if (execution.activity_id, ActivityReport.FAILED) in reported:
            allowed.add("failed Outside")
        if _told(end) not in allowed:
            text = f"{execution}, {spec}, ended as {_told(end)} ({end.outcome}); allowed: {sorted(allowed)}"
            yield Finding(Rule.OUTCOME_ALLOWED, text)


def _told(end: ActivityExecution) -> str:
    """How it ended, in the words of `program_ends`."""
    assert end.outcome is not None
    if end.status == ExecutionStatus.COMPLETED:
        return "ok"
    if end.status == ExecutionStatus.CANCELED:
        return "canceled"
    info = end.outcome.failure.info if end.outcome.failure is not None else None
    if isinstance(info, TimeoutInfo):
        return f"timeout {TimeoutType(info.timeout_type).name}"
    return f"failed {info.type}" if isinstance(info, ApplicationInfo) else f"failed {info}"


CHECKS = [check_writes, check_times, check_known, check_results, check_asked, check_outcomes]
