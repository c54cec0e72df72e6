"""The values inside history events as Temporal's JSON writes them: payloads, durations, failures, policies.

Role: pairs of functions, out and in. A value equal to the codec's `empty` is not written at all, as protobuf does.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from perdure.client.history_properties import search_attributes_from_json, search_attributes_to_json
from perdure.protocol.child_workflow import ParentClosePolicy
from perdure.protocol.codec import pack, unpack
from perdure.protocol.events import ContinueAsNewInitiator
from perdure.protocol.failure import (
    ActivityInfo,
    ApplicationInfo,
    CanceledInfo,
    ChildWorkflowInfo,
    ErrorCategory,
    Failure,
    RetryState,
    ServerInfo,
    TerminatedInfo,
    TimeoutInfo,
    TimeoutType,
)
from perdure.protocol.fairness import Fairness
from perdure.protocol.marker import pack_details, unpack_details
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads
from perdure.protocol.requests import IdReusePolicy
from perdure.protocol.retry import RetryPolicyData


class Codec(NamedTuple):
    """How one kind of value is written and read. `empty` is what stands for "not there"."""

    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]
    empty: Any


def enum_codec(prefix: str, members: type[IntEnum] | None = None) -> Codec:
    """Words behind a prefix: numbers of an enumeration, or (without one) our own words."""
    if members is None:
        return Codec(lambda word: prefix + word, lambda word: spelled(str(word)).removeprefix(prefix), "")

    def from_json(word: Any) -> int:
        if isinstance(word, int):
            return int(members(word))
        name = spelled(str(word)).removeprefix(prefix)
        return 0 if name == "UNSPECIFIED" else int(members[name])

    return Codec(lambda number: prefix + members(number).name, from_json, 0)


def spelled(word: str) -> str:
    """An enumeration's word as protobuf spells it: `RETRY_STATE_TIMEOUT` for itself, `TIMER_FIRED` for `TimerFired`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()


def _duration_to_json(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds}.{rest:03}s" if rest else f"{seconds}s"


def _duration_from_json(text: str) -> int:
    return round(float(text.removesuffix("s")) * 1000)


def _payload_to_json(payload: Payload) -> dict[str, Any]:
    metadata = {key: base64.b64encode(value).decode() for key, value in payload.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(payload.data).decode()}


def _payload_from_json(row: Any) -> Payload:
    metadata = {str(key): base64.b64decode(value) for key, value in (row.get("metadata") or {}).items()}
    return Payload(metadata, base64.b64decode(row.get("data") or ""))


def _list_to_json(payloads: Sequence[Payload]) -> dict[str, Any]:
    return {"payloads": [_payload_to_json(payload) for payload in payloads]}


def _list_from_json(row: Any) -> list[Payload]:
    return [_payload_from_json(payload) for payload in row.get("payloads") or ()]


def _payloads_to_json(data: bytes) -> dict[str, Any]:
    return _list_to_json(unpack_payloads(data))


def _payloads_from_json(row: Any) -> bytes:
    return pack_payloads(_list_from_json(row))


def _details_to_json(data: bytes) -> dict[str, Any]:
    """A map of names to lists of payloads: the details of a marker."""
    return {name: _list_to_json(payloads) for name, payloads in unpack_details(data).items()}


def _details_from_json(rows: Any) -> bytes:
    return pack_details({str(name): _list_from_json(row) for name, row in rows.items()})


_NULL = Payload({"encoding": b"binary/null"}, b"")


def _fields_to_json(data: bytes) -> dict[str, Any]:
    """A map of names to single payloads: a memo, or headers."""
    fields = {name: _NULL if payload is None else Payload(*payload) for name, payload in unpack(data).items()}
    return {"fields": {name: _payload_to_json(payload) for name, payload in fields.items()}}


def _fields_from_json(row: Any) -> bytes:
    fields = {str(name): _payload_from_json(payload) for name, payload in (row.get("fields") or {}).items()}
    return _packed(fields)


def _update_from_json(row: Any) -> bytes:
    """An update of a memo: a null takes a note away."""
    fields = {str(name): _payload_from_json(payload) for name, payload in (row.get("fields") or {}).items()}
    return _packed({name: None if payload == _NULL else payload for name, payload in fields.items()})


def _packed(fields: dict[str, Any]) -> bytes:
    return pack(fields) if fields else b""


def _retry_to_json(policy: RetryPolicyData) -> dict[str, Any]:
    row: dict[str, Any] = {
        "initialInterval": _duration_to_json(policy.initial_interval_ms),
        "backoffCoefficient": policy.backoff_coefficient,
    }
    if policy.maximum_interval_ms:
        row["maximumInterval"] = _duration_to_json(policy.maximum_interval_ms)
    if policy.maximum_attempts:
        row["maximumAttempts"] = policy.maximum_attempts
    if policy.non_retryable_error_types:
        row["nonRetryableErrorTypes"] = list(policy.non_retryable_error_types)
    return row


def _retry_from_json(row: Any) -> RetryPolicyData:
    return RetryPolicyData(
        _duration_from_json(row.get("initialInterval", "1s")),
        float(row.get("backoffCoefficient", 2.0)),
        _duration_from_json(row.get("maximumInterval", "0s")),
        int(row.get("maximumAttempts", 0)),
        tuple(str(name) for name in row.get("nonRetryableErrorTypes") or ()),
    )


_named = Codec(lambda name: {"name": name}, lambda row: str(row.get("name") or ""), "")
_queue = Codec(lambda name: {"name": name, "kind": "TASK_QUEUE_KIND_NORMAL"}, _named.from_json, "")
_payloads = Codec(_payloads_to_json, _payloads_from_json, b"")
_fields = Codec(_fields_to_json, _fields_from_json, b"")
_search_attributes = Codec(search_attributes_to_json, search_attributes_from_json, b"")
_number = Codec(lambda number: number, int, 0)
_long = Codec(str, int, 0)  # protobuf writes 64-bit integers as text
_duration = Codec(_duration_to_json, _duration_from_json, 0)
_flag = Codec(bool, bool, False)
_retry = Codec(_retry_to_json, _retry_from_json, None)
_priority = Codec(lambda number: {"priorityKey": number}, lambda row: int(row.get("priorityKey") or 3), 3)
_fairness = Codec(
    lambda fairness: {"fairnessKey": fairness.key, "fairnessWeight": fairness.weight / 1000, "cost": fairness.cost},
    lambda row: Fairness(
        str(row.get("fairnessKey") or ""),
        round(float(row.get("fairnessWeight") or 1) * 1000),
        int(row.get("cost") or 1),
    ),
    None,
)
_retry_state = enum_codec("RETRY_STATE_", RetryState)
_timeout_type = enum_codec("TIMEOUT_TYPE_", TimeoutType)
_category = enum_codec("APPLICATION_ERROR_CATEGORY_", ErrorCategory)
_close_policy = enum_codec("PARENT_CLOSE_POLICY_", ParentClosePolicy)
_reuse_policy = enum_codec("WORKFLOW_ID_REUSE_POLICY_", IdReusePolicy)
_child_only = Codec(bool, int, 0)
_link = Codec(lambda link: link, lambda link: link, None)
text_codec = Codec(str, str, "")
marker_details_codec = Codec(_details_to_json, _details_from_json, b"")

_Part = tuple[str, str, Codec]

_INFOS: dict[str, tuple[type[Any], Sequence[_Part]]] = {
    "applicationFailureInfo": (
        ApplicationInfo,
        (
            ("type", "type", text_codec),
            ("non_retryable", "nonRetryable", _flag),
            ("details", "details", _payloads),
            ("next_retry_delay_ms", "nextRetryDelay", _duration),
            ("category", "category", _category),
        ),
    ),
    "timeoutFailureInfo": (
        TimeoutInfo,
        (
            ("timeout_type", "timeoutType", _timeout_type),
            ("last_heartbeat_details", "lastHeartbeatDetails", _payloads),
        ),
    ),
    "canceledFailureInfo": (CanceledInfo, (("details", "details", _payloads),)),
    "terminatedFailureInfo": (TerminatedInfo, ()),
    "serverFailureInfo": (ServerInfo, (("non_retryable", "nonRetryable", _flag),)),
    "activityFailureInfo": (
        ActivityInfo,
        (
            ("scheduled_event_id", "scheduledEventId", _long),
            ("started_event_id", "startedEventId", _long),
            ("activity_id", "activityId", text_codec),
            ("activity_type", "activityType", _named),
            ("retry_state", "retryState", _retry_state),
            ("identity", "identity", text_codec),
        ),
    ),
}


def _failure_to_json(failure: Failure) -> dict[str, Any]:
    row: dict[str, Any] = {"message": failure.message, "source": failure.source, "stackTrace": failure.stack_trace}
    if failure.encoded_attributes:
        (row["encodedAttributes"],) = _payloads.to_json(failure.encoded_attributes)["payloads"]
    if failure.cause is not None:
        row["cause"] = _failure_to_json(failure.cause)
    info = failure.info
    if isinstance(info, ChildWorkflowInfo):
        row["childWorkflowExecutionFailureInfo"] = {
            "namespace": info.namespace,
            "workflowExecution": {"workflowId": info.workflow_id, "runId": info.run_id},
            "workflowType": {"name": info.workflow_type},
            "initiatedEventId": str(info.initiated_event_id),
            "startedEventId": str(info.started_event_id),
            "retryState": _retry_state.to_json(info.retry_state),
        }
        return row
    for key, (cls, parts) in _INFOS.items():
        if type(info) is cls:
            values = ((name, codec, getattr(info, field)) for field, name, codec in parts)
            row[key] = {name: codec.to_json(value) for name, codec, value in values if value != codec.empty}
    return row


def _failure_from_json(row: Any) -> Failure:
    cause = _failure_from_json(row["cause"]) if row.get("cause") else None
    encoded = row.get("encodedAttributes")
    failure = Failure.of(
        str(row.get("message") or ""),
        _info_from_json(row),
        cause=cause,
        stack_trace=str(row.get("stackTrace") or ""),
        source=str(row.get("source") or ""),
    )
    return failure._replace(encoded_attributes=_payloads.from_json({"payloads": [encoded]})) if encoded else failure


def _info_from_json(row: Any) -> Any:
    child = row.get("childWorkflowExecutionFailureInfo")
    if child is not None:
        execution = child.get("workflowExecution") or {}
        return ChildWorkflowInfo(
            str(child.get("namespace") or ""),
            str(execution.get("workflowId") or ""),
            str(execution.get("runId") or ""),
            _named.from_json(child.get("workflowType") or {}),
            int(child.get("initiatedEventId") or 0),
            int(child.get("startedEventId") or 0),
            _retry_state.from_json(child["retryState"]) if "retryState" in child else 0,
        )
    for key, (cls, parts) in _INFOS.items():
        given = row.get(key)
        if given is not None:
            return cls(*(codec.from_json(given[name]) if name in given else codec.empty for _, name, codec in parts))
    return ApplicationInfo()


_failure = Codec(_failure_to_json, _failure_from_json, None)

CODECS: dict[str, Codec] = {
    "*_event_id": _long,
    "*_ms": _duration,
    "workflow_type": _named,
    "activity_type": _named,
    "task_queue": _queue,
    "input": _payloads,
    "result": _payloads,
    "details": _payloads,
    "memo": _fields,
    "upserted_memo": Codec(_fields_to_json, _update_from_json, b""),
    "search_attributes": _search_attributes,
    "headers": _fields,
    "retry_policy": _retry,
    "retry_state": _retry_state,
    "timeout_type": _timeout_type,
    "failure": _failure,
    "last_failure": _failure,
    "continued_failure": _failure,
    "last_completion_result": _payloads,
    "initiator": enum_codec("CONTINUE_AS_NEW_INITIATOR_", ContinueAsNewInitiator),
    "history_size_bytes": _long,
    "attempt": _number,
    "priority": _priority,
    "fairness": _fairness,
    "parent_close_policy": _close_policy,
    "id_reuse_policy": _reuse_policy,
    "parent": _link,
    "version": _link,
    "versioning_override": _link,
    "inherited_version": _link,
    "child_initiated_event_id": _child_only,
}
"""By the name of our field, or by its ending."""
