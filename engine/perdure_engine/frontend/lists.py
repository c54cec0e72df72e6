"""Answers to lists and counts of runs: a query in, a page or numbers out."""

from __future__ import annotations

import zlib
from typing import Any

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.frontend import (
    PAGE_SIZE_MAX,
    CountWorkflows,
    ExecutionCount,
    ExecutionGroup,
    ExecutionPage,
    ExecutionSummary,
    ListWorkflows,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from perdure_engine.environment import Environment
from perdure_engine.listing.fields import Fields
from perdure_engine.listing.parser import parse_count, parse_list
from perdure_engine.listing.tokens import ListQueryError
from perdure_store.list_query import All, Comparison, Condition, ListQuery, Operator, Place, column
from perdure_store.memory_lists import place_of
from perdure_store.port import Store, VisibilityRow

GROUPS_MAX = 1_000
"""Groups of one count: the largest ones."""

Answer = tuple[ReplyKind, Any]


class Lists:
    def __init__(self, store: Store, environment: Environment) -> None:
        self._store = store
        self._environment = environment

    async def list_workflows(self, request: ListWorkflows) -> Answer:
        try:
            query = parse_list(request.query, *await self._surroundings(request.namespace))
        except ListQueryError as error:
            return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, str(error))
        query = query._replace(where=_narrowed(request, query.where))
        size = max(1, min(request.page_size, PAGE_SIZE_MAX))
        after = place_of_token(request.page_token, request.query) if request.page_token else None
        rows = await self._store.list_visibility(query, limit=size, after=after)
        token = page_token(rows[-1], query, request.query) if len(rows) == size else b""
        return ReplyKind.OK, ExecutionPage(tuple(_summary(row) for row in rows), token)

    async def count_workflows(self, request: CountWorkflows) -> Answer:
        try:
            query = parse_count(request.query, *await self._surroundings(request.namespace))
        except ListQueryError as error:
            return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, str(error))
        query = query._replace(where=_narrowed(request, query.where))
        counted = await self._store.count_visibility(query, limit=GROUPS_MAX)
        total = sum(group.total for group in counted)
        if not query.groups:
            return ReplyKind.OK, ExecutionCount(total)
        groups = tuple(ExecutionGroup(_shown(query, group.values), group.total) for group in counted)
        return ReplyKind.OK, ExecutionCount(total, groups, tuple(int(field.type) for field in query.groups))

    async def _surroundings(self, namespace: str) -> tuple[str, Fields, int]:
        """What a query is understood by: its namespace, the fields there, and the time."""
        types = await self._store.search_attribute_types(namespace)
        return namespace, Fields(types), self._environment.now_us()


def page_token(row: VisibilityRow, query: ListQuery, text: str) -> bytes:
    """Where the page after this row begins."""
    place = place_of(row, query)
    return pack((_fingerprint(text), place.values, place.run_id))


def place_of_token(token: bytes, text: str) -> Place:
    """The inverse of `page_token`.

    Raises:
        DecodeError: it was made by another query, or by nobody.
    """
    fields = unpack(token)
    if type(fields) is not tuple or tuple(map(type, fields)) != (int, tuple, str) or fields[0] != _fingerprint(text):
        raise DecodeError("this page token was not made by a page of this list; begin again without one")
    return Place(fields[1], fields[2])


def _fingerprint(text: str) -> int:
    return zlib.crc32(text.encode())


def _narrowed(request: ListWorkflows | CountWorkflows, where: Condition) -> Condition:
    """The condition of a query, and those that a request of an earlier version names by fields."""
    parts = [where]
    for name, value in (
        ("ExecutionStatus", request.status),
        ("WorkflowType", request.workflow_type),
        ("WorkflowId", request.workflow_id),
    ):
        if value:
            parts.append(Comparison(column(name), Operator.IN, (value,)))
    if request.started_from_us:
        parts.append(Comparison(column("StartTime"), Operator.GREATER_OR_EQUAL, (request.started_from_us,)))
    if request.started_to_us:
        parts.append(Comparison(column("StartTime"), Operator.LESS_OR_EQUAL, (request.started_to_us,)))
    return where if len(parts) == 1 else All(tuple(parts))


def _shown(query: ListQuery, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of a group as people know them: a status by its word."""
    return tuple(
        ExecutionStatus(value).name.title().replace("_", "") if field == column("ExecutionStatus") else value
        for field, value in zip(query.groups, values, strict=True)
    )


def _summary(row: VisibilityRow) -> ExecutionSummary:
    return ExecutionSummary(
        row.namespace,
        row.workflow_id,
        row.run_id,
        row.workflow_type,
        row.task_queue,
        row.status,
        row.start_time_us,
        row.execution_time_us,
        row.close_time_us,
        row.history_length,
        row.history_size_bytes,
        row.memo,
        row.search_attributes,
        row.parent_workflow_id,
        row.parent_run_id,
        row.root_workflow_id,
        row.root_run_id,
    )
