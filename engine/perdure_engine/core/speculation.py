"""Speculative workflow tasks: out for the sake of updates alone, and written down only if something comes of them.

    none --begin--> speculative --completed with more than rejections--> written as any other
                        |--completed, all its updates rejected--> none, as if it had never been
                        |--an event comes in--> an ordinary task, with its Scheduled event and its row (`ledger.happen`)
                        |--failed, or its worker lost--> an ordinary failure, and an ordinary next attempt

Rules: it has no Scheduled event and no row. Its id is the next event id, so that nothing may be written before it is
completed, and its attempt is a token that no other task ever has. When it is lost, with its engine or its stream, the
updates are sent again by their senders, and begin another.
"""

from __future__ import annotations

from perdure_engine.core import workflow_task
from perdure_engine.core.state import MutableState, WorkflowTaskState
from perdure_engine.core.transition import Transition

RESEND_AFTER_US = 10_000_000
"""Microseconds after which a task that nobody completed is sent once more when its update comes again: the entry may
have been lost with its stream (the default timeout of a workflow task)."""


def begin(state: MutableState, now_us: int, transition: Transition) -> None:
    """There are admitted updates: if no task is out that they must wait for, make one for them."""
    if state.workflow_task is not None or not state.is_open or not state.admitted:
        return
    if state.last_completed_event_id == 0:
        workflow_task.schedule(state, transition, now_us)
        return
    state.last_token = min(-now_us, state.last_token - 1)
    state.workflow_task = WorkflowTaskState(0, now_us, token=state.last_token)
    workflow_task.dispatch(state, transition, now_us)


def hasten(state: MutableState, now_us: int, transition: Transition) -> None:
    """An update came again: make a task, or send the speculative one once more if it has been out for long. Two workers
    may then do it; the first completion counts."""
    task = state.workflow_task
    if task is None:
        begin(state, now_us, transition)
    elif task.is_speculative and now_us - task.scheduled_time_us >= RESEND_AFTER_US:
        send_again(state, now_us, transition)


def send_again(state: MutableState, now_us: int, transition: Transition) -> None:
    """Send the speculative task to the task queue, with its whole history."""
    workflow_task.dispatch(state, transition, now_us, sticky=False)


def drop(state: MutableState) -> None:
    """The task came to nothing, and never was."""
    state.workflow_task = None
