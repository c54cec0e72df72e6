"""Requests that begin a run, or bring something to one: a start, a signal, and both at once."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from perdure.protocol.deployment import VersionStamp
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import HeaderMap, PayloadMap, Payloads
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.updates import UpdateWorkflow


class IdReusePolicy(IntEnum):
    """What a start does when the last run of its workflow id is closed."""

    ALLOW_DUPLICATE = 1
    ALLOW_DUPLICATE_FAILED_ONLY = 2
    REJECT_DUPLICATE = 3


class IdConflictPolicy(IntEnum):
    """What a start does when a run of its workflow id is open."""

    FAIL = 1
    USE_EXISTING = 2
    TERMINATE_EXISTING = 3


class StartWorkflow(NamedTuple):
    """Reply: `Started`; and with `wait_result`, an `Outcome` under the same request number when the run closes.
    `inherited_version`: of a child whose parent is pinned. `last_completion_result` and `continued_failure`: what the
    run is told of the one before, which a schedule started."""

    namespace: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    input: Payloads
    request_id: str
    identity: str
    wait_result: bool = False
    id_reuse_policy: int = IdReusePolicy.ALLOW_DUPLICATE
    id_conflict_policy: int = IdConflictPolicy.FAIL
    execution_timeout_ms: int = 0
    run_timeout_ms: int = 0
    task_timeout_ms: int = 10_000
    retry_policy: RetryPolicyData | None = None
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    headers: HeaderMap = b""
    start_delay_ms: int = 0
    cron_schedule: str = ""
    summary: str = ""
    static_details: str = ""
    priority: int = 3
    versioning_override: VersionStamp | None = None
    inherited_version: VersionStamp | None = None
    fairness: Fairness | None = None
    last_completion_result: Payloads = b""
    continued_failure: Failure | None = None


class SignalWorkflow(NamedTuple):
    """Reply: `None`, once the signal is durable."""

    namespace: str
    workflow_id: str
    run_id: str
    signal_name: str
    input: Payloads
    request_id: str
    identity: str
    headers: HeaderMap = b""


class StartWorkflowWith(NamedTuple):
    """A start, and what the new run, or the one that is open already, gets in the same commit: a signal (reply:
    `Started`) or an update (replies: as to `UpdateWorkflow`, with the run id). The parts name the same workflow as this
    does, and no run."""

    namespace: str
    workflow_id: str
    start: StartWorkflow
    signal: SignalWorkflow | None = None
    update: UpdateWorkflow | None = None
