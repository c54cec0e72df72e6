"""Activities without a workflow: written with a batch, loaded by their ids, forgotten when their time is over."""

from __future__ import annotations

from typing import Any

from perdure_store.port import ActivityExecutionRow, ActivityKey, LoadedActivity, Store
from tests.store_rows import ACTIVITY_TASK, COMPLETED, OPEN, Owner, run_id, task

NUMBER = 1 << 41
NOTHING = LoadedActivity(None, None, None)


def row(name: str = "a", number: int = NUMBER, *, shard_id: int = 0, **fields: Any) -> ActivityExecutionRow:
    made = ActivityExecutionRow(
        shard_id, run_id(name), number, "default", f"id {name}", "send", "mails", COMPLETED, 1, 1_000, 2_000, 0,
        f"request {number}", "", b"data",
    )  # fmt: skip
    return made._replace(**fields)


def key(name: str = "a", number: int = 0, **fields: Any) -> ActivityKey:
    return ActivityKey(0, run_id(name), number)._replace(**fields)


async def test_what_was_written_is_loaded(store: Store) -> None:
    owner = await Owner.of(store)
    waiting = row("b", status=OPEN, close_time_us=0, search_attributes='{"Amount:Int": 5}')
    out = task("c", NUMBER + 2, kind=ACTIVITY_TASK)
    await owner.commit(activities=[row(), waiting], transfer_inserts=[out])
    loaded = await store.load_activities([key("a"), key("b"), key("c"), key("d"), key("a", 5), key("a", shard_id=1)])
    assert loaded[0] == LoadedActivity(row(), None, None)
    assert loaded[1].row is not None
    assert loaded[1].row._replace(search_attributes=waiting.search_attributes) == waiting
    assert loaded[1].row.search_attributes.replace(" ", "") == '{"Amount:Int":5}'
    assert loaded[2].task is not None
    assert (loaded[2].task.event_id, loaded[2].task.data) == (NUMBER + 2, out.data)
    assert loaded[3:] == [NOTHING, NOTHING, NOTHING]
    assert await store.load_activities([]) == []


async def test_a_later_row_of_an_execution_replaces_it(store: Store) -> None:
    owner = await Owner.of(store)
    await owner.commit(activities=[row(status=OPEN, close_time_us=0, data=b"waits")])
    await owner.commit(activities=[row(attempt=3)])
    assert (await store.load_activities([key()]))[0].row == row(attempt=3)


async def test_the_last_execution_of_an_id_and_those_before_it(store: Store) -> None:
    owner = await Owner.of(store)
    await owner.commit(activities=[row(number=NUMBER + count) for count in range(3)])
    [last, first] = await store.load_activities([key(), key(number=NUMBER)])
    assert (last.row, first.row) == (row(number=NUMBER + 2), row())


async def test_the_execution_of_a_request(store: Store) -> None:
    owner = await Owner.of(store)
    await owner.commit(activities=[row(number=NUMBER + count) for count in range(3)])
    asked = key(request_id=f"request {NUMBER + 1}")
    found, too_old, unknown = await store.load_activities(
        [asked, asked._replace(since=NUMBER + 2), key(request_id="another")]
    )
    assert (found.row, found.requested) == (row(number=NUMBER + 2), row(number=NUMBER + 1))
    assert too_old.requested is None
    assert unknown.requested is None


async def test_workflows_have_tasks_of_their_own(store: Store) -> None:
    owner = await Owner.of(store)
    await owner.commit(transfer_inserts=[task("a", 5)])
    assert await store.load_activities([key()]) == [NOTHING]


async def test_those_that_closed_long_ago_are_forgotten(store: Store, calm: None) -> None:
    owner = await Owner.of(store)
    rows = [row(str(count), close_time_us=count * 1_000) for count in range(1, 5)]
    kept = [row("open", status=OPEN, close_time_us=0), row("own time", expires_us=9_000), row("other", namespace="n")]
    await owner.commit(activities=[*rows, *kept])
    assert await store.activity_namespaces(0) == ["default", "n"]
    assert await store.activity_namespaces(1) == []
    forget = store.delete_expired_activities
    range_id = owner.shards[0].range_id
    assert await forget(0, range_id - 1, "default", closed_before_us=4_000, limit=10) == 0, "a newer owner has it"
    assert await forget(0, range_id, "default", closed_before_us=4_000, limit=2) == 2
    assert await forget(0, range_id, "default", closed_before_us=4_000, limit=2) == 1
    assert await forget(0, range_id, "default", closed_before_us=4_000, limit=2) == 0
    left = await store.load_activities([key(name) for name in ("1", "2", "3", "4", "open", "own time", "other")])
    assert [found.row is not None for found in left] == [False, False, False, True, True, True, True]


async def test_those_with_a_time_of_their_own_are_forgotten_then(store: Store, calm: None) -> None:
    owner = await Owner.of(store)
    await owner.commit(activities=[row("a", expires_us=5_000), row("b", expires_us=6_000), row("c")])
    range_id = owner.shards[0].range_id
    assert await store.delete_overdue_activities(0, range_id - 1, now_us=5_500, limit=10) == 0
    assert await store.delete_overdue_activities(0, range_id, now_us=5_500, limit=10) == 1
    assert await store.delete_overdue_activities(0, range_id, now_us=5_500, limit=10) == 0
    left = await store.load_activities([key("a"), key("b"), key("c")])
    assert [found.row is not None for found in left] == [False, True, True]
