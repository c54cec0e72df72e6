"""The succession of runs: which close of a run leads on to another one, and what that is given.

    continue-as-new   the workflow asked for it
    retry             it failed or timed out, and its retry policy allows another attempt
    cron              it ended, and has a cron schedule; a retry comes before the next time of the schedule

A run that was cancelled or terminated has no successor, and nothing follows when the execution timeout, which spans the
whole chain, is over. The successor begins in the transaction that closes the run before it. Its run id is a function of
that run's, since a run has one successor at most.
"""

from __future__ import annotations

from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.cron import next_time_us, parse_cron
from perdure.protocol.events import (
    ContinueAsNewInitiator,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionStarted,
)
from perdure.protocol.failure import (
    ApplicationInfo,
    CanceledInfo,
    Failure,
    RetryState,
    ServerInfo,
    TerminatedInfo,
)
from perdure.protocol.ids import run_id_after, text_problem
from perdure_engine.core import properties
from perdure_engine.core.limits import DURATION_MS_MAX, duration_problem, retry_policy_problem, size_problem
from perdure_engine.core.run_start import begin_run, expiration_us
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Successor, Transition
from perdure_engine.core.version_fold import without_version
from perdure_engine.core.versioning import pinned_version


def run_id_of(successor: Successor | None) -> str:
    """The id of the run that follows; empty if none does."""
    return "" if successor is None else successor.state.run_id


# Continue-as-new ----------------------------------------------------------------------------------------------------


def continue_problem(state: MutableState, command: ContinueAsNewWorkflowExecution) -> str | None:
    """What is wrong with the command, or None."""
    return (
        (text_problem("workflow type", command.workflow_type) if command.workflow_type else None)
        or (text_problem("task queue", command.task_queue) if command.task_queue else None)
        or size_problem("the input of workflow", command.input, state.workflow_id)
        or size_problem("the headers", command.headers)
        or properties.given_problem(command.memo, command.search_attributes)
        or duration_problem("the run timeout", command.run_timeout_ms)
        or duration_problem("the task timeout", command.task_timeout_ms)
        or duration_problem("the backoff before the next run", command.backoff_start_interval_ms)
        or (None if command.retry_policy is None else retry_policy_problem(command.retry_policy))
    )


def continue_as_new(
    state: MutableState, command: ContinueAsNewWorkflowExecution, completed_event_id: int, now_us: int
) -> tuple[WorkflowExecutionContinuedAsNew, Successor]:
    """The workflow goes on in a new run: the event that closes this one, and that run."""
    started = state.started
    attributes = started._replace(
        workflow_type=command.workflow_type or started.workflow_type,
        task_queue=command.task_queue or started.task_queue,
        input=command.input,
        run_timeout_ms=command.run_timeout_ms or started.run_timeout_ms,
        task_timeout_ms=command.task_timeout_ms or started.task_timeout_ms,
        retry_policy=command.retry_policy or started.retry_policy,
        memo=command.memo or state.memo,
        search_attributes=command.search_attributes or without_version(state.search_attributes),
        headers=command.headers or started.headers,
        attempt=1,
        continued_failure=None,
        inherited_version=pinned_version(state),
    )
    successor = _follow(state, attributes, ContinueAsNewInitiator.WORKFLOW, command.backoff_start_interval_ms, now_us)
    event = WorkflowExecutionContinuedAsNew(
        successor.state.run_id,
        attributes.workflow_type,
        attributes.task_queue,
        attributes.input,
        attributes.run_timeout_ms,
        attributes.task_timeout_ms,
        completed_event_id,
        command.backoff_start_interval_ms,
        attributes.retry_policy,
        attributes.memo,
        attributes.search_attributes,
        attributes.headers,
    )
    return event, successor


# Retry and cron -----------------------------------------------------------------------------------------------------


def after_completion(state: MutableState, result: bytes, now_us: int) -> Successor | None:
    """The workflow completed: the next time of its cron schedule, if it has one."""
    if not state.started.cron_schedule:
        return None
    attributes = state.started._replace(last_completion_result=result, continued_failure=None)
    return _next_time(state, attributes, now_us)


def after_failure(state: MutableState, failure: Failure, now_us: int) -> tuple[Successor | None, RetryState]:
    """The workflow failed, or its run timed out: another attempt, or the next time of its cron schedule, or nothing;
    and why there is, or is not, another attempt."""
    delay_ms, retry_state = _retry(state, failure, now_us)
    attributes = state.started._replace(continued_failure=failure)
    if retry_state == RetryState.IN_PROGRESS:
        attributes = attributes._replace(attempt=attributes.attempt + 1)
        return _follow(state, attributes, ContinueAsNewInitiator.RETRY, delay_ms, now_us), retry_state
    if state.started.cron_schedule:
        return _next_time(state, attributes, now_us), retry_state
    return None, retry_state


def _retry(state: MutableState, failure: Failure, now_us: int) -> tuple[int, RetryState]:
    """Milliseconds before the next attempt, and whether there is one."""
    policy = state.started.retry_policy
    if policy is None:
        return 0, RetryState.TIMEOUT if _is_over(state, 0, now_us) else RetryState.RETRY_POLICY_NOT_SET
    info = failure.info
    delay_ms = policy.backoff_ms(state.started.attempt)
    if isinstance(info, ApplicationInfo):
        if info.non_retryable or info.type in policy.non_retryable_error_types:
            return 0, RetryState.NON_RETRYABLE_FAILURE
        if info.next_retry_delay_ms > 0:
            delay_ms = min(info.next_retry_delay_ms, DURATION_MS_MAX)
    elif isinstance(info, CanceledInfo | TerminatedInfo) or (isinstance(info, ServerInfo) and info.non_retryable):
        return 0, RetryState.NON_RETRYABLE_FAILURE
    if _is_over(state, delay_ms, now_us):
        return 0, RetryState.TIMEOUT
    if policy.maximum_attempts and state.started.attempt >= policy.maximum_attempts:
        return 0, RetryState.MAXIMUM_ATTEMPTS_REACHED
    return delay_ms, RetryState.IN_PROGRESS


def first_time_delay_ms(cron_schedule: str, now_us: int) -> int:
    """How long the first run of a schedule waits for its time."""
    return _delay_ms(cron_schedule, now_us, now_us) or 0


def _delay_ms(cron_schedule: str, start_us: int, now_us: int) -> int | None:
    due_us = next_time_us(parse_cron(cron_schedule), min(start_us, now_us), now_us)
    return None if due_us is None else -(-(due_us - now_us) // 1000)


def _next_time(state: MutableState, attributes: WorkflowExecutionStarted, now_us: int) -> Successor | None:
    delay_ms = _delay_ms(attributes.cron_schedule, state.first_task_us, now_us)
    if delay_ms is None or _is_over(state, delay_ms, now_us):
        return None
    attributes = attributes._replace(attempt=1, inherited_version=None)
    return _follow(state, attributes, ContinueAsNewInitiator.CRON_SCHEDULE, delay_ms, now_us)


def _is_over(state: MutableState, delay_ms: int, now_us: int) -> bool:
    """Whether the time of the whole chain has run out by then."""
    over_us = expiration_us(state)
    return over_us != 0 and now_us + delay_ms * 1000 >= over_us


# The run that follows -----------------------------------------------------------------------------------------------


def _follow(
    state: MutableState,
    attributes: WorkflowExecutionStarted,
    initiator: ContinueAsNewInitiator,
    delay_ms: int,
    now_us: int,
) -> Successor:
    run_id = run_id_after(state.run_id)
    attributes = attributes._replace(
        identity=state.started.identity,
        first_execution_run_id=state.started.first_execution_run_id or state.run_id,
        start_delay_ms=delay_ms,
        continued_execution_run_id=state.run_id,
        initiator=int(initiator),
        execution_expiration_time_us=expiration_us(state),
        original_execution_run_id="",
    )
    transition = Transition()
    follower = begin_run(state.namespace, run_id, state.shard_id, attributes, now_us, transition)
    return Successor(follower, transition)
