"""Lists and counts over rows in memory: what SQL says of the same query, said in Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key, partial
from typing import Any

from perdure_store.list_query import (
    COLUMNS,
    All,
    AnyOf,
    Comparison,
    Condition,
    Field,
    FieldType,
    GroupCount,
    ListQuery,
    Operator,
    Order,
    Place,
    order_of,
)
from perdure_store.port import VisibilityRow


def value_of(row: VisibilityRow, field: Field) -> Any:
    """What a row has in a field; None if it lacks it. Of a list or a text: the list."""
    if not field.key:
        return COLUMNS[field.name].read(row)
    return json.loads(row.search_attributes or "{}").get(field.key)


def place_of(row: VisibilityRow, query: ListQuery) -> Place:
    """Where a row stands in the order of a query: where the page after it begins."""
    return Place(tuple(value_of(row, order.field) for order in order_of(query)), row.run_id)


def matches(row: VisibilityRow, condition: Condition) -> bool:
    """Whether a row is what a condition asks for."""
    return holds(condition, partial(value_of, row))


def holds(condition: Condition, value_of_field: Callable[[Field], Any]) -> bool:
    """Whether a condition holds of whatever has these values; None where it has none."""
    if isinstance(condition, All):
        return all(holds(part, value_of_field) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(holds(part, value_of_field) for part in condition.parts)
    return _compare(value_of_field(condition.field), condition)


def _compare(value: Any, comparison: Comparison) -> bool:
    operator, values = comparison.operator, comparison.values
    if operator is Operator.IS_MISSING:
        return value is None
    if value is None:
        return False
    if operator is Operator.IS_PRESENT:
        return True
    if operator in (Operator.IN, Operator.NOT_IN):
        is_list = comparison.field.type in (FieldType.KEYWORD_LIST, FieldType.TEXT)
        found = any(element in values for element in (value if is_list else [value]))
        return found == (operator is Operator.IN)
    [bound] = values
    if operator in (Operator.STARTS_WITH, Operator.NOT_STARTS_WITH):
        return bool(value.startswith(bound)) == (operator is Operator.STARTS_WITH)
    if operator is Operator.LESS:
        return bool(value < bound)
    if operator is Operator.LESS_OR_EQUAL:
        return bool(value <= bound)
    if operator is Operator.GREATER:
        return bool(value > bound)
    return bool(value >= bound)


def page(rows: Iterable[VisibilityRow], query: ListQuery, *, limit: int, after: Place | None) -> list[VisibilityRow]:
    """The rows that match, in order, behind a place."""
    order = order_of(query)
    found = [row for row in rows if row.namespace == query.namespace and matches(row, query.where)]
    placed = [(place_of(row, query), row) for row in found]
    if after is not None:
        placed = [(place, row) for place, row in placed if _compare_places(place, after, order) > 0]
    placed.sort(key=cmp_to_key(partial(_compare_placed, order)))
    return [row for _, row in placed[:limit]]


def _compare_placed(
    order: Sequence[Order], one: tuple[Place, VisibilityRow], other: tuple[Place, VisibilityRow]
) -> int:
    return _compare_places(one[0], other[0], order)


def _compare_places(one: Place, other: Place, order: Sequence[Order]) -> int:
    """Negative if `one` comes first."""
    for mine, yours, (_, descending) in zip(one.values, other.values, order, strict=True):
        if mine == yours:
            continue
        if mine is None or yours is None:
            return 1 if mine is None else -1
        return -1 if (mine < yours) != descending else 1
    return (one.run_id < other.run_id) - (one.run_id > other.run_id)


def count(rows: Iterable[VisibilityRow], query: ListQuery, *, limit: int) -> list[GroupCount]:
    """How many rows match, by group; without groups one number."""
    found = [row for row in rows if row.namespace == query.namespace and matches(row, query.where)]
    if not query.groups:
        return [GroupCount((), len(found))]
    counted = Counter(tuple(value_of(row, field) for field in query.groups) for row in found)
    groups = [GroupCount(values, total) for values, total in counted.items()]
    return sorted(groups, key=_by_size)[:limit]


def _by_size(group: GroupCount) -> Any:
    """The largest first; as for equals, what is missing last."""
    return (-group.total, [(value is None, 0 if value is None else value) for value in group.values])
