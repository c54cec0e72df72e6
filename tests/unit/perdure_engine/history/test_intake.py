"""From inbox entries to a decided batch: what is bounded, refused, set aside."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.commands import StartTimer
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import decode_envelope
from perdure_engine.history import intake, service
from perdure_store.port import BatchRejected, CommitBatch, StoreUnavailable
from tests.engine_stage import Stage, pass_time, start_request, until


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
    assert execution.start_time_us == future
    assert stage.database.shards[0].time_us == future


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
