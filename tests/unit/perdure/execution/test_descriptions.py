"""What commands and events are called in errors."""

from __future__ import annotations

import pytest

from perdure.execution import descriptions
from perdure.execution.descriptions import describe, describe_event
from perdure.protocol import commands as cmd, events as ev
from perdure.protocol.events import EventType, HistoryEvent
from tests.golden.samples import sample


def test_descriptions_hold_no_payloads() -> None:
    schedule = cmd.ScheduleActivityTask("1", "pay", "", b"secret", 0, 0, 1, 0, None)
    assert describe(schedule) == "ScheduleActivityTask (activity 'pay', id '1')"
    assert describe(cmd.RequestCancelActivityTask(5)) == "RequestCancelActivityTask (of event 5)"
    assert describe(cmd.CancelTimer("1")) == "CancelTimer (id '1')"
    assert describe(ev.TimerCanceled("1", 0, 0)) == "TimerCanceled (id '1')"
    assert describe(ev.ActivityTaskCancelRequested(5, 0)) == "ActivityTaskCancelRequested (of event 5)"
    completed = ev.WorkflowExecutionCompleted(b"secret", 4)
    assert describe_event(HistoryEvent(5, 0, EventType.WORKFLOW_EXECUTION_COMPLETED, completed)) == (
        "WorkflowExecutionCompleted"
    )


def test_a_marker_is_called_by_its_name() -> None:
    assert describe(cmd.RecordMarker("side", b"secret")) == "RecordMarker ('side')"


@pytest.mark.parametrize("cls", descriptions._MORE, ids=lambda cls: str(cls.__name__))
def test_every_row_names_fields_that_are_there(cls: type) -> None:
    assert describe(sample(cls)).startswith(f"{cls.__name__} (")
