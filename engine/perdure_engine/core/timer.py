"""The user timer machine: started, then fired or cancelled."""

from __future__ import annotations

from perdure.protocol.commands import CancelTimer, StartTimer
from perdure.protocol.events import EventType, TimerCanceled, TimerFired, TimerStarted
from perdure_engine.core.ledger import emit, happen
from perdure_engine.core.state import MutableState, TimerPhase
from perdure_engine.core.transition import ClearTimer, SetTimer, TimerKind, Transition


def start(
    state: MutableState, command: StartTimer, completed_event_id: int, now_us: int, transition: Transition
) -> None:
    attributes = TimerStarted(command.timer_id, command.start_to_fire_timeout_ms, completed_event_id, command.summary)
    event_id = emit(state, transition, now_us, EventType.TIMER_STARTED, attributes)
    fire_at_us = state.timers[command.timer_id].fire_at_us
    transition.effects.append(SetTimer(fire_at_us, TimerKind.USER, event_id))


def cancel(
    state: MutableState, command: CancelTimer, completed_event_id: int, now_us: int, transition: Transition
) -> None:
    timer = state.timers[command.timer_id]
    if timer.phase == TimerPhase.STARTED:
        transition.effects.append(ClearTimer(timer.fire_at_us, TimerKind.USER, timer.started_event_id))
    attributes = TimerCanceled(command.timer_id, timer.started_event_id, completed_event_id)
    emit(state, transition, now_us, EventType.TIMER_CANCELED, attributes)


def fire(state: MutableState, started_event_id: int, now_us: int, transition: Transition) -> bool:
    """A timer is due. True if that is news to the run."""
    for timer in state.timers.values():
        if timer.started_event_id == started_event_id and timer.phase == TimerPhase.STARTED:
            happen(state, transition, now_us, EventType.TIMER_FIRED, TimerFired(timer.timer_id, started_event_id))
            return True
    return False
