"""Histories, for a worker whose instance of a run is missing or elsewhere, with all that their values refer to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from perdure.content.reading import hashes_in
from perdure.protocol.content import MARK, hashes_of, is_reference
from perdure.protocol.events import HistoryEvent, decode_records
from perdure.protocol.replies import ErrorReply, HistoryPage, ReplyKind, decode_error, decode_history_page
from perdure.protocol.requests import GetHistory, GetWorkflowTask
from perdure.protocol.tasks import QueryTask, WorkflowTask
from perdure.protocol.updates import UpdateDelivery, decode_deliveries
from perdure.worker.link import WorkerLink


class NoHistory(Exception):
    """There is no such history (any more). `reply` says why."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class FetchedHistory(NamedTuple):
    """Events, the hashes of the content that their values referred to, and the updates that came with them."""

    events: Sequence[HistoryEvent]
    content: dict[bytes, int]
    updates: Sequence[UpdateDelivery] = ()


async def read_task_events(link: WorkerLink, task: WorkflowTask) -> FetchedHistory:
    """The events that came with a workflow task. Raises: as `fetch_task_history`."""
    events, refers = decode_records(task.events), MARK in task.events
    history = await _with_content(link, task.shard_id, task.run_id, events, refers)
    return await _with_updates(link, task, history, task.updates)


async def fetch_task_history(link: WorkerLink, task: WorkflowTask, after_event_id: int = 0) -> FetchedHistory:
    """The events after `after_event_id` (0: all) up to the scheduled event of a workflow task, and its updates.

    Raises:
        NoHistory: the task is no longer current.
        ContentError: the run lacks what its history refers to.
    """
    page_token = updates = b""
    events: list[HistoryEvent] = []
    refers = False
    while True:
        request = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, page_token, after_event_id)
        page, found = await _fetch_page(link, task.shard_id, request, events)
        refers, updates, page_token = refers or found, updates or page.updates, page.next_page_token
        if not page_token:
            # The engine gives more than was asked for when it must read it from the store.
            if after_event_id:
                events = [event for event in events if event.event_id > after_event_id]
            history = await _with_content(link, task.shard_id, task.run_id, events, refers)
            return await _with_updates(link, task, history, updates)


async def fetch_history(link: WorkerLink, task: QueryTask) -> Sequence[HistoryEvent]:
    """All events of a run.

    Raises:
        NoHistory: the run is unknown.
        ContentError: it lacks what its history refers to.
    """
    page_token = b""
    events: list[HistoryEvent] = []
    refers = False
    while True:
        request = GetHistory(task.namespace, task.workflow_id, task.run_id, page_token)
        page, found = await _fetch_page(link, task.shard_id, request, events)
        refers, page_token = refers or found, page.next_page_token
        if not page_token:
            return (await _with_content(link, task.shard_id, task.run_id, events, refers)).events


async def _with_content(
    link: WorkerLink, shard_id: int, run_id: str, events: list[HistoryEvent], refers: bool
) -> FetchedHistory:
    """`refers`: there may be references among them, and there are none without it."""
    if not refers:
        return FetchedHistory(events, {})
    return FetchedHistory(await link.content.resolve_events(shard_id, run_id, events), hashes_in(events))


async def _with_updates(
    link: WorkerLink, task: WorkflowTask, history: FetchedHistory, updates: bytes
) -> FetchedHistory:
    """The same with the updates that came along, whole too."""
    deliveries = list(decode_deliveries(updates))
    content = dict(history.content)
    for index, delivery in enumerate(deliveries):
        if is_reference(delivery.input):
            content.update(dict.fromkeys(hashes_of(delivery.input), 1))
            whole = await link.content.resolve(task.shard_id, task.run_id, delivery.input)
            deliveries[index] = delivery._replace(input=whole)
    return history._replace(updates=deliveries, content=content)


async def _fetch_page(
    link: WorkerLink, shard_id: int, request: GetWorkflowTask | GetHistory, events: list[HistoryEvent]
) -> tuple[HistoryPage, bool]:
    """Append one page to `events`; returns it, and whether values of it may be references."""
    reply = await link.transport.submit(shard_id, request, None)
    if reply.kind == ReplyKind.ERROR:
        raise NoHistory(decode_error(reply.body))
    page: HistoryPage = decode_history_page(reply.body)
    for records in page.records:
        events += decode_records(records)
    return page, any(MARK in records for records in page.records)
