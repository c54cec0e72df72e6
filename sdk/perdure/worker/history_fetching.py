"""Whole histories, for a worker whose instance of a run is missing or elsewhere."""

from __future__ import annotations

from perdure.protocol.events import HistoryEvent, decode_records
from perdure.protocol.replies import ErrorReply, ReplyKind, decode_error, decode_history_page
from perdure.protocol.requests import GetHistory, GetWorkflowTask
from perdure.protocol.tasks import QueryTask, WorkflowTask
from perdure.worker.link import WorkerLink


class NoHistory(Exception):
    """There is no such history (any more). `reply` says why."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


async def fetch_task_history(link: WorkerLink, task: WorkflowTask, after_event_id: int = 0) -> list[HistoryEvent]:
    """The events after `after_event_id` (0: all) up to the scheduled event of a workflow task.

    Raises:
        NoHistory: the task is no longer current.
    """
    page_token = b""
    events: list[HistoryEvent] = []
    while True:
        request = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, page_token, after_event_id)
        page_token = await _fetch_page(link, task.shard_id, request, events)
        if not page_token:
            # The engine gives more than was asked for when it must read it from the store.
            return [event for event in events if event.event_id > after_event_id] if after_event_id else events


async def fetch_history(link: WorkerLink, task: QueryTask) -> list[HistoryEvent]:
    """All events of a run.

    Raises:
        NoHistory: the run is unknown.
    """
    page_token = b""
    events: list[HistoryEvent] = []
    while True:
        request = GetHistory(task.namespace, task.workflow_id, task.run_id, page_token)
        page_token = await _fetch_page(link, task.shard_id, request, events)
        if not page_token:
            return events


async def _fetch_page(
    link: WorkerLink, shard_id: int, request: GetWorkflowTask | GetHistory, events: list[HistoryEvent]
) -> bytes:
    """Append one page to `events`; returns the token of the next, empty if this was the last."""
    reply = await link.transport.submit(shard_id, request, None)
    if reply.kind == ReplyKind.ERROR:
        raise NoHistory(decode_error(reply.body))
    page = decode_history_page(reply.body)
    for records in page.records:
        events += decode_records(records)
    token: bytes = page.next_page_token
    return token
