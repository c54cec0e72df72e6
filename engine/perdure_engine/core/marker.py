"""Markers: what a workflow keeps in its history for its own replays. An engine looks at nothing but their size."""

from __future__ import annotations

from perdure.protocol.commands import RecordMarker
from perdure.protocol.events import MarkerRecorded
from perdure.protocol.ids import text_problem
from perdure_engine.core.ledger import emit
from perdure_engine.core.limits import bounded_failure, size_problem
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Transition


def record_problem(command: RecordMarker) -> str | None:
    """What is wrong with the command, or None."""
    return (
        text_problem("marker name", command.marker_name)
        or size_problem("the details of marker", command.details, command.marker_name)
        or size_problem("the headers of marker", command.headers, command.marker_name)
    )


def record(
    state: MutableState, command: RecordMarker, completed_event_id: int, now_us: int, transition: Transition
) -> None:
    failure = None if command.failure is None else bounded_failure(command.failure)
    attributes = MarkerRecorded(command.marker_name, command.details, completed_event_id, command.headers, failure)
    emit(state, transition, now_us, attributes)
