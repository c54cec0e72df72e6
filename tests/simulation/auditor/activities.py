"""Rules about activities of workflows: attempts handed out, begun, reported and recorded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from perdure.protocol.events import (
    ActivityAttemptFailed,
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
)
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.requests import (
    ActivityReport,
    ReportActivity,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.tasks import ActivityTask
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.auditor.task_evidence import is_task
from tests.simulation.rules import Finding, Rule

TOO_LARGE = "PayloadTooLarge"
"""Type of the failure that the engine itself makes of a result over the limit."""

_Outcome = ActivityTaskCompleted | ActivityTaskFailed | ActivityTaskTimedOut | ActivityTaskCanceled
_OUTCOMES: tuple[type[_Outcome], ...] = (
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
    ActivityTaskCanceled,
)


def check_results(evidence: Evidence) -> Iterator[Finding]:
    """What a worker was told to be recorded is recorded."""
    for ask in evidence.asks(RespondActivityTaskCompleted):
        request = ask.request
        if ask.acknowledged_s is None or is_task(request.scheduled_event_id):
            continue
        run = evidence.runs.get(request.run_id)
        outcome = _outcome(run, request.scheduled_event_id, request.attempt)
        is_kept = isinstance(outcome, ActivityTaskCompleted) and outcome.result == request.result
        if run is not None and outcome is None:
            waits = ActivityTaskCompleted(request.result, request.scheduled_event_id, 0, request.identity)
            is_kept = waits in run.waiting(ActivityTaskCompleted)
        if not is_kept and not _is_too_large(outcome):
            yield Finding(Rule.RESULT_KEPT, f"the acknowledged {request} became {outcome}")
    for ask in evidence.asks(RespondActivityTaskFailed):
        request = ask.request
        run = evidence.runs.get(request.run_id)
        if ask.acknowledged_s is None or is_task(request.scheduled_event_id):
            continue
        about = (request.scheduled_event_id, request.attempt)
        if _outcome(run, *about) is None and not _has_failed(run, *about) and not _waits(run, *about):
            yield Finding(Rule.RESULT_KEPT, f"the acknowledged {request} stands in no history")


def _outcome(run: Run | None, scheduled_event_id: int, attempt: int) -> _Outcome | None:
    """The outcome that this attempt of an activity gave."""
    if run is None:
        return None
    for kind in _OUTCOMES:
        for _, outcome in run.of(kind):
            if outcome.scheduled_event_id == scheduled_event_id:
                started = run.event(outcome.started_event_id)
                return outcome if isinstance(started, ActivityTaskStarted) and started.attempt == attempt else None
    return None


def _has_failed(run: Run | None, scheduled_event_id: int, attempt: int) -> bool:
    return run is not None and any(
        (failed.scheduled_event_id, failed.attempt) == (scheduled_event_id, attempt)
        for _, failed in run.of(ActivityAttemptFailed)
    )


def _waits(run: Run | None, scheduled_event_id: int, attempt: int) -> bool:
    """Whether the outcome that this attempt gave may still be in the buffer of an open run."""
    return run is not None and (scheduled_event_id, attempt) in run.waiting_attempts


def _is_too_large(outcome: _Outcome | None) -> bool:
    return (
        isinstance(outcome, ActivityTaskFailed)
        and isinstance(outcome.failure.info, ApplicationInfo)
        and outcome.failure.info.type == TOO_LARGE
    )


def check_asked(evidence: Evidence) -> Iterator[Finding]:
    """Each result and each failure that a worker made came from the worker that had this very attempt."""
    results = {
        (request.run_id, request.scheduled_event_id, request.attempt, request.identity, request.result)
        for ask in evidence.asks(RespondActivityTaskCompleted)
        if (request := ask.request)
    }
    results |= {
        (request.run_id, request.scheduled_event_id, request.attempt, request.identity, request.data)
        for ask in evidence.asks(ReportActivity)
        if (request := ask.request).report == ActivityReport.COMPLETED
    }
    failures = {
        (request.run_id, request.scheduled_event_id, request.attempt, request.identity)
        for ask in evidence.asks(RespondActivityTaskFailed)
        if (request := ask.request)
    }
    for run in evidence.runs.values():
        run_id = run.row.run_id
        for _, completed in run.own(ActivityTaskCompleted):
            attempt = getattr(run.event(completed.started_event_id), "attempt", 0)
            about = (run_id, completed.scheduled_event_id, attempt, completed.identity)
            if (*about, completed.result) not in results:
                yield Finding(Rule.UNASKED, f"{run}: no worker sent {completed} for attempt {attempt}")
        for _, failed in run.own(ActivityTaskFailed):
            attempt = getattr(run.event(failed.started_event_id), "attempt", 0)
            about = (run_id, failed.scheduled_event_id, attempt, failed.identity)
            if isinstance(failed.failure.info, ApplicationInfo) and about not in failures and not _is_too_large(failed):
                yield Finding(Rule.UNASKED, f"{run}: no worker sent {failed} for attempt {attempt}")
        for _, retried in run.own(ActivityAttemptFailed):
            about = (run_id, retried.scheduled_event_id, retried.attempt, retried.identity)
            if isinstance(retried.failure.info, ApplicationInfo) and about not in failures:
                yield Finding(Rule.UNASKED, f"{run}: no worker sent {retried}")


def check_recorded_once(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.runs.values():
        ends: Counter[tuple[int, int]] = Counter()
        for _, failed in run.of(ActivityAttemptFailed):
            ends[failed.scheduled_event_id, failed.attempt] += 1
        for _, started in run.of(ActivityTaskStarted):
            ends[started.scheduled_event_id, started.attempt] += 1
        for (event_id, attempt), count in ends.items():
            if count > 1:
                text = f"{run}: attempt {attempt} of activity {event_id} ended {count} times"
                yield Finding(Rule.ATTEMPT_RECORDED_ONCE, text)


def check_hand_outs(evidence: Evidence) -> Iterator[Finding]:
    """A stream gives an attempt away once, and never after its activity is known to have succeeded: unless the broker
    lost data after the activity was first given away. What is over by then may be back, or be published once more."""
    succeeded: dict[tuple[str, int], float] = {}
    for ask in evidence.asks(RespondActivityTaskCompleted):
        if ask.acknowledged_s is not None:
            about = (ask.request.run_id, ask.request.scheduled_event_id)
            succeeded[about] = min(ask.acknowledged_s, succeeded.get(about, ask.acknowledged_s))
    first: dict[tuple[str, int], float] = {}
    given: dict[tuple[str, int, int, int], list[str]] = defaultdict(list)
    for worker, task, at_s, epoch in evidence.ledger.hand_outs:
        if not isinstance(task, ActivityTask):
            continue
        given[task.run_id, task.scheduled_event_id, task.attempt, epoch].append(f"{worker} at {at_s:.3f}")
        first_s = first.setdefault((task.run_id, task.scheduled_event_id), at_s)
        known_s = succeeded.get((task.run_id, task.scheduled_event_id))
        name = f"attempt {task.attempt} of activity {task.scheduled_event_id} of {task.workflow_id} ({task.run_id})"
        if known_s is not None and known_s < at_s and not evidence.ledger.has_lost_since(first_s, at_s):
            text = f"{name} was handed out to {worker} at {at_s:.3f}, its success was acknowledged at {known_s:.3f}"
            yield Finding(Rule.AFTER_SUCCESS, text)
    for (run_id, event_id, attempt, _), workers in given.items():
        if len(workers) > 1:
            text = f"attempt {attempt} of activity {event_id} of {run_id} was handed out to {workers}"
            yield Finding(Rule.HANDED_OUT_ONCE, text)


def check_known(evidence: Evidence) -> Iterator[Finding]:
    """What a stream gives away stands in a history: nothing leaves before it is durable."""
    for worker, task, at_s, _ in evidence.ledger.hand_outs:
        if is_task(task.scheduled_event_id):
            continue
        run = evidence.runs.get(task.run_id)
        name = f"task {task.scheduled_event_id}, attempt {task.attempt}, of {task.run_id}"
        if run is None:
            yield Finding(Rule.ATTEMPT_KNOWN, f"{name} was handed out to {worker} at {at_s:.3f}: there is no such run")
        elif isinstance(task, ActivityTask):
            scheduled = run.event(task.scheduled_event_id)
            failed = run.failed_attempts[task.scheduled_event_id]
            if not isinstance(scheduled, ActivityTaskScheduled) or scheduled.activity_id != task.activity_id:
                text = f"{name} was handed out to {worker} at {at_s:.3f}, and the history has {scheduled} there"
                yield Finding(Rule.ATTEMPT_KNOWN, text)
            elif task.attempt > failed + 1:
                text = f"{name} was handed out to {worker} at {at_s:.3f}, and {failed} attempts failed before"
                yield Finding(Rule.ATTEMPT_KNOWN, text)


def check_begun(evidence: Evidence) -> Iterator[Finding]:
    for (run_id, activity_id), attempts in evidence.ledger.attempts.items():
        if run_id in evidence.tasks.by_run_id:
            continue
        run = evidence.runs.get(run_id)
        scheduled = _scheduled(run, activity_id) if run is not None else None
        if run is None or scheduled is None:
            yield Finding(Rule.ATTEMPT_KNOWN, f"activity {activity_id} of {run_id} ran, and was never scheduled")
            continue
        event_id, attributes = scheduled
        if attributes.retry_policy.maximum_attempts == 1 and len(attempts) > 1:
            yield Finding(Rule.AT_MOST_ONCE, f"{run}: activity {activity_id} may run once: {attempts}")
        failed = run.failed_attempts[event_id]
        for attempt in attempts:
            if attempt.number > failed + 1:
                text = f"{run}: {attempt} of activity {activity_id} ran, and {failed} attempts failed before"
                yield Finding(Rule.ATTEMPT_KNOWN, text)


def _scheduled(run: Run, activity_id: str) -> tuple[int, ActivityTaskScheduled] | None:
    for position, scheduled in run.of(ActivityTaskScheduled):
        if scheduled.activity_id == activity_id:
            return run.records[position].event_id, scheduled
    return None


CHECKS = [check_results, check_asked, check_recorded_once, check_hand_outs, check_known, check_begun]
