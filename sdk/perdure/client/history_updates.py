"""Updates inside history events as Temporal's JSON writes them: nested messages, where ours are flat.

Role: for each of the classes, both ways. What Temporal's message does not name (the completed workflow task) is not
written; where it follows from what is there, it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.client.history_values import CODECS
from perdure.protocol.updates import (
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateAdmitted,
    WorkflowExecutionUpdateCompleted,
)

_PAYLOADS, _HEADERS, _FAILURE = CODECS["input"], CODECS["headers"], CODECS["failure"]


def _accepted_to_json(event: WorkflowExecutionUpdateAccepted) -> dict[str, Any]:
    return {
        "protocolInstanceId": event.protocol_instance_id,
        "acceptedRequestMessageId": event.accepted_request_message_id,
        "acceptedRequestSequencingEventId": str(event.accepted_request_sequencing_event_id),
        "acceptedRequest": {"meta": _meta(event.protocol_instance_id, event.identity), "input": _input_to_json(event)},
    }


def _accepted_from_json(row: dict[str, Any]) -> WorkflowExecutionUpdateAccepted:
    request = row["acceptedRequest"]
    meta, given = request.get("meta") or {}, request["input"]
    sequencing_event_id = int(row.get("acceptedRequestSequencingEventId") or 0)
    return WorkflowExecutionUpdateAccepted(
        str(row.get("protocolInstanceId") or meta["updateId"]),
        str(row.get("acceptedRequestMessageId") or ""),
        sequencing_event_id,
        str(given["name"]),
        _PAYLOADS.from_json(given.get("args") or {}),
        str(meta.get("identity") or ""),
        _HEADERS.from_json(given.get("header") or {}),
        sequencing_event_id + 2,
    )


def _admitted_to_json(event: WorkflowExecutionUpdateAdmitted) -> dict[str, Any]:
    request = {"meta": _meta(event.update_id, event.identity), "input": _input_to_json(event)}
    return {"request": request, "origin": "UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY"}


def _admitted_from_json(row: dict[str, Any]) -> WorkflowExecutionUpdateAdmitted:
    meta, given = row["request"].get("meta") or {}, row["request"]["input"]
    return WorkflowExecutionUpdateAdmitted(
        str(meta["updateId"]),
        str(given["name"]),
        _PAYLOADS.from_json(given.get("args") or {}),
        str(meta.get("identity") or ""),
        _HEADERS.from_json(given.get("header") or {}),
    )


def _input_to_json(event: WorkflowExecutionUpdateAccepted | WorkflowExecutionUpdateAdmitted) -> dict[str, Any]:
    given: dict[str, Any] = {"name": event.update_name}
    if event.input:
        given["args"] = _PAYLOADS.to_json(event.input)
    if event.headers:
        given["header"] = _HEADERS.to_json(event.headers)
    return given


def _completed_to_json(event: WorkflowExecutionUpdateCompleted) -> dict[str, Any]:
    if event.failure is None:
        outcome = {"success": _PAYLOADS.to_json(event.result)}
    else:
        outcome = {"failure": _FAILURE.to_json(event.failure)}
    return {
        "meta": _meta(event.update_id, ""),
        "acceptedEventId": str(event.accepted_event_id),
        "outcome": outcome,
    }


def _completed_from_json(row: dict[str, Any]) -> WorkflowExecutionUpdateCompleted:
    outcome = row.get("outcome") or {}
    failure = _FAILURE.from_json(outcome["failure"]) if "failure" in outcome else None
    result = _PAYLOADS.from_json(outcome.get("success") or {})
    return WorkflowExecutionUpdateCompleted(
        str(row["meta"]["updateId"]), int(row.get("acceptedEventId") or 0), result, failure, 0
    )


def _meta(update_id: str, identity: str) -> dict[str, Any]:
    return {"updateId": update_id, "identity": identity} if identity else {"updateId": update_id}


NESTED: dict[type[Any], tuple[Callable[[Any], dict[str, Any]], Callable[[dict[str, Any]], Any]]] = {
    WorkflowExecutionUpdateAccepted: (_accepted_to_json, _accepted_from_json),
    WorkflowExecutionUpdateAdmitted: (_admitted_to_json, _admitted_from_json),
    WorkflowExecutionUpdateCompleted: (_completed_to_json, _completed_from_json),
}
"""Classes of attributes that are written as a whole: how, and how they are read."""
