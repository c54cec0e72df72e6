"""A history as a table: one line an event, with what tells it from others of its kind."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import timedelta
from typing import Any

import orjson
from rich.table import Table
from rich.text import Text

from perdure.cli.output import duration_text, table
from perdure.client.execution import time_of
from perdure.protocol.codec import DecodeError
from perdure.protocol.events import EventBuffered, EventType, HistoryEvent, WorkflowExecutionStarted
from perdure.protocol.failure import Failure
from perdure.protocol.payload import unpack_payloads

TEXT_MAX = 80
"""Characters of one detail; a table is to be read."""

_SHOWN = (
    "activity_type",
    "workflow_type",
    "signal_name",
    "update_name",
    "update_id",
    "timer_id",
    "summary",
    "start_to_fire_timeout_ms",
    "input",
    "result",
    "attempt",
    "next_attempt_time_us",
    "failure",
    "cause",
    "reason",
    "scheduled_event_id",
    "initiated_event_id",
    "sizes",
)
_BAD = ("FAILED", "TIMED_OUT", "TERMINATED")
_GOOD = ("EXECUTION_COMPLETED", "ACTIVITY_TASK_COMPLETED")


def history_table(events: Sequence[HistoryEvent]) -> Table:
    """Number, time since the start, type, details. Annotations, such as failed attempts, have no number."""
    start_us = events[0].time_us if events else 0
    written = {(event.event_type, event.time_us) for event in events}
    rows = (
        (
            str(event.event_id) if event.event_id else "·",
            f"+{duration_text(timedelta(microseconds=event.time_us - start_us))}",
            _type_text(event),
            _details(event.attributes.attributes if isinstance(event.attributes, EventBuffered) else event.attributes),
        )
        for event in events
        if not _was_written(event, written)
    )
    title = f"Started {time_of(start_us).astimezone():%Y-%m-%d %H:%M:%S}" if events else None
    return table(("#", "Time", "Event", "Details"), rows, title=title)


def _was_written(event: HistoryEvent, written: Container[tuple[int, int]]) -> bool:
    """Whether this is a buffered event that has since become an event of its own."""
    buffered = event.attributes
    return isinstance(buffered, EventBuffered) and (buffered.event_type, event.time_us) in written


def _type_text(event: HistoryEvent) -> Text:
    name = EventType(event.event_type).name
    style = "red" if name.endswith(_BAD) else "green" if name.endswith(_GOOD) else "" if event.event_id else "yellow"
    if isinstance(event.attributes, EventBuffered):
        return Text(f"{type(event.attributes.attributes).__name__} (buffered)", style=style)
    return Text(type(event.attributes).__name__, style=style)


def _details(attributes: Any) -> str:
    # The workflow that an event is about, where it is another one; the start of a run names its own.
    is_start = isinstance(attributes, WorkflowExecutionStarted)
    other = "" if is_start else getattr(attributes, "workflow_id", "")
    parts = [f"workflow {_short(other)}"] if other else []
    if is_start and attributes.parent is not None:
        parts.append(f"child of {_short(attributes.parent.workflow_id)}")
    for name in _SHOWN:
        value = getattr(attributes, name, None)
        if value in (None, "", b"", 0):
            continue
        parts.append(_detail(name, value))
    return ", ".join(parts)


def _detail(name: str, value: Any) -> str:
    if isinstance(value, Failure):
        return _short(f"{value.message}")
    if isinstance(value, bytes):
        return f"{name} {_short(payload_text(value))}"
    if name.endswith("_ms"):
        return duration_text(timedelta(milliseconds=value))
    if name.endswith("_us"):
        return f"next at {time_of(value).astimezone():%H:%M:%S}"
    if name in ("scheduled_event_id", "initiated_event_id"):
        return f"of event {value}"
    if name == "sizes":
        return f"{len(value)} pieces, {sum(value):,} bytes"
    if name == "attempt":
        return f"attempt {value}"
    return _short(str(value))


def payload_text(data: bytes) -> str:
    """Values as JSON where they are, else their encoding and size."""
    try:
        payloads = unpack_payloads(data)
    except DecodeError as error:
        return f"({error})"
    texts = []
    for payload in payloads:
        encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
        if encoding == "json/plain":
            texts.append(payload.data.decode(errors="replace"))
        elif encoding == "binary/null":
            texts.append(orjson.dumps(None).decode())
        else:
            texts.append(f"({encoding}, {len(payload.data):,} bytes)")
    return ", ".join(texts)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
