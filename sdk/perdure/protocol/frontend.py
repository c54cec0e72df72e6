"""Frontend requests: what clients ask of the cluster rather than of one shard, and the envelope they travel in.

Any engine may answer one, from the frontend stream. The stream forgets an entry as it is read, so that a request whose
engine dies is lost: the sender sends it again until it has its reply, and every request here may be answered twice.
Replies are rows of the sender's reply stream like all others (`replies.py`): OK with the body named below, or ERROR.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.activity_lists import CountActivities, ListActivities
from perdure.protocol.codec import CODEC_VERSION, DecodeError, Registry, pack, shown, struct_decoder, unpack
from perdure.protocol.deployment import (
    DeleteVersion,
    DescribeDeployment,
    ListDeployments,
    RegisterVersion,
    SetCurrentVersion,
    SetRampingVersion,
)
from perdure.protocol.operations import (
    AddSearchAttributes,
    DeleteNamespace,
    DescribeBatch,
    DescribeNamespace,
    ListBatches,
    ListNamespaces,
    ListSearchAttributes,
    PutNamespace,
    RemoveSearchAttribute,
    SetRetention,
    StartBatch,
    StopBatch,
)
from perdure.protocol.schedule import (
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    ListSchedules,
    PatchSchedule,
    UpdateSchedule,
)
from perdure.protocol.task_queues import DescribeQueue, ListQueues, PauseQueue, PurgeQueue, SetQueueLimits

PAGE_SIZE_MAX = 1000
"""Rows of one page at the most; an engine lowers what asks for more."""


class FrontendRequestType(IntEnum):
    LIST_WORKFLOWS = 1
    COUNT_WORKFLOWS = 2
    LIST_DEAD_LETTERS = 3
    GET_DEAD_LETTER = 4
    RETRY_DEAD_LETTER = 5
    DESCRIBE_CLUSTER = 6
    LIST_NAMESPACES = 7
    SET_RETENTION = 8
    LIST_SEARCH_ATTRIBUTES = 9
    ADD_SEARCH_ATTRIBUTES = 10
    REMOVE_SEARCH_ATTRIBUTE = 11
    PUT_NAMESPACE = 12
    DESCRIBE_NAMESPACE = 13
    DELETE_NAMESPACE = 14
    START_BATCH = 15
    DESCRIBE_BATCH = 16
    LIST_BATCHES = 17
    GET_CONTENT = 18
    STOP_BATCH = 19
    REGISTER_VERSION = 20
    SET_CURRENT_VERSION = 21
    SET_RAMPING_VERSION = 22
    DESCRIBE_DEPLOYMENT = 23
    LIST_DEPLOYMENTS = 24
    DELETE_VERSION = 25
    DESCRIBE_QUEUE = 26
    LIST_QUEUES = 27
    SET_QUEUE_LIMITS = 28
    PAUSE_QUEUE = 29
    CREATE_SCHEDULE = 30
    DESCRIBE_SCHEDULE = 31
    UPDATE_SCHEDULE = 32
    PATCH_SCHEDULE = 33
    DELETE_SCHEDULE = 34
    LIST_SCHEDULES = 35
    PURGE_QUEUE = 36
    LIST_ACTIVITIES = 37
    COUNT_ACTIVITIES = 38


class ListWorkflows(NamedTuple):
    """Runs that match `query` and the fields before it; newest start first, unless the query says otherwise. Empty text
    and 0 mean any; times bound the start time, both ends inclusive. `page_token` is `b""` at first, then what the page
    before returned.

    Reply: `ExecutionPage`; INVALID_ARGUMENT shows where the query cannot be understood."""

    namespace: str
    status: int = 0
    workflow_type: str = ""
    workflow_id: str = ""
    started_from_us: int = 0
    started_to_us: int = 0
    page_size: int = 100
    page_token: bytes = b""
    query: str = ""


class CountWorkflows(NamedTuple):
    """The fields are those of `ListWorkflows`. Reply: `ExecutionCount`."""

    namespace: str
    status: int = 0
    workflow_type: str = ""
    workflow_id: str = ""
    started_from_us: int = 0
    started_to_us: int = 0
    query: str = ""


class ListDeadLetters(NamedTuple):
    """Newest first, without their data. Reply: `DeadLetterPage`."""

    page_size: int = 100
    page_token: bytes = b""


class GetDeadLetter(NamedTuple):
    """Reply: `DeadLetter`; NOT_FOUND when there is none of this id (any more)."""

    letter_id: str


class RetryDeadLetter(NamedTuple):
    """Send what is in the letter to its shard once more, then delete the letter.

    Reply: `None`; NOT_FOUND when there is none of this id (any more), which is also what a repeated request finds."""

    letter_id: str


class DescribeCluster(NamedTuple):
    """Reply: `ClusterDescription`."""


CONTENT_HASHES_MAX = 256
"""Hashes of one `GetContent`."""


class GetContent(NamedTuple):
    """Pieces of content of a run of this namespace, by their hashes, one after another (see `content.py`); those that
    come first are answered first. Reply: `ContentPage`."""

    namespace: str
    shard_id: int
    run_id: str
    hashes: bytes


FrontendRequest = (
    ListWorkflows
    | CountWorkflows
    | ListDeadLetters
    | GetDeadLetter
    | RetryDeadLetter
    | DescribeCluster
    | ListNamespaces
    | SetRetention
    | GetContent
    | ListSearchAttributes
    | AddSearchAttributes
    | RemoveSearchAttribute
    | PutNamespace
    | DescribeNamespace
    | DeleteNamespace
    | StartBatch
    | DescribeBatch
    | ListBatches
    | StopBatch
    | RegisterVersion
    | SetCurrentVersion
    | SetRampingVersion
    | DescribeDeployment
    | ListDeployments
    | DeleteVersion
    | DescribeQueue
    | ListQueues
    | SetQueueLimits
    | PauseQueue
    | PurgeQueue
    | CreateSchedule
    | DescribeSchedule
    | UpdateSchedule
    | PatchSchedule
    | DeleteSchedule
    | ListSchedules
    | ListActivities
    | CountActivities
)

FRONTEND_REQUESTS = Registry(
    "frontend request",
    {
        FrontendRequestType.LIST_WORKFLOWS: ListWorkflows,
        FrontendRequestType.COUNT_WORKFLOWS: CountWorkflows,
        FrontendRequestType.LIST_DEAD_LETTERS: ListDeadLetters,
        FrontendRequestType.GET_DEAD_LETTER: GetDeadLetter,
        FrontendRequestType.RETRY_DEAD_LETTER: RetryDeadLetter,
        FrontendRequestType.DESCRIBE_CLUSTER: DescribeCluster,
        FrontendRequestType.LIST_NAMESPACES: ListNamespaces,
        FrontendRequestType.SET_RETENTION: SetRetention,
        FrontendRequestType.GET_CONTENT: GetContent,
        FrontendRequestType.LIST_SEARCH_ATTRIBUTES: ListSearchAttributes,
        FrontendRequestType.ADD_SEARCH_ATTRIBUTES: AddSearchAttributes,
        FrontendRequestType.REMOVE_SEARCH_ATTRIBUTE: RemoveSearchAttribute,
        FrontendRequestType.PUT_NAMESPACE: PutNamespace,
        FrontendRequestType.DESCRIBE_NAMESPACE: DescribeNamespace,
        FrontendRequestType.DELETE_NAMESPACE: DeleteNamespace,
        FrontendRequestType.START_BATCH: StartBatch,
        FrontendRequestType.DESCRIBE_BATCH: DescribeBatch,
        FrontendRequestType.LIST_BATCHES: ListBatches,
        FrontendRequestType.STOP_BATCH: StopBatch,
        FrontendRequestType.REGISTER_VERSION: RegisterVersion,
        FrontendRequestType.SET_CURRENT_VERSION: SetCurrentVersion,
        FrontendRequestType.SET_RAMPING_VERSION: SetRampingVersion,
        FrontendRequestType.DESCRIBE_DEPLOYMENT: DescribeDeployment,
        FrontendRequestType.LIST_DEPLOYMENTS: ListDeployments,
        FrontendRequestType.DELETE_VERSION: DeleteVersion,
        FrontendRequestType.DESCRIBE_QUEUE: DescribeQueue,
        FrontendRequestType.LIST_QUEUES: ListQueues,
        FrontendRequestType.SET_QUEUE_LIMITS: SetQueueLimits,
        FrontendRequestType.PAUSE_QUEUE: PauseQueue,
        FrontendRequestType.PURGE_QUEUE: PurgeQueue,
        FrontendRequestType.CREATE_SCHEDULE: CreateSchedule,
        FrontendRequestType.DESCRIBE_SCHEDULE: DescribeSchedule,
        FrontendRequestType.UPDATE_SCHEDULE: UpdateSchedule,
        FrontendRequestType.PATCH_SCHEDULE: PatchSchedule,
        FrontendRequestType.DELETE_SCHEDULE: DeleteSchedule,
        FrontendRequestType.LIST_SCHEDULES: ListSchedules,
        FrontendRequestType.LIST_ACTIVITIES: ListActivities,
        FrontendRequestType.COUNT_ACTIVITIES: CountActivities,
    },
)


class ExecutionSummary(NamedTuple):
    """One row of a list. `status` is `ExecutionStatus`; `close_time_us`, `history_length` and `history_size_bytes` are
    0 while the run is open. `memo` is a packed map, `search_attributes` JSON text."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: int
    start_time_us: int
    execution_time_us: int
    close_time_us: int
    history_length: int
    history_size_bytes: int
    memo: bytes = b""
    search_attributes: str = ""
    parent_workflow_id: str = ""
    parent_run_id: str = ""
    root_workflow_id: str = ""
    root_run_id: str = ""


class ExecutionPage(NamedTuple):
    """`next_page_token` is empty on the last page."""

    rows: tuple[ExecutionSummary, ...]
    next_page_token: bytes = b""


class ExecutionGroup(NamedTuple):
    """How many runs have these values in the fields that the query groups by; None where they have none."""

    values: tuple[Any, ...]
    total: int


class ExecutionCount(NamedTuple):
    """`total` is the sum of the groups that are given, if there are any. `group_types`: of the fields that the query
    groups by, as search attributes number them."""

    total: int
    groups: tuple[ExecutionGroup, ...] = ()
    group_types: tuple[int, ...] = ()


class DeadLetter(NamedTuple):
    """A request or stream entry that could not be carried out. `source` says what it was (an inbox entry, a timer, a
    task), `reason` why it failed; `data` is its bytes, empty in a list."""

    shard_id: int
    letter_id: str
    created_us: int
    source: str
    reason: str
    data: bytes = b""


class DeadLetterPage(NamedTuple):
    """`next_page_token` is empty on the last page."""

    rows: tuple[DeadLetter, ...]
    next_page_token: bytes = b""


class ClusterDescription(NamedTuple):
    """`engines`: the live engine processes by node name. `engine_version` is that of the engine which answered."""

    cluster_id: str
    map_version: int
    shard_count: int
    engine_version: str
    engines: tuple[str, ...] = ()


class ContentPage(NamedTuple):
    """Pairs of hash and packed piece, as many as fit: ask again for the others. None at all: the run has none of
    them."""

    pieces: tuple[tuple[bytes, bytes], ...]

    @staticmethod
    def _decode_pieces(value: Any) -> tuple[tuple[bytes, bytes], ...]:
        if any(type(row) is not tuple or [type(item) for item in row] != [bytes, bytes] for row in value):
            raise DecodeError("a page of content must hold pairs of hash and data")
        return tuple(value)


decode_execution_page = struct_decoder(ExecutionPage)
decode_execution_count = struct_decoder(ExecutionCount)
decode_dead_letter_page = struct_decoder(DeadLetterPage)
decode_dead_letter = struct_decoder(DeadLetter)
decode_cluster_description = struct_decoder(ClusterDescription)
decode_content_page = struct_decoder(ContentPage)


class SentFrontendRequest(NamedTuple):
    """One request of an envelope. `number` is the sender's own count, echoed in the reply."""

    number: int
    request: FrontendRequest


def numbered_frontend_request(number: int, request: FrontendRequest) -> tuple[int, int, FrontendRequest]:
    """One request as `encode_frontend_envelope` takes it."""
    return (number, FRONTEND_REQUESTS.kind_of[type(request)], request)


def encode_frontend_envelope(sender: str, requests: Sequence[tuple[int, int, FrontendRequest]]) -> bytes:
    """The bytes of one entry of the frontend stream, from rows made by `numbered_frontend_request`."""
    return pack((CODEC_VERSION, sender, requests))


def decode_frontend_envelope(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """The sender, and the raw requests, each to be given to `decode_frontend_request`.

    Raises:
        DecodeError: not an envelope, or of another version.
    """
    whole = unpack(data)
    if type(whole) is not tuple or len(whole) < 3:
        raise DecodeError("a frontend envelope must be an array of version, sender and requests")
    version, sender, requests = whole[:3]
    if version != CODEC_VERSION:
        raise DecodeError(f"frontend envelope has codec version {shown(version)}, this engine reads {CODEC_VERSION}")
    if type(sender) is not str or type(requests) is not tuple or "\0" in sender:
        raise DecodeError("a frontend envelope must be an array of version, sender and requests")
    return sender, requests


def decode_frontend_request(row: Any) -> SentFrontendRequest:
    """One request of an envelope.

    Raises:
        DecodeError: malformed; the text says where.
    """
    if type(row) is not tuple or len(row) != 3 or type(row[0]) is not int:
        raise DecodeError("a frontend request must be an array of number, kind and fields")
    return SentFrontendRequest(row[0], FRONTEND_REQUESTS.decode(row[1], row[2]))
