"""Activities without a workflow: written with a batch, loaded by their ids, forgotten when their time is over."""

from __future__ import annotations

from functools import partial
from typing import Any

from perdure_store.activity_lists import PAGE_BYTES_MAX, ActivityFilter, ActivityPlace
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
    kept += [row("window", expires_us=-8_000, close_time_us=1), row("past", expires_us=-7_000, close_time_us=3_999)]
    await owner.commit(activities=[*rows, *kept])
    assert await store.activity_namespaces(0) == ["default", "n"]
    assert await store.activity_namespaces(1) == []
    forget = partial(store.delete_expired_activities, closed_before_us=4_000, now_us=7_000)
    range_id = owner.shards[0].range_id
    assert await forget(0, range_id - 1, "default", limit=10) == 0, "a newer owner has it"
    assert await forget(0, range_id, "default", limit=2) == 2
    assert await forget(0, range_id, "default", limit=2) == 2
    assert await forget(0, range_id, "default", limit=2) == 0
    names = ("1", "2", "3", "past", "4", "open", "own time", "other", "window")
    left = await store.load_activities([key(name) for name in names])
    assert [found.row is not None for found in left] == [False] * 4 + [True] * 5


async def test_those_with_a_time_of_their_own_are_forgotten_then(store: Store, calm: None) -> None:
    owner = await Owner.of(store)
    await owner.commit(activities=[row("a", expires_us=5_000), row("b", expires_us=6_000), row("c")])
    range_id = owner.shards[0].range_id
    assert await store.delete_overdue_activities(0, range_id - 1, now_us=5_500, limit=10) == 0
    assert await store.delete_overdue_activities(0, range_id, now_us=5_500, limit=10) == 1
    assert await store.delete_overdue_activities(0, range_id, now_us=5_500, limit=10) == 0
    left = await store.load_activities([key("a"), key("b"), key("c")])
    assert [found.row is not None for found in left] == [False, True, True]


# Lists ----------------------------------------------------------------------------------------------------------------

WHICH = ActivityFilter("default", 1 << 40)


async def listed(store: Store, filter: ActivityFilter = WHICH, limit: int = 10) -> list[int]:
    """The numbers of all, counted from `NUMBER`, page by page."""
    numbers: list[int] = []
    after = None
    while page := await store.list_activities(filter, after=after, limit=limit):
        assert len(page) <= limit
        numbers += [each.number - NUMBER for each in page]
        after = ActivityPlace(page[-1].number, page[-1].run_id)
    return numbers


async def some(store: Store) -> None:
    """0 closed, 1 failed, 2 waits, 3 out by its entry alone, 4 out and kept; others that are no such activities."""
    owner = await Owner.of(store)
    waits = row("c", NUMBER + 2, status=OPEN, close_time_us=0, task_queue="others")
    kept = row("e", NUMBER + 4, status=OPEN, close_time_us=0)
    out = [task(name, NUMBER + n, kind=ACTIVITY_TASK, task_queue="mails") for name, n in (("d", 3), ("e", 4))]
    rows = [row("a"), row("b", NUMBER + 1, status=3, activity_type="count"), waits, kept, row("x", namespace="other")]
    await owner.commit(activities=rows, transfer_inserts=[*out, task("y", 5, kind=ACTIVITY_TASK)])


async def test_the_newest_come_first_page_by_page(store: Store) -> None:
    await some(store)
    assert await listed(store) == await listed(store, limit=1) == await listed(store, limit=2) == [4, 3, 2, 1, 0]
    assert await store.count_activities(WHICH) == 5
    assert await listed(store, WHICH._replace(namespace="nobody")) == []


async def test_they_are_found_by_status_type_and_queue(store: Store) -> None:
    await some(store)
    assert await listed(store, WHICH._replace(statuses=(OPEN,))) == [4, 3, 2]
    assert await listed(store, WHICH._replace(statuses=(COMPLETED, 3))) == [1, 0]
    assert await listed(store, WHICH._replace(task_queues=("mails",))) == [4, 3, 1, 0]
    by_type = WHICH._replace(types=("count",))
    assert await listed(store, by_type) == [3, 1], "the entry may be of that type"
    assert await store.count_activities(by_type) == 1
    assert await store.count_activities(WHICH._replace(statuses=(OPEN,), task_queues=("mails",))) == 2


async def test_an_entry_tells_what_no_row_does(store: Store) -> None:
    await some(store)
    kept, out = await store.list_activities(WHICH, after=None, limit=2)
    assert (kept.activity_id, kept.activity_type, kept.entry) == ("id e", "send", b"")
    assert (out.activity_id, out.status, out.entry) == ("", OPEN, task("d", NUMBER + 3, kind=ACTIVITY_TASK).data)


async def test_a_page_of_large_entries_is_short(store: Store) -> None:
    owner = await Owner.of(store)
    large = b"x" * (PAGE_BYTES_MAX // 2)
    out = [task(str(n), NUMBER + n, kind=ACTIVITY_TASK, data=large) for n in range(4)]
    await owner.commit(transfer_inserts=out)
    assert len(await store.list_activities(WHICH, after=None, limit=4)) == 2
    assert await listed(store, limit=4) == [3, 2, 1, 0]
