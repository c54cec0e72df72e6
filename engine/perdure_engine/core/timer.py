"""The user timer machine: started, then fired or cancelled."""

from __future__ import annotations

from perdure.protocol.commands import CancelTimer, StartTimer
from perdure.protocol.events import TimerCanceled, TimerFired, TimerStarted
from perdure.protocol.ids import text_problem
from perdure_engine.core import workflow_task
from perdure_engine.core.ledger import emit, happen
from perdure_engine.core.limits import duration_problem, summary_problem
from perdure_engine.core.state import BufferedEvent, MutableState, TimerPhase
from perdure_engine.core.transition import ClearTimer, SetTimer, TimerKind, Transition


def start_problem(command: StartTimer) -> str | None:
    """What is wrong with the command, or None."""
    return (
        text_problem("timer id", command.timer_id)
        or duration_problem(f"the duration of timer {command.timer_id!r}", command.start_to_fire_timeout_ms)
        or summary_problem(f"the summary of timer {command.timer_id!r}", command.summary)
    )


def start(
    state: MutableState, command: StartTimer, completed_event_id: int, now_us: int, transition: Transition
) -> None:
    attributes = TimerStarted(command.timer_id, command.start_to_fire_timeout_ms, completed_event_id, command.summary)
    event_id = emit(state, transition, now_us, attributes)
    fire_at_us = state.timers[command.timer_id].fire_at_us
    transition.effects.append(SetTimer(fire_at_us, TimerKind.USER, event_id))


def cancel(
    state: MutableState,
    command: CancelTimer,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
    held: list[BufferedEvent],
) -> list[BufferedEvent]:
    """Cancel a pending timer. Returns what is still held of the events that were buffered: a firing that waits there
    never happened."""
    timer = state.timers[command.timer_id]
    if timer.phase == TimerPhase.STARTED:
        transition.effects.append(ClearTimer(timer.fire_at_us, TimerKind.USER, timer.started_event_id))
    else:
        held = [item for item in held if not _is_firing(item, command.timer_id)]
    attributes = TimerCanceled(command.timer_id, timer.started_event_id, completed_event_id)
    emit(state, transition, now_us, attributes)
    return held


def _is_firing(item: BufferedEvent, timer_id: str) -> bool:
    attributes = item.event.attributes
    return isinstance(attributes, TimerFired) and attributes.timer_id == timer_id


def fire(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """A timer is due; one that was cancelled is ignored."""
    timer_id = state.timer_ids.get(event_id)
    if timer_id is None or state.timers[timer_id].phase != TimerPhase.STARTED:
        return
    happen(state, transition, now_us, TimerFired(timer_id, event_id))
    workflow_task.schedule(state, transition, now_us)
