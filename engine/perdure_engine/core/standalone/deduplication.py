"""Starts that are to run once: rejected, throttled, debounced, or kept until the one that runs has ended.

Rules: what was decided about an activity id is kept with its last execution, whose row outlives the window. A start
that is sent again is known by the order of its sender's calls, so that an earlier one takes the place of no later one.
"""

from __future__ import annotations

from perdure.protocol.activity_executions import DeduplicationMode as Mode, StartActivity
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Started
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure_engine.core import deadline
from perdure_engine.core.limits import duration_problem
from perdure_engine.core.standalone.deduplicated import Deduplicated
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.transition import Keep, Transition


def deduplication_problem(request: StartActivity) -> str | None:
    """What is wrong with how a start is to run once."""
    wanted = request.deduplication
    if wanted is None:
        return None
    if wanted.mode not in tuple(Mode):
        return f"there is no deduplication mode {wanted.mode}"
    if not request.request_id:
        return "its deduplication needs an activity id of the caller's own"
    if wanted.mode == Mode.DEBOUNCE and not wanted.window_ms:
        return "its debounce needs a window"
    return duration_problem("the window of its deduplication", wanted.window_ms)


def settle(
    request: StartActivity, last: ActivityExecution | None, now_us: int, transition: Transition
) -> StartActivity | None:
    """What is to be started now, or None: the reply says what became of it, and `last` may have changed."""
    wanted = request.deduplication
    assert wanted is not None
    if wanted.mode == Mode.DEBOUNCE:
        request = request._replace(start_delay_ms=max(request.start_delay_ms, wanted.window_ms))
    if last is None:
        return request
    known = last.deduplicated
    if known is not None and wanted.order <= known.orders.get(request.identity, 0):
        transition.answer(Started(last.activity_run_id, False))
        return None
    is_open = last.status == ExecutionStatus.RUNNING
    if wanted.mode in (Mode.REJECT, Mode.THROTTLE):
        if not is_open and now_us >= last.scheduled_time_us + wanted.window_ms * 1000:
            return request
        if wanted.mode == Mode.THROTTLE:
            transition.answer(Started(last.activity_run_id, False))
        else:
            transition.refuse(
                ErrorCode.ALREADY_STARTED,
                f"activity {request.activity_id!r} has been started within the window of its deduplication; it is not "
                "started again",
                run_id=last.activity_run_id,
            )
        return None
    if not is_open:
        return request
    if known is None:
        known = last.deduplicated = Deduplicated(0)
    known.note(request.identity, wanted.order)
    if wanted.mode == Mode.DEBOUNCE and last.attempt == 1 and deadline.is_waiting(last, now_us):
        _take_over(last, request, now_us, transition)
    else:
        known.successor = request
    last.is_kept = True
    transition.effects.append(Keep())
    transition.answer(Started(last.activity_run_id, False))
    return None


def _take_over(last: ActivityExecution, request: StartActivity, now_us: int, transition: Transition) -> None:
    """The execution waits: it is now that of the later call, and waits anew. What its timers were set by stays, but for
    when it begins."""
    deadline.clear_backoff(last, transition)
    options = request.options
    last.options = last.options._replace(
        retry_policy=options.retry_policy,
        priority=options.priority,
        fairness=options.fairness,
        soft_timeout_ms=options.soft_timeout_ms,
        keep_result_ms=options.keep_result_ms,
    )
    last.attributes = last.attributes._replace(
        activity_type=request.activity_type,
        task_queue=request.task_queue,
        input=request.input,
        headers=request.headers,
        summary=request.summary,
        retry_policy=options.retry_policy or DEFAULT_RETRY_POLICY,
        priority=options.priority,
        fairness=options.fairness,
    )
    last.start_delay_ms = request.start_delay_ms
    last.attempt_scheduled_time_us = now_us + request.start_delay_ms * 1000
    deadline.watch_backoff(last, transition)


def begun(request: StartActivity, last: ActivityExecution | None, now_us: int) -> Deduplicated | None:
    """What is kept with the execution that a start has led to."""
    wanted = request.deduplication
    if wanted is None:
        return None
    known = None if last is None else last.deduplicated
    is_window = wanted.mode in (Mode.REJECT, Mode.THROTTLE)
    kept = Deduplicated(now_us + wanted.window_ms * 1000 if is_window else 0, dict(known.orders) if known else {})
    kept.note(request.identity, max(wanted.order, kept.orders.get(request.identity, 0)))
    return kept
