"""Markers are kept as they are, in the order of the commands, and change nothing."""

from __future__ import annotations

from perdure.protocol.commands import CompleteWorkflowExecution, RecordMarker, StartTimer
from perdure.protocol.events import EventType, MarkerRecorded
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure_engine.core.marker import record_problem
from tests.audited_run import picture
from tests.unit.perdure_engine.core.runs import begun, go_on, names, record_of, running

ODD = Failure.of("odd", ApplicationInfo("Odd"))
LARGE = b"x" * (PAYLOAD_SIZE_MAX + 1)


def test_what_a_marker_must_say() -> None:
    assert record_problem(RecordMarker("m", b"details", b"headers", ODD)) is None
    assert record_problem(RecordMarker("")) == "marker name must not be empty"
    assert (record_problem(RecordMarker("m", LARGE)) or "").startswith("the details of marker 'm' came to 2097153")
    assert (record_problem(RecordMarker("m", b"", LARGE)) or "").startswith("the headers of marker 'm' came to 2097153")


def test_a_marker_stands_where_it_was_asked_for() -> None:
    transition = go_on(
        begun(), StartTimer("nap", 1), RecordMarker("m", b"details", b"headers", ODD), StartTimer("t", 1)
    )
    assert names(transition)[2:] == ["TIMER_STARTED", "MARKER_RECORDED", "TIMER_STARTED"]
    record = record_of(transition, EventType.MARKER_RECORDED)
    assert record.attributes == MarkerRecorded("m", b"details", 4, b"headers", ODD)


def test_a_marker_is_no_news_and_no_state() -> None:
    run, other = running(RecordMarker("m")), running()
    assert not run.tasks
    ours: dict[str, object] = dict(picture(run.state))
    theirs: dict[str, object] = dict(picture(other.state))
    changed = {name for name in ours if ours[name] != theirs[name]}
    assert changed <= {"next_event_id", "recent"}


def test_a_workflow_may_close_after_a_marker() -> None:
    assert names(go_on(begun(), RecordMarker("m"), CompleteWorkflowExecution(b"")))[2:] == [
        "MARKER_RECORDED",
        "WORKFLOW_EXECUTION_COMPLETED",
    ]


def test_a_failure_that_is_too_large_is_cut() -> None:
    failure = Failure.of("x", ApplicationInfo("Odd", details=LARGE))
    record = record_of(go_on(begun(), RecordMarker("m", failure=failure)), EventType.MARKER_RECORDED)
    assert "was cut" in record.attributes.failure.message
