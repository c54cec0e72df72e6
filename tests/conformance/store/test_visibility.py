"""Lists and counts of runs."""

from __future__ import annotations

import json

import pytest

from perdure_store.port import BatchRejected, Store, VisibilityFilter, VisibilityRow
from tests.store_rows import COMPLETED, FAILED, OPEN, run_id, visible

ALL = VisibilityFilter("default")

ROWS = [
    visible("a", start_time_us=1_000_001, workflow_id="order-1", workflow_type="Order", status=OPEN),
    visible("b", start_time_us=1_000_002, workflow_id="order-2", workflow_type="Order", status=COMPLETED),
    visible("c", start_time_us=1_000_002, workflow_id="mail-1", workflow_type="Mail", status=FAILED),
    visible("d", start_time_us=1_700_000_000_123_456, workflow_id="order-1", workflow_type="Order", status=COMPLETED),
]


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
    [found] = await store.list_visibility(ALL, limit=10)
    assert json.loads(found.search_attributes) == attributes
    assert found._replace(search_attributes="{}") == row


async def test_newest_first(filled: Store) -> None:
    later, earlier = sorted("bc", key=run_id, reverse=True)
    assert names(await filled.list_visibility(ALL, limit=10)) == ["d", later, earlier, "a"]


async def test_pages_meet_without_gap_or_overlap(filled: Store) -> None:
    whole = await filled.list_visibility(ALL, limit=10)
    for wanted in (ALL, ALL._replace(workflow_type="Order"), ALL._replace(workflow_id="order-1")):
        whole = await filled.list_visibility(wanted, limit=10)
        seen = []
        before = None
        while page := await filled.list_visibility(wanted, limit=1, before=before):
            seen += page
            before = (page[-1].start_time_us, page[-1].run_id)
        assert seen == whole


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ALL, "abcd"),
        (ALL._replace(status=COMPLETED), "bd"),
        (ALL._replace(workflow_type="Order"), "abd"),
        (ALL._replace(workflow_type="Order", status=COMPLETED), "bd"),
        (ALL._replace(workflow_id="order-1"), "ad"),
        (ALL._replace(workflow_id="order-1", workflow_type="Mail"), ""),
        (ALL._replace(workflow_id="order-1", workflow_type="Order", status=OPEN), "a"),
        (ALL._replace(started_from_us=1_000_002), "bcd"),
        (ALL._replace(started_to_us=1_000_002), "abc"),
        (ALL._replace(started_from_us=1_000_002, started_to_us=1_000_002), "bc"),
        (ALL._replace(workflow_type="Order", started_to_us=1_000_002), "ab"),
        (VisibilityFilter("nowhere"), ""),
    ],
)
async def test_filters(filled: Store, wanted: VisibilityFilter, expected: str) -> None:
    assert sorted(names(await filled.list_visibility(wanted, limit=10))) == list(expected)
    assert await filled.count_visibility(wanted) == len(expected)


async def test_only_a_higher_version_is_written(store: Store) -> None:
    await store.upsert_visibility([visible("a", version=3, status=COMPLETED)])
    await store.upsert_visibility([visible("a", version=2, status=OPEN)])
    await store.upsert_visibility([visible("a", version=3, status=FAILED)])
    assert (await store.list_visibility(ALL, limit=10))[0].status == COMPLETED
    await store.upsert_visibility([visible("a", version=4, status=FAILED)])
    assert (await store.list_visibility(ALL, limit=10))[0].status == FAILED


async def test_of_several_writes_at_once_the_highest_version_counts(store: Store) -> None:
    await store.upsert_visibility(
        [visible("a", version=1), visible("a", version=3, status=COMPLETED), visible("a", version=2)]
    )
    [found] = await store.list_visibility(ALL, limit=10)
    assert (found.version, found.status) == (3, COMPLETED)


async def test_nothing_to_write(store: Store) -> None:
    await store.upsert_visibility([])
    assert await store.list_visibility(ALL, limit=10) == []


async def test_what_cannot_be_kept_is_rejected(store: Store) -> None:
    with pytest.raises(BatchRejected):
        await store.upsert_visibility([visible("a", workflow_id="nul \0")])
