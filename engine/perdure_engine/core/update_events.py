"""What the records of updates do to the state: the fold's part of the update machine."""

from __future__ import annotations

from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.updates import UpdateDelivery
from perdure_engine.core.state import AdmittedUpdate, Bug, MutableState, UpdatePhase, UpdateState

UPDATE_TRANSITIONS: dict[tuple[UpdatePhase | None, EventType], UpdatePhase] = {
    (None, EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED): UpdatePhase.ACCEPTED,
    (UpdatePhase.ACCEPTED, EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED): UpdatePhase.COMPLETED,
}
"""Phase (None: the history knows no such update) and record to the next phase. A missing row is a `Bug`."""


def admitted(state: MutableState, record: HistoryEvent) -> None:
    state.admitted[record.attributes.update_id] = AdmittedUpdate(UpdateDelivery(*record.attributes), is_stored=True)


def forgotten(state: MutableState, record: HistoryEvent) -> None:
    state.admitted.pop(record.attributes.update_id, None)


def accepted(state: MutableState, record: HistoryEvent) -> None:
    update_id = record.attributes.protocol_instance_id
    _next_phase(state, update_id, record.event_type)
    if state.admitted:
        state.admitted.pop(update_id, None)
    state.updates[update_id] = UpdateState(update_id, record.event_id)


def completed(state: MutableState, record: HistoryEvent) -> None:
    update_id = record.attributes.update_id
    phase = _next_phase(state, update_id, record.event_type)
    update = state.updates[update_id]
    update.phase = phase
    update.completed_batch_no = state.batch_no + 1


def _next_phase(state: MutableState, update_id: str, event_type: int) -> UpdatePhase:
    known = state.updates.get(update_id)
    phase = None if known is None else known.phase
    try:
        return UPDATE_TRANSITIONS[phase, event_type]  # type: ignore[index]  # an int equals its EventType
    except KeyError:
        raise Bug(f"run {state.run_id}: update {update_id!r} in {phase!r} takes no {event_type}") from None
