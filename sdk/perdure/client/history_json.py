"""Histories as Temporal's JSON (the JSON form of its protobuf messages), out and in.

Role: one table says, for each field of our event attributes, its key there and the codec of its value. A field that
Temporal's message does not have (a start's request id, the name of a sticky queue) is not exported; a key that ours do
not have is not imported. Where Temporal's own programs spell a word in two ways, both are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.client.history_notes import notes_from_json, notes_to_json
from perdure.client.history_relations import flatten, nest
from perdure.client.history_updates import NESTED
from perdure.client.history_values import (
    CODECS,
    Codec,
    enum_codec,
    marker_details_codec,
    spelled,
    text_codec,
)
from perdure.client.history_versions import flatten_versions, nest_versions
from perdure.protocol.child_workflow import StartChildWorkflowExecutionFailed
from perdure.protocol.events import (
    EVENTS,
    EventType,
    HistoryEvent,
    MarkerRecorded,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionTerminated,
    WorkflowTaskFailed,
)
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
)
from perdure.protocol.retry import RetryPolicyData

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_EXPORTED = {"sticky_queue", "summary", "static_details", "event_type", "attributes"}
_RENAMED = {
    "execution_timeout_ms": "workflowExecutionTimeout",
    "run_timeout_ms": "workflowRunTimeout",
    "task_timeout_ms": "workflowTaskTimeout",
    "start_delay_ms": "firstWorkflowTaskBackoff",
    "headers": "header",
    "backoff_start_interval_ms": "backoffStartInterval",
    "execution_expiration_time_us": "workflowExecutionExpirationTime",
    "id_reuse_policy": "workflowIdReusePolicy",
    "child_initiated_event_id": "childWorkflowOnly",
}
_CAUSE_PREFIXES: dict[Any, str] = {
    WorkflowTaskFailed: "WORKFLOW_TASK_FAILED_CAUSE_",
    StartChildWorkflowExecutionFailed: "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_",
    SignalExternalWorkflowExecutionFailed: "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
    RequestCancelExternalWorkflowExecutionFailed: "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
}
_PASSED_OVER = frozenset(
    {
        "WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY",
        "ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY",
        "WORKFLOW_EXECUTION_OPTIONS_UPDATED",
        "WORKFLOW_EXECUTION_PAUSED",
        "WORKFLOW_EXECUTION_UNPAUSED",
        "WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED",
    }
)
"""Types of Temporal's that tell a workflow nothing: a replay does not need them, and they are not imported."""

_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$")


def events_to_json(events: Sequence[HistoryEvent], run_id: str = "") -> list[dict[str, Any]]:
    """The value of "events". Annotations (event id 0) are left out: Temporal has none."""
    rows = [_event_to_json(event) for event in events if event.event_id]
    if rows and run_id and events[0].event_type == EventType.WORKFLOW_EXECUTION_STARTED:
        rows[0]["workflowExecutionStartedEventAttributes"].setdefault("originalExecutionRunId", run_id)
    return rows


def events_from_json(history: Any) -> tuple[list[HistoryEvent], str]:
    """Events, and the run id if the first one names it, from a whole history (`{"events": [...]}`).

    Raises:
        ValueError: not a history, or an event that Perdure does not know.
    """
    rows = history.get("events") if isinstance(history, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ValueError('a history must be a JSON object with a list "events" that is not empty')
    events = [_event_from_json(row, number) for number, row in enumerate(rows, 1) if not _is_passed_over(row)]
    started = rows[0].get("workflowExecutionStartedEventAttributes") or {}
    return events, str(started.get("originalExecutionRunId") or "")


def _event_to_json(event: HistoryEvent) -> dict[str, Any]:
    nested = NESTED.get(type(event.attributes))
    attributes = _flat_to_json(event) if nested is None else nested[0](event.attributes)
    notes = notes_to_json(event.attributes)
    return {
        "eventId": str(event.event_id),
        "eventTime": time_to_json(event.time_us),
        "eventType": "EVENT_TYPE_" + EventType(event.event_type).name,
        _attributes_key(event.event_type): attributes,
        **({"userMetadata": notes} if notes else {}),
    }


def _flat_to_json(event: HistoryEvent) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, (key, codec) in _fields(event.event_type).items():
        value = getattr(event.attributes, name)
        if value != codec.empty:
            attributes[key] = codec.to_json(value)
    nest_versions(attributes)
    nest(attributes, names_execution=event.event_type in _NAME_EXECUTION)
    return attributes


def _event_from_json(row: Any, number: int) -> HistoryEvent:
    try:
        kind = EventType[_word(row["eventType"])]
        given = row.get(_attributes_key(kind)) or {}
        if not isinstance(given, dict):
            raise ValueError(f"{_attributes_key(kind)} must be an object")
        if _class(kind) in NESTED:
            attributes = NESTED[_class(kind)][1](given)
            return HistoryEvent(_event_id(row["eventId"]), time_from_json(row["eventTime"]), kind, attributes)
        given = flatten(flatten_versions(given), names_execution=kind in _NAME_EXECUTION)
        values = {name: codec.from_json(given[key]) for name, (key, codec) in _fields(kind).items() if key in given}
        notes = notes_from_json(row.get("userMetadata") or {}, _class(kind)._fields)
        attributes = _class(kind)(**{**_EMPTY[kind], **values, **notes})
        return HistoryEvent(_event_id(row["eventId"]), time_from_json(row["eventTime"]), kind, attributes)
    except KeyError as error:
        raise ValueError(f"event {number} of the history: {error} is missing or not known to Perdure") from error
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"event {number} of the history is malformed: {error}") from error


def _event_id(value: Any) -> int:
    event_id = int(value)
    if event_id < 1:
        raise ValueError(f"events are numbered from 1, not {value!r}")
    return event_id


def _word(event_type: Any) -> str:
    """The name of an event's type, from either spelling."""
    return spelled(str(event_type)).removeprefix("EVENT_TYPE_")


def _is_passed_over(row: Any) -> bool:
    return isinstance(row, dict) and _word(row.get("eventType")) in _PASSED_OVER


def time_to_json(time_us: int) -> str:
    """RFC 3339 in UTC."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def time_from_json(text: str) -> int:
    """Microseconds since 1970; what is finer is cut off.

    Raises:
        ValueError: not a time in UTC.
    """
    match = _TIME.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no time such as 2026-11-20T08:00:00.123456Z")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    return round((whole - _EPOCH).total_seconds()) * 1_000_000 + int((match[2] or "").ljust(6, "0")[:6])


_CLASS_OF = {kind: cls for cls, kind in EVENTS.kind_of.items()}


def _class(kind: int) -> Any:
    return _CLASS_OF[kind]


def _attributes_key(kind: int) -> str:
    name: str = _class(kind).__name__
    return name[0].lower() + name[1:] + "EventAttributes"


_time = Codec(time_to_json, time_from_json, 0)


def _camel(name: str) -> str:
    first, *rest = name.removesuffix("_ms").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _codec(cls: Any, name: str) -> Codec:
    if name == "cause" and cls in _CAUSE_PREFIXES:
        return enum_codec(_CAUSE_PREFIXES[cls])
    if cls is MarkerRecorded and name == "details":
        return marker_details_codec
    if name in CODECS:
        return CODECS[name]
    if name.endswith("_event_id"):
        return CODECS["*_event_id"]
    if name.endswith("_ms"):
        return CODECS["*_ms"]
    if name.endswith("_time_us"):
        return _time
    return text_codec


_OURS: dict[type[Any], str] = {
    WorkflowExecutionContinuedAsNew: "retry_policy",
    WorkflowExecutionTerminated: "new_execution_run_id",
}
"""Fields that Temporal has in other messages, but not in these."""


def _fields_of(cls: Any) -> dict[str, tuple[str, Codec]]:
    fields = {name: (_RENAMED.get(name, _camel(name)), _codec(cls, name)) for name in cls._fields}
    dropped = set(_NOT_EXPORTED)
    if cls.__name__ != "WorkflowExecutionSignaled":
        dropped.add("request_id")
    dropped.add(_OURS.get(cls, ""))
    return {name: field for name, field in fields.items() if name not in dropped}


def _empty_of(cls: Any) -> dict[str, Any]:
    """What stands for fields that a message must have and protobuf does not write."""
    required = [name for name in cls._fields if name not in cls._field_defaults]
    return {name: RetryPolicyData() if name == "retry_policy" else _codec(cls, name).empty for name in required}


_FIELDS = {kind: _fields_of(cls) for kind, cls in _CLASS_OF.items()}
_NAME_EXECUTION = {kind for kind, cls in _CLASS_OF.items() if {"workflow_id", "run_id"} <= set(cls._fields)}
"""Types of events that name another execution."""
_EMPTY = {kind: _empty_of(cls) for kind, cls in _CLASS_OF.items()}


def _fields(kind: int) -> dict[str, tuple[str, Codec]]:
    return _FIELDS[kind]
