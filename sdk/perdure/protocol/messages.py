"""Messages between runs, which may live on different shards: requests that one engine sends to another's inbox.

A message stands in the sender's outstanding rows until the receiver has committed what it asks for and says so, by an
answer to the sender's inbox. It may arrive twice, or late: every receiver is idempotent by the ids of the message.

Where a value refers to content, `content_hashes` (one after another) and `content_sizes` say what the receiver is to
have of the sender's run. The pieces do not travel: both runs are in one database.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.child_workflow import ParentLink, StartChildWorkflowExecutionInitiated
from perdure.protocol.deployment import VersionStamp
from perdure.protocol.failure import Failure
from perdure.protocol.payload import HeaderMap, Payloads


class Origin(NamedTuple):
    """The outstanding row of a message, where its answer goes: shard, run and event of the sender."""

    shard_id: int
    run_id: str
    event_id: int

    @property
    def request_id(self) -> str:
        """By which a receiver knows a message that comes again."""
        return f"{self.run_id}:{self.event_id}"


class StartChildWorkflow(NamedTuple):
    """A parent starts a child: `initiated` names its namespace and task queue; `inherited_version` is the version that
    the parent is pinned to. Answer: `RecordChildStarted`."""

    origin: Origin
    initiated: StartChildWorkflowExecutionInitiated
    parent: ParentLink
    inherited_version: VersionStamp | None = None
    content_hashes: bytes = b""
    content_sizes: tuple[int, ...] = ()

    @property
    def namespace(self) -> str:
        return self.initiated.namespace

    @property
    def workflow_id(self) -> str:
        return self.initiated.workflow_id


class RecordChildStarted(NamedTuple):
    """The answer to a parent's start of a child: the run that it has, or the cause why there is none. What the parent
    needs to close the child, should it be closed itself by now, comes along."""

    run_id: str
    initiated_event_id: int
    child_run_id: str
    cause: str
    child_namespace: str
    child_workflow_id: str
    parent_close_policy: int


class RecordChildClosed(NamedTuple):
    """A child tells its parent how it ended, with its last run. Answer: `AcknowledgeMessage`."""

    origin: Origin
    parent: ParentLink
    child_namespace: str
    child_workflow_id: str
    child_run_id: str
    child_workflow_type: str
    first_child_run_id: str
    status: int
    result: Payloads = b""
    failure: Failure | None = None
    retry_state: int = 0
    content_hashes: bytes = b""
    content_sizes: tuple[int, ...] = ()

    @property
    def namespace(self) -> str:
        return self.parent.namespace

    @property
    def workflow_id(self) -> str:
        return self.parent.workflow_id

    @property
    def run_id(self) -> str:
        return self.parent.run_id


class SignalExternalWorkflow(NamedTuple):
    """A workflow signals another one. `first_run_id`: only the chain that began with this run is meant, in whichever
    run it is by now. Answer: `RecordExternalAnswer`."""

    origin: Origin
    namespace: str
    workflow_id: str
    run_id: str
    signal_name: str
    input: Payloads
    identity: str
    headers: HeaderMap = b""
    first_run_id: str = ""
    content_hashes: bytes = b""
    content_sizes: tuple[int, ...] = ()


class CancelExternalWorkflow(NamedTuple):
    """A workflow asks another one to stop. Answer: `RecordExternalAnswer`."""

    origin: Origin
    namespace: str
    workflow_id: str
    run_id: str
    reason: str
    identity: str
    first_run_id: str = ""


class RecordExternalAnswer(NamedTuple):
    """The answer to a signal or a request to cancel; `cause` says why it did not arrive, or is empty."""

    run_id: str
    initiated_event_id: int
    cause: str = ""


class CloseChildWorkflow(NamedTuple):
    """The parent has closed: the child, in whichever run it is by now, is terminated or asked to stop. Answer:
    `AcknowledgeMessage`."""

    origin: Origin
    namespace: str
    workflow_id: str
    first_run_id: str
    parent_close_policy: int

    @property
    def run_id(self) -> str:
        return ""


class AcknowledgeMessage(NamedTuple):
    """The answer to a message whose sender waits for nothing but that it may forget it."""

    run_id: str
    event_id: int
