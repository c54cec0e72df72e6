"""The history service as its senders and neighbours see it: shards come and go, and what waits is found again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure.protocol.commands import StartTimer
from perdure.protocol.replies import ReplyKind, decode_outcome, decode_started
from perdure.protocol.requests import AwaitResult, SignalWorkflow
from perdure_broker.port import StreamKind
from perdure_engine.history import service
from perdure_store.memory import CommitFault
from perdure_store.port import BatchRejected, CommitBatch
from tests.engine_stage import WORKFLOWS, Stage, activity, done, pass_time, start_request, until

STICKY = WORKFLOWS._replace(kind=StreamKind.STICKY, worker="worker")


def signal(workflow_id: str = "wf", request_id: str = "s") -> SignalWorkflow:
    return SignalWorkflow("default", workflow_id, "", "go", b"", request_id, "client")


def refuse(stage: Stage, is_guilty: Callable[[CommitBatch], bool]) -> None:
    """The database refuses batches, as it does for a value that it cannot keep."""
    commit = stage.database.commit

    def refusing(batch: CommitBatch) -> None:
        if is_guilty(batch):
            raise BatchRejected("a value of this batch cannot be kept")
        commit(batch)

    stage.database.commit = refusing  # type: ignore[method-assign]  # a fault of the database, for this test


def creates(batch: CommitBatch, workflow_id: str) -> bool:
    return any(row.workflow_id == workflow_id for row in batch.executions)


async def test_a_workflow_from_start_to_result(stage: Stage) -> None:
    [number] = await stage.send(start_request(wait_result=True))
    assert (await stage.reply(number))[0] == ReplyKind.OK
    await stage.decide(activity())
    await stage.finish_activity(*await stage.take_activity())
    await stage.decide(done())
    kind, body = await stage.reply(number)
    assert (kind, decode_outcome(body).result) == (ReplyKind.OUTCOME, b"out")


# Takeover, total loss -----------------------------------------------------------------------------------------------


async def test_the_next_owner_publishes_what_is_missing(stage: Stage) -> None:
    def die(batch: CommitBatch) -> CommitFault:
        if batch.executions:
            stage.kill_engine("one")
            return CommitFault.UNKNOWN_WRITTEN
        return CommitFault.NONE

    stage.commit_rule = die
    [number] = await stage.send(start_request())
    await until(lambda: stage.database.executions)
    stage.commit_rule = lambda batch: CommitFault.NONE
    await stage.start_engine("two")
    await stage.decide(done())
    assert not stage.has_reply(number)
    kind, body = await stage.ask(start_request())
    assert (kind, decode_started(body).created) == (ReplyKind.OK, True)


async def test_a_waiter_that_asks_the_next_owner_gets_the_outcome(stage: Stage) -> None:
    run_id = await stage.start()
    [first] = await stage.send(AwaitResult("default", "wf", run_id))
    assert (await stage.reply(first))[0] == ReplyKind.REGISTERED
    stage.kill_engine("one")
    await stage.start_engine("two")
    [second] = await stage.send(AwaitResult("default", "wf", run_id))
    assert (await stage.reply(second))[0] == ReplyKind.REGISTERED
    await stage.decide(done())
    kind, body = await stage.reply(second)
    assert (kind, decode_outcome(body).result) == (ReplyKind.OUTCOME, b"out")


async def test_a_graceful_stop_hands_shards_over_at_once() -> None:
    stage = await Stage(8).open("one", "two")
    await until(lambda: len({row.owner for row in stage.database.shards.values()}) == 2, what="both hold shards")
    before = stage.loop.time()
    await stage.stop_engine("one")
    await until(lambda: {row.owner for row in stage.database.shards.values()} == {"two"})
    assert stage.loop.time() - before < 2.5  # a beat or two, far less than it takes to give a node up for dead
    assert "one" not in stage.database.nodes
    await stage.close()


async def test_a_stop_ends_although_the_broker_is_away(stage: Stage) -> None:
    [number] = await stage.send(start_request())
    await stage.reply(number)
    stage.server.stop()
    before = stage.loop.time()
    await stage.stop_engine("one")
    assert stage.loop.time() - before < 20
    stage.server.start()


async def test_the_dead_node_is_given_up_and_its_shards_are_taken() -> None:
    stage = await Stage(4).open("one", "two")
    await until(lambda: len({row.owner for row in stage.database.shards.values()}) == 2)
    stage.kill_engine("one")
    await until(lambda: {row.owner for row in stage.database.shards.values()} == {"two"}, within_s=10)
    await stage.close()


async def test_shards_are_taken_although_the_broker_is_away() -> None:
    """The engine that takes them must not end: it may be the last one."""
    stage = await Stage(4).open("one", "two")
    await until(lambda: len({row.owner for row in stage.database.shards.values()}) == 2)
    stage.server.stop()
    stage.kill_engine("one")
    await until(lambda: {row.owner for row in stage.database.shards.values()} == {"two"}, within_s=10)
    stage.server.start()
    await stage.start()
    await stage.close()


# Sticky workers, cache, queues --------------------------------------------------------------------------------------


async def test_a_task_for_a_sticky_worker_that_left_goes_to_the_queue(stage: Stage) -> None:
    await stage.announce(sticky=True)
    await stage.start()
    await stage.decide(activity(), sticky_worker="worker")
    await stage.broker.withdraw_worker(STICKY, "worker")
    await stage.finish_activity(*await stage.take_activity())
    _, task = await stage.take_workflow_task(within_s=1)
    assert task.continues_from == 0


async def test_a_task_that_its_sticky_worker_does_not_take_goes_to_the_queue(stage: Stage) -> None:
    await stage.announce(sticky=True)
    await stage.start()
    first = await stage.decide(activity(), sticky_worker="worker")
    await stage.finish_activity(*await stage.take_activity())
    await pass_time(4)
    assert not len(stage.server.queues[WORKFLOWS].stream)
    entry, task = await stage.take_workflow_task(within_s=2)
    assert (task.attempt, task.continues_from) == (1, 0)
    assert task.scheduled_event_id > first.scheduled_event_id
    assert (await stage.complete(entry, task, done()))[0] == ReplyKind.OK


async def test_a_sticky_task_survives_a_batch_that_could_not_be_built(stage: Stage) -> None:
    """The store fails to load at the very moment at which the task is due for the queue."""
    await stage.announce(sticky=True)
    await stage.start()
    await stage.decide(activity(), sticky_worker="worker")
    await stage.finish_activity(*await stage.take_activity())

    async def fail(method: str) -> None:
        if method == "load":
            stage.store_calls = None
            raise service.StoreError("not now")

    stage.store_calls = fail
    await pass_time(4.995)
    await stage.send(signal("unknown"))
    await stage.take_workflow_task(within_s=3)
    assert stage.store_calls is None


async def test_runs_that_sleep_are_not_in_memory(stage: Stage) -> None:
    names = [f"wf-{number}" for number in range(1_000)]
    for start in range(0, 1_000, 100):
        await stage.send(*(start_request(name) for name in names[start : start + 100]))
        for _ in range(100):
            entry, task = await stage.take_workflow_task()
            await stage.complete(entry, task, StartTimer("t", 3_600_000))
    await until(lambda: len(stage.history.cache) == 0)
    await pass_time(1)
    assert len(stage.history.cache) == 0
    await stage.ask(signal("wf-7"))
    assert (await stage.take_workflow_task())[1].workflow_id == "wf-7"
    assert len(stage.history.cache) == 1


async def test_a_timer_of_an_hour_fires_in_an_hour(stage: Stage) -> None:
    await stage.start()
    await stage.decide(StartTimer("t", 3_600_000))
    before = stage.loop.time()
    await stage.take_workflow_task(within_s=4_000)
    assert stage.loop.time() - before == pytest.approx(3_600, abs=1.5)


async def test_a_flood_for_one_shard_does_not_keep_the_others_waiting() -> None:
    stage = await Stage(2).open()
    busy = [name for index in range(8_000) if stage.shard_of(name := f"wf-{index}") == 0]
    quiet = next(name for index in range(100) if stage.shard_of(name := f"q-{index}") == 1)
    for start in range(0, len(busy), 20):
        await stage.send(*(start_request(name) for name in busy[start : start + 20]), shard_id=0)
    await stage.start(quiet)
    assert len(stage.database.executions) < len(busy) * 3 / 4
    await stage.close()
