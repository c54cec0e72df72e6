"""Tasks: what a stream entry hands to a worker."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.codec import CODEC_VERSION, DecodeError, Registry, pack, shown, unpack
from perdure.protocol.fairness import Fairness
from perdure.protocol.ids import is_run_id
from perdure.protocol.payload import HeaderMap, Payloads
from perdure.protocol.retry import RetryPolicyData

INLINE_SIZE_MAX = 32 * 1024
"""Bytes of events or input that ride in a stream entry; what is larger is fetched by the worker."""


PRIORITY_DEFAULT = 3
"""The priority of an activity that was given none (Temporal's number)."""


class TaskKind(IntEnum):
    WORKFLOW = 1
    ACTIVITY = 2
    QUERY = 3


class WorkflowTask(NamedTuple):
    """`events` are records (`decode_records`) after the completed event `continues_from` up to the scheduled event;
    `b""` means: ask with `GetWorkflowTask`; an entry that was published again leaves workflow id and type to that, too.
    A worker whose cached instance stands elsewhere asks for all of them. `started_time_us` is the time the workflow
    sees, and goes back with the completion. `updates` (`decode_deliveries`) are those that the workflow is to take in;
    an entry without events has none: they come with the history. `attempt` is negative for a task that is no row of
    the store (it exists for its updates alone). `task_timeout_ms`: how long a worker may keep the task unanswered."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    shard_id: int
    scheduled_event_id: int
    attempt: int
    started_time_us: int
    continues_from: int
    events: bytes
    history_size_bytes: int = 0
    task_timeout_ms: int = 10_000
    updates: bytes = b""


class ActivityTask(NamedTuple):
    """`inline` False: the input was too large for the stream; ask with `GetActivityTask`. `report_start` True: wait for
    the reply to `RecordActivityTaskStarted` before running, because this attempt is the only one allowed.
    `retry_policy` None: the default one. `attempt_base`: so many attempts before this one no longer count.

    An activity without a workflow has neither workflow id nor type; `run_id` is that of its activity id
    (`ids.activity_execution_id`), and `scheduled_event_id` the number of the execution. An entry of its first attempt
    holds all that is known of it: `schedule_to_start_timeout_ms`, `request_id` and `keep_result_ms` are for the engine.
    After `soft_timeout_ms` the attempt is asked to end."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    shard_id: int
    scheduled_event_id: int
    attempt: int
    activity_id: str
    activity_type: str
    input: Payloads
    inline: bool
    headers: HeaderMap
    heartbeat_details: Payloads
    scheduled_time_us: int
    current_attempt_scheduled_time_us: int
    schedule_to_close_timeout_ms: int
    start_to_close_timeout_ms: int
    heartbeat_timeout_ms: int
    report_start: bool
    task_queue: str = ""
    priority: int = PRIORITY_DEFAULT
    retry_policy: RetryPolicyData | None = None
    attempt_base: int = 0
    schedule_to_start_timeout_ms: int = 0
    request_id: str = ""
    fairness: Fairness | None = None
    soft_timeout_ms: int = 0
    keep_result_ms: int = 0


class QueryTask(NamedTuple):
    """A question for the instance as it stands after the completed event `continues_from`. The worker answers the
    asker's reply stream itself, under `request_number`, and acks and deletes the entry."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    shard_id: int
    continues_from: int
    query_type: str
    args: Payloads
    deadline_us: int
    reply_to: str
    request_number: int
    headers: HeaderMap = b""


Task = WorkflowTask | ActivityTask | QueryTask

TASKS = Registry(
    "task",
    {TaskKind.WORKFLOW: WorkflowTask, TaskKind.ACTIVITY: ActivityTask, TaskKind.QUERY: QueryTask},
)


def encode_task(task: Task) -> bytes:
    """The bytes of one stream entry."""
    return pack((CODEC_VERSION, TASKS.kind_of[type(task)], task))


def decode_task(data: bytes) -> Task:
    """The inverse of `encode_task`.

    Raises:
        DecodeError: malformed, or of another version.
    """
    whole: Any = unpack(data)
    if type(whole) is not tuple or len(whole) != 3:
        raise DecodeError("a task must be an array of version, kind and fields")
    if whole[0] != CODEC_VERSION:
        raise DecodeError(f"task has codec version {shown(whole[0])}, this version reads {CODEC_VERSION}")
    task: Task = TASKS.decode(whole[1], whole[2])
    return task


def readable_task(data: bytes, shard_count: int) -> Task:
    """The task of a stream entry, if there can be such a task: what is sent about one of another shard, or of a run id
    that is none, would never be read.

    Raises:
        DecodeError: malformed, of another version, or impossible.
    """
    task = decode_task(data)
    if not 0 <= task.shard_id < shard_count:
        raise DecodeError(f"{type(task).__name__}.shard_id is {task.shard_id}; there are {shard_count} shards")
    if not is_run_id(task.run_id):
        raise DecodeError(f"{type(task).__name__}.run_id is {shown(task.run_id)}, which is no UUID")
    return task


def task_member(run_id: str, event_id: int, attempt: int) -> str:
    """The name of one attempt among the published ids of a stream: what publishing claims and finishing gives up."""
    return f"{run_id}:{event_id}:{attempt}"


def parse_member(member: str) -> tuple[str, int, int]:
    """The inverse of `task_member`: run id, event id, attempt.

    Raises:
        DecodeError: no such name.
    """
    run_id, _, rest = member.partition(":")
    event_id, _, attempt = rest.partition(":")
    if not run_id or not event_id.isdecimal() or not attempt.isdecimal():
        raise DecodeError(f"{shown(member)} names no attempt of a task")
    return run_id, int(event_id), int(attempt)
