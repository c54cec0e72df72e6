"""Lists and counts of runs, as a client reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from perdure.client.connection import Connection
from perdure.client.execution import WorkflowExecution, execution_of, time_of
from perdure.client.history import WorkflowHistory, WorkflowHistoryEventAsyncIterator, WorkflowHistoryEventFilterType
from perdure.client.paging import PageIterator
from perdure.protocol.frontend import ExecutionCount, ListWorkflows, decode_execution_page
from perdure.protocol.search_attributes import SearchAttributeType
from perdure.service import RPCError, RPCStatusCode

GroupValue = str | int | float | bool | datetime | None
"""What runs of a group have in common; None: they lack it."""


@dataclass(frozen=True)
class WorkflowExecutionCountAggregationGroup:
    """One group of a count with GROUP BY.

    Attributes:
        group_values: What its runs have in the fields that the query groups by, in that order.
    """

    count: int
    group_values: Sequence[GroupValue]


@dataclass(frozen=True)
class WorkflowExecutionCount:
    """How many runs a query matches; `groups` if it says GROUP BY, the largest first, at most 1,000 of them."""

    count: int
    groups: Sequence[WorkflowExecutionCountAggregationGroup] = field(default_factory=tuple)


def count_of(counted: ExecutionCount) -> WorkflowExecutionCount:
    """The public form of an answer."""
    groups = tuple(
        WorkflowExecutionCountAggregationGroup(
            group.total, [_value(kind, value) for kind, value in zip(counted.group_types, group.values, strict=True)]
        )
        for group in counted.groups
    )
    return WorkflowExecutionCount(counted.total, groups)


def _value(kind: int, value: Any) -> GroupValue:
    plain: GroupValue = value
    return time_of(value) if kind == SearchAttributeType.DATETIME and value is not None else plain


class WorkflowExecutionAsyncIterator(PageIterator[WorkflowExecution]):
    """Runs that match a query, page by page. An asynchronous iterator, to be used once.

    Attributes:
        current_page: The rows of the page that is being read.
        current_page_index: Where in it.
        next_page_token: Where the next page starts; None after the last.
    """

    def __init__(
        self,
        connection: Connection,
        query: str,
        *,
        limit: int | None,
        page_size: int,
        next_page_token: bytes | None,
        rpc_timeout: timedelta | None,
    ) -> None:
        super().__init__(next_page_token, limit=limit)
        self._connection = connection
        self._query = query
        self._page_size = page_size
        self._rpc_timeout = rpc_timeout

    async def fetch_next_page(self, *, page_size: int | None = None) -> None:
        """Replace the current page by the next one.

        Raises:
            RPCError: INVALID_ARGUMENT: the query cannot be understood; the message shows where.
        """
        request = ListWorkflows(
            self._connection.namespace,
            page_size=self._size(page_size or self._page_size),
            page_token=self.next_page_token or b"",
            query=self._query,
        )
        page = await self._connection.ask_frontend(request, decode_execution_page, self._rpc_timeout)
        self._turn_to([execution_of(row, self._connection.converter) for row in page.rows], page.next_page_token)

    async def map_histories(
        self,
        *,
        event_filter_type: WorkflowHistoryEventFilterType = WorkflowHistoryEventFilterType.ALL_EVENT,
        rpc_timeout: timedelta | None = None,
    ) -> AsyncIterator[WorkflowHistory]:
        """The histories of these runs, one after the other as they are asked for: for a `Replayer`. A run that was
        deleted since it was listed is left out.

        Args:
            event_filter_type: Which events.
            rpc_timeout: For each page.
        """
        async for execution in self:
            events = WorkflowHistoryEventAsyncIterator(
                self._connection,
                execution.id,
                execution.run_id,
                next_page_token=None,
                event_filter_type=event_filter_type,
                include_annotations=False,
                rpc_timeout=rpc_timeout,
            )
            try:
                found = [event async for event in events]
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
                continue
            yield WorkflowHistory(execution.id, found, execution.run_id)
