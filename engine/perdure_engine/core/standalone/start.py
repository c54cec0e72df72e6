"""Starting an activity without a workflow: what is wrong with a start, and what an id that was used before means."""

from __future__ import annotations

import functools

from perdure.protocol.activity_events import ActivityTaskScheduled
from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.fairness import fairness_problem
from perdure.protocol.ids import FIRST_EXECUTION, activity_run_id, text_problem
from perdure.protocol.replies import ErrorCode, ExecutionStatus, Started
from perdure.protocol.requests import IdConflictPolicy, IdReusePolicy
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure_engine.core import deadline
from perdure_engine.core.limits import (
    SUMMARY_LENGTH_MAX,
    duration_problem,
    priority_problem,
    retry_policy_problem,
    size_problem,
)
from perdure_engine.core.properties import given_problem
from perdure_engine.core.standalone.attempt import begin, keep
from perdure_engine.core.standalone.deduplication import begun, deduplication_problem, settle
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.transition import Transition


def start(
    request: StartActivity,
    run_id: str,
    shard_id: int,
    last: ActivityExecution | None,
    now_us: int,
    transition: Transition,
) -> ActivityExecution | None:
    """A new execution under an activity id that may have been used before (`last`), or None: the reply says why not.

    A request that is repeated is for the caller to recognise, by its id."""
    problem = start_problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return None
    if request.deduplication is not None:
        settled = settle(request, last, now_us, transition)
        if settled is None:
            return None
        request = settled
    elif last is not None and not _settle_conflict(request, last, transition):
        return None
    execution = _begun(request, run_id, shard_id, last, now_us, transition)
    if not request.wait_result:
        transition.answer(Started(execution.activity_run_id, True))
    return execution


def _begun(
    request: StartActivity,
    run_id: str,
    shard_id: int,
    last: ActivityExecution | None,
    now_us: int,
    transition: Transition,
) -> ActivityExecution:
    """A new execution, which begins, or waits for when it is to."""
    options = request.options
    number = max(now_us // 1000, FIRST_EXECUTION, last.number + 1 if last is not None else 0)
    attributes = ActivityTaskScheduled(
        request.activity_id,
        request.activity_type,
        request.task_queue,
        request.input,
        options.schedule_to_close_timeout_ms,
        options.schedule_to_start_timeout_ms,
        options.start_to_close_timeout_ms,
        options.heartbeat_timeout_ms,
        options.retry_policy or DEFAULT_RETRY_POLICY,
        0,
        request.headers,
        options.priority,
        request.summary,
        options.fairness,
    )
    execution = ActivityExecution(
        number,
        now_us,
        attributes,
        attempt_scheduled_time_us=now_us + request.start_delay_ms * 1000,
        namespace=request.namespace,
        run_id=run_id,
        shard_id=shard_id,
        request_id=request.request_id,
        options=options,
        start_delay_ms=request.start_delay_ms,
        search_attributes=request.search_attributes,
        deduplicated=begun(request, last, now_us),
    )
    if request.summary or request.search_attributes or request.deduplication is not None:
        keep(execution, transition)  # lists show them, or later starts rest on it
    deadline.watch_scheduled(execution, transition)
    begin(execution, now_us, transition)
    return execution


def follow(
    successor: StartActivity, ended: ActivityExecution, now_us: int, transition: Transition
) -> ActivityExecution:
    """The execution of a start that has waited for the end of another one."""
    return _begun(successor, ended.run_id, ended.shard_id, ended, now_us, transition)


def start_problem(request: StartActivity) -> str | None:
    """What is wrong with a start, or None; the text says what is allowed."""
    problem = (
        text_problem("activity id", request.activity_id)
        or (text_problem("request id", request.request_id) if request.request_id else None)
        or _names_problem(request.namespace, request.activity_type, request.task_queue)
        or _options_problem(request.options)
        or size_problem("its input", request.input)
    )
    if problem is None and (request.start_delay_ms or request.headers or request.summary or request.search_attributes):
        problem = _rare_problem(request)
    if problem is None and request.deduplication is not None:
        problem = deduplication_problem(request)
    return f"activity {request.activity_type!r}: {problem}" if problem else None


@functools.lru_cache(maxsize=1024)
def _names_problem(namespace: str, activity_type: str, task_queue: str) -> str | None:
    return (
        text_problem("namespace", namespace)
        or text_problem("activity type", activity_type)
        or text_problem("task queue", task_queue)
    )


@functools.lru_cache(maxsize=1024)
def _options_problem(options: ActivityOptions) -> str | None:
    """What is wrong with options. Remembered: thousands of executions have the same ones."""
    if options.id_reuse_policy not in tuple(IdReusePolicy):
        return f"there is no id reuse policy {options.id_reuse_policy}"
    if options.id_conflict_policy not in (IdConflictPolicy.FAIL, IdConflictPolicy.USE_EXISTING):
        return f"there is no id conflict policy {options.id_conflict_policy} of activities"
    return (
        priority_problem(options.priority)
        or fairness_problem(options.fairness)
        or duration_problem("its schedule-to-close timeout", options.schedule_to_close_timeout_ms)
        or duration_problem("its schedule-to-start timeout", options.schedule_to_start_timeout_ms)
        or duration_problem("its start-to-close timeout", options.start_to_close_timeout_ms)
        or duration_problem("its heartbeat timeout", options.heartbeat_timeout_ms)
        or duration_problem("its soft time limit", options.soft_timeout_ms)
        or duration_problem("the time that its result is kept", options.keep_result_ms)
        or (None if options.retry_policy is None else retry_policy_problem(options.retry_policy))
    )


def _rare_problem(request: StartActivity) -> str | None:
    if len(request.summary) > SUMMARY_LENGTH_MAX:
        return f"its summary has {len(request.summary)} characters; the limit is {SUMMARY_LENGTH_MAX}"
    return (
        duration_problem("its start delay", request.start_delay_ms)
        or size_problem("its headers", request.headers)
        or given_problem(b"", request.search_attributes)
    )


def _settle_conflict(request: StartActivity, last: ActivityExecution, transition: Transition) -> bool:
    """True if the execution that there is leaves room for another one; else the reply is set."""
    run_id = activity_run_id(last.run_id, last.number)
    options = request.options
    if last.status == ExecutionStatus.RUNNING:
        if options.id_conflict_policy == IdConflictPolicy.USE_EXISTING:
            transition.answer(Started(run_id, False))
        else:
            transition.refuse(
                ErrorCode.ALREADY_STARTED,
                f"activity {request.activity_id!r} is running already; use its handle, another id, or an id conflict "
                "policy",
                run_id=run_id,
            )
        return False
    if options.id_reuse_policy == IdReusePolicy.ALLOW_DUPLICATE:
        return True
    if options.id_reuse_policy == IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY and (
        last.status != ExecutionStatus.COMPLETED
    ):
        return True
    transition.refuse(
        ErrorCode.ALREADY_STARTED,
        f"activity {request.activity_id!r} has run before, and its id reuse policy does not allow another time",
        run_id=run_id,
    )
    return False
