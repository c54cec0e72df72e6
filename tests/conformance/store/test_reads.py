"""What is read beside the hot path: histories, timers, outstanding tasks, backlogs, dead letters."""

from __future__ import annotations

from perdure_store.port import (
    DeadLetterRow,
    RequestResultRow,
    Store,
    TimerKey,
    TransferKey,
)
from tests.store_rows import ACTIVITY_TASK, WORKFLOW_TASK, Owner, execution, history, run_id, task, timer


async def test_a_history_is_read_in_pages(store: Store) -> None:
    owner = await Owner.of(store, 0)
    rows = [history("a", number) for number in range(1, 8)]
    await owner.commit(executions=[execution("a")], history=[*reversed(rows), history("b", 1)])
    assert await store.read_history(0, run_id("a")) == rows
    assert await store.read_history(0, run_id("a"), limit=3) == rows[:3]
    assert await store.read_history(0, run_id("a"), after_batch_no=3, limit=3) == rows[3:6]
    assert await store.read_history(0, run_id("a"), after_batch_no=7) == []
    assert await store.read_history(1, run_id("a")) == []


async def test_the_end_of_a_history(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(history=[history("a", 1), history("a", 2), history("b", 9)])
    assert await store.last_history_row(0, run_id("a")) == history("a", 2)
    assert await store.last_history_row(0, run_id("nobody")) is None


async def test_whether_a_request_took_effect(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(request_results=[RequestResultRow(0, run_id("a"), "r1", 1, b"")])
    assert await store.request_exists(0, run_id("a"), "r1")
    assert not await store.request_exists(0, run_id("a"), "r2")
    assert not await store.request_exists(0, run_id("b"), "r1")
    assert not await store.request_exists(1, run_id("a"), "r1")


async def test_old_witnesses_are_forgotten_a_few_at_a_time(store: Store) -> None:
    owner = await Owner.of(store, 0, 7)
    await owner.commit(
        request_results=[
            RequestResultRow(shard_id, run_id("a"), f"r{time_us}", time_us, b"")
            for shard_id in (0, 7)
            for time_us in range(10)
        ]
    )
    assert await store.delete_request_results(5, limit=4) == 4
    assert await store.delete_request_results(5, limit=100) == 6
    assert await store.delete_request_results(5, limit=100) == 0
    assert await store.request_exists(7, run_id("a"), "r5")
    assert not await store.request_exists(7, run_id("a"), "r4")


async def test_timers_come_in_order_and_in_pages(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    names = sorted(("a", "b", "c"), key=run_id)
    rows = [timer(names[0], 1_000)] + [timer(name, 2_000) for name in names]
    rows += [timer(names[0], 3_000, 1, kind=1), timer(names[0], 3_000, 2, kind=1), timer(names[0], 3_000, 1, kind=2)]
    await owner.commit(timer_inserts=[*reversed(rows), timer("a", 1_500, shard_id=1), timer("a", 9_000)])
    assert await store.timers(0, after=None, until_us=3_000, limit=100) == rows
    assert await store.timers(0, after=None, until_us=2_999, limit=100) == rows[:4]
    seen = []
    after = None
    while page := await store.timers(0, after=after, until_us=3_000, limit=2):
        seen += page
        after = TimerKey(*page[-1][:5])
    assert seen == rows
    assert await store.timers(3, after=None, until_us=9_000, limit=1) == []


async def test_when_the_next_timer_is_due(store: Store) -> None:
    owner = await Owner.of(store, 0)
    assert await store.next_timer(0, 0) is None
    await owner.commit(timer_inserts=[timer("a", 2_000), timer("b", 1_000)])
    assert await store.next_timer(0, 0) == 1_000
    assert await store.next_timer(0, 1_000) == 2_000
    assert await store.next_timer(0, 2_000) is None


async def test_outstanding_tasks_come_in_order_and_in_pages(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    rows = [
        task(name, event_id, kind=kind, heartbeat=b"beat")
        for name in sorted(("a", "b"), key=run_id)
        for kind in (WORKFLOW_TASK, ACTIVITY_TASK)
        for event_id in (3, 11, 200)
    ]
    await owner.commit(transfer_inserts=[*reversed(rows), task("a", shard_id=1)])
    assert await store.outstanding(0, after=None, limit=100) == rows
    seen = []
    after = None
    while page := await store.outstanding(0, after=after, limit=5):
        seen += page
        after = TransferKey(*page[-1][:4])
    assert seen == rows
    without = await store.outstanding(0, after=None, limit=100, with_data=False)
    assert without == [row._replace(data=b"", heartbeat=b"") for row in rows]


async def test_tasks_are_read_by_key(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await owner.commit(transfer_inserts=[task("a", 2), task("a", 3), task("b", 2, shard_id=1)])
    wanted = [task("b", 2, shard_id=1), task("a", 3)]
    keys = [TransferKey(*row[:4]) for row in wanted] + [TransferKey(0, run_id("gone"), 1, 2)]
    assert await store.transfer_rows(keys) == sorted(wanted)
    assert await store.transfer_rows([]) == []


async def test_a_backlog_takes_shards_in_turn_and_tasks_in_order(store: Store) -> None:
    owner = await Owner.of(store, 0, 1, 2)
    rows = [
        task(f"run {task_id}", shard_id=shard_id, task_id=task_id, backlog=True)
        for shard_id, task_ids in ((0, (5, 6, 7)), (1, (2,)), (2, (30, 31)))
        for task_id in task_ids
    ]
    others = [
        task("not waiting"),
        task("other queue", task_queue="other", backlog=True),
        task("other namespace", namespace="other", backlog=True),
        task("other priority", priority=1, backlog=True),
        task("other kind", kind=ACTIVITY_TASK, backlog=True),
    ]
    await owner.commit(transfer_inserts=[*reversed(rows), *others])

    async def read(cursors: dict[int, int], limit: int) -> list[int]:
        found = await store.backlog("default", "main", WORKFLOW_TASK, 3, cursors, limit=limit)
        assert all(row in rows for row in found)
        return [row.task_id for row in found]

    assert await read({}, 100) == [5, 2, 30, 6, 31, 7]
    assert await read({}, 4) == [5, 2, 30, 6]
    assert await read({0: 5, 1: 2, 2: 0}, 2) == [6, 30]
    assert await read({0: 7, 1: 2, 2: 31}, 100) == []
    [urgent] = await store.backlog("default", "main", WORKFLOW_TASK, 1, {}, limit=10)
    assert urgent == others[3]


async def test_which_queues_have_a_backlog(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    assert await store.backlog_queues() == []
    await owner.commit(
        transfer_inserts=[
            task("a", 1, backlog=True),
            task("a", 2, backlog=True, priority=1),
            task("b", 1, backlog=True, shard_id=1),
            task("c", 1, backlog=True, kind=ACTIVITY_TASK),
            task("d", 1, backlog=True, task_queue="another"),
            task("e", 1),
        ]
    )
    assert await store.backlog_queues() == [
        ("default", "another", WORKFLOW_TASK, 1),
        ("default", "main", WORKFLOW_TASK, 3),
        ("default", "main", ACTIVITY_TASK, 1),
    ]


async def test_dead_letters_are_listed_newest_first_and_can_be_taken(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    letters = [
        DeadLetterRow(number % 2, run_id(f"letter {number}"), number, "inbox", f"reason {number}", b"\0data")
        for number in range(5)
    ]
    await owner.commit(dead_letters=letters)
    assert await store.dead_letters(limit=10) == letters[::-1]
    assert await store.dead_letters(limit=2) == [letters[4], letters[3]]
    assert await store.dead_letters(limit=2, before=(3, letters[3].letter_id)) == [letters[2], letters[1]]
    assert await store.dead_letter(letters[1].letter_id) == letters[1]
    assert await store.delete_dead_letter(letters[1].letter_id)
    assert not await store.delete_dead_letter(letters[1].letter_id)
    assert await store.dead_letter(letters[1].letter_id) is None


async def test_pages_of_dead_letters_meet_where_many_were_buried_at_once(store: Store) -> None:
    """One batch buries all its letters at the same time of the shard."""
    owner = await Owner.of(store, 0)
    letters = [DeadLetterRow(0, run_id(f"letter {number}"), 7, "inbox", "why", b"") for number in range(5)]
    await owner.commit(dead_letters=letters)
    seen: list[DeadLetterRow] = []
    before = None
    while page := await store.dead_letters(limit=2, before=before):
        seen += page
        before = (page[-1].created_us, page[-1].letter_id)
    assert seen == sorted(letters, key=lambda row: row.letter_id, reverse=True)
