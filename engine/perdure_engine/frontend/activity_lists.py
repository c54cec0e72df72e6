"""Answers to lists and counts of activities without a workflow.

Rules:
- They are found by status, type and task queue, and by nothing else: their index knows no more.
- The type of one of which there is only the entry of its task stands in that entry: a list reads those of its page, a
  count reads none, and says so.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol.activity_lists import (
    ActivityCount,
    ActivityPage,
    ActivitySummary,
    CountActivities,
    ListActivities,
)
from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.frontend import PAGE_SIZE_MAX
from perdure.protocol.ids import FIRST_EXECUTION, activity_run_id
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from perdure_engine.core.standalone.record import from_entry
from perdure_engine.environment import Environment
from perdure_engine.listing.fields import Fields
from perdure_engine.listing.parser import parse_list
from perdure_engine.listing.tokens import ListQueryError
from perdure_store.activity_lists import ActivityFilter, ActivityPlace, ListedActivity
from perdure_store.list_query import All, Comparison, Condition, Field, FieldType, Operator, column
from perdure_store.port import Store

Answer = tuple[ReplyKind, Any]

_FIELDS = {
    "executionstatus": column("ExecutionStatus"),
    "activitytype": Field("ActivityType", FieldType.KEYWORD),
    "taskqueue": column("TaskQueue"),
}
_MAY_BE = (
    "activities are found by ExecutionStatus, ActivityType and TaskQueue, each once, with = or IN, joined by AND; the "
    "newest come first"
)


class ActivityFields(Fields):
    """What a query about activities may name."""

    def __init__(self) -> None:
        super().__init__({})

    def find(self, name: str) -> Field:
        field = _FIELDS.get(name.lower())
        if field is None:
            raise ValueError(f"there is no field {name!r}: {_MAY_BE}")
        return field


class ActivityLists:
    def __init__(self, store: Store, environment: Environment) -> None:
        self._store = store
        self._environment = environment

    async def list_activities(self, request: ListActivities) -> Answer:
        try:
            filter = self._filter(request.namespace, request.query)
        except ListQueryError as error:
            return _refused(str(error))
        size = max(1, min(request.page_size, PAGE_SIZE_MAX))
        after = _place(request.page_token) if request.page_token else None
        found = await self._store.list_activities(filter, after=after, limit=size)
        rows = [_summary(request.namespace, each) for each in found]
        token = pack(tuple(found[-1][:2])) if found else b""
        return ReplyKind.OK, ActivityPage(
            tuple(row for row in rows if not filter.types or row.activity_type in filter.types), token
        )

    async def count_activities(self, request: CountActivities) -> Answer:
        try:
            filter = self._filter(request.namespace, request.query)
        except ListQueryError as error:
            return _refused(str(error))
        if filter.types and (not filter.statuses or ExecutionStatus.RUNNING in filter.statuses):
            return _refused(
                "open activities cannot be counted by type, which most have in the entry of their task alone: count "
                "those of a task queue, or closed ones (ExecutionStatus IN ('Completed', 'Failed', ...)), or list them"
            )
        return ReplyKind.OK, ActivityCount(await self._store.count_activities(filter))

    def _filter(self, namespace: str, query: str) -> ActivityFilter:
        """Raises:
        ListQueryError: it cannot be understood, or asks for more than there is.
        """
        parsed = parse_list(query, namespace, ActivityFields(), self._environment.now_us())
        wanted: dict[str, tuple[Any, ...]] = {}
        for comparison in _comparisons(parsed.where):
            if comparison is None or comparison.operator is not Operator.IN or comparison.field.name in wanted:
                raise ListQueryError(_MAY_BE)
            wanted[comparison.field.name] = comparison.values
        if parsed.order:
            raise ListQueryError(_MAY_BE)
        names = "ExecutionStatus", "ActivityType", "TaskQueue"
        return ActivityFilter(namespace, FIRST_EXECUTION, *(wanted.get(name, ()) for name in names))


def _comparisons(where: Condition) -> list[Comparison | None]:
    if isinstance(where, Comparison):
        return [where]
    if isinstance(where, All):
        return [each for part in where.parts for each in _comparisons(part)]
    return [None]


def _summary(namespace: str, found: ListedActivity) -> ActivitySummary:
    row = ActivitySummary(
        namespace,
        found.activity_id,
        activity_run_id(found.run_id, found.number),
        found.activity_type,
        found.task_queue,
        found.status,
        found.scheduled_us,
        found.close_time_us,
        found.search_attributes,
    )
    if not found.entry:
        return row
    execution = from_entry(found.entry)
    attributes = execution.attributes
    return row._replace(
        activity_id=attributes.activity_id,
        activity_type=attributes.activity_type,
        scheduled_time_us=execution.scheduled_time_us,
    )


def _place(token: bytes) -> ActivityPlace:
    fields = unpack(token)
    if type(fields) is not tuple or tuple(type(value) for value in fields) != (int, str):
        raise DecodeError("this page token was not made by a page of this list; begin again without one")
    return ActivityPlace(*fields)


def _refused(message: str) -> Answer:
    return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, message)
