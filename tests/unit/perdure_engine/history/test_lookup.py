"""What the store is asked for, and what is in memory already."""

from __future__ import annotations

from typing import Any

from perdure.protocol.activity_executions import ActivityOptions
from perdure.protocol.commands import StartTimer
from perdure.protocol.ids import activity_execution_id, run_id_for_start
from perdure.protocol.replies import (
    ReplyKind,
)
from perdure.protocol.requests import (
    AwaitActivity,
    GetActivityTask,
    SentRequest,
    SignalWorkflow,
    StartActivity,
)
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.cache import ExecutionCache
from perdure_engine.history.lookup import Lookup
from perdure_engine.history.shard import Shard
from perdure_engine.history.standalone import StandaloneActivities
from perdure_engine.history.waiters import Waiters
from perdure_store.memory import CommitFault, MemoryStore
from perdure_store.port import ActivityKey, ExecutionKey, ShardRow, TimerRow
from tests.engine_stage import Stage, completion, pass_time, start_request, until


def signal(request_id: str = "s", run_id: str = "", workflow_id: str = "wf") -> SignalWorkflow:
    return SignalWorkflow("default", workflow_id, run_id, "go", b"", request_id, "client")


async def test_a_sleeping_run_that_leaves_memory_meanwhile_is_still_found(stage: Stage) -> None:
    """Its last batch becomes durable, so that it leaves memory, while the next batch loads something else."""
    run_id = await stage.start()
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    await stage.send(completion(entry, task, StartTimer("t", 3_600_000)))
    await pass_time(0.3)

    async def become_durable(method: str) -> None:
        if method == "load":
            stage.store_calls = None
            stage.commit_rule = lambda batch: CommitFault.NONE
            await until(lambda: any(stage.database.timers.values()))
            await pass_time(0.5)

    stage.store_calls = become_durable
    number, _ = await stage.send(signal(run_id=run_id), signal(workflow_id="unknown"))
    kind, body = await stage.reply(number)
    assert kind == ReplyKind.OK, body
    assert stage.store_calls is None


def arrival(request: Any) -> Arrival:
    shard = Shard(ShardRow(3, 1, "one", 0, "", "", 1, 0), "epoch")
    return Arrival(shard, b"1-0", 0, "client", SentRequest(1, request), ())


def lookup_in(cache: ExecutionCache) -> Lookup:
    return Lookup(cache, StandaloneActivities(MemoryStore(), cache.activities, Waiters()))


def test_a_request_about_an_activity_without_a_workflow_asks_for_that() -> None:
    lookup = lookup_in(ExecutionCache())
    run_id = activity_execution_id("default", "a")
    assert lookup.key_for(arrival(AwaitActivity("default", "a", ""))) == ActivityKey(3, run_id)
    assert lookup.key_for(arrival(GetActivityTask(run_id, 1 << 41, 1))) == ActivityKey(3, run_id, 1 << 41)
    assert lookup.key_for(arrival(GetActivityTask("run", 5, 1))) == ExecutionKey(3, "", "", "run")
    assert lookup.key_for_timer(TimerRow(3, 5, run_id, 2, 1 << 41)) == ActivityKey(3, run_id, 1 << 41)
    start = StartActivity("default", "a", "act", "q", b"", "r", "client", ActivityOptions())
    assert lookup.key_for(arrival(start)) == ActivityKey(3, run_id, 0, "r")


def test_a_request_asks_for_the_run_that_it_names_or_for_its_workflow() -> None:
    lookup = lookup_in(ExecutionCache())
    assert lookup.key_for(arrival(signal(run_id="run"))) == ExecutionKey(3, "", "", "run")
    assert lookup.key_for(arrival(signal())) == ExecutionKey(3, "default", "wf")
    assert lookup.key_for_timer(TimerRow(3, 5, "run", 1, 7)) == ExecutionKey(3, "", "", "run")
    assert not lookup.knows("run")


def test_a_start_asks_for_the_run_that_it_would_make_too() -> None:
    start = start_request("wf", request_id="r")
    key = lookup_in(ExecutionCache()).key_for(arrival(start))
    assert key == ExecutionKey(3, "default", "wf", "", run_id_for_start("default", "wf", "r"))
