"""Starts that come twice, and those that find a run of their workflow id."""

from __future__ import annotations

import pytest

from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    ReplyKind,
    decode_error,
    decode_outcome,
    decode_started,
)
from perdure.protocol.requests import (
    IdConflictPolicy,
    IdReusePolicy,
)
from perdure_store.memory import CommitFault
from tests.engine_stage import Stage, completion, done, pass_time, start_request


async def closed_run(stage: Stage) -> str:
    run_id = await stage.start()
    await stage.decide(done())
    return run_id


# Repeated starts ----------------------------------------------------------------------------------------------------


async def test_a_repeated_start_is_answered_like_the_first(stage: Stage) -> None:
    run_id = await stage.start()
    kind, body = await stage.ask(start_request())
    assert (kind, tuple(decode_started(body))) == (ReplyKind.OK, (run_id, True))
    assert len(stage.database.executions) == 1


async def test_a_start_repeated_within_one_entry_makes_one_run(stage: Stage) -> None:
    numbers = await stage.send(start_request(), start_request())
    answers = [await stage.reply(number) for number in numbers]
    assert answers[0] == answers[1]
    assert len(stage.database.executions) == 1


async def test_a_start_repeated_after_the_close_is_answered_like_the_first(stage: Stage) -> None:
    run_id = await closed_run(stage)
    await pass_time(5)
    [number] = await stage.send(start_request(wait_result=True))
    assert tuple(decode_started((await stage.reply(number))[1])) == (run_id, True)
    kind, body = await stage.reply(number)
    assert (kind, decode_outcome(body).result) == (ReplyKind.OUTCOME, b"out")


async def test_a_start_repeated_in_the_batch_of_the_close_makes_no_second_run(stage: Stage) -> None:
    run_id = await stage.start()
    entry, task = await stage.take_workflow_task()
    _, number = await stage.send(completion(entry, task, done()), start_request(wait_result=True))
    assert decode_started((await stage.reply(number))[1]).run_id == run_id
    kind, body = await stage.reply(number)
    assert (kind, decode_outcome(body).status) == (ReplyKind.OUTCOME, ExecutionStatus.COMPLETED)
    assert len(stage.database.executions) == 1


async def test_a_start_repeated_while_the_close_is_not_durable_makes_no_second_run(stage: Stage) -> None:
    run_id = await stage.start()
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    await stage.send(completion(entry, task, done()))
    await pass_time(0.5)
    [number] = await stage.send(start_request())
    await pass_time(0.5)
    stage.commit_rule = lambda batch: CommitFault.NONE
    assert decode_started((await stage.reply(number))[1]).run_id == run_id
    assert not stage.database.dead_letters


async def test_a_repeated_start_of_an_earlier_run_is_recognised_while_a_later_one_is_open(stage: Stage) -> None:
    first = await closed_run(stage)
    second = await stage.start("wf", request_id="another")
    kind, body = await stage.ask(start_request())
    assert (kind, decode_started(body).run_id) == (ReplyKind.OK, first)
    assert first != second


# Starts that conflict -----------------------------------------------------------------------------------------------


async def test_a_start_while_one_runs_is_refused(stage: Stage) -> None:
    run_id = await stage.start()
    kind, body = await stage.ask(start_request(request_id="another"))
    error = decode_error(body)
    assert (kind, error.code, error.run_id) == (ReplyKind.ERROR, ErrorCode.ALREADY_STARTED, run_id)


async def test_a_start_may_use_the_run_that_exists_and_waits_for_it(stage: Stage) -> None:
    run_id = await stage.start()
    request = start_request(request_id="2", id_conflict_policy=IdConflictPolicy.USE_EXISTING, wait_result=True)
    [number] = await stage.send(request)
    assert tuple(decode_started((await stage.reply(number))[1])) == (run_id, False)
    await stage.decide(done())
    assert (await stage.reply(number))[0] == ReplyKind.OUTCOME


async def test_a_start_may_terminate_the_run_that_exists(stage: Stage) -> None:
    first = await stage.start()
    policy = IdConflictPolicy.TERMINATE_EXISTING
    second = await stage.start("wf", request_id="2", id_conflict_policy=policy)
    rows = {row.run_id: row.status for row in stage.database.executions.values()}
    assert rows == {first: ExecutionStatus.TERMINATED, second: ExecutionStatus.RUNNING}
    entry, stale = await stage.take_workflow_task()
    assert (await stage.complete(entry, stale, done()))[0] == ReplyKind.ERROR
    assert (await stage.decide(done())).run_id == second


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_reuse_policy_holds_against_the_last_run(stage: Stage, in_one_batch: bool) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    again = start_request(request_id="2", id_reuse_policy=IdReusePolicy.REJECT_DUPLICATE)
    if in_one_batch:
        _, number = await stage.send(completion(entry, task, done()), again)
    else:
        await stage.complete(entry, task, done())
        await pass_time(2)
        [number] = await stage.send(again)
    kind, body = await stage.reply(number)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.ALREADY_STARTED)
