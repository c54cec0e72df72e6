"""Commands: what a workflow asks for when it completes a workflow task. Numbers and names are Temporal's."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.codec import DecodeError, Registry
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import HeaderMap, PayloadLists, PayloadMap, Payloads
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.updates import ProtocolMessage


class CommandType(IntEnum):
    SCHEDULE_ACTIVITY_TASK = 1
    REQUEST_CANCEL_ACTIVITY_TASK = 2
    START_TIMER = 3
    COMPLETE_WORKFLOW_EXECUTION = 4
    FAIL_WORKFLOW_EXECUTION = 5
    CANCEL_TIMER = 6
    CANCEL_WORKFLOW_EXECUTION = 7
    RECORD_MARKER = 9
    CONTINUE_AS_NEW_WORKFLOW_EXECUTION = 10
    UPSERT_WORKFLOW_SEARCH_ATTRIBUTES = 13
    MODIFY_WORKFLOW_PROPERTIES = 16
    START_CHILD_WORKFLOW_EXECUTION = 11
    REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION = 8
    SIGNAL_EXTERNAL_WORKFLOW_EXECUTION = 12
    PROTOCOL_MESSAGE = 14


class ScheduleActivityTask(NamedTuple):
    """`task_queue` empty is the workflow's own. `activity_id` is unique among the pending activities of the run."""

    activity_id: str
    activity_type: str
    task_queue: str
    input: Payloads
    schedule_to_close_timeout_ms: int
    schedule_to_start_timeout_ms: int
    start_to_close_timeout_ms: int
    heartbeat_timeout_ms: int
    retry_policy: RetryPolicyData | None
    headers: HeaderMap = b""
    priority: int = 3
    summary: str = ""
    fairness: Fairness | None = None


class RequestCancelActivityTask(NamedTuple):
    scheduled_event_id: int


class StartTimer(NamedTuple):
    timer_id: str
    start_to_fire_timeout_ms: int
    summary: str = ""


class CancelTimer(NamedTuple):
    timer_id: str


class CompleteWorkflowExecution(NamedTuple):
    result: Payloads


class FailWorkflowExecution(NamedTuple):
    failure: Failure


class CancelWorkflowExecution(NamedTuple):
    details: Payloads = b""


class RecordMarker(NamedTuple):
    """Keep something in the history that replay needs and nobody else. `details` are those of `protocol.marker`."""

    marker_name: str
    details: PayloadLists = b""
    headers: HeaderMap = b""
    failure: Failure | None = None


class UpsertSearchAttributes(NamedTuple):
    """Set some search attributes of the run, and take away those whose value is None."""

    search_attributes: bytes


class ModifyWorkflowProperties(NamedTuple):
    """Set some notes of the run's memo, and take away those whose payload is None."""

    upserted_memo: PayloadMap


class ContinueAsNewWorkflowExecution(NamedTuple):
    """Close this run and go on in a new one. What is left out (empty, 0 or None) is as in this run."""

    input: Payloads
    workflow_type: str = ""
    task_queue: str = ""
    run_timeout_ms: int = 0
    task_timeout_ms: int = 0
    backoff_start_interval_ms: int = 0
    retry_policy: RetryPolicyData | None = None
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    headers: HeaderMap = b""


Command = (
    ScheduleActivityTask
    | RequestCancelActivityTask
    | StartTimer
    | CancelTimer
    | CompleteWorkflowExecution
    | FailWorkflowExecution
    | CancelWorkflowExecution
    | RecordMarker
    | UpsertSearchAttributes
    | ModifyWorkflowProperties
    | ContinueAsNewWorkflowExecution
    | StartChildWorkflowExecution
    | RequestCancelExternalWorkflowExecution
    | SignalExternalWorkflowExecution
    | ProtocolMessage
)

COMMANDS = Registry(
    "command",
    {
        CommandType.SCHEDULE_ACTIVITY_TASK: ScheduleActivityTask,
        CommandType.REQUEST_CANCEL_ACTIVITY_TASK: RequestCancelActivityTask,
        CommandType.START_TIMER: StartTimer,
        CommandType.COMPLETE_WORKFLOW_EXECUTION: CompleteWorkflowExecution,
        CommandType.FAIL_WORKFLOW_EXECUTION: FailWorkflowExecution,
        CommandType.CANCEL_TIMER: CancelTimer,
        CommandType.CANCEL_WORKFLOW_EXECUTION: CancelWorkflowExecution,
        CommandType.RECORD_MARKER: RecordMarker,
        CommandType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: UpsertSearchAttributes,
        CommandType.MODIFY_WORKFLOW_PROPERTIES: ModifyWorkflowProperties,
        CommandType.CONTINUE_AS_NEW_WORKFLOW_EXECUTION: ContinueAsNewWorkflowExecution,
        CommandType.START_CHILD_WORKFLOW_EXECUTION: StartChildWorkflowExecution,
        CommandType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION: RequestCancelExternalWorkflowExecution,
        CommandType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION: SignalExternalWorkflowExecution,
        CommandType.PROTOCOL_MESSAGE: ProtocolMessage,
    },
)


def decode_commands(rows: Any) -> tuple[Command, ...]:
    """Commands from their wire form, an array of `(kind, fields)`.

    Raises:
        DecodeError: a command is malformed or unknown.
    """
    decode = COMMANDS.decode
    if type(rows) is not tuple or any(type(row) is not tuple or len(row) != 2 for row in rows):
        raise DecodeError("commands must be an array of pairs of number and fields")
    return tuple([decode(kind, fields) for kind, fields in rows])
