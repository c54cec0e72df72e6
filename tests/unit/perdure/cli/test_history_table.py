"""A history as a table: every event on a line, retries beside them."""

from __future__ import annotations

from rich.console import Console

from perdure.cli.history_table import TEXT_MAX, history_table, payload_text
from perdure.protocol.events import (
    ActivityAttemptFailed,
    EventBuffered,
    EventType,
    HistoryEvent,
    WorkflowExecutionSignaled,
)
from perdure.protocol.failure import Failure
from perdure.protocol.payload import Payload, pack_payloads
from tests.unit.perdure.client.every_event import DATA, HISTORY

SIGNAL = WorkflowExecutionSignaled("wave", DATA, "me", "r")
BUFFERED = HistoryEvent(
    0, 5, EventType.EVENT_BUFFERED, EventBuffered(int(EventType.WORKFLOW_EXECUTION_SIGNALED), SIGNAL)
)


def lines_of(*events: HistoryEvent) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(history_table(events))
    return [line.strip() for line in capture.get().splitlines()]


def test_each_event_has_a_line_with_its_type() -> None:
    lines = lines_of(*HISTORY)
    assert lines[0].startswith("Started 2026-11-20")
    for event, line in zip(HISTORY, lines[2:], strict=True):
        assert line.startswith(str(event.event_id))
        assert type(event.attributes).__name__ in line


def test_events_of_other_workflows_name_them() -> None:
    text = "\n".join(lines_of(*HISTORY))
    assert "child of p" in text
    assert "workflow c, Child, " in text
    assert "workflow c, poke, " in text


def test_a_failed_attempt_shows_why_and_when_it_goes_on() -> None:
    failed = ActivityAttemptFailed(5, 2, Failure("out of\ntea" + "!" * 200), "me", 7_000_000)
    (line,) = lines_of(HistoryEvent(0, 5, EventType.ACTIVITY_ATTEMPT_FAILED, failed))[2:]
    assert line.startswith("·")
    assert "attempt 2, next at " in line
    assert "out of tea!" in line
    assert "…" in line
    assert len(line) < TEXT_MAX + 120


def test_a_buffered_event_is_shown_until_it_is_one() -> None:
    assert "WorkflowExecutionSignaled (buffered)" in lines_of(BUFFERED)[2]
    written = HistoryEvent(3, 5, EventType.WORKFLOW_EXECUTION_SIGNALED, SIGNAL)
    assert len(lines_of(BUFFERED, written)[2:]) == 1


def test_an_empty_history_is_an_empty_table() -> None:
    assert len(lines_of()) == 1


def test_payloads_are_shown_as_they_are() -> None:
    assert payload_text(DATA) == '"text", null'
    assert payload_text(pack_payloads([Payload({"encoding": b"binary/plain"}, b"x" * 2000)])) == (
        "(binary/plain, 2,000 bytes)"
    )
    assert "not a msgpack value" in payload_text(b"\xc1")
