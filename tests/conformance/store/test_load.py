"""Loading what requests name."""

from __future__ import annotations

import pytest

from perdure_store.port import (
    ExecutionKey,
    HeartbeatRow,
    LoadedExecution,
    RequestResultRow,
    SnapshotRow,
    Store,
)
from tests.store_rows import ACTIVITY_TASK, COMPLETED, OPEN, Owner, close, execution, history, run_id, task

ORDER = ExecutionKey(0, "default", "order-1")


def runs(found: list[LoadedExecution]) -> list[str]:
    return [loaded.row.run_id for loaded in found]


@pytest.fixture
async def chain(store: Store) -> Store:
    """Runs a, b and c of one workflow id: the first two closed, the last open; and one open run of another shard."""
    owner = await Owner.of(store, 0, 5)
    await owner.commit(executions=[execution("a")], history=[history("a")])
    await owner.commit(closes=[close("a", close_time_us=2_000)], executions=[execution("b", start_time_us=2_000)])
    await owner.commit(closes=[close("b", close_time_us=3_000)], executions=[execution("c", start_time_us=3_000)])
    await owner.commit(executions=[execution("far", shard_id=5, workflow_id="order-5")])
    return store


async def test_nothing_is_found_of_nothing(store: Store) -> None:
    candidate = ORDER._replace(candidate_run_id=run_id("a"))
    assert await store.load([ORDER, candidate, ORDER._replace(run_id=run_id("a"))]) == [[], [], []]
    assert await store.load([]) == []


async def test_a_workflow_id_means_its_open_run(chain: Store) -> None:
    assert [runs(found) for found in await chain.load([ORDER])] == [[run_id("c")]]


async def test_a_workflow_id_without_an_open_run_means_the_last_closed_one(chain: Store) -> None:
    owner = await Owner.of(chain, 0)
    await owner.commit(closes=[close("c", close_time_us=2_500)])  # closed last, but by its time before b
    [[found]] = await chain.load([ORDER])
    assert (found.row.run_id, found.row.status) == (run_id("b"), COMPLETED)


async def test_a_run_id_means_that_run(chain: Store) -> None:
    keys = [ORDER._replace(run_id=run_id(name)) for name in ("a", "b", "c", "nobody")]
    found = await chain.load(keys)
    assert [runs(one) for one in found] == [[run_id("a")], [run_id("b")], [run_id("c")], []]
    assert [one[0].row.status for one in found[:3]] == [COMPLETED, COMPLETED, OPEN]


async def test_the_candidate_of_a_start_is_found_too(chain: Store) -> None:
    keys = [
        ORDER._replace(candidate_run_id=run_id("a")),
        ORDER._replace(candidate_run_id=run_id("c")),
        ORDER._replace(candidate_run_id=run_id("new")),
        ORDER._replace(workflow_id="other", candidate_run_id=run_id("a")),
        ORDER._replace(run_id=run_id("b"), candidate_run_id=run_id("a")),
    ]
    assert [runs(found) for found in await chain.load(keys)] == [
        [run_id("c"), run_id("a")],
        [run_id("c")],
        [run_id("c")],
        [run_id("a")],
        [run_id("b"), run_id("a")],
    ]


async def test_keys_of_many_shards_keep_their_places(chain: Store) -> None:
    keys = [
        ExecutionKey(5, "default", "order-5"),
        ExecutionKey(0, "default", "order-5"),
        ORDER,
        ExecutionKey(0, "elsewhere", "order-1"),
        ORDER,
    ]
    expected = [[run_id("far")], [], [run_id("c")], [], [run_id("c")]]
    assert [runs(found) for found in await chain.load(keys)] == expected


async def test_an_open_run_comes_with_its_state(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(executions=[execution("a")], history=[history("a", 1)])
    await owner.commit(
        history=[history("a", 2)],
        transfer_inserts=[
            task("a", 5, kind=ACTIVITY_TASK),
            task("a", 7, kind=ACTIVITY_TASK, heartbeat=b"7"),
            task("a", 6, kind=ACTIVITY_TASK),
        ],
        request_results=[RequestResultRow(0, run_id("a"), name, 9 - len(name), b"") for name in ("s1", "s")],
    )
    await owner.commit(
        history=[history("a", 3)],
        heartbeats=[HeartbeatRow(0, run_id("a"), ACTIVITY_TASK, 5, b"5")],
        snapshots=[SnapshotRow(0, run_id("a"), 1, b"state")],
    )
    assert await store.load([ORDER]) == [
        [
            LoadedExecution(
                row=execution("a"),
                snapshot=b"state",
                snapshot_batch_no=1,
                history=(history("a", 2), history("a", 3)),
                heartbeats=(
                    HeartbeatRow(0, run_id("a"), ACTIVITY_TASK, 5, b"5"),
                    HeartbeatRow(0, run_id("a"), ACTIVITY_TASK, 7, b"7"),
                ),
                request_ids=("s1", "s"),
            )
        ]
    ]


async def test_a_closed_run_comes_with_its_requests_alone(store: Store) -> None:
    owner = await Owner.of(store, 0)
    await owner.commit(
        executions=[execution("a")],
        history=[history("a", 1)],
        request_results=[RequestResultRow(0, run_id("a"), "s", 1, b"")],
    )
    await owner.commit(closes=[close("a")], snapshots=[SnapshotRow(0, run_id("a"), 1, b"state")])
    [[found]] = await store.load([ORDER])
    assert found[1:] == (b"", 0, (), (), ("s",))
