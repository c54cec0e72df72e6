"""Lists and counts of runs."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from perdure_store import memory_lists
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
    column,
)
from perdure_store.port import BatchRejected, Store, VisibilityRow
from tests.store_rows import COMPLETED, FAILED, OPEN, run_id, visible

ALL_RUNS = ListQuery("default")

ROWS = [
    visible("a", start_time_us=1_000_001, workflow_id="order-1", workflow_type="Order", status=OPEN),
    visible("b", start_time_us=1_000_002, workflow_id="order-2", workflow_type="Order", status=COMPLETED),
    visible("c", start_time_us=1_000_002, workflow_id="mail-1", workflow_type="Mail", status=FAILED),
    visible("d", start_time_us=1_700_000_000_123_456, workflow_id="order-1", workflow_type="Order", status=COMPLETED),
]

ATTRIBUTES = {
    "Amount:Double": Field("Amount", FieldType.DOUBLE, "Amount:Double"),
    "Count:Int": Field("Count", FieldType.INT, "Count:Int"),
    "Customer:Keyword": Field("Customer", FieldType.KEYWORD, "Customer:Keyword"),
    "Due:Datetime": Field("Due", FieldType.DATETIME, "Due:Datetime"),
    "Notes:Text": Field("Notes", FieldType.TEXT, "Notes:Text"),
    "Open:Bool": Field("Open", FieldType.BOOL, "Open:Bool"),
    "Tags:KeywordList": Field("Tags", FieldType.KEYWORD_LIST, "Tags:KeywordList"),
}

LISTS = (FieldType.TEXT, FieldType.KEYWORD_LIST)
ORDERING = (Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL)
PREFIXES = (Operator.STARTS_WITH, Operator.NOT_STARTS_WITH)

TEXTS = ["", "a", "A", "ab", "a%", "a_b", "ä", "Z", "order-1", "back\\slash", "'; DROP TABLE x --", "€", "𝄞"]
"""What an index, a pattern or a collation may understand in its own way."""

VALUES: dict[FieldType, list[Any]] = {
    FieldType.KEYWORD: TEXTS,
    FieldType.TEXT: ["a", "order", "ä", "drop"],
    FieldType.KEYWORD_LIST: TEXTS,
    FieldType.INT: [-(2**63) + 1, -1, 0, 1, 2, 2**53 + 1, 2**63 - 1],
    FieldType.DOUBLE: [-1.5, 0.0, 0.1, 1.0, 12.5, 1e300, 5e-324],
    FieldType.BOOL: [True, False],
    FieldType.DATETIME: [0, 1_000_001, 1_000_002, 1_700_000_000_123_456],
}


def where(name: str, operator: Operator, *values: Any) -> ListQuery:
    field = ATTRIBUTES.get(name) or column(name)
    return ALL_RUNS._replace(where=Comparison(field, operator, values))


def names(rows: list[VisibilityRow]) -> list[str]:
    by_run = {run_id(name): name for name in "abcd"}
    return [by_run[row.run_id] for row in rows]


@pytest.fixture
async def filled(store: Store) -> Store:
    await store.upsert_visibility([*ROWS, visible("e", namespace="other")])
    return store


async def test_a_row_comes_back_as_it_was(store: Store) -> None:
    row = visible(
        "a",
        start_time_us=1_700_000_000_123_457,
        execution_time_us=1_700_000_000_123_458,
        close_time_us=1_700_000_000_999_999,
        status=COMPLETED,
        history_length=11,
        history_size_bytes=12_345,
        memo=b"\x00\xff",
        parent_workflow_id="parent",
        parent_run_id=run_id("parent"),
    )
    attributes = {"Customer": "ü", "Amount": 12.5, "Tags": ["a", "b"]}
    await store.upsert_visibility([row._replace(search_attributes=json.dumps(attributes))])
    [found] = await store.list_visibility(ALL_RUNS, limit=10)
    assert json.loads(found.search_attributes) == attributes
    assert found._replace(search_attributes="{}") == row


async def test_newest_first(filled: Store) -> None:
    later, earlier = sorted("bc", key=run_id, reverse=True)
    assert names(await filled.list_visibility(ALL_RUNS, limit=10)) == ["d", later, earlier, "a"]


async def test_pages_meet_without_gap_or_overlap(filled: Store) -> None:
    orders = [(), (Order(column("WorkflowType")),), (Order(column("CloseTime")), Order(column("StartTime"), True))]
    for order in orders:
        for query in (
            ALL_RUNS,
            where("WorkflowType", Operator.IN, "Order"),
            where("WorkflowId", Operator.IN, "order-1"),
        ):
            query = query._replace(order=order)
            whole = await filled.list_visibility(query, limit=10)
            seen: list[VisibilityRow] = []
            while page := await filled.list_visibility(
                query, limit=1, after=memory_lists.place_of(seen[-1], query) if seen else None
            ):
                seen += page
            assert seen == whole


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ALL_RUNS, "abcd"),
        (where("ExecutionStatus", Operator.IN, COMPLETED), "bd"),
        (where("ExecutionStatus", Operator.IN), ""),
        (where("WorkflowType", Operator.IN, "Order"), "abd"),
        (where("WorkflowId", Operator.NOT_IN, "order-1"), "bc"),
        (where("WorkflowId", Operator.STARTS_WITH, "order-"), "abd"),
        (where("RunId", Operator.IN, run_id("a"), "no uuid"), "a"),
        (where("StartTime", Operator.GREATER_OR_EQUAL, 1_000_002), "bcd"),
        (where("CloseTime", Operator.IS_MISSING), "abcd"),
        (where("Customer:Keyword", Operator.NOT_IN, "ada"), ""),
        (ListQuery("nowhere"), ""),
    ],
)
async def test_conditions(filled: Store, query: ListQuery, expected: str) -> None:
    assert sorted(names(await filled.list_visibility(query, limit=10))) == list(expected)
    assert await filled.count_visibility(query) == [GroupCount((), len(expected))]


async def test_groups_come_largest_first(filled: Store) -> None:
    query = ALL_RUNS._replace(groups=(column("WorkflowType"), column("ExecutionStatus")))
    assert await filled.count_visibility(query) == [
        GroupCount(("Order", COMPLETED), 2),
        GroupCount(("Mail", FAILED), 1),
        GroupCount(("Order", OPEN), 1),
    ]
    assert await filled.count_visibility(query, limit=1) == [GroupCount(("Order", COMPLETED), 2)]


class Dice:
    """Random rows and queries, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def row(self, name: str) -> VisibilityRow:
        close = self.pick([0, 1_700_000_000_999_999, 1_700_000_001_000_000])
        attributes = {key: self.attribute(field) for key, field in ATTRIBUTES.items() if self.random.random() < 0.6}
        return visible(
            name,
            start_time_us=self.pick(VALUES[FieldType.DATETIME]),
            execution_time_us=self.pick(VALUES[FieldType.DATETIME]),
            close_time_us=close,
            status=self.pick([COMPLETED, FAILED]) if close else OPEN,
            workflow_id=self.pick(TEXTS[1:]),
            workflow_type=self.pick(TEXTS[1:]),
            history_length=self.pick([3, 5]) if close else 0,
            parent_workflow_id=self.pick(TEXTS),
            search_attributes=json.dumps(attributes, ensure_ascii=self.pick([True, False])) if attributes else "",
        )

    def attribute(self, field: Field) -> Any:
        if field.type in LISTS:
            return self.random.sample(VALUES[field.type], self.random.randint(0, 3))
        return self.pick(VALUES[field.type])

    def field(self) -> Field:
        return self.pick([*ATTRIBUTES.values(), *map(column, COLUMNS)])

    def condition(self, depth: int = 3) -> Condition:
        if depth and self.random.random() < 0.6:
            parts = tuple(self.condition(depth - 1) for _ in range(self.random.randint(1, 3)))
            return self.pick([All(parts), AnyOf(parts)])
        return self.comparison()

    def comparison(self) -> Comparison:
        field = self.field()
        operators = [Operator.IN, Operator.NOT_IN, Operator.IS_MISSING, Operator.IS_PRESENT]
        if field.type not in LISTS and field.type != FieldType.BOOL:
            operators += ORDERING
        if field.type == FieldType.KEYWORD:
            operators += PREFIXES
        operator = self.pick(operators)
        values = self.random.sample(VALUES[field.type], self.random.randint(operator is Operator.NOT_IN, 2))
        if operator in (*ORDERING, *PREFIXES):
            values = [self.pick(VALUES[field.type])]
        elif operator in (Operator.IS_MISSING, Operator.IS_PRESENT):
            values = []
        return Comparison(field, operator, tuple(values))

    def query(self) -> ListQuery:
        order = [self.field() for _ in range(self.random.randint(0, 3))]
        distinct = {field: Order(field, self.pick([True, False])) for field in order if field.type not in LISTS}
        return ListQuery("default", self.condition(), tuple(distinct.values()))


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_store_says_the_same_of_every_query(store: Store, calm: None, seed: int) -> None:
    dice = Dice(seed)
    rows = [dice.row(f"run-{number}") for number in range(60)]
    await store.upsert_visibility(rows)
    for _ in range(150):
        query = dice.query()
        whole = memory_lists.page(rows, query, limit=100, after=None)
        found = await store.list_visibility(query, limit=100)
        assert [row.run_id for row in found] == [row.run_id for row in whole], query
        assert await store.count_visibility(query) == [GroupCount((), len(whole))], query
        if len(whole) > 1:
            turn = dice.random.randrange(len(whole))
            place = memory_lists.place_of(found[turn], query)
            rest = await store.list_visibility(query, limit=100, after=place)
            assert [row.run_id for row in rest] == [row.run_id for row in whole[turn + 1 :]], (query, place)
        grouped = query._replace(groups=tuple(order.field for order in query.order))
        if grouped.groups:
            counted = await store.count_visibility(grouped, limit=100)
            assert sorted(map(repr, counted)) == sorted(map(repr, memory_lists.count(rows, grouped, limit=100))), query


async def test_only_a_higher_version_is_written(store: Store) -> None:
    await store.upsert_visibility([visible("a", version=3, status=COMPLETED)])
    await store.upsert_visibility([visible("a", version=2, status=OPEN)])
    await store.upsert_visibility([visible("a", version=3, status=FAILED)])
    assert (await store.list_visibility(ALL_RUNS, limit=10))[0].status == COMPLETED
    await store.upsert_visibility([visible("a", version=4, status=FAILED)])
    assert (await store.list_visibility(ALL_RUNS, limit=10))[0].status == FAILED


async def test_of_several_writes_at_once_the_highest_version_counts(store: Store) -> None:
    await store.upsert_visibility(
        [visible("a", version=1), visible("a", version=3, status=COMPLETED), visible("a", version=2)]
    )
    [found] = await store.list_visibility(ALL_RUNS, limit=10)
    assert (found.version, found.status) == (3, COMPLETED)


async def test_nothing_to_write(store: Store) -> None:
    await store.upsert_visibility([])
    assert await store.list_visibility(ALL_RUNS, limit=10) == []


async def test_what_cannot_be_kept_is_rejected(store: Store) -> None:
    with pytest.raises(BatchRejected):
        await store.upsert_visibility([visible("a", workflow_id="nul \0")])
