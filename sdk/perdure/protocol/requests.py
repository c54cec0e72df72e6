"""Requests: what clients, workers and engines send to the inbox of a shard, and the envelope they travel in.

Every request is idempotent by itself, since a sender sends again until it has its reply. `run_id` empty means the open
run of the workflow id, or the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.activity_executions import (
    AwaitActivity as AwaitActivity,
    DescribeActivity as DescribeActivity,
    RequestCancelActivity as RequestCancelActivity,
    StartActivity as StartActivity,
    TerminateActivity as TerminateActivity,
)
from perdure.protocol.codec import CODEC_VERSION, DecodeError, Registry, pack, shown, unpack
from perdure.protocol.content import ContentBlock, decode_block
from perdure.protocol.messages import (
    AcknowledgeMessage,
    CancelExternalWorkflow,
    CloseChildWorkflow,
    RecordChildClosed,
    RecordChildStarted,
    RecordExternalAnswer,
    SignalExternalWorkflow,
    StartChildWorkflow,
)
from perdure.protocol.payload import HeaderMap, Payloads
from perdure.protocol.start_requests import (
    IdConflictPolicy as IdConflictPolicy,
    IdReusePolicy as IdReusePolicy,
    SignalWorkflow as SignalWorkflow,
    StartWorkflow as StartWorkflow,
    StartWorkflowWith as StartWorkflowWith,
)
from perdure.protocol.task_requests import (
    ActivityChange as ActivityChange,
    ActivityReport as ActivityReport,
    ChangeActivity as ChangeActivity,
    GetActivityTask as GetActivityTask,
    GetWorkflowTask as GetWorkflowTask,
    RecordActivityTaskHeartbeat as RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted as RecordActivityTaskStarted,
    ReportActivity as ReportActivity,
    RespondActivityTaskCanceled as RespondActivityTaskCanceled,
    RespondActivityTaskCompleted as RespondActivityTaskCompleted,
    RespondActivityTaskDetached as RespondActivityTaskDetached,
    RespondActivityTaskFailed as RespondActivityTaskFailed,
    RespondWorkflowTaskCompleted as RespondWorkflowTaskCompleted,
    RespondWorkflowTaskFailed as RespondWorkflowTaskFailed,
    StoreContent as StoreContent,
)
from perdure.protocol.updates import AwaitUpdate, UpdateWorkflow


class RequestType(IntEnum):
    START_WORKFLOW = 1
    SIGNAL_WORKFLOW = 2
    REQUEST_CANCEL_WORKFLOW = 3
    TERMINATE_WORKFLOW = 4
    AWAIT_RESULT = 5
    QUERY_WORKFLOW = 6
    DESCRIBE_WORKFLOW = 7
    GET_HISTORY = 8
    RESET_WORKFLOW = 12
    DELETE_WORKFLOW = 13
    REPORT_ACTIVITY = 15
    CHANGE_ACTIVITY = 16
    UPDATE_WORKFLOW = 9
    AWAIT_UPDATE = 10
    START_WORKFLOW_WITH = 11
    RESPOND_WORKFLOW_TASK_COMPLETED = 20
    RESPOND_WORKFLOW_TASK_FAILED = 21
    RECORD_ACTIVITY_TASK_STARTED = 22
    RESPOND_ACTIVITY_TASK_COMPLETED = 23
    RESPOND_ACTIVITY_TASK_FAILED = 24
    RESPOND_ACTIVITY_TASK_CANCELED = 25
    RECORD_ACTIVITY_TASK_HEARTBEAT = 26
    GET_WORKFLOW_TASK = 27
    GET_ACTIVITY_TASK = 28
    RESPOND_ACTIVITY_TASK_DETACHED = 29
    STORE_CONTENT = 36
    START_ACTIVITY = 45
    AWAIT_ACTIVITY = 46
    DESCRIBE_ACTIVITY = 47
    REQUEST_CANCEL_ACTIVITY = 48
    TERMINATE_ACTIVITY = 49
    REPORT_TASK_LOST = 40
    REPORT_UNREADABLE = 41
    # Between engines.
    START_CHILD_WORKFLOW = 60
    RECORD_CHILD_STARTED = 61
    RECORD_CHILD_CLOSED = 62
    ACKNOWLEDGE_MESSAGE = 63
    SIGNAL_EXTERNAL_WORKFLOW = 64
    CANCEL_EXTERNAL_WORKFLOW = 65
    RECORD_EXTERNAL_ANSWER = 66
    CLOSE_CHILD_WORKFLOW = 67


class ResetPoint(IntEnum):
    """Which completed workflow task a reset goes back to."""

    EVENT = 0
    FIRST_WORKFLOW_TASK = 1
    LAST_WORKFLOW_TASK = 2


class ResetReapplyExclude(IntEnum):
    """What a reset does not apply again though it came after the point that it goes back to (Temporal's numbers)."""

    SIGNAL = 1
    UPDATE = 2


class QueryRejectCondition(IntEnum):
    NONE = 1
    NOT_OPEN = 2
    NOT_COMPLETED_CLEANLY = 3


class RequestCancelWorkflow(NamedTuple):
    """Reply: `None`. `first_execution_run_id`: only if the open run is of the chain that began with this one."""

    namespace: str
    workflow_id: str
    run_id: str
    reason: str
    request_id: str
    identity: str
    first_execution_run_id: str = ""


class TerminateWorkflow(NamedTuple):
    """Reply: `None`. `first_execution_run_id` as in `RequestCancelWorkflow`."""

    namespace: str
    workflow_id: str
    run_id: str
    reason: str
    details: Payloads
    request_id: str
    identity: str
    first_execution_run_id: str = ""


class ResetWorkflow(NamedTuple):
    """Begin a new run that has the history of this one up to a completed workflow task, which is done anew; the open
    run of the workflow id is terminated for it. `run_id` must name a run. `event_id`: of the event that closes the
    workflow task, with `ResetPoint.EVENT`. What was sent to the run after that point, or to the runs that followed it,
    is applied again, but for kinds in `exclude`. Reply: `Started`."""

    namespace: str
    workflow_id: str
    run_id: str
    reason: str
    point: int
    event_id: int
    exclude: tuple[int, ...]
    request_id: str
    identity: str


class DeleteWorkflow(NamedTuple):
    """Forget a run with all that belongs to it; an open one is terminated first. `run_id` must name a run. Reply:
    `None`, when it is gone."""

    namespace: str
    workflow_id: str
    run_id: str
    identity: str


class AwaitResult(NamedTuple):
    """Replies: REGISTERED while the run is open, and OUTCOME with an `Outcome` when it closes. Ask again each minute:
    a registration lives in the memory of the shard's owner."""

    namespace: str
    workflow_id: str
    run_id: str


class QueryWorkflow(NamedTuple):
    """Reply: `QueryAnswer`, from the worker itself or the engine. Nothing is stored: ask again until the deadline."""

    namespace: str
    workflow_id: str
    run_id: str
    query_type: str
    args: Payloads
    deadline_us: int
    reject_condition: int = QueryRejectCondition.NONE
    headers: HeaderMap = b""


class DescribeWorkflow(NamedTuple):
    """Reply: `Description`."""

    namespace: str
    workflow_id: str
    run_id: str


class GetHistory(NamedTuple):
    """Reply: `HistoryPage`. `page_token` is `b""` at first, then what the page before returned."""

    namespace: str
    workflow_id: str
    run_id: str
    page_token: bytes = b""
    page_size_bytes: int = 1_000_000


class ReportTaskLost(NamedTuple):
    """From matching: the worker that held this attempt has been silent for longer than its lease."""

    run_id: str
    task_kind: int
    scheduled_event_id: int
    attempt: int
    worker: str
    stream: bytes
    entry_id: bytes


class ReportUnreadable(NamedTuple):
    """From whoever found bytes that are no message where one should be: keep them among the dead letters, with the
    reason. `source` says where they were; `stream` and `entry_id` name the task entry that is finished with it, if it
    was one. Any shard takes it. Reply: `None`."""

    source: str
    reason: str
    data: bytes
    stream: bytes = b""
    entry_id: bytes = b""


Request = (
    StartWorkflow
    | SignalWorkflow
    | RequestCancelWorkflow
    | TerminateWorkflow
    | ResetWorkflow
    | DeleteWorkflow
    | AwaitResult
    | QueryWorkflow
    | DescribeWorkflow
    | GetHistory
    | ReportActivity
    | ChangeActivity
    | UpdateWorkflow
    | AwaitUpdate
    | StartWorkflowWith
    | RespondWorkflowTaskCompleted
    | RespondWorkflowTaskFailed
    | RecordActivityTaskStarted
    | RespondActivityTaskCompleted
    | RespondActivityTaskFailed
    | RespondActivityTaskCanceled
    | RespondActivityTaskDetached
    | RecordActivityTaskHeartbeat
    | GetWorkflowTask
    | GetActivityTask
    | StoreContent
    | ReportTaskLost
    | ReportUnreadable
    | StartChildWorkflow
    | RecordChildStarted
    | RecordChildClosed
    | AcknowledgeMessage
    | SignalExternalWorkflow
    | CancelExternalWorkflow
    | RecordExternalAnswer
    | CloseChildWorkflow
    | StartActivity
    | AwaitActivity
    | DescribeActivity
    | RequestCancelActivity
    | TerminateActivity
)

REQUESTS = Registry(
    "request",
    {
        RequestType.START_WORKFLOW: StartWorkflow,
        RequestType.SIGNAL_WORKFLOW: SignalWorkflow,
        RequestType.REQUEST_CANCEL_WORKFLOW: RequestCancelWorkflow,
        RequestType.TERMINATE_WORKFLOW: TerminateWorkflow,
        RequestType.RESET_WORKFLOW: ResetWorkflow,
        RequestType.DELETE_WORKFLOW: DeleteWorkflow,
        RequestType.AWAIT_RESULT: AwaitResult,
        RequestType.QUERY_WORKFLOW: QueryWorkflow,
        RequestType.DESCRIBE_WORKFLOW: DescribeWorkflow,
        RequestType.GET_HISTORY: GetHistory,
        RequestType.REPORT_ACTIVITY: ReportActivity,
        RequestType.CHANGE_ACTIVITY: ChangeActivity,
        RequestType.UPDATE_WORKFLOW: UpdateWorkflow,
        RequestType.AWAIT_UPDATE: AwaitUpdate,
        RequestType.START_WORKFLOW_WITH: StartWorkflowWith,
        RequestType.RESPOND_WORKFLOW_TASK_COMPLETED: RespondWorkflowTaskCompleted,
        RequestType.RESPOND_WORKFLOW_TASK_FAILED: RespondWorkflowTaskFailed,
        RequestType.RECORD_ACTIVITY_TASK_STARTED: RecordActivityTaskStarted,
        RequestType.RESPOND_ACTIVITY_TASK_COMPLETED: RespondActivityTaskCompleted,
        RequestType.RESPOND_ACTIVITY_TASK_FAILED: RespondActivityTaskFailed,
        RequestType.RESPOND_ACTIVITY_TASK_CANCELED: RespondActivityTaskCanceled,
        RequestType.RECORD_ACTIVITY_TASK_HEARTBEAT: RecordActivityTaskHeartbeat,
        RequestType.GET_WORKFLOW_TASK: GetWorkflowTask,
        RequestType.GET_ACTIVITY_TASK: GetActivityTask,
        RequestType.STORE_CONTENT: StoreContent,
        RequestType.RESPOND_ACTIVITY_TASK_DETACHED: RespondActivityTaskDetached,
        RequestType.REPORT_TASK_LOST: ReportTaskLost,
        RequestType.REPORT_UNREADABLE: ReportUnreadable,
        RequestType.START_CHILD_WORKFLOW: StartChildWorkflow,
        RequestType.RECORD_CHILD_STARTED: RecordChildStarted,
        RequestType.RECORD_CHILD_CLOSED: RecordChildClosed,
        RequestType.ACKNOWLEDGE_MESSAGE: AcknowledgeMessage,
        RequestType.SIGNAL_EXTERNAL_WORKFLOW: SignalExternalWorkflow,
        RequestType.CANCEL_EXTERNAL_WORKFLOW: CancelExternalWorkflow,
        RequestType.RECORD_EXTERNAL_ANSWER: RecordExternalAnswer,
        RequestType.CLOSE_CHILD_WORKFLOW: CloseChildWorkflow,
        RequestType.START_ACTIVITY: StartActivity,
        RequestType.AWAIT_ACTIVITY: AwaitActivity,
        RequestType.DESCRIBE_ACTIVITY: DescribeActivity,
        RequestType.REQUEST_CANCEL_ACTIVITY: RequestCancelActivity,
        RequestType.TERMINATE_ACTIVITY: TerminateActivity,
    },
)


class SentRequest(NamedTuple):
    """One request of an envelope. `number` is the sender's own count, echoed in the reply. `content` is what travels
    beside it, if its values refer to content."""

    number: int
    request: Any
    content: ContentBlock | None = None


class Envelope(NamedTuple):
    """What one inbox entry carries: requests of one sender, in its order. `sender` names the reply stream;
    `map_version` is the shard map that the sender routed by."""

    map_version: int
    sender: str
    requests: list[SentRequest]


def numbered_request(number: int, request: Any, content: ContentBlock | None = None) -> tuple[Any, ...]:
    """One request as `encode_envelope` takes it: number, kind, fields, and the content beside it, if there is some."""
    kind = REQUESTS.kind_of[type(request)]
    return (number, kind, request) if content is None else (number, kind, request, content)


def encode_envelope(map_version: int, sender: str, requests: Sequence[tuple[Any, ...]]) -> bytes:
    """The bytes of one inbox entry, from rows made by `numbered_request`.

    A `RespondWorkflowTaskCompleted` must hold its commands as numbered pairs (`COMMANDS.numbered`).
    """
    return pack((CODEC_VERSION, map_version, sender, requests))


def decode_envelope(data: bytes) -> tuple[int, str, tuple[Any, ...]]:
    """Map version, sender, and the raw requests, each to be given to `decode_request`: one malformed request must not
    take its neighbours along.

    Raises:
        DecodeError: not an envelope, or of another version.
    """
    whole = unpack(data)
    if type(whole) is not tuple or len(whole) < 4:
        raise DecodeError("an envelope must be an array of version, map version, sender and requests")
    version, map_version, sender, requests = whole[:4]
    if version != CODEC_VERSION:
        raise DecodeError(f"envelope has codec version {shown(version)}, this engine reads {CODEC_VERSION}")
    if type(map_version) is not int or type(sender) is not str or type(requests) is not tuple or "\0" in sender:
        raise DecodeError("an envelope must be an array of version, map version, sender and requests")
    return map_version, sender, requests


def decode_request(row: Any) -> SentRequest:
    """One request of an envelope.

    Raises:
        DecodeError: malformed; the text says where.
    """
    if type(row) is not tuple or not 3 <= len(row) <= 4 or type(row[0]) is not int:
        raise DecodeError("a request must be an array of number, kind, fields, and perhaps content")
    content = decode_block(row[3]) if len(row) == 4 else None
    return SentRequest(row[0], REQUESTS.decode(row[1], row[2]), content)
