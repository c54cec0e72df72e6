"""Deleting a run: everything of it goes, nothing else does, and the answer comes when it is gone."""

from __future__ import annotations

from typing import Any

from perdure.protocol.ids import run_id_after
from perdure.protocol.replies import ErrorCode, ExecutionStatus, ReplyKind, decode_error, decode_outcome
from perdure.protocol.requests import AwaitResult, DeleteWorkflow
from tests.engine_stage import Stage, activity, done, pass_time


def deletion(run_id: str, **changes: Any) -> DeleteWorkflow:
    return DeleteWorkflow("default", "wf", run_id, "ops")._replace(**changes)


def left(stage: Stage, run_id: str) -> list[str]:
    """Where the store still knows the run."""
    known = {
        "executions": any(row.run_id == run_id for row in stage.database.executions.values()),
        "history": any(found == run_id and rows for (_, found), rows in stage.database.history.items()),
        "lists": any(run_id in str(key) for key in stage.database.visibility),
    }
    return [name for name, is_known in known.items() if is_known]


async def test_a_closed_run_goes_with_all_that_belongs_to_it(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(done())
    other = await stage.start("wf", request_id="2")
    assert (await stage.ask(deletion(run_id)))[0] == ReplyKind.OK
    assert left(stage, run_id) == []
    await pass_time(2)
    assert left(stage, run_id) == [], "it is not listed again afterwards"
    assert left(stage, other) == ["executions", "history", "lists"]


async def test_an_open_run_is_terminated_first(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(activity())
    [waiting] = await stage.send(AwaitResult("default", "wf", run_id))
    await stage.reply(waiting)
    assert (await stage.ask(deletion(run_id)))[0] == ReplyKind.OK
    _, body = await stage.reply(waiting)
    assert decode_outcome(body).status == ExecutionStatus.TERMINATED
    assert left(stage, run_id) == []


async def test_a_repeated_request_is_answered_like_the_first(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(done())
    one, two = await stage.send(deletion(run_id), deletion(run_id))
    assert (await stage.reply(one))[0] == (await stage.reply(two))[0] == ReplyKind.OK
    await pass_time(5)
    assert (await stage.ask(deletion(run_id)))[0] == ReplyKind.OK


async def test_what_is_not_there_is_not_deleted(stage: Stage) -> None:
    run_id = await stage.start()
    for request in (deletion(run_id_after(run_id)), deletion(run_id, workflow_id="another")):
        kind, body = await stage.ask(request)
        error = decode_error(body)
        assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
        assert "nothing was deleted" in error.message
    assert "executions" in left(stage, run_id)
