"""Batches that cannot be committed, or not be decided: what is to blame is set aside, everything else counts once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure.protocol.commands import StartTimer
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import SignalWorkflow, encode_envelope, numbered_request
from perdure_engine.history import deciding, runs
from perdure_store.memory import CommitFault
from perdure_store.port import BatchRejected, CommitBatch, FenceLost
from tests.engine_stage import Stage, done, pass_time, start_request, until


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


async def test_a_refused_request_is_looked_for_before_others_are_served() -> None:
    """Else those would fill the small batches, whose success lets them grow again, as long as others come in."""
    stage = await Stage(2).open()
    neighbor, guilty = [next(n for n in map(str, range(99)) if stage.shard_of(n) == shard_id) for shard_id in (0, 1)]
    order: list[str] = []

    def is_guilty(batch: CommitBatch) -> bool:
        order.extend(row.workflow_id for row in batch.executions)
        return creates(batch, guilty)

    refuse(stage, is_guilty)
    stage.history._intake.limit = 1
    stage.history._intake.suspects = {1: None}
    numbers = [stage.expect(), stage.expect()]
    requests = [start_request(neighbor), start_request(guilty)]
    rows = [numbered_request(number, request) for number, request in zip(numbers, requests, strict=True)]
    await stage.broker.send([(shard, encode_envelope(1, "stage", [row])) for shard, row in enumerate(rows)])
    assert (await stage.reply(numbers[1]))[0] == ReplyKind.ERROR
    assert (await stage.reply(numbers[0]))[0] == ReplyKind.OK
    assert order[0] == guilty
    await stage.close()


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
