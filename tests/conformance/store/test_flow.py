"""Settings of task queues, and the backlog by fairness key."""

from __future__ import annotations

from perdure_store.flow import BacklogDepth, QueueSettingsRow
from perdure_store.port import Store
from tests.store_rows import ACTIVITY_TASK, Owner, run_id, task

QUEUE = ("default", "main", ACTIVITY_TASK)


async def put(owner: Owner, *rows: tuple[str, int, int, str, int]) -> None:
    """Backlog of these (name, shard, task id, key, priority)."""
    await owner.commit(
        keyed_inserts=[
            task(
                name, task_id, kind=ACTIVITY_TASK, shard_id=shard_id, task_id=task_id, backlog=True,
                priority=priority, fairness_key=key, fairness_weight=2_000, cost=7, created_us=task_id * 10,
            )
            for name, shard_id, task_id, key, priority in rows
        ]
    )  # fmt: skip


async def test_settings_are_replaced_by_those_who_know_the_last_ones(store: Store) -> None:
    row = QueueSettingsRow("default", "main", 2, 1, b"first")
    other = QueueSettingsRow("another", "main", 2, 1, b"other")
    assert await store.queue_settings() == []
    # A call whose answer is lost is repeated, and finds its own row.
    await store.insert_queue_settings(row)
    await store.insert_queue_settings(other)
    assert not await store.insert_queue_settings(row._replace(data=b"too late"))
    await store.update_queue_settings(row._replace(revision=2, data=b"second"))
    assert not await store.update_queue_settings(row._replace(revision=2, data=b"late"))
    assert not await store.update_queue_settings(row._replace(task_queue="none", revision=2))
    assert await store.queue_settings() == [other, row._replace(revision=2, data=b"second")]


async def test_keys_with_a_backlog_are_found_page_by_page(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await put(owner, ("a", 0, 1, "x", 3), ("a", 0, 2, "x", 3), ("b", 1, 1, "y", 1), ("c", 1, 2, "", 3))
    assert await store.backlog_keys(*QUEUE, after=(0, ""), limit=10) == [(1, "y"), (3, ""), (3, "x")]
    assert await store.backlog_keys(*QUEUE, after=(1, "y"), limit=1) == [(3, "")]
    assert await store.backlog_keys(*QUEUE, after=(3, "x"), limit=10) == []
    assert await store.has_backlog_keys(*QUEUE, (3,))
    assert not await store.has_backlog_keys(*QUEUE, (2, 4))
    assert not await store.has_backlog_keys("default", "other", ACTIVITY_TASK, (3,))


async def test_each_key_is_read_behind_its_own_cursors_and_shards_take_turns(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await put(owner, *[("a", shard, number, "x", 3) for shard in (0, 1) for number in range(1, 5)])
    await put(owner, ("b", 0, 5, "y", 3), ("b", 1, 6, "", 3), ("c", 0, 7, "x", 2))
    found = await store.keyed_backlog(*QUEUE, 3, {"x": {0: 1}, "y": {}, "": {}, "absent": {}}, limit=3)
    assert [(row.fairness_key, row.shard_id, row.task_id) for row in found] == [
        ("", 1, 6), ("x", 0, 2), ("x", 1, 1), ("x", 0, 3), ("y", 0, 5)
    ]  # fmt: skip
    assert found[0].run_id == run_id("b")
    assert {(row.fairness_weight, row.cost, row.backlog) for row in found} == {(2_000, 7, True)}
    assert await store.keyed_backlog(*QUEUE, 3, {"y": {0: 5}}, limit=3) == []


async def test_keyed_tasks_are_backlog_and_tasks_like_any_other(store: Store) -> None:
    owner = await Owner.of(store)
    await put(owner, ("a", 0, 1, "x", 3))
    await owner.commit(transfer_inserts=[task("b", 2, kind=ACTIVITY_TASK, backlog=True)])
    assert [row.task_id for row in await store.backlog(*QUEUE, 3, {}, limit=10)] == [1, 2]
    [plain] = await store.keyed_backlog(*QUEUE, 3, {"": {}}, limit=10)
    assert (plain.fairness_key, plain.fairness_weight, plain.cost) == ("", 1000, 1)


async def test_how_deep_backlogs_are(store: Store) -> None:
    owner = await Owner.of(store, 0, 1)
    await put(owner, ("a", 0, 5, "x", 3), ("a", 1, 3, "y", 1))
    await owner.commit(transfer_inserts=[task("b", 2, task_queue="other", backlog=True), task("b", 3)])
    depths = [BacklogDepth("main", ACTIVITY_TASK, 2, 30), BacklogDepth("other", 1, 1, 1_000)]
    assert await store.backlog_depths("default") == depths
    assert await store.backlog_depths("default", "main") == depths[:1]
    assert await store.backlog_depths("another") == []
