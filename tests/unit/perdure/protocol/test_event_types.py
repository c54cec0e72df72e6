"""The numbers of events are Temporal's; those from 1000 on are ours."""

from __future__ import annotations

from perdure.protocol.event_types import EventType


def test_the_numbers_are_temporals() -> None:
    assert EventType.WORKFLOW_EXECUTION_STARTED == 1
    assert EventType.TIMER_STARTED == 17
    assert EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED == 29
    assert EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED == 36


def test_no_number_of_temporals_is_taken_by_what_is_ours() -> None:
    assert all(kind < 100 or kind >= 1_000 for kind in EventType)
