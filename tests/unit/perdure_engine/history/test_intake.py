"""From inbox entries to a decided batch: what is bounded, refused, set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.commands import StartTimer
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import (
    DescribeWorkflow,
    GetActivityTask,
    GetWorkflowTask,
    ReportUnreadable,
    TerminateWorkflow,
    decode_envelope,
)
from perdure_engine.history import intake, service
from perdure_store.port import BatchRejected, CommitBatch, ExecutionKey, LoadedExecution, StoreUnavailable
from tests.engine_stage import WORKFLOWS, Stage, pass_time, start_request, until
from tests.simulation.process import Process
from tests.turns import Turns


async def test_an_entry_that_is_no_envelope_is_kept_and_does_no_harm(stage: Stage) -> None:
    await stage.broker.send([(0, b"\xffnonsense"), (0, pack((99, 1, "x", ())))])
    await stage.start()
    letters = list(stage.database.dead_letters.values())
    assert sorted(letter.data for letter in letters) == sorted([b"\xffnonsense", pack((99, 1, "x", ()))])
    assert all(letter.reason and letter.source == "inbox" for letter in letters)


async def test_a_malformed_request_is_refused_and_its_neighbours_are_not(stage: Stage) -> None:
    bad, nul, good = await stage.send(
        start_request("bad")._replace(input="text"),  # type: ignore[arg-type]  # malformed on purpose
        start_request("a\0b"),
        start_request("good"),
    )
    for number in (bad, nul):
        kind, body = await stage.reply(number)
        error = decode_error(body)
        assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.INVALID_ARGUMENT)
        assert "dead letter" in error.message
    assert (await stage.reply(good))[0] == ReplyKind.OK
    for letter in stage.database.dead_letters.values():
        assert len(decode_envelope(letter.data)[2]) == 1


async def test_a_request_by_another_shard_map_is_told_so(stage: Stage) -> None:
    [number] = await stage.send(start_request(), map_version=2)
    kind, body = await stage.reply(number)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.WRONG_SHARD)
    assert not stage.database.executions
    assert not stage.database.dead_letters


async def test_a_batch_is_bounded_and_the_rest_follows(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (intake, service):
        monkeypatch.setattr(module, "REQUESTS_MAX", 4)
    stage.history._intake.limit = 4
    for index in range(10):
        await stage.send(start_request(f"wf-{index}"))
    await until(lambda: len(stage.database.executions) == 10)
    assert max(len(batch.executions) for batch in stage.commits) == 4


async def test_a_large_batch_lets_others_have_their_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "DECIDED_AT_ONCE", 2)
    decide, turns = stage.history._intake._decide, Turns()

    def noted(*arguments: Any) -> None:
        turns.note()
        decide(*arguments)

    monkeypatch.setattr(stage.history._intake, "_decide", noted)
    await stage.send(*(start_request(f"wf-{index}") for index in range(5)))
    await until(lambda: len(stage.database.executions) == 5)
    assert len(stage.commits) == 1
    assert turns.sizes == [2, 2, 1]


async def test_a_load_that_fails_is_tried_again(stage: Stage) -> None:
    fails = [StoreUnavailable("not now")] * 3

    async def fail(method: str) -> None:
        if method == "load" and fails:
            raise fails.pop()

    stage.store_calls = fail
    await stage.start()
    assert not fails


async def test_many_timers_due_at_once_fire_over_several_batches(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "TIMERS_MAX", 3)
    for index in range(10):
        await stage.start(f"wf-{index}")
        await stage.decide(StartTimer("t", 1_000 if index else 1_001))
    await pass_time(3)
    assert not any(stage.database.timers.values())
    assert max(len(batch.timer_deletes) for batch in stage.commits) <= 3


async def test_the_clock_of_a_shard_does_not_go_back(stage: Stage) -> None:
    """Its owner's clock is behind the one before it."""
    row = stage.database.shards[0]
    stage.kill_engine("one")
    future = stage.now_us() + 3_600_000_000
    stage.database.shards[0] = row._replace(time_us=future)
    await stage.start_engine("two")
    await stage.start()
    [execution] = stage.database.executions.values()
    assert future < execution.start_time_us < future + 100
    assert execution.start_time_us <= stage.database.shards[0].time_us < future + 100


async def test_a_guilty_request_is_found_among_as_many_timers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halving must get below what one batch takes of both, or it begins again and again."""
    monkeypatch.setattr(intake, "REQUESTS_MAX", 4)
    for index in range(4):
        await stage.start(f"wf-{index}")
        await stage.decide(StartTimer("t", 1_000))
    stage.kill_engine("one")
    commit = stage.database.commit

    def refusing(batch: CommitBatch) -> None:
        if any(row.workflow_id == "bad" for row in batch.executions):
            raise BatchRejected("a value of this batch cannot be kept")
        commit(batch)

    stage.database.commit = refusing  # type: ignore[method-assign]  # a fault of the database, for this test
    numbers = {name: (await stage.send(start_request(name)))[0] for name in ("a", "b", "bad", "c")}
    await pass_time(2)
    await stage.start_engine("two")
    kinds = {name: (await stage.reply(number))[0] for name, number in numbers.items()}
    assert kinds == {"a": ReplyKind.OK, "b": ReplyKind.OK, "bad": ReplyKind.ERROR, "c": ReplyKind.OK}
    await until(lambda: not any(stage.database.timers.values()))


async def test_a_run_id_that_cannot_be_is_not_looked_for(stage: Stage) -> None:
    """A database refuses to look for it, and with it for all that is asked in the same query."""
    for request in (
        DescribeWorkflow("default", "wf", "not-a-uuid"),
        DescribeWorkflow("default", "wf", "5B0C1A52-7C43-5D0F-9A35-3F0A3F6D1C11"),
        GetActivityTask("", 5, 1),
        GetActivityTask("run", 5, 1),
    ):
        kind, body = await stage.ask(request)
        error = decode_error(body)
        assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
        assert "a run id is a UUID" in error.message
    assert not stage.database.dead_letters


async def test_a_workflow_of_another_shard_is_sent_there() -> None:
    """Two shards must never both know a workflow id, or one would write to the other's run."""
    stage = await Stage(shards=4).open()
    home = stage.shard_of("wf")
    run_id = await stage.start("wf")
    for request in (start_request("wf", id_conflict_policy=3, request_id="x"), TerminateWorkflow(*TERMINATE)):
        kind, body = await stage.ask(request, shard_id=(home + 1) % 4)
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.WRONG_SHARD)
    kind, body = await stage.ask(GetWorkflowTask(run_id, 2, 1), shard_id=(home + 1) % 4)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
    assert [row.shard_id for row in stage.database.executions.values()] == [home]
    await stage.close()


TERMINATE = ("default", "wf", "", "why", b"", "request", "client")


async def test_an_envelope_of_too_many_requests_is_kept_whole(stage: Stage) -> None:
    """Each malformed one would be kept by itself, and answered."""
    data = pack((1, 1, "stage", tuple((1, 1, ()) for _ in range(intake.ENVELOPE_REQUESTS_MAX + 1))))
    await stage.broker.send([(0, data)])
    await stage.start()
    [letter] = stage.database.dead_letters.values()
    assert letter.data == data
    assert "1001 requests" in letter.reason


async def test_what_others_cannot_read_is_kept_and_its_entry_finished(stage: Stage) -> None:
    assert await stage.broker.publish_query(WORKFLOWS, b"\xc1")
    [entry] = await stage.broker.read_tasks([WORKFLOWS], "worker", count=1, block_ms=0)
    report = ReportUnreadable("workflow task queue", "odd\x01", entry.data, entry.stream, entry.entry_id)
    kind, _ = await stage.ask(report)
    assert kind == ReplyKind.OK
    [letter] = stage.database.dead_letters.values()
    assert (letter.source, letter.reason, letter.data) == ("workflow task queue", "odd\x01", b"\xc1")
    await until(lambda: not len(stage.server.queues[WORKFLOWS].stream))


async def test_of_a_letter_that_is_too_large_the_beginning_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LETTER_BYTES_MAX", 100)
    monkeypatch.setattr(intake, "LETTER_BYTES_KEPT", 10)
    await stage.broker.send([(0, b"\xc1" * 101)])
    await stage.start()
    [letter] = stage.database.dead_letters.values()
    assert (letter.source, letter.data) == ("inbox, cut", b"\xc1" * 10)
    assert "the first 10 of 101 bytes are kept" in letter.reason


async def test_what_the_store_refuses_to_look_up_is_found_and_set_aside(stage: Stage) -> None:
    """Its neighbours of the same batch go on, those of the same entry too."""

    async def refuse(method: str) -> None:
        if method == "load" and any(key.workflow_id == "guilty" for key in asked):
            raise BatchRejected("cannot look for that")

    asked: list[ExecutionKey] = []
    store = stage.history._store
    load = store.load

    async def note(keys: Sequence[ExecutionKey]) -> list[list[LoadedExecution]]:
        asked[:] = keys
        return await load(keys)

    store.load = note
    stage.store_calls = refuse
    first, guilty, last = await stage.send(start_request("first"), start_request("guilty"), start_request("last"))
    await stage.send(start_request("other"))
    for number in (first, last):
        assert (await stage.reply(number))[0] == ReplyKind.OK
    kind, body = await stage.reply(guilty)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.DEAD_LETTERED)
    assert sorted(row.workflow_id for row in stage.database.executions.values()) == ["first", "last", "other"]
    assert len(stage.database.dead_letters) == 1


async def test_a_shards_time_moves_on_while_the_clock_is_behind(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what two batches set for the same delay would be due at the same moment, under the same key."""
    await stage.start("before")
    now_us = stage.now_us() - 3_600_000_000
    monkeypatch.setattr(Process, "now_us", lambda self: now_us)
    await stage.start("first")
    await stage.start("second")
    times_us = [batch.shards[0].time_us for batch in stage.commits]
    assert len(times_us) >= 3
    assert times_us == sorted(set(times_us))
