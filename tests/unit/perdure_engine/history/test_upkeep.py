"""What is looked after once a second: a broker that has lost its data, and inboxes that are too long."""

from __future__ import annotations

import pytest

from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import SignalWorkflow
from perdure.protocol.tasks import TaskKind
from perdure_engine.history import upkeep
from perdure_store.memory import CommitFault
from tests.engine_stage import Stage, activity, pass_time, start_request, until


def signal(workflow_id: str = "wf", request_id: str = "s") -> SignalWorkflow:
    return SignalWorkflow("default", workflow_id, "", "go", b"", request_id, "client")


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


async def test_starts_are_shed_while_an_inbox_is_too_long(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "INBOX_SHED_AT", 5)
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
