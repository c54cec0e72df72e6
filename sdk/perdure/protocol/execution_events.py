"""Events of the run itself: how it began, what was sent to it, and how it ended."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.deployment import VersionStamp
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import HeaderMap, PayloadMap, Payloads
from perdure.protocol.retry import RetryPolicyData


class ContinueAsNewInitiator(IntEnum):
    """Why a run follows another."""

    WORKFLOW = 1
    RETRY = 2
    CRON_SCHEDULE = 3


class WorkflowExecutionStarted(NamedTuple):
    """`start_delay_ms` is the wait before the first workflow task, for whatever reason. Of a run that follows another,
    `continued_execution_run_id` names that, `initiator` says why, and `continued_failure` how it failed, if it did;
    `last_completion_result` is the result of the last run of the chain that completed. `execution_expiration_time_us`:
    when the execution timeout ends the chain, 0 for never. `original_execution_run_id`: for which run this event was
    written, where a reset copied it; empty for this one. `priority` and `fairness`: of its activities and children that
    have none of their own.
    `versioning_override` stands above what workers say of the run; `inherited_version`: of the parent, or of the run
    before, where that was pinned."""

    workflow_type: str
    task_queue: str
    input: Payloads = b""
    workflow_id: str = ""
    identity: str = ""
    request_id: str = ""
    execution_timeout_ms: int = 0
    run_timeout_ms: int = 0
    task_timeout_ms: int = 10_000
    retry_policy: RetryPolicyData | None = None
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    first_execution_run_id: str = ""
    attempt: int = 1
    headers: HeaderMap = b""
    start_delay_ms: int = 0
    continued_execution_run_id: str = ""
    initiator: int = 0
    continued_failure: Failure | None = None
    last_completion_result: Payloads = b""
    cron_schedule: str = ""
    execution_expiration_time_us: int = 0
    original_execution_run_id: str = ""
    parent: ParentLink | None = None
    summary: str = ""
    static_details: str = ""
    priority: int = 3
    versioning_override: VersionStamp | None = None
    inherited_version: VersionStamp | None = None
    fairness: Fairness | None = None


class WorkflowExecutionCompleted(NamedTuple):
    """`new_execution_run_id`, here and in the next two: the run that follows, if any."""

    result: Payloads
    workflow_task_completed_event_id: int
    new_execution_run_id: str = ""


class WorkflowExecutionFailed(NamedTuple):
    failure: Failure
    retry_state: int
    workflow_task_completed_event_id: int
    new_execution_run_id: str = ""


class WorkflowExecutionTimedOut(NamedTuple):
    retry_state: int
    new_execution_run_id: str = ""


class WorkflowExecutionContinuedAsNew(NamedTuple):
    """The workflow asked to go on in another run, with what stands here."""

    new_execution_run_id: str
    workflow_type: str
    task_queue: str
    input: Payloads
    run_timeout_ms: int
    task_timeout_ms: int
    workflow_task_completed_event_id: int
    backoff_start_interval_ms: int = 0
    retry_policy: RetryPolicyData | None = None
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    headers: HeaderMap = b""
    initiator: int = int(ContinueAsNewInitiator.WORKFLOW)


class WorkflowExecutionCancelRequested(NamedTuple):
    cause: str
    identity: str
    request_id: str


class WorkflowExecutionCanceled(NamedTuple):
    details: Payloads
    workflow_task_completed_event_id: int


class WorkflowExecutionSignaled(NamedTuple):
    signal_name: str
    input: Payloads
    identity: str
    request_id: str
    headers: HeaderMap = b""


class WorkflowExecutionTerminated(NamedTuple):
    """`new_execution_run_id`: the run that took over, where a reset ended this one."""

    reason: str
    details: Payloads
    identity: str
    new_execution_run_id: str = ""
