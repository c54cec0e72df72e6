"""Attempts of an activity without a workflow: dispatched, failed and tried again, or the last one, which closes it."""

from __future__ import annotations

from perdure.protocol.failure import CanceledInfo, Failure, RetryState, TimeoutInfo
from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure.protocol.tasks import INLINE_SIZE_MAX, ActivityTask, TaskKind, encode_task
from perdure_engine.core import deadline
from perdure_engine.core.activity_fold import end_attempt
from perdure_engine.core.attempt import retry_delay_ms, retry_state
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import ActivityPhase
from perdure_engine.core.transition import Close, Dispatch, Keep, Retire, Transition

_KEEP = Keep()


def is_out(execution: ActivityExecution, attempt: int, now_us: int) -> bool:
    """Whether this attempt is handed out, and nothing became of it yet."""
    return (
        execution.attempt == attempt
        and execution.phase != ActivityPhase.RESOLVED
        and not deadline.is_waiting(execution, now_us)
    )


def keep(execution: ActivityExecution, transition: Transition) -> None:
    """Have its row written, as it stands at the end of the batch."""
    execution.is_kept = True
    transition.effects.append(_KEEP)


def dispatch(execution: ActivityExecution, transition: Transition) -> None:
    """Hand the pending attempt to its task queue."""
    attributes = execution.attributes
    deadline.watch_dispatched(execution, transition)
    inline = len(attributes.input) <= INLINE_SIZE_MAX
    if not inline and not execution.is_kept:
        keep(execution, transition)
    transition.effects.append(
        Dispatch(
            TaskKind.ACTIVITY,
            execution.scheduled_event_id,
            execution.attempt,
            attributes.task_queue,
            attributes.priority,
            encode_entry(execution, inline=inline),
            fairness=attributes.fairness,
        )
    )


def encode_entry(execution: ActivityExecution, *, inline: bool) -> bytes:
    """The stream entry of the pending attempt; without `inline`, its input is left out."""
    attributes = execution.attributes
    policy = attributes.retry_policy
    return encode_task(
        ActivityTask(
            execution.namespace,
            "",
            execution.run_id,
            "",
            execution.shard_id,
            execution.scheduled_event_id,
            execution.attempt,
            attributes.activity_id,
            attributes.activity_type,
            attributes.input if inline else b"",
            inline,
            attributes.headers,
            execution.heartbeat_details,
            execution.scheduled_time_us,
            execution.attempt_scheduled_time_us,
            attributes.schedule_to_close_timeout_ms,
            attributes.start_to_close_timeout_ms,
            attributes.heartbeat_timeout_ms,
            policy.begins_once,
            attributes.task_queue,
            attributes.priority,
            None if policy == DEFAULT_RETRY_POLICY else policy,
            execution.attempt_base,
            attributes.schedule_to_start_timeout_ms,
            execution.request_id,
            attributes.fairness,
            execution.options.soft_timeout_ms,
            execution.options.keep_result_ms,
        )
    )


def begin(execution: ActivityExecution, now_us: int, transition: Transition) -> None:
    """Let the pending attempt begin when it is to: at once, or when its delay is over."""
    if execution.attempt_scheduled_time_us > now_us:
        deadline.watch_backoff(execution, transition)
        keep(execution, transition)
    else:
        dispatch(execution, transition)


def fail(
    execution: ActivityExecution,
    failure: Failure,
    identity: str,
    started_us: int,
    now_us: int,
    transition: Transition,
    *,
    at_once: bool = False,
) -> None:
    """An attempt that was out failed: another one after its backoff (none if `at_once`), or the end."""
    next_us = now_us + (0 if at_once else retry_delay_ms(execution, failure) * 1000)
    verdict = retry_state(execution, failure, next_us)
    if verdict != RetryState.IN_PROGRESS:
        execution.started_time_us, execution.worker = started_us, identity
        close(execution, _status(failure, verdict), now_us, transition, failure=failure)
        return
    transition.effects.append(Retire(TaskKind.ACTIVITY, execution.scheduled_event_id))
    deadline.clear_attempt(execution, transition)
    execution.attempt += 1
    execution.attempt_scheduled_time_us = next_us
    execution.last_failure = failure
    execution.phase = ActivityPhase.SCHEDULED
    end_attempt(execution)
    keep(execution, transition)
    begin(execution, now_us, transition)


def _status(failure: Failure, verdict: RetryState) -> ExecutionStatus:
    if isinstance(failure.info, TimeoutInfo):
        return ExecutionStatus.TIMED_OUT
    if verdict == RetryState.CANCEL_REQUESTED and isinstance(failure.info, CanceledInfo):
        return ExecutionStatus.CANCELED
    return ExecutionStatus.FAILED


def close(
    execution: ActivityExecution,
    status: ExecutionStatus,
    now_us: int,
    transition: Transition,
    *,
    result: bytes = b"",
    failure: Failure | None = None,
) -> None:
    """Take back the task, and let those who wait know the outcome. A timeout has the failure before it as its cause."""
    if not deadline.is_waiting(execution, now_us):
        transition.effects.append(Retire(TaskKind.ACTIVITY, execution.scheduled_event_id))
    deadline.clear_all(execution, now_us, transition)
    if status == ExecutionStatus.TIMED_OUT and failure is not None:
        failure = failure._replace(cause=execution.last_failure)
    execution.phase = ActivityPhase.RESOLVED
    execution.close_time_us = now_us
    execution.outcome = outcome = Outcome(execution.activity_run_id, status, result, failure)
    transition.effects.append(Close(outcome))


def complete(
    execution: ActivityExecution, result: bytes, identity: str, started_us: int, now_us: int, transition: Transition
) -> None:
    execution.started_time_us, execution.worker = started_us, identity
    close(execution, ExecutionStatus.COMPLETED, now_us, transition, result=result)
