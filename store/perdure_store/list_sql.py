"""Lists and counts as SQL: a query's tree becomes a statement of fragments (`sql/fragments/lists.sql`) and values.

Rules: every value is bound; every other word comes from the fragments, which are a closed list. The statement says of
the rows what `memory_lists` says.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from perdure_store import sql
from perdure_store.dialect import Dialect
from perdure_store.list_query import (
    NEWEST_FIRST,
    All,
    AnyOf,
    Comparison,
    Condition,
    Field,
    FieldType,
    ListQuery,
    Operator,
    Order,
    Place,
    conjuncts,
    is_always_there,
    order_of,
)

STATUSES = tuple(range(1, 8))
"""Every status that a run can have; a list that nothing narrows reads one index range for each."""

NARROWING = {"WorkflowId", "RunId", "WorkflowType"}
"""Columns of which one value makes a list short, or has an index in the order of time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BOUND: dict[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.KEYWORD: "text",
    FieldType.KEYWORD_LIST: "text",
    FieldType.INT: "int",
    FieldType.DOUBLE: "double",
    FieldType.BOOL: "bool",
    FieldType.DATETIME: "int",
}
_EXPRESSION: dict[FieldType, str] = {
    FieldType.TEXT: "attribute_list",
    FieldType.KEYWORD: "attribute_keyword",
    FieldType.KEYWORD_LIST: "attribute_list",
    FieldType.INT: "attribute_int",
    FieldType.DOUBLE: "attribute_double",
    FieldType.BOOL: "attribute_bool",
    FieldType.DATETIME: "attribute_int",
}
_LISTS = (FieldType.TEXT, FieldType.KEYWORD_LIST)


class Statement(NamedTuple):
    text: bytes
    parameters: dict[str, Any]


def page(query: ListQuery, dialect: Dialect, *, limit: int, after: Place | None) -> Statement:
    """A page of rows behind a place."""
    words = _Words(dialect)
    order = order_of(query)
    where = words.condition(query.where)
    if after is not None:
        where = _joined([where, words.after(order, after)], " AND ")
    words.parameters |= {"namespace": query.namespace, "limit": limit}
    keys = ", ".join([*(words.order(one) for one in order), _fragment("by_run_id")])
    statuses = _statuses(query.where)
    if statuses and len(order) == 1 and order[0].field == NEWEST_FIRST[0].field and not _is_narrow(query.where):
        ranges = words.ranges(statuses, where, keys)
        return words.statement("page_by_status", ranges=ranges, order=keys)
    return words.statement("page", where=where, order=keys)


def count(query: ListQuery, dialect: Dialect, *, limit: int) -> Statement:
    """How many rows, by group: each row is the values of the groups, then the number."""
    words = _Words(dialect)
    where = words.condition(query.where)
    words.parameters["namespace"] = query.namespace
    if not query.groups:
        return words.statement("count", where=where)
    words.parameters["limit"] = limit
    groups = ", ".join(words.value(field) for field in query.groups)
    positions = ", ".join(str(number) for number in range(1, len(query.groups) + 1))
    return words.statement("count_by_group", where=where, groups=groups, positions=positions, order=positions)


def _is_narrow(condition: Condition) -> bool:
    """Whether one value of a narrowing field, or of an attribute, is asked for in any case."""
    return any(
        isinstance(part, Comparison)
        and part.operator is Operator.IN
        and (bool(part.field.key) or part.field.name in NARROWING)
        and (len(part.values) == 1 or part.field.name != "WorkflowType")
        for part in conjuncts(condition)
    )


def _statuses(condition: Condition) -> list[int]:
    wanted = set(STATUSES)
    for part in conjuncts(condition):
        if isinstance(part, Comparison) and part.field.name == "ExecutionStatus" and part.operator is Operator.IN:
            wanted &= set(part.values)
    return sorted(wanted)


class _Words:
    """One statement in the making, with its values."""

    def __init__(self, dialect: Dialect) -> None:
        self.parameters: dict[str, Any] = {}
        self._byte_order = dialect.byte_order

    def statement(self, fragment: str, **parts: str) -> Statement:
        return Statement(_fragment(fragment).format(**parts).encode(), self.parameters)

    def ranges(self, statuses: Sequence[int], where: str, order: str) -> str:
        """A page of each status; a page of all is among them."""
        bound = [self._name("bound_int", status) for status in statuses]
        parts = [self._say("range_of_status", status=status, where=where, order=order) for status in bound]
        return _joined(parts, " UNION ALL ")

    def condition(self, condition: Condition) -> str:
        if isinstance(condition, All):
            return _joined([self.condition(part) for part in condition.parts], " AND ", _fragment("everything"))
        if isinstance(condition, AnyOf):
            return _joined([self.condition(part) for part in condition.parts], " OR ", _fragment("nothing"))
        return self._comparison(*condition)

    def _comparison(self, field: Field, operator: Operator, values: Sequence[Any]) -> str:
        if operator in (Operator.IS_MISSING, Operator.IS_PRESENT):
            return self._say(operator.name.lower(), value=self.value(field))
        if operator is Operator.IN:
            return self._in(field, values)
        if operator is Operator.NOT_IN:
            if field.type in _LISTS:
                present = self._say("is_present", value=self.value(field))
                return _joined([present, self._say("none_of", condition=self._in(field, values))], " AND ")
            return self._say("not_in", value=self.value(field), bound=self._bind(field, values, many=True))
        [bound] = values
        if operator in (Operator.STARTS_WITH, Operator.NOT_STARTS_WITH):
            pattern = "".join(f"\\{char}" if char in "\\%_" else char for char in bound) + "%"
            return self._say(operator.name.lower(), value=self.value(field), bound=self._bind(field, pattern))
        return self._say(_NAME_OF[operator], value=self._ordered(field), bound=self._bind(field, bound))

    def _in(self, field: Field, values: Sequence[Any]) -> str:
        if field.name == "RunId" and not field.key:
            wanted = [value for value in values if _is_uuid(value)]  # no run has another one
            return self._say("run_ids", bound=self._bind(field, wanted, many=True))
        if not field.key and len(values) == 1:  # the order of an index is of use behind an equal value alone
            return self._say("equal", value=self.value(field), bound=self._bind(field, values[0]))
        if not field.key:
            return self._say("in", value=self.value(field), bound=self._bind(field, values, many=True))
        wrapped = [[value] if field.type in _LISTS else value for value in values]
        documents = (json.dumps({field.key: value}, ensure_ascii=False) for value in wrapped)
        held = [self._say("holds", bound=self._name("bound_text", document)) for document in documents]
        return _joined(held, " OR ", _fragment("nothing"))

    def value(self, field: Field) -> str:
        if not field.key:
            return _fragment(field.name)
        return self._say(_EXPRESSION[field.type], key=self._name("bound_text", field.key))

    def _ordered(self, field: Field) -> str:
        """The value as it is compared by order: texts byte by byte, whatever the database's own rules are."""
        value = self.value(field)
        return self._say("in_byte_order", value=value) if self._byte_order and _BOUND[field.type] == "text" else value

    def order(self, order: Order) -> str:
        value = self._ordered(order.field)
        ordered = self._say("descending" if order.descending else "ascending", value=value)
        return ordered if is_always_there(order.field) else self._say("missing_last", value=value, ordered=ordered)

    def after(self, order: Sequence[Order], place: Place) -> str:
        """What comes behind a place: further in the first field, or equal there and further in the next, and so on."""
        run_id = self._name("bound_text", place.run_id)
        if tuple(order) == NEWEST_FIRST:
            return self._say("older", time=self._bind(order[0].field, place.values[0]), run_id=run_id)
        ways: list[str] = []
        equal: list[str] = []
        for (field, descending), value in zip(order, place.values, strict=True):
            expression = self._ordered(field)
            missing = self._say("is_missing", value=expression)
            if value is None:
                equal.append(missing)
                continue
            bound = self._bind(field, value)
            further = self._say("less" if descending else "greater", value=expression, bound=bound)
            if not is_always_there(field):
                further = _joined([further, missing], " OR ")
            ways.append(_joined([*equal, further], " AND "))
            equal.append(self._say("equal", value=expression, bound=bound))
        ways.append(_joined([*equal, self._say("run_id_below", run_id=run_id)], " AND "))
        return _joined(ways, " OR ")

    def _bind(self, field: Field, value: Any, *, many: bool = False) -> str:
        kind = _BOUND[field.type]
        if field.type == FieldType.DATETIME and not field.key:
            kind = "time"
            value = [_time(one) for one in value] if many else _time(value)
        if many:
            return self._name(f"bound_{kind}s", list(value))
        return self._name(f"bound_{kind}", value)

    def _name(self, fragment: str, value: Any) -> str:
        name = f"value_{len(self.parameters)}"
        self.parameters[name] = value
        return self._say(fragment, name=name)

    def _say(self, fragment: str, **parts: str) -> str:
        return _fragment(fragment).format(**parts)


_NAME_OF = {
    Operator.LESS: "less",
    Operator.LESS_OR_EQUAL: "less_or_equal",
    Operator.GREATER: "greater",
    Operator.GREATER_OR_EQUAL: "greater_or_equal",
}


@cache
def _fragment(name: str) -> str:
    return sql.fragments("lists")[name]


def _joined(parts: Sequence[str], word: str, none: str = "") -> str:
    return f"({word.join(parts)})" if parts else none


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
