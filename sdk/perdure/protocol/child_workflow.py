"""Child workflows in the protocol: the command that starts one, the events that its parent's history gets, and the link
by which a child knows its parent.

Names, attributes and numbers are Temporal's. `initiated_event_id` names a child within its parent's run; the child's
first run id is a function of both, so that a start that arrives twice starts one child.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.event_types import EventType
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import HeaderMap, PayloadMap, Payloads
from perdure.protocol.retry import RetryPolicyData


class ParentClosePolicy(IntEnum):
    """What becomes of a child whose parent closes."""

    TERMINATE = 1
    ABANDON = 2
    REQUEST_CANCEL = 3


class ParentLink(NamedTuple):
    """The parent of a run, and the first of all workflows that led to it."""

    namespace: str
    workflow_id: str
    run_id: str
    initiated_event_id: int
    root_workflow_id: str
    root_run_id: str


class StartChildWorkflowExecution(NamedTuple):
    """`namespace` and `task_queue` empty are the parent's own."""

    workflow_id: str
    workflow_type: str
    task_queue: str
    input: Payloads
    namespace: str = ""
    execution_timeout_ms: int = 0
    run_timeout_ms: int = 0
    task_timeout_ms: int = 10_000
    parent_close_policy: int = ParentClosePolicy.TERMINATE
    id_reuse_policy: int = 1
    retry_policy: RetryPolicyData | None = None
    cron_schedule: str = ""
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    headers: HeaderMap = b""
    priority: int = 3
    summary: str = ""
    static_details: str = ""
    fairness: Fairness | None = None


class StartChildWorkflowExecutionInitiated(NamedTuple):
    """The command, behind the event that carried it."""

    workflow_task_completed_event_id: int
    workflow_id: str
    workflow_type: str
    task_queue: str
    input: Payloads
    namespace: str = ""
    execution_timeout_ms: int = 0
    run_timeout_ms: int = 0
    task_timeout_ms: int = 10_000
    parent_close_policy: int = ParentClosePolicy.TERMINATE
    id_reuse_policy: int = 1
    retry_policy: RetryPolicyData | None = None
    cron_schedule: str = ""
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    headers: HeaderMap = b""
    priority: int = 3
    summary: str = ""
    static_details: str = ""
    fairness: Fairness | None = None


class StartChildWorkflowExecutionFailed(NamedTuple):
    """`cause` is WORKFLOW_ALREADY_EXISTS or NAMESPACE_NOT_FOUND."""

    cause: str
    namespace: str
    workflow_id: str
    workflow_type: str
    initiated_event_id: int
    workflow_task_completed_event_id: int


class ChildWorkflowExecutionStarted(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int


class ChildWorkflowExecutionCompleted(NamedTuple):
    result: Payloads
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    started_event_id: int


class ChildWorkflowExecutionFailed(NamedTuple):
    failure: Failure
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    started_event_id: int
    retry_state: int


class ChildWorkflowExecutionCanceled(NamedTuple):
    details: Payloads
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    started_event_id: int


class ChildWorkflowExecutionTimedOut(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    started_event_id: int
    retry_state: int


class ChildWorkflowExecutionTerminated(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    started_event_id: int


CHILD_EVENTS: dict[int, type[Any]] = {
    EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED: StartChildWorkflowExecutionInitiated,
    EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED: StartChildWorkflowExecutionFailed,
    EventType.CHILD_WORKFLOW_EXECUTION_STARTED: ChildWorkflowExecutionStarted,
    EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED: ChildWorkflowExecutionCompleted,
    EventType.CHILD_WORKFLOW_EXECUTION_FAILED: ChildWorkflowExecutionFailed,
    EventType.CHILD_WORKFLOW_EXECUTION_CANCELED: ChildWorkflowExecutionCanceled,
    EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT: ChildWorkflowExecutionTimedOut,
    EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED: ChildWorkflowExecutionTerminated,
}
"""The events that a parent's history gets of its children."""
