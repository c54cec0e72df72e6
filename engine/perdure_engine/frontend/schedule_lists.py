"""Answers to lists of schedules.

Rule: no query looks into the rows of schedules, which are few: a list with a query reads them by their ids, and leaves
out those that it does not ask for. A page that has read `LOOKED_AT_MAX` of them is given as it is then, even empty.
"""

from __future__ import annotations

import json
from typing import Any

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.frontend import PAGE_SIZE_MAX
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.schedule import ListSchedules, ScheduleAction, ScheduleDescription, SchedulePage
from perdure.protocol.search_attributes import indexed_attributes
from perdure_engine.environment import Environment
from perdure_engine.frontend.schedules import description_of
from perdure_engine.listing.fields import COLUMN_NAMES, Fields
from perdure_engine.listing.parser import parse_list
from perdure_engine.listing.tokens import ListQueryError
from perdure_store.list_query import Condition, Field, FieldType
from perdure_store.memory_lists import holds
from perdure_store.port import ScheduleRow, Store

LOOKED_AT_MAX = 10_000
"""Schedules that one page reads at the most."""

NEXT_TIMES = 5
RECENT = 5

Answer = tuple[ReplyKind, Any]

_FIELDS = {
    name.lower(): Field(name, kind)
    for name, kind in (
        ("ScheduleId", FieldType.KEYWORD),
        ("TemporalSchedulePaused", FieldType.BOOL),
        ("WorkflowType", FieldType.KEYWORD),
        ("ActivityType", FieldType.KEYWORD),
        ("TaskQueue", FieldType.KEYWORD),
    )
}


class ScheduleFields(Fields):
    """What a query about schedules may name: what they are and start, and their search attributes."""

    def find(self, name: str) -> Field:
        field = _FIELDS.get(name.lower())
        if field is None and name.lower() not in COLUMN_NAMES:
            field = super().find(name)
        if field is None:
            raise ValueError(f"schedules have no {name} {self._hint(name)}")
        return field

    def _hint(self, name: str) -> str:
        own = ", ".join(field.name for field in _FIELDS.values())
        return f"here. There are {own}, and the search attributes that schedules were given"


class ScheduleLists:
    def __init__(self, store: Store, environment: Environment) -> None:
        self._store = store
        self._environment = environment

    async def list(self, request: ListSchedules) -> Answer:
        try:
            where = await self._condition(request.namespace, request.query)
        except ListQueryError as error:
            return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, str(error))
        size = max(1, min(request.page_size, PAGE_SIZE_MAX))
        after_id = _place(request.page_token) if request.page_token else ""
        found: list[ScheduleDescription] = []
        looked_at = 0
        while True:
            rows = await self._store.schedules(request.namespace, after_id=after_id, limit=size)
            looked_at += len(rows)
            for row in rows:
                after_id = row.schedule_id
                listed = _listed(row)
                if where is None or _is_wanted(listed, where):
                    found.append(listed)
                if len(found) == size:
                    return ReplyKind.OK, SchedulePage(tuple(found), pack(after_id))
            if len(rows) < size:
                return ReplyKind.OK, SchedulePage(tuple(found))
            if looked_at >= LOOKED_AT_MAX:
                return ReplyKind.OK, SchedulePage(tuple(found), pack(after_id))

    async def _condition(self, namespace: str, query: str) -> Condition | None:
        """Raises:
        ListQueryError: the query cannot be understood, or has an order.
        """
        if not query.strip():
            return None
        fields = ScheduleFields(await self._store.search_attribute_types(namespace))
        parsed = parse_list(query, namespace, fields, self._environment.now_us())
        if parsed.order:
            raise ListQueryError("schedules come by their ids: leave ORDER BY away")
        return parsed.where


def _is_wanted(found: ScheduleDescription, where: Condition) -> bool:
    workflow, activity = found.schedule.action
    start = workflow or activity
    values: dict[str, Any] = {
        "ScheduleId": found.schedule_id,
        "TemporalSchedulePaused": found.schedule.state.paused,
        "WorkflowType": workflow.workflow_type if workflow is not None else None,
        "ActivityType": activity.activity_type if activity is not None else None,
        "TaskQueue": start.task_queue if start is not None else None,
    }
    attributes = json.loads(indexed_attributes(found.search_attributes) or "{}")
    return holds(where, lambda field: attributes.get(field.key) if field.key else values[field.name])


def _listed(row: ScheduleRow) -> ScheduleDescription:
    """Without what may be large."""
    whole = description_of(row, times=NEXT_TIMES)
    workflow, activity = whole.schedule.action
    bare = ScheduleAction(
        None if workflow is None else workflow._replace(input=b"", memo=b"", headers=b""),
        None if activity is None else activity._replace(input=b"", headers=b""),
    )
    info = whole.info._replace(recent=whole.info.recent[-RECENT:], last_failure=None)
    return whole._replace(schedule=whole.schedule._replace(action=bare), info=info)


def _place(token: bytes) -> str:
    place = unpack(token)
    if type(place) is not str:
        raise DecodeError("this page token was not made by a page of this list; begin again without one")
    return place
