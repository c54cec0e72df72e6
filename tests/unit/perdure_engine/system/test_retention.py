"""The janitor: what is over goes when its time has come, in bounded pieces, and what lives is left alone."""

from __future__ import annotations

import asyncio
import random

import pytest

from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import DescribeWorkflow
from perdure_engine.system import retention as module
from perdure_engine.system.retention import LOOK_S, RETENTION_DEFAULT_MS, ROWS_MAX, Retention, _batches
from perdure_store.list_query import GroupCount, ListQuery
from perdure_store.port import ExpiredRun, StoreUnavailable
from tests.engine_stage import QUEUE, Stage, done, pass_time, until
from tests.simulation.process import Process

MINUTE_MS = 60_000


async def _finish(stage: Stage, workflow_id: str = "wf", **fields: str) -> str:
    run_id = await stage.start(workflow_id, **fields)
    await stage.decide(done())
    return run_id


async def test_a_closed_run_goes_when_its_time_is_over(stage: Stage) -> None:
    await stage.store.set_retention("default", MINUTE_MS)
    run_id = await _finish(stage)
    await pass_time(50)
    assert len(stage.database.executions) == 1
    assert await stage.store.count_visibility(ListQuery("default")) == [GroupCount((), 1)]
    await pass_time(10 + 2 * LOOK_S)
    assert not stage.database.executions
    assert not stage.database.history
    assert not stage.database.request_results
    assert not stage.database.visibility
    kind, body = await stage.ask(DescribeWorkflow("default", "wf", run_id))
    assert kind == ReplyKind.ERROR
    assert decode_error(body).code == ErrorCode.NOT_FOUND


async def test_an_open_run_stays_however_old(stage: Stage) -> None:
    await stage.store.set_retention("default", 1)
    await stage.start()
    await pass_time(60)
    assert len(stage.database.executions) == 1


async def test_a_namespace_that_says_nothing_keeps_them_for_three_days(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RETENTION_DEFAULT_MS == 3 * 24 * 60 * MINUTE_MS
    monkeypatch.setattr(module, "RETENTION_DEFAULT_MS", MINUTE_MS)
    stage.database.namespaces.clear()
    await _finish(stage)
    await pass_time(50)
    assert len(stage.database.executions) == 1
    await pass_time(10 + 2 * LOOK_S)
    assert not stage.database.executions


async def test_closed_activities_go_when_their_time_is_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACTIVITIES_MAX", 2)
    await stage.store.set_retention("default", MINUTE_MS)
    options = ActivityOptions(start_to_close_timeout_ms=60_000)
    for number in range(5):
        await stage.ask(StartActivity("default", f"a-{number}", "act", QUEUE, b"", "", "client", options))
        await stage.finish_activity(*await stage.take_activity())
    await stage.ask(StartActivity("default", "open", "act", QUEUE, b"", "", "client", options, start_delay_ms=10**8))
    await pass_time(50)
    assert len(stage.database.activities) == 6
    await pass_time(10 + 2 * LOOK_S)
    assert [row.activity_id for row in stage.database.activities.values()] == ["open"]


async def test_many_go_in_bounded_pieces(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUNS_MAX", 3)
    for number in range(8):
        await _finish(stage, f"wf-{number}")
    await stage.store.set_retention("default", 1)
    calls: list[str] = []

    async def note(method: str) -> None:
        calls.append(method)

    stage.store_calls = note
    await until(lambda: not stage.database.executions)
    assert calls.count("delete_runs") == 3


async def test_a_store_that_is_away_delays_it(stage: Stage) -> None:
    await stage.store.set_retention("default", 1)
    failures = [StoreUnavailable("not now")] * 2

    async def fail(method: str) -> None:
        if method == "delete_runs" and failures:
            raise failures.pop()

    stage.store_calls = fail
    await _finish(stage)
    await until(lambda: not stage.database.executions)
    assert not failures


async def test_another_owner_cleans_up_after_a_crash(stage: Stage) -> None:
    await stage.store.set_retention("default", 20_000)
    await _finish(stage)
    stage.kill_engine("one")
    await stage.start_engine("two")
    await until(lambda: not stage.database.executions, within_s=60)


async def test_it_stops_where_the_store_knows_a_newer_owner(stage: Stage) -> None:
    await _finish(stage)
    await until(lambda: stage.database.visibility and not stage.outstanding())
    await stage.store.set_retention("default", 1)
    stage.kill_engine("one")
    await pass_time(1)
    process = Process("stale", random.Random(1), failed=lambda name, error: None)
    stale = Retention(stage.store, process, lambda: {0: 0})
    async with asyncio.timeout(10):
        await stale.look()
    assert stale.count == 0
    assert len(stage.database.executions) == 1


def test_pieces_hold_as_many_as_their_histories_allow() -> None:
    runs = [ExpiredRun(name, length) for name, length in (("a", 5), ("b", ROWS_MAX), ("c", 10**6), ("d", 1))]
    assert _batches(runs) == [["a"], ["b"], ["c"], ["d"]]
    assert _batches([ExpiredRun(str(number), 10) for number in range(300)])[0] == [str(n) for n in range(200)]
