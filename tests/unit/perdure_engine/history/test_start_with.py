"""Starts that bring something along: run and gift come to be in one commit, however often they are sent."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error, decode_started
from perdure.protocol.requests import IdConflictPolicy, IdReusePolicy, SignalWorkflow, StartWorkflowWith
from perdure.protocol.updates import UpdateReply, UpdateStage, decode_deliveries
from tests.engine_stage import Stage, activity, done, start_request
from tests.unit.perdure_engine.history.test_updates import accept, names, respond, told, update

USE_EXISTING, FAIL = int(IdConflictPolicy.USE_EXISTING), int(IdConflictPolicy.FAIL)


def with_signal(request_id: str = "r1", **fields: Any) -> StartWorkflowWith:
    fields = {"id_conflict_policy": USE_EXISTING, "request_id": request_id, **fields}
    signal = SignalWorkflow("default", "wf", "", "go", b"", request_id, "client")
    return StartWorkflowWith("default", "wf", start_request(**fields), signal)


def with_update(update_id: str = "u1", **fields: Any) -> StartWorkflowWith:
    fields = {"id_conflict_policy": USE_EXISTING, **fields}
    return StartWorkflowWith("default", "wf", start_request(**fields), None, update(update_id))


async def started(stage: Stage, request: StartWorkflowWith) -> tuple[str, bool]:
    kind, body = await stage.ask(request)
    assert kind == ReplyKind.OK, body
    found: tuple[str, bool] = tuple(decode_started(body))
    return found


async def test_a_signal_stands_before_the_first_task(stage: Stage) -> None:
    run_id, created = await started(stage, with_signal())
    assert created
    assert names(stage, run_id) == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_TASK_SCHEDULED",
    ]
    assert await started(stage, with_signal()) == (run_id, True)
    assert names(stage, run_id).count("WORKFLOW_EXECUTION_SIGNALED") == 1


async def test_a_signal_goes_to_the_run_that_is_open(stage: Stage) -> None:
    run_id = await stage.start(request_id="first")
    await stage.decide(activity())
    for _ in range(2):
        assert await started(stage, with_signal()) == (run_id, False)
    assert names(stage, run_id).count("WORKFLOW_EXECUTION_SIGNALED") == 1


async def test_a_signal_that_came_before_the_end_does_not_start_another_run(stage: Stage) -> None:
    run_id = await stage.start(request_id="first")
    await started(stage, with_signal())
    await stage.decide()
    await stage.decide(done())
    assert await started(stage, with_signal()) == (run_id, False)
    other, created = await started(stage, with_signal("r2"))
    assert created
    assert other != run_id


async def test_a_start_delay_is_not_cut_short_by_what_comes_along(stage: Stage) -> None:
    run_id, _ = await started(stage, with_signal(start_delay_ms=60_000))
    assert names(stage, run_id) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_EXECUTION_SIGNALED"]


async def test_an_update_goes_with_the_first_task(stage: Stage) -> None:
    [number] = await stage.send(with_update())
    kind, reply = await told(stage, number)
    assert (kind, reply.stage) == (ReplyKind.REGISTERED, UpdateStage.ADMITTED)
    task = await stage.decide(accept(), respond(), done())
    assert [item.update_id for item in decode_deliveries(task.updates)] == ["u1"]
    assert (await told(stage, number))[1].stage == UpdateStage.ACCEPTED
    completed = (ReplyKind.OUTCOME, UpdateReply(reply.run_id, UpdateStage.COMPLETED, b"done"))
    assert await told(stage, number) == completed
    [again] = await stage.send(with_update())
    assert await told(stage, again) == completed
    assert len(stage.database.executions) == 1


async def test_an_update_goes_to_the_run_that_is_open(stage: Stage) -> None:
    run_id = await stage.start(request_id="first")
    await stage.decide(activity())
    [number] = await stage.send(with_update())
    await stage.decide(accept(), respond())
    assert (await told(stage, number))[1].run_id == run_id


async def test_a_conflict_is_an_error_but_for_an_update_that_is_known(stage: Stage) -> None:
    run_id = await stage.start(request_id="first")
    await stage.decide(activity())
    kind, body = await stage.ask(with_update(id_conflict_policy=FAIL))
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.ALREADY_STARTED)
    await stage.send(update())
    await stage.decide(accept())
    [number] = await stage.send(with_update(id_conflict_policy=FAIL))
    assert await told(stage, number) == (ReplyKind.REGISTERED, UpdateReply(run_id, UpdateStage.ACCEPTED))


async def test_the_open_run_may_be_replaced(stage: Stage) -> None:
    run_id = await stage.start(request_id="first")
    [number] = await stage.send(with_update(id_conflict_policy=int(IdConflictPolicy.TERMINATE_EXISTING)))
    assert (await told(stage, number))[1].run_id != run_id
    assert names(stage, run_id)[-1] == "WORKFLOW_EXECUTION_TERMINATED"


async def test_a_closed_run_may_forbid_another(stage: Stage) -> None:
    await stage.start(request_id="first")
    await stage.decide(done())
    for request in (with_signal(id_reuse_policy=int(IdReusePolicy.REJECT_DUPLICATE)),):
        kind, body = await stage.ask(request)
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.ALREADY_STARTED)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (with_signal()._replace(signal=None), "a start may bring along a signal or an update, one of them"),
        (with_signal()._replace(update=update()), "a start may bring along a signal or an update, one of them"),
        (with_update()._replace(update=update(workflow_id="other")), "must be for the same workflow"),
        (with_update(""), "update id must not be empty"),
        (with_signal(workflow_type=""), "workflow type must not be empty"),
    ],
)
async def test_nothing_is_started_with_what_is_wrong(stage: Stage, request_: StartWorkflowWith, message: str) -> None:
    kind, body = await stage.ask(request_)
    assert kind == ReplyKind.ERROR
    assert message in decode_error(body).message
    assert not stage.database.executions
