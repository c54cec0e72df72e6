"""Batch operations, carried out by an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure.protocol.operations import (
    BatchInfo,
    BatchOperation,
    BatchState,
    DescribeBatch,
    StartBatch,
    StopBatch,
    decode_batch_info,
)
from perdure.protocol.replies import ExecutionStatus
from perdure.protocol.requests import DescribeWorkflow
from perdure_engine.listing.tokens import ListQueryError
from perdure_engine.system import batches
from perdure_engine.system.batches import batch_query
from perdure_store.port import StoreUnavailable
from tests.engine_stage import Stage, done, pass_time, until
from tests.unit.perdure_engine.frontend.test_service import answer


def start(operation: BatchOperation = BatchOperation.TERMINATE, **fields: Any) -> StartBatch:
    query = "WorkflowId STARTS_WITH 'wf-'"
    return StartBatch("default", "b", int(operation), query, "why", "me", 1_000)._replace(**fields)


async def workflows(stage: Stage, count: int) -> None:
    for number in range(count):
        await stage.start(f"wf-{number}")
    await until(lambda: len(stage.database.visibility) == count)


async def over(stage: Stage) -> BatchInfo:
    async def look() -> BatchInfo:
        info: BatchInfo = decode_batch_info(await answer(stage, DescribeBatch("default", "b")))
        return info

    while (info := await look()).state == BatchState.RUNNING:
        await pass_time(0.5)
    return info


async def signal_counts(stage: Stage, engine: str) -> list[int]:
    """How many signals each run has, as an engine that loads it again sees it."""
    history: Any = stage.engines[engine].history
    counts = []
    for row in stage.database.executions.values():
        await stage.ask(DescribeWorkflow("default", row.workflow_id, row.run_id))
        counts.append(history.cache.get(row.run_id).state.signal_count)
    return counts


def statuses(stage: Stage) -> list[int]:
    return [row.status for row in stage.database.executions.values()]


async def test_every_run_that_the_query_finds_is_done_page_by_page(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PAGE", 2)
    await workflows(stage, 5)
    await stage.start("other")
    info = decode_batch_info(await answer(stage, start()))
    assert (info.total, info.done, info.state) == (5, 0, BatchState.RUNNING)
    info = await over(stage)
    assert (info.total, info.done, info.failed, info.state) == (5, 5, 0, BatchState.COMPLETED)
    assert sorted(statuses(stage)) == [ExecutionStatus.RUNNING] + 5 * [ExecutionStatus.TERMINATED]


@pytest.mark.parametrize(
    ("request_", "is_so"),
    [
        (start(BatchOperation.CANCEL), lambda state: state.cancel_requested),
        (start(BatchOperation.SIGNAL, signal_name="poke"), lambda state: state.signal_count == 1),
    ],
)
async def test_runs_are_cancelled_and_signalled(
    stage: Stage, request_: StartBatch, is_so: Callable[[Any], bool]
) -> None:
    await workflows(stage, 2)
    await answer(stage, request_)
    assert (await over(stage)).done == 2
    runs = [stage.history.cache.get(row.run_id) for row in stage.database.executions.values()]
    assert all(is_so(run.state) for run in runs)


async def test_runs_are_reset(stage: Stage) -> None:
    await workflows(stage, 1)
    await stage.decide(done())
    await until(lambda: [row.status for row in stage.database.visibility.values()] == [ExecutionStatus.COMPLETED])
    await answer(stage, start(BatchOperation.RESET))
    assert (await over(stage)).done == 1
    assert sorted(statuses(stage)) == [ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED]


async def test_runs_are_deleted_open_or_closed(stage: Stage) -> None:
    await workflows(stage, 3)
    await stage.start("other")
    await stage.decide(done())
    await until(lambda: ExecutionStatus.COMPLETED in [row.status for row in stage.database.visibility.values()])
    await answer(stage, start(BatchOperation.DELETE))
    info = await over(stage)
    assert (info.total, info.done, info.state) == (3, 3, BatchState.COMPLETED)
    assert [row.workflow_id for row in stage.database.executions.values()] == ["other"]


async def test_a_page_that_is_done_again_signals_each_run_once(stage: Stage) -> None:
    """The engine dies between the answers to its requests and the row that says so."""
    reached = asyncio.Event()

    async def hold(method: str) -> None:
        if method == "update_batch" and "two" not in stage.engines:
            reached.set()
            await asyncio.Event().wait()

    stage.store_calls = hold
    await workflows(stage, 3)
    await answer(stage, start(BatchOperation.SIGNAL, signal_name="poke"))
    await until(reached.is_set)
    assert stage.database.batches["default", "b"].done == 0
    stage.kill_engine("one")
    await stage.start_engine("two")
    info = await over(stage)
    assert (info.done, info.failed, info.state) == (3, 0, BatchState.COMPLETED)
    assert await signal_counts(stage, "two") == [1, 1, 1]


async def test_another_engine_goes_on_where_the_first_one_died(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PAGE", 2)
    await workflows(stage, 6)
    await answer(stage, start(BatchOperation.SIGNAL, signal_name="poke", rate=2))
    await until(lambda: stage.database.batches["default", "b"].done == 2)
    stage.kill_engine("one")
    await stage.start_engine("two")
    info = await over(stage)
    assert (info.done, info.state) == (6, BatchState.COMPLETED)
    assert await signal_counts(stage, "two") == 6 * [1]


async def test_an_operation_that_is_stopped_goes_no_further(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PAGE", 1)
    await workflows(stage, 5)
    await answer(stage, start(rate=1))
    await until(lambda: stage.database.batches["default", "b"].done >= 1)
    info = decode_batch_info(await answer(stage, StopBatch("default", "b", "enough", "me")))
    assert (info.state, info.message) == (BatchState.STOPPED, "stopped by me: enough")
    await pass_time(10)
    assert statuses(stage).count(ExecutionStatus.RUNNING) >= 2
    assert (await over(stage)).state == BatchState.STOPPED


async def test_a_rate_is_kept(stage: Stage) -> None:
    await workflows(stage, 6)
    began = stage.now_us()
    await answer(stage, start(rate=2))
    await over(stage)
    assert stage.now_us() - began >= 3_000_000


async def test_a_store_that_is_away_delays_an_operation(stage: Stage) -> None:
    await workflows(stage, 1)
    failures = [StoreUnavailable("not now")] * 3

    async def fail(method: str) -> None:
        if method in ("running_batches", "update_batch") and failures:
            raise failures.pop()

    stage.store_calls = fail
    await answer(stage, start())
    assert (await over(stage)).done == 1
    assert not failures


async def test_operations_are_forgotten_a_while_after_their_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "KEPT_US", 10_000_000)
    monkeypatch.setattr(batches, "FORGET_EVERY_S", 1.0)
    await workflows(stage, 1)
    await answer(stage, start())
    await over(stage)
    await until(lambda: not stage.database.batches)


def test_a_batch_has_no_order_and_leaves_later_runs_alone() -> None:
    with pytest.raises(ListQueryError, match="leave ORDER BY away"):
        batch_query(BatchOperation.TERMINATE, "ORDER BY StartTime", "default", {}, 5)
    assert "5" in repr(batch_query(BatchOperation.RESET, "WorkflowId = 'a'", "default", {}, 5).where)
