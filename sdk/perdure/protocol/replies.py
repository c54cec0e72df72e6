"""Replies: what comes back on the reply stream of a sender.

One stream entry carries many rows `(number, kind, body)`. `number` is that of the request; 0 marks a push, which
answers no request.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.codec import DecodeError, pack, struct_decoder, unpack
from perdure.protocol.failure import Failure
from perdure.protocol.payload import Payloads


class ReplyKind(IntEnum):
    OK = 0
    ERROR = 1
    REGISTERED = 2
    OUTCOME = 3
    PUSH = 4


class ErrorCode(IntEnum):
    """What a sender does about it is its class: see `perdure.exceptions`."""

    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    ALREADY_STARTED = 3
    WRONG_SHARD = 4
    RESOURCE_EXHAUSTED = 5
    DEAD_LETTERED = 6
    QUERY_REJECTED = 7
    QUERY_FAILED = 8
    DEADLINE_EXCEEDED = 9
    UNAVAILABLE = 10
    CONTENT_MISSING = 11
    FAILED_PRECONDITION = 12


class ErrorReply(NamedTuple):
    """`message` says what was wrong, what is allowed, and what to do. `run_id` is set for ALREADY_STARTED, `failure`
    for QUERY_FAILED, `retry_after_ms` for RESOURCE_EXHAUSTED."""

    code: int
    message: str
    run_id: str = ""
    failure: Failure | None = None
    retry_after_ms: int = 0


class ExecutionStatus(IntEnum):
    """Temporal's numbers."""

    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    CONTINUED_AS_NEW = 6
    TIMED_OUT = 7


class Started(NamedTuple):
    """`created` is False when the run existed: a repeated request, or USE_EXISTING."""

    run_id: str
    created: bool


class Outcome(NamedTuple):
    """How a run closed. `next_run_id` leads on to the run that took over, if any."""

    run_id: str
    status: int
    result: Payloads = b""
    failure: Failure | None = None
    next_run_id: str = ""


class QueryAnswer(NamedTuple):
    result: Payloads


class PendingActivity(NamedTuple):
    """`state` is SCHEDULED, STARTED, CANCEL_REQUESTED, PAUSED or PAUSE_REQUESTED. Times are 0 when unknown."""

    activity_id: str
    activity_type: str
    state: str
    attempt: int
    maximum_attempts: int
    scheduled_time_us: int
    started_time_us: int
    next_attempt_time_us: int
    worker: str
    last_failure: Failure | None = None


class PendingWorkflowTask(NamedTuple):
    scheduled_time_us: int
    attempt: int
    last_failure: Failure | None = None


class PendingChild(NamedTuple):
    """A child workflow that has not closed, as far as its parent knows. `run_id` is empty until it is started."""

    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int
    parent_close_policy: int


class Description(NamedTuple):
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: int
    start_time_us: int
    close_time_us: int
    history_length: int
    history_size_bytes: int
    memo: bytes
    search_attributes: bytes
    pending_activities: tuple[PendingActivity, ...] = ()
    pending_workflow_task: PendingWorkflowTask | None = None
    parent: ParentLink | None = None
    pending_children: tuple[PendingChild, ...] = ()
    summary: str = ""
    static_details: str = ""


class HistoryPage(NamedTuple):
    """`records` are blobs of `encode_records`, in order; `next_page_token` is empty on the last page. `run_id` says to
    a client whose history it is; `updates` are those of the workflow task that was asked for."""

    records: tuple[bytes, ...]
    next_page_token: bytes
    run_id: str = ""
    updates: bytes = b""


class TaskDropped(NamedTuple):
    """To the completion of a workflow task that came to nothing: all its updates were rejected, so that it never was.
    The worker's instance stands at `continues_from` as before."""

    continues_from: int


class ActivityDirective(NamedTuple):
    """What the engine wants of a running activity. `current` False: the attempt is over, or runs elsewhere; stop it.
    `paused`, `reset`: an operator wants it to end and to begin again (later), if it can be asked to."""

    current: bool
    cancel_requested: bool
    paused: bool = False
    reset: bool = False


class CancelActivity(NamedTuple):
    """A push to a worker: cancellation was requested of an attempt that it runs (or, `current` False, its run is
    closed; or, `paused` or `reset`, an operator did that)."""

    run_id: str
    scheduled_event_id: int
    attempt: int
    current: bool = True
    paused: bool = False
    reset: bool = False


decode_error = struct_decoder(ErrorReply)
decode_started = struct_decoder(Started)
decode_outcome = struct_decoder(Outcome)
decode_query_answer = struct_decoder(QueryAnswer)
decode_description = struct_decoder(Description)
decode_history_page = struct_decoder(HistoryPage)
decode_task_dropped = struct_decoder(TaskDropped)
decode_activity_directive = struct_decoder(ActivityDirective)
decode_cancel_activity = struct_decoder(CancelActivity)


def encode_replies(rows: Sequence[tuple[int, int, Any]]) -> bytes:
    """The bytes of one reply entry, from rows `(number, kind, body)`; a body is a message above or plain data."""
    return pack(rows)


def decode_replies(data: bytes) -> tuple[tuple[int, int, Any], ...]:
    """The rows of one reply entry; the receiver knows by the number what decodes the body.

    Raises:
        DecodeError: malformed.
    """
    rows = unpack(data)
    if type(rows) is not tuple:
        raise DecodeError("replies must be an array")
    for row in rows:
        if type(row) is not tuple or len(row) != 3 or type(row[0]) is not int or type(row[1]) is not int:
            raise DecodeError("a reply must be an array of number, kind and body")
    return rows
