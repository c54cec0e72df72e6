"""Everything that crosses a process or reaches a disk: how it is written, how it is read, and what it means.

Role: the catalogue behind the golden files. `written()` is what this version writes; `Kind.read` is how this version
reads what any version wrote; `meaning` is a message as plain JSON, to compare what was read with what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from perdure.protocol import (
    activity_executions,
    activity_lists,
    deployment,
    operations,
    replies,
    schedule,
    task_queues,
    updates,
)
from perdure.protocol.codec import Registry, pack, unpack
from perdure.protocol.commands import COMMANDS
from perdure.protocol.content import ContentBlock, Reference, decode_block, decode_reference, encode_reference
from perdure.protocol.events import EVENTS, HistoryEvent, decode_records, encode_records
from perdure.protocol.frontend import (
    FRONTEND_REQUESTS,
    ClusterDescription,
    ContentPage,
    DeadLetter,
    DeadLetterPage,
    ExecutionCount,
    ExecutionPage,
    decode_cluster_description,
    decode_content_page,
    decode_dead_letter,
    decode_dead_letter_page,
    decode_execution_count,
    decode_execution_page,
    decode_frontend_envelope,
    decode_frontend_request,
    encode_frontend_envelope,
    numbered_frontend_request,
)
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads
from perdure.protocol.replies import decode_replies, encode_replies
from perdure.protocol.requests import (
    REQUESTS,
    RespondWorkflowTaskCompleted,
    decode_envelope,
    decode_request,
    encode_envelope,
    numbered_request,
)
from perdure.protocol.tasks import TASKS, decode_task, encode_task
from perdure_engine.core.schedule.progress import Definition, Progress, definition_of, progress_of
from tests.golden.samples import sample

FOLDER = Path(__file__).parent / "wire"

TIME_US = 1_800_000_000_000_000

BODIES: dict[type[Any], Callable[[Any], Any]] = {
    activity_executions.ActivityDescription: activity_executions.decode_activity_description,
    replies.ActivityDirective: replies.decode_activity_directive,
    replies.CancelActivity: replies.decode_cancel_activity,
    replies.Description: replies.decode_description,
    replies.ErrorReply: replies.decode_error,
    replies.HistoryPage: replies.decode_history_page,
    replies.Outcome: replies.decode_outcome,
    replies.QueryAnswer: replies.decode_query_answer,
    replies.Started: replies.decode_started,
    replies.TaskDropped: replies.decode_task_dropped,
    updates.UpdateReply: updates.decode_update_reply,
    ClusterDescription: decode_cluster_description,
    ContentPage: decode_content_page,
    DeadLetter: decode_dead_letter,
    DeadLetterPage: decode_dead_letter_page,
    ExecutionCount: decode_execution_count,
    ExecutionPage: decode_execution_page,
    activity_lists.ActivityPage: activity_lists.decode_activity_page,
    activity_lists.ActivityCount: activity_lists.decode_activity_count,
    operations.NamespaceList: operations.decode_namespace_list,
    operations.NamespaceInfo: operations.decode_namespace_info,
    operations.SearchAttributeTypes: operations.decode_search_attribute_types,
    operations.BatchInfo: operations.decode_batch_info,
    operations.BatchList: operations.decode_batch_list,
    deployment.DeploymentInfo: deployment.decode_deployment,
    deployment.DeploymentList: deployment.decode_deployment_list,
    task_queues.QueueSettings: task_queues.decode_queue_settings,
    task_queues.QueueInfo: task_queues.decode_queue_info,
    task_queues.QueueList: task_queues.decode_queue_list,
    task_queues.Purged: task_queues.decode_purged,
    schedule.ScheduleDescription: schedule.decode_schedule_description,
    schedule.SchedulePage: schedule.decode_schedule_page,
}
"""What a reply may carry, and what decodes it."""


class Kind(NamedTuple):
    """One way to put messages into bytes. `write` gives them by class, `read` the message back."""

    family: tuple[type[Any], ...]
    write: Callable[[Any], bytes]
    read: Callable[[str, bytes], Any]


def _write_request(request: Any) -> bytes:
    if isinstance(request, RespondWorkflowTaskCompleted):
        numbered: Any = tuple(COMMANDS.numbered(command) for command in request.commands)
        request = request._replace(commands=numbered)
    return encode_envelope(3, "sender", [numbered_request(7, request)])


def _read_request(_name: str, data: bytes) -> Any:
    map_version, sender, rows = decode_envelope(data)
    assert (map_version, sender, len(rows)) == (3, "sender", 1)
    sent = decode_request(rows[0])
    assert sent.number == 7
    return sent.request


def _read_frontend(_name: str, data: bytes) -> Any:
    sender, rows = decode_frontend_envelope(data)
    assert (sender, len(rows)) == ("sender", 1)
    sent = decode_frontend_request(rows[0])
    assert sent.number == 7
    return sent.request


def _write_record(event: Any) -> bytes:
    return encode_records([HistoryEvent(5, TIME_US, EVENTS.kind_of[type(event)], event)])


def _read_record(_name: str, data: bytes) -> Any:
    [record] = decode_records(data)
    assert (record.event_id, record.time_us) == (5, TIME_US)
    return record.attributes


def _read_reply(name: str, data: bytes) -> Any:
    [(number, kind, body)] = decode_replies(data)
    assert (number, kind) == (7, int(replies.ReplyKind.OK))
    decode = next(decode for cls, decode in BODIES.items() if cls.__name__ == name)
    return decode(body)


def _write_content(message: Any) -> bytes:
    return encode_reference(message) if isinstance(message, Reference) else pack(message)


def _read_content(name: str, data: bytes) -> Any:
    return decode_reference(data) if name == "Reference" else decode_block(unpack(data))


def _read_schedule(name: str, data: bytes) -> Any:
    return definition_of(data) if name == "Definition" else progress_of(data)


def _classes(registry: Registry) -> tuple[type[Any], ...]:
    return tuple(registry.kind_of)


KINDS = {
    "record": Kind(_classes(EVENTS), _write_record, _read_record),
    "request": Kind(_classes(REQUESTS), _write_request, _read_request),
    "frontend request": Kind(
        _classes(FRONTEND_REQUESTS),
        lambda request: encode_frontend_envelope("sender", [numbered_frontend_request(7, request)]),
        _read_frontend,
    ),
    "task": Kind(_classes(TASKS), encode_task, lambda _name, data: decode_task(data)),
    "reply": Kind(tuple(BODIES), lambda body: encode_replies([(7, int(replies.ReplyKind.OK), body)]), _read_reply),
    "schedule row": Kind((Definition, Progress), pack, _read_schedule),
    "content": Kind((ContentBlock, Reference), _write_content, _read_content),
    "payload": Kind((Payload,), lambda payload: pack_payloads([payload]), lambda _name, data: unpack_payloads(data)[0]),
}


def written() -> Iterator[tuple[str, bytes, Any]]:
    """What this version writes: the name of each sample, its bytes, and its meaning."""
    for kind, (classes, write, _) in KINDS.items():
        for cls in classes:
            message = sample(cls)
            yield f"{kind}: {cls.__name__}", write(message), meaning(message)


def read(name: str, data: bytes) -> Any:
    """The message of a sample, read by this version."""
    kind, _, cls = name.partition(": ")
    return KINDS[kind].read(cls, data)


def meaning(value: Any) -> Any:
    """A message as JSON: by the names of its classes and fields."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = {name: meaning(getattr(value, name)) for name in value._fields}
        return {"": type(value).__name__, **fields}
    if isinstance(value, tuple | list):
        return [meaning(item) for item in value]
    if isinstance(value, dict):
        return {key: meaning(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def agrees(meant: Any, found: Any) -> bool:
    """Whether what was read means what was recorded; fields that were appended since may be there too."""
    if isinstance(meant, dict) and isinstance(found, dict):
        return meant.keys() <= found.keys() and all(agrees(meant[key], found[key]) for key in meant)
    if isinstance(meant, list) and isinstance(found, list):
        return len(meant) == len(found) and all(map(agrees, meant, found))
    return type(meant) is type(found) and bool(meant == found)
