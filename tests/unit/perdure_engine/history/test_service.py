"""The history service as its senders and neighbours see it: what goes wrong, and what then must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure.protocol.commands import StartTimer
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error, decode_outcome, decode_started
from perdure.protocol.requests import AwaitResult, SignalWorkflow
from perdure.protocol.tasks import TaskKind
from perdure_broker.port import StreamKind
from perdure_engine.history import deciding, runs, service
from perdure_store.memory import CommitFault
from perdure_store.port import BatchRejected, CommitBatch, FenceLost
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


# A batch that cannot be committed, or not be decided ----------------------------------------------------------------


async def assert_only_bad_is_set_aside(stage: Stage, numbers: dict[str, int]) -> None:
    for workflow_id, number in numbers.items():
        kind, body = await stage.reply(number)
        if workflow_id == "bad":
            error = decode_error(body)
            [letter] = stage.database.dead_letters.values()
            assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.DEAD_LETTERED)
            assert letter.letter_id in error.message
            assert letter.reason in error.message
        else:
            assert kind == ReplyKind.OK, body
    assert sorted(row.workflow_id for row in stage.database.executions.values()) == sorted({*numbers} - {"bad"})
    await until(lambda: not len(stage.server.inboxes[0]), what="the inbox is empty")


async def test_a_refused_request_alone_is_set_aside(stage: Stage) -> None:
    refuse(stage, lambda batch: creates(batch, "bad"))
    names = ["a", "b", "bad", "c", "d"]
    numbers = {name: (await stage.send(start_request(name)))[0] for name in names}
    await assert_only_bad_is_set_aside(stage, numbers)


async def test_a_refused_request_is_found_within_its_entry(stage: Stage) -> None:
    refuse(stage, lambda batch: creates(batch, "bad"))
    names = ["a", "b", "bad", "c", "d"]
    numbers = await stage.send(*(start_request(name) for name in names))
    await assert_only_bad_is_set_aside(stage, dict(zip(names, numbers, strict=True)))


async def test_a_refused_request_behind_a_malformed_one_is_found(stage: Stage) -> None:
    refuse(stage, lambda batch: creates(batch, "bad"))
    odd = start_request("odd")._replace(task_timeout_ms="soon")  # type: ignore[arg-type]  # malformed on purpose
    malformed, guilty = await stage.send(odd, start_request("bad"))
    assert decode_error((await stage.reply(malformed))[1]).code == ErrorCode.INVALID_ARGUMENT
    assert decode_error((await stage.reply(guilty))[1]).code == ErrorCode.DEAD_LETTERED


async def test_a_refused_timer_alone_is_set_aside(stage: Stage) -> None:
    await stage.start("sleeper")
    await stage.decide(StartTimer("t", 1_000))
    await stage.start("neighbour")
    await stage.decide(StartTimer("t", 1_000))
    runs = {row.workflow_id: row.run_id for row in stage.database.executions.values()}
    refuse(stage, lambda batch: any(row.run_id == runs["sleeper"] for row in batch.history))
    await stage.decide(done())
    await until(lambda: stage.database.dead_letters)
    [letter] = stage.database.dead_letters.values()
    assert letter.source == "timer"
    assert not any(stage.database.timers.values())


async def test_a_decision_that_raises_is_set_aside(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide_start(request: Any, *rest: Any) -> Any:
        if request.workflow_id == "bad":
            raise ZeroDivisionError("no such thing")
        return original(request, *rest)

    original = runs.decide_start
    monkeypatch.setattr(runs, "decide_start", decide_start)
    names = ["a", "bad", "b"]
    numbers = await stage.send(*(start_request(name) for name in names))
    await assert_only_bad_is_set_aside(stage, dict(zip(names, numbers, strict=True)))
    assert "ZeroDivisionError: no such thing" in next(iter(stage.database.dead_letters.values())).reason


async def test_a_timer_whose_decision_raises_is_set_aside(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide_timer(*_: Any) -> Any:
        raise ZeroDivisionError("no such thing")

    monkeypatch.setattr(deciding, "decide_timer", decide_timer)
    await stage.start()
    await stage.decide(StartTimer("t", 1_000))
    await until(lambda: stage.database.dead_letters)
    assert not any(stage.database.timers.values())
    await stage.start("another")


# Commits whose outcome is not yes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [fault for fault in CommitFault if fault is not CommitFault.NONE])
async def test_a_commit_that_fails_once_counts_once(stage: Stage, fault: CommitFault) -> None:
    faults = [fault]
    stage.commit_rule = lambda batch: faults.pop() if batch.executions and faults else CommitFault.NONE
    run_id = await stage.start()
    assert not faults
    assert list(stage.database.history[0, run_id]) == [1]
    await stage.decide(done())


async def test_a_loss_is_followed_without_another_request(stage: Stage) -> None:
    """The batch of the only request there is fails: nothing else wakes the service."""
    refuse(stage, lambda batch: creates(batch, "bad"))
    await pass_time(5)
    [number] = await stage.send(start_request("bad"))
    kind, _ = await stage.reply(number, within_s=0.5)
    assert kind == ReplyKind.ERROR


async def test_a_lost_batch_that_arrives_late_finds_its_shard_at_a_newer_range(stage: Stage) -> None:
    """Two are under way; the second's connection breaks, the first is refused. The second must not be written on top
    of what is committed in its predecessor's place."""
    run_id = await stage.start("wf")
    late: list[CommitBatch] = []

    def break_connection(batch: CommitBatch) -> CommitFault:
        if any(result.request_id == "late" for result in batch.request_results) and not late:
            late.append(batch)
            return CommitFault.UNKNOWN_LOST
        return CommitFault.NONE

    stage.commit_rule = break_connection
    stage.commit_delay_s = lambda batch: 0.5 if creates(batch, "bad") else 0.0
    refuse(stage, lambda batch: creates(batch, "bad"))
    await stage.send(start_request("bad"))
    await pass_time(0.1)
    [number] = await stage.send(signal(request_id="late"))
    assert (await stage.reply(number))[0] == ReplyKind.OK
    assert late, "the signal was not in a batch of its own"
    before = dict(stage.database.history[0, run_id])
    with pytest.raises(FenceLost):
        stage.database.commit(late[0])
    assert stage.database.shards[0].range_id > late[0].shards[0].range_id
    assert stage.database.history[0, run_id] == before


async def test_a_store_that_is_down_delays_everything_and_loses_nothing(stage: Stage) -> None:
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    numbers = [(await stage.send(start_request(name)))[0] for name in "abc"]
    await pass_time(10)
    assert not stage.database.executions
    stage.commit_rule = lambda batch: CommitFault.NONE
    for number in numbers:
        assert (await stage.reply(number))[0] == ReplyKind.OK


async def test_a_lost_shard_is_dropped_and_the_others_go_on() -> None:
    stage = await Stage(4).open()
    names: dict[int, str] = {}
    for index in range(40):
        names.setdefault(stage.shard_of(f"wf-{index}"), f"wf-{index}")
    await stage.store.acquire_shard(0, "thief")
    [lost] = await stage.send(start_request(names[0]), shard_id=0)
    for shard_id in (1, 2, 3):
        await stage.start(names[shard_id])
    await until(lambda: stage.history.held() == {1, 2, 3})
    assert not stage.has_reply(lost)
    assert len(stage.server.inboxes[0]) == 1
    await stage.close()


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


async def test_everything_is_published_again_when_the_broker_is_emptied(stage: Stage) -> None:
    await stage.start("a")
    await stage.decide(activity("1"), activity("2"))
    run_id = await stage.start("b")
    stage.server.flush()
    assert await stage.broker.cluster_info() is None
    await until(lambda: stage.server.cluster is not None, what="the cluster is announced again")
    await stage.announce()
    assert {(await stage.take_activity())[1].activity_id for _ in range(2)} == {"1", "2"}
    assert (await stage.take_workflow_task())[1].run_id == run_id


async def test_backlog_flows_again_when_the_broker_is_emptied() -> None:
    stage = await Stage().open()
    await stage.announce(slots=0)
    await stage.start()
    await stage.decide(*(activity(str(number)) for number in range(100)))
    await until(lambda: any(row.backlog for row in stage.outstanding(TaskKind.ACTIVITY)))
    stage.server.flush()
    await until(lambda: stage.server.cluster is not None)
    taken = set()
    while len(taken) < 100:
        entry, task = await stage.take_activity()
        taken.add(task.activity_id)
        await stage.finish_activity(entry, task)
    await stage.close()


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


async def test_starts_are_shed_while_an_inbox_is_too_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "INBOX_SHED_AT", 5)
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    for index in range(20):
        await stage.send(signal(f"unknown-{index}"))
    await pass_time(2)
    stage.commit_rule = lambda batch: CommitFault.NONE
    [number] = await stage.send(start_request())
    kind, body = await stage.reply(number)
    error = decode_error(body)
    assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.RESOURCE_EXHAUSTED)
    assert error.retry_after_ms > 0
    await pass_time(3)
    await stage.start()
