"""What a list or a count asks for: conditions on fields as a small typed tree, an order, groups.

Role: the language between whoever parses a query and the stores that answer it. Rules:
- There is no NOT: whoever builds a tree turns NOT into the opposite operators, so that a condition on a field that a
  run does not have is simply false, in SQL and in memory alike.
- Values are plain: text, numbers, booleans; moments are microseconds since 1970.
- What a run does not have comes last in every order.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from perdure_store.port import VisibilityRow


class FieldType(IntEnum):
    """Of a field's values; the numbers and names of search attributes."""

    TEXT = 1
    KEYWORD = 2
    INT = 3
    DOUBLE = 4
    BOOL = 5
    DATETIME = 6
    KEYWORD_LIST = 7


class Field(NamedTuple):
    """What is compared: a column by its public name, or (`key` set) an attribute by its key in the index.

    A text is kept as a list of itself and its words, and found by these.
    """

    name: str
    type: FieldType
    key: str = ""


class Operator(Enum):
    """IN takes any number of values, NOT_IN at least one, the ordering ones and the prefixes one, the last two none.
    NOT_IN on a list: none of its elements is among the values."""

    IN = "IN"
    NOT_IN = "NOT IN"
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    STARTS_WITH = "STARTS_WITH"
    NOT_STARTS_WITH = "NOT STARTS_WITH"
    IS_MISSING = "IS NULL"
    IS_PRESENT = "IS NOT NULL"


class Comparison(NamedTuple):
    field: Field
    operator: Operator
    values: tuple[Any, ...] = ()


class All(NamedTuple):
    """Every one of these holds; without any, always."""

    parts: tuple[Condition, ...] = ()


class AnyOf(NamedTuple):
    """At least one of these holds."""

    parts: tuple[Condition, ...]


Condition = Comparison | All | AnyOf


class Order(NamedTuple):
    field: Field
    descending: bool = False


class ListQuery(NamedTuple):
    """`order` empty: newest start first. Ties are broken by the run id, descending. `groups` are for counts alone."""

    namespace: str
    where: Condition = All()
    order: tuple[Order, ...] = ()
    groups: tuple[Field, ...] = ()


class Place(NamedTuple):
    """The last row of a page: what it has in the fields of the order, and its run id."""

    values: tuple[Any, ...]
    run_id: str


class GroupCount(NamedTuple):
    """How many rows have these values in the fields of the groups."""

    values: tuple[Any, ...]
    total: int


class Column(NamedTuple):
    """A field that every row has a column for; `read` takes it from a row, None if the run does not have it (yet)."""

    type: FieldType
    read: Callable[[VisibilityRow], Any]
    is_always_there: bool = False


COLUMNS: dict[str, Column] = {
    "WorkflowId": Column(FieldType.KEYWORD, lambda row: row.workflow_id, True),
    "RunId": Column(FieldType.KEYWORD, lambda row: row.run_id, True),
    "WorkflowType": Column(FieldType.KEYWORD, lambda row: row.workflow_type, True),
    "TaskQueue": Column(FieldType.KEYWORD, lambda row: row.task_queue, True),
    "ExecutionStatus": Column(FieldType.INT, lambda row: row.status, True),
    "StartTime": Column(FieldType.DATETIME, lambda row: row.start_time_us, True),
    "ExecutionTime": Column(FieldType.DATETIME, lambda row: row.execution_time_us, True),
    "CloseTime": Column(FieldType.DATETIME, lambda row: row.close_time_us or None),
    "ExecutionDuration": Column(
        FieldType.INT, lambda row: row.close_time_us - row.execution_time_us if row.close_time_us else None
    ),
    "HistoryLength": Column(FieldType.INT, lambda row: row.history_length or None),
    "HistorySizeBytes": Column(FieldType.INT, lambda row: row.history_size_bytes or None),
    "ParentWorkflowId": Column(FieldType.KEYWORD, lambda row: row.parent_workflow_id or None),
    "ParentRunId": Column(FieldType.KEYWORD, lambda row: row.parent_run_id or None),
    "RootWorkflowId": Column(FieldType.KEYWORD, lambda row: row.root_workflow_id or None),
    "RootRunId": Column(FieldType.KEYWORD, lambda row: row.root_run_id or None),
}
"""Fields of every run. `ExecutionDuration` is in microseconds."""


def column(name: str) -> Field:
    """The field of a column."""
    return Field(name, COLUMNS[name].type)


NEWEST_FIRST = (Order(column("StartTime"), descending=True),)


def order_of(query: ListQuery) -> tuple[Order, ...]:
    """The order of a list, as it was asked for or by default."""
    return query.order or NEWEST_FIRST


def is_always_there(field: Field) -> bool:
    """Whether no run lacks it."""
    return not field.key and COLUMNS[field.name].is_always_there


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """What must hold in any case."""
    return condition.parts if isinstance(condition, All) else (condition,)
