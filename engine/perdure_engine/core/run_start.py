"""The start of a run: its first event, its timers, and its first workflow task, which may have to wait.

A run waits for its first workflow task because its start was delayed (then whatever comes in first begins it), or
because it follows another run and backs off, or because its cron schedule says when (then only a request to cancel does
not wait: there is nothing to clean up, and nobody wants to see the run begin that was cancelled).
"""

from __future__ import annotations

from perdure.protocol.events import EventType, HistoryEvent, WorkflowExecutionStarted
from perdure.protocol.requests import StartWorkflowWith
from perdure_engine.core import signal, update, workflow_task
from perdure_engine.core.fold import begin
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import ClearTimer, SetTimer, TimerKind, Transition


def begin_run(
    namespace: str,
    run_id: str,
    shard_id: int,
    attributes: WorkflowExecutionStarted,
    now_us: int,
    transition: Transition,
    along: StartWorkflowWith | None = None,
) -> MutableState:
    """Write the first event, and what it asks for at once. The signal or the update that comes `along` is there before
    the first workflow task, and does not end the wait for it."""
    first = HistoryEvent(1, now_us, EventType.WORKFLOW_EXECUTION_STARTED, attributes)
    state = begin(namespace, attributes.workflow_id, run_id, shard_id, first)
    transition.records.append(first)
    timeout_at_us = run_timeout_at_us(state)
    if timeout_at_us:
        transition.effects.append(SetTimer(timeout_at_us, TimerKind.RUN_TIMEOUT, 0))
    if along is not None and along.signal is not None:
        signal.record(state, along.signal, now_us, transition)
    if along is not None and along.update is not None:
        update.admit(state, along.update, transition)
    if attributes.start_delay_ms:
        transition.effects.append(SetTimer(state.first_task_us, TimerKind.START_DELAY, 0))
    else:
        workflow_task.schedule(state, transition, now_us)
    return state


def run_timeout_at_us(state: MutableState) -> int:
    """When the run times out: by its own timeout, counted from the end of its start delay, or with the whole chain; 0
    for never."""
    run_ms = state.started.run_timeout_ms
    run_us = state.first_task_us + run_ms * 1000 if run_ms else 0
    chain_us = expiration_us(state)
    if run_us and chain_us:
        return min(run_us, chain_us)
    return run_us or chain_us


def expiration_us(state: MutableState) -> int:
    """When the execution timeout ends the run and all that could follow it; 0 for never. The first run of a chain
    counts it from the end of its start delay, and the others are told."""
    started = state.started
    if started.execution_expiration_time_us:
        return max(started.execution_expiration_time_us, state.start_time_us)
    timeout_ms = started.execution_timeout_ms
    return state.first_task_us + timeout_ms * 1000 if timeout_ms else 0


def end_start_delay(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """The first workflow task is due, unless something came in before and began the run already."""
    if state.last_completed_event_id == 0:
        workflow_task.schedule(state, transition, now_us)


def clear_timers(state: MutableState, now_us: int, transition: Transition) -> None:
    """The run is over."""
    timeout_at_us = run_timeout_at_us(state)
    if timeout_at_us:
        transition.effects.append(ClearTimer(timeout_at_us, TimerKind.RUN_TIMEOUT, 0))
    if state.started.start_delay_ms and now_us < state.first_task_us:
        transition.effects.append(ClearTimer(state.first_task_us, TimerKind.START_DELAY, 0))
