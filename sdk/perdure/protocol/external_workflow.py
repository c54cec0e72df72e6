"""Signals to other workflows and requests to cancel them, in the protocol: commands, and the events that the sender's
history gets.

Names, attributes and numbers are Temporal's. `run_id` empty is the open run of the workflow id. `cause` of a failure is
EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND, NAMESPACE_NOT_FOUND, SIGNAL_COUNT_LIMIT_EXCEEDED, or INVALID_ARGUMENT.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from perdure.protocol.event_types import EventType
from perdure.protocol.payload import HeaderMap, Payloads


class SignalExternalWorkflowExecution(NamedTuple):
    """`child_initiated_event_id`: the target is this child of the sender, in whichever run it is by now; 0 for any
    other workflow. `namespace` empty is the sender's own."""

    workflow_id: str
    run_id: str
    signal_name: str
    input: Payloads
    headers: HeaderMap = b""
    child_initiated_event_id: int = 0
    namespace: str = ""


class RequestCancelExternalWorkflowExecution(NamedTuple):
    """`child_initiated_event_id` and `namespace` as in `SignalExternalWorkflowExecution`."""

    workflow_id: str
    run_id: str
    reason: str = ""
    child_initiated_event_id: int = 0
    namespace: str = ""


class SignalExternalWorkflowExecutionInitiated(NamedTuple):
    workflow_task_completed_event_id: int
    namespace: str
    workflow_id: str
    run_id: str
    signal_name: str
    input: Payloads
    headers: HeaderMap = b""
    child_initiated_event_id: int = 0


class SignalExternalWorkflowExecutionFailed(NamedTuple):
    cause: str
    namespace: str
    workflow_id: str
    run_id: str
    initiated_event_id: int
    workflow_task_completed_event_id: int


class ExternalWorkflowExecutionSignaled(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    initiated_event_id: int


class RequestCancelExternalWorkflowExecutionInitiated(NamedTuple):
    workflow_task_completed_event_id: int
    namespace: str
    workflow_id: str
    run_id: str
    reason: str = ""
    child_initiated_event_id: int = 0


class RequestCancelExternalWorkflowExecutionFailed(NamedTuple):
    cause: str
    namespace: str
    workflow_id: str
    run_id: str
    initiated_event_id: int
    workflow_task_completed_event_id: int


class ExternalWorkflowExecutionCancelRequested(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    initiated_event_id: int


EXTERNAL_EVENTS: dict[int, type[Any]] = {
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: RequestCancelExternalWorkflowExecutionInitiated,
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: RequestCancelExternalWorkflowExecutionFailed,
    EventType.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: ExternalWorkflowExecutionCancelRequested,
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: SignalExternalWorkflowExecutionInitiated,
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: SignalExternalWorkflowExecutionFailed,
    EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: ExternalWorkflowExecutionSignaled,
}
"""The events that a sender's history gets of other workflows."""
