"""Lists and counts of activities without a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from perdure.client.connection import Connection
from perdure.client.execution import time_of, time_or_none
from perdure.client.paging import PageIterator
from perdure.client.standalone_description import ActivityExecution, ActivityExecutionStatus, status_of
from perdure.client.standalone_inputs import CountActivitiesInput, ListActivitiesInput
from perdure.client.standalone_requeue import REQUEUED_AT_ONCE, requeue_all
from perdure.protocol.activity_lists import (
    ActivitySummary,
    CountActivities,
    ListActivities,
    decode_activity_count,
    decode_activity_page,
)
from perdure.protocol.search_attributes import attributes_of_index
from perdure.search_attributes import search_attributes_of

PAGE_SIZE = 1000


@dataclass(frozen=True)
class ActivityExecutionCount:
    """How many activities match a query."""

    count: int


class ActivityExecutionAsyncIterator(PageIterator[ActivityExecution]):
    """Activities without a workflow, page by page. An asynchronous iterator, to be used once.

    Attributes:
        current_page: The rows of the page that is being read.
        current_page_index: Where in it.
        next_page_token: Where the next page starts; None after the last.
    """

    def __init__(self, connection: Connection, input: ListActivitiesInput) -> None:
        super().__init__(input.next_page_token, limit=input.limit)
        self._connection = connection
        self._input = input

    async def fetch_next_page(self, *, page_size: int | None = None) -> None:
        """Replace the current page by the next one, which may be empty and not the last.

        Raises:
            RPCError: INVALID_ARGUMENT: the query cannot be understood; says what it may be.
        """
        connection, input = self._connection, self._input
        size = self._size(page_size or input.page_size)
        request = ListActivities(connection.namespace, input.query or "", size, self.next_page_token or b"")
        page = await connection.ask_frontend(request, decode_activity_page, input.rpc_timeout)
        self._turn_to([_execution(row) for row in page.rows], page.next_page_token)


class StandaloneLists:
    """The part of a `Client` that finds activities without a workflow."""

    _connection: Connection

    def list_activities(
        self,
        query: str | None = None,
        *,
        limit: int | None = None,
        page_size: int = PAGE_SIZE,
        next_page_token: bytes | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> ActivityExecutionAsyncIterator:
        """Activities without a workflow, tasks among them, open and closed ones; `async for` reads them page by page,
        the newest first. Of a row `execution_time` is None: `describe` of its handle tells.

        Of those that wait or run as they were enqueued there is a task's row alone, which no index of lists knows: a
        list of open ones reads through all of them. For people and for tests, not for a program that asks all the time.

        Args:
            query: By `ExecutionStatus`, `ActivityType` and `TaskQueue`, with `=` or `IN`, joined by `AND`, such as
                `ActivityType = 'send' AND ExecutionStatus IN ('Failed', 'TimedOut')`. None: all.
            limit: At most so many.
            page_size: Rows that are fetched at once.
            next_page_token: Where to begin, from an earlier iterator.
            rpc_metadata: Reaches interceptors and nobody else.
            rpc_timeout: For each page.

        Raises (while it is read):
            RPCError: INVALID_ARGUMENT: the query cannot be understood, or asks for something else.
        """
        return self._connection.calls.list_activities(
            ListActivitiesInput(query, page_size, next_page_token, rpc_timeout, limit, rpc_metadata)
        )

    async def count_activities(
        self,
        query: str | None = None,
        *,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> ActivityExecutionCount:
        """How many match `query` (see `list_activities`).

        Raises:
            RPCError: INVALID_ARGUMENT: as for a list; or it counts open ones by their type, which their tasks
                alone have.
        """
        return await self._connection.calls.count_activities(CountActivitiesInput(query, rpc_timeout, rpc_metadata))

    async def requeue_activities(
        self, query: str, *, limit: int | None = None, rpc_timeout: timedelta | None = None
    ) -> int:
        """Start again, under their ids and with their arguments, those of a list that did not complete. One whose id
        has been started since is left alone, so that this may be repeated.

        Args:
            query: As for `list_activities`; what it finds beside closed ones that did not complete is passed over.
            limit: Look at so many at the most, the newest first.

        Returns:
            How many were started.

        Raises:
            RPCError: the query is malformed, or an engine did not answer in time. What was started stays.
        """
        count = 0
        batch: list[ActivityExecution] = []
        async for row in self.list_activities(query, limit=limit, rpc_timeout=rpc_timeout):
            if row.status in (ActivityExecutionStatus.RUNNING, ActivityExecutionStatus.COMPLETED):
                continue
            batch.append(row)
            if len(batch) == REQUEUED_AT_ONCE:
                count += await requeue_all(self._connection, batch, rpc_timeout)
                batch.clear()
        return count + await requeue_all(self._connection, batch, rpc_timeout)


class StandaloneListCalls:
    """A part of `ClientCalls`."""

    _connection: Connection

    def list_activities(self, input: ListActivitiesInput) -> ActivityExecutionAsyncIterator:
        return ActivityExecutionAsyncIterator(self._connection, input)

    async def count_activities(self, input: CountActivitiesInput) -> ActivityExecutionCount:
        connection = self._connection
        request = CountActivities(connection.namespace, input.query or "")
        counted = await connection.ask_frontend(request, decode_activity_count, input.rpc_timeout)
        return ActivityExecutionCount(counted.total)


def _execution(row: ActivitySummary) -> ActivityExecution:
    scheduled, closed = time_of(row.scheduled_time_us), time_or_none(row.close_time_us)
    return ActivityExecution(
        activity_id=row.activity_id,
        activity_run_id=row.run_id,
        activity_type=row.activity_type,
        close_time=closed,
        execution_duration=None if closed is None else closed - scheduled,
        execution_time=None,
        namespace=row.namespace,
        schedule_time=scheduled,
        status=status_of(row.status),
        task_queue=row.task_queue,
        typed_search_attributes=search_attributes_of(attributes_of_index(row.search_attributes)),
    )
