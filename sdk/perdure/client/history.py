"""The history of a run, as a client reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

from perdure.client.connection import Connection, seconds
from perdure.client.history_json import events_from_json, events_to_json
from perdure.client.paging import PageIterator
from perdure.content.reading import ContentError
from perdure.protocol.content import MARK
from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.replies import decode_history_page
from perdure.protocol.requests import GetHistory
from perdure.service import RPCError, RPCStatusCode

_CLOSING = frozenset(
    {
        EventType.WORKFLOW_EXECUTION_COMPLETED,
        EventType.WORKFLOW_EXECUTION_FAILED,
        EventType.WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.WORKFLOW_EXECUTION_CANCELED,
        EventType.WORKFLOW_EXECUTION_TERMINATED,
        EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)


class WorkflowHistoryEventFilterType(IntEnum):
    """Which events to read."""

    ALL_EVENT = 1
    CLOSE_EVENT = 2


@dataclass(frozen=True)
class WorkflowHistory:
    """The events of one run, in order. Their attributes are the messages of `perdure.protocol.events`.

    `original_run_id` is the run they belong to.
    """

    workflow_id: str
    events: Sequence[HistoryEvent]
    original_run_id: str = ""

    @property
    def run_id(self) -> str:
        """The run that the history belongs to; the first run of its chain when it comes from JSON."""
        if self.original_run_id:
            return self.original_run_id
        if not self.events or self.events[0].event_type != EventType.WORKFLOW_EXECUTION_STARTED:
            raise RuntimeError("the history does not begin with the start of a workflow")
        return str(self.events[0].attributes.first_execution_run_id)

    @staticmethod
    def from_json(workflow_id: str, history: str | dict[str, Any]) -> WorkflowHistory:
        """A history from Temporal's JSON, as `to_json`, its command line or its web page write it.

        Raises:
            ValueError: not such a history, or it has an event type that Perdure does not know.
        """
        try:
            whole = json.loads(history) if isinstance(history, str) else history
        except RecursionError as error:
            raise ValueError("a history cannot be nested as deeply as this JSON is") from error
        events, run_id = events_from_json(whole)
        return WorkflowHistory(workflow_id, events, run_id)

    def to_json(self) -> str:
        """The history as Temporal's JSON. The workflow id is not in it."""
        return json.dumps(self.to_json_dict(), indent=2)

    def to_json_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"events": events_to_json(self.events, self.original_run_id)}


class WorkflowHistoryEventAsyncIterator(PageIterator[HistoryEvent]):
    """The events of one run, page by page. An asynchronous iterator, to be used once.

    Attributes:
        current_page: The events of the page that is being read.
        current_page_index: Where in it.
        next_page_token: Where the next page starts; None after the last.
        run_id: Whose history it is; empty until the first page is there, unless the run was named.
    """

    def __init__(
        self,
        connection: Connection,
        workflow_id: str,
        run_id: str,
        *,
        next_page_token: bytes | None,
        event_filter_type: WorkflowHistoryEventFilterType,
        include_annotations: bool,
        rpc_timeout: timedelta | None,
    ) -> None:
        super().__init__(next_page_token)
        self._connection = connection
        self._workflow_id = workflow_id
        self.run_id = run_id
        self._closing_only = event_filter_type == WorkflowHistoryEventFilterType.CLOSE_EVENT
        self._include_annotations = include_annotations
        self._rpc_timeout = rpc_timeout

    async def fetch_next_page(self) -> None:
        """Replace the current page by the next one."""
        connection = self._connection
        request = GetHistory(connection.namespace, self._workflow_id, self.run_id, self.next_page_token or b"")
        page = await connection.ask(self._workflow_id, request, decode_history_page, self._rpc_timeout)
        events = [event for records in page.records for event in decode_records(records) if self._is_wanted(event)]
        if any(MARK in records for records in page.records):
            events = await self._with_content(events, page.run_id)
        self._turn_to(events, page.next_page_token)
        self.run_id = self.run_id or page.run_id

    async def _with_content(self, events: list[HistoryEvent], run_id: str) -> list[HistoryEvent]:
        connection = self._connection
        shard_id = connection.transport.shard_id(connection.namespace, self._workflow_id)
        try:
            return await connection.content.resolve_events(
                shard_id, run_id, events, echoed=True, timeout_s=seconds(self._rpc_timeout)
            )
        except ContentError as error:
            raise RPCError(f"the history cannot be read: {error}", RPCStatusCode.DATA_LOSS) from error

    def _is_wanted(self, event: HistoryEvent) -> bool:
        if self._closing_only:
            return event.event_type in _CLOSING
        return event.event_id > 0 or self._include_annotations
