"""Updates in an engine: waiters are told when it is durable; nothing is lost with a worker, a stream or an engine."""

from __future__ import annotations

from typing import Any

from perdure.protocol.commands import StartTimer
from perdure.protocol.events import EventType, decode_records
from perdure.protocol.failure import Failure
from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error, decode_history_page
from perdure.protocol.requests import GetWorkflowTask, SignalWorkflow
from perdure.protocol.tasks import WorkflowTask
from perdure.protocol.updates import (
    AwaitUpdate,
    ProtocolMessage,
    UpdateDelivery,
    UpdateMessageKind,
    UpdateReply,
    UpdateStage,
    UpdateWorkflow,
    decode_deliveries,
    decode_update_reply,
)
from perdure_broker.port import StreamKind, TaskEntry
from perdure_engine.core.speculation import RESEND_AFTER_US
from perdure_engine.core.update import ABANDONED
from perdure_engine.history.sticky import STICKY_TIMEOUT_S
from tests.engine_stage import WORKFLOWS, Stage, done, pass_time

STICKY = WORKFLOWS._replace(kind=StreamKind.STICKY, worker="worker")


def update(update_id: str = "u1", stage: UpdateStage = UpdateStage.COMPLETED, **fields: Any) -> UpdateWorkflow:
    request = UpdateWorkflow("default", "wf", "", update_id, "change", b"args", "client", int(stage))
    return request._replace(**fields)


def waiting(update_id: str = "u1", stage: UpdateStage = UpdateStage.COMPLETED, run_id: str = "") -> AwaitUpdate:
    return AwaitUpdate("default", "wf", run_id, update_id, int(stage))


def accept(update_id: str = "u1") -> ProtocolMessage:
    delivery = UpdateDelivery(update_id, "change", b"args", "client")
    return ProtocolMessage(update_id, UpdateMessageKind.ACCEPTANCE, delivery)


def respond(update_id: str = "u1") -> ProtocolMessage:
    return ProtocolMessage(update_id, UpdateMessageKind.RESPONSE, None, b"done")


def reject(update_id: str = "u1") -> ProtocolMessage:
    return ProtocolMessage(update_id, UpdateMessageKind.REJECTION, failure=Failure("no"))


async def told(stage: Stage, number: int) -> tuple[int, UpdateReply]:
    kind, body = await stage.reply(number)
    return kind, decode_update_reply(body)


async def begin(stage: Stage, *, sticky: bool = False) -> str:
    """A run that waits; its first workflow task is completed."""
    if sticky:
        await stage.announce(sticky=True)
    run_id = await stage.start()
    await stage.decide(StartTimer("nap", 3_600_000, ""), sticky_worker="worker" if sticky else "")
    return run_id


def names(stage: Stage, run_id: str) -> list[str]:
    rows = next(rows for (_, found), rows in stage.database.history.items() if found == run_id)
    records = [record for number in sorted(rows) for record in decode_records(rows[number].data)]
    return [EventType(record.event_type).name for record in records]


async def take(stage: Stage, stream: Any = WORKFLOWS) -> tuple[TaskEntry, WorkflowTask]:
    entry, task = await stage.take(stream)
    assert isinstance(task, WorkflowTask)
    return entry, task


async def test_a_waiter_is_told_of_each_stage(stage: Stage) -> None:
    run_id = await begin(stage)
    [number] = await stage.send(update())
    assert await told(stage, number) == (ReplyKind.REGISTERED, UpdateReply(run_id, UpdateStage.ADMITTED))
    assert not stage.outstanding(1)  # the task is no row
    await stage.decide(accept())
    assert await told(stage, number) == (ReplyKind.REGISTERED, UpdateReply(run_id, UpdateStage.ACCEPTED))
    await stage.send(SignalWorkflow("default", "wf", "", "go", b"", "s", "client"))
    await stage.decide(respond())
    assert await told(stage, number) == (ReplyKind.OUTCOME, UpdateReply(run_id, UpdateStage.COMPLETED, b"done"))
    assert len(stage.history._updates) == 0


async def test_a_rejected_update_writes_nothing(stage: Stage) -> None:
    run_id = await begin(stage)
    before = names(stage, run_id)
    [number] = await stage.send(update())
    await told(stage, number)
    await stage.decide(reject())
    assert await told(stage, number) == (
        ReplyKind.OUTCOME,
        UpdateReply(run_id, UpdateStage.COMPLETED, b"", Failure("no")),
    )
    assert names(stage, run_id) == before


async def test_an_outcome_is_read_back_for_who_asks_later(stage: Stage) -> None:
    run_id = await begin(stage)
    await stage.send(update())
    await stage.decide(accept(), respond())
    completed = (ReplyKind.OUTCOME, UpdateReply(run_id, UpdateStage.COMPLETED, b"done"))
    for request in (update(), waiting(), waiting(stage=UpdateStage.ACCEPTED)):
        [number] = await stage.send(request)
        assert await told(stage, number) == completed
    stage.kill_engine()
    await stage.start_engine("two")
    [number] = await stage.send(update())
    assert await told(stage, number) == completed


async def test_those_who_join_wait_for_the_same(stage: Stage) -> None:
    run_id = await begin(stage)
    [first] = await stage.send(update())
    [second, third] = await stage.send(update(), waiting(stage=UpdateStage.ACCEPTED))
    await stage.decide(accept(), respond())
    for number in (first, second):
        replies = [(await told(stage, number))[1].stage for _ in range(3)]
        assert replies == [UpdateStage.ADMITTED, UpdateStage.ACCEPTED, UpdateStage.COMPLETED]
    assert (await told(stage, third))[1].stage == UpdateStage.ADMITTED
    assert await told(stage, third) == (ReplyKind.OUTCOME, UpdateReply(run_id, UpdateStage.ACCEPTED))


async def test_what_nobody_sent_cannot_be_waited_for(stage: Stage) -> None:
    await begin(stage)
    for request in (waiting("u9"), waiting("u9", run_id="0" * 8 + "-0000-4000-8000-" + "0" * 12)):
        kind, body = await stage.ask(request)
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


async def test_updates_of_a_closed_run_are_found_in_its_history(stage: Stage) -> None:
    run_id = await begin(stage)
    await stage.send(update("u1"), update("u2"))
    await stage.decide(accept("u1"), respond("u1"), accept("u2"), done())
    for request, reply in (
        (update("u1"), UpdateReply(run_id, UpdateStage.COMPLETED, b"done")),
        (waiting("u2"), UpdateReply(run_id, UpdateStage.COMPLETED, b"", ABANDONED)),
    ):
        [number] = await stage.send(request)
        assert await told(stage, number) == (ReplyKind.OUTCOME, reply)
    kind, body = await stage.ask(update("u3"))
    assert kind == ReplyKind.ERROR
    assert decode_error(body).message == "workflow 'wf' is closed already, and never took in an update 'u3'"


async def test_a_sticky_worker_gets_the_update_with_its_task(stage: Stage) -> None:
    await begin(stage, sticky=True)
    await stage.send(update())
    _, task = await take(stage, STICKY)
    assert [item.update_id for item in decode_deliveries(task.updates)] == ["u1"]


async def test_a_task_that_its_worker_does_not_take_goes_to_the_queue(stage: Stage) -> None:
    run_id = await begin(stage, sticky=True)
    [number] = await stage.send(update())
    await pass_time(STICKY_TIMEOUT_S + 0.1)
    entry, task = await take(stage)
    assert task.attempt < 0
    _, page = await stage.ask(GetWorkflowTask(run_id, task.scheduled_event_id, task.attempt))
    assert [item.update_id for item in decode_deliveries(decode_history_page(page).updates)] == ["u1"]
    await stage.complete(entry, task, accept(), respond())
    assert [(await told(stage, number))[1].stage for _ in range(3)][-1] == UpdateStage.COMPLETED


async def test_a_task_whose_worker_died_is_tried_again(stage: Stage) -> None:
    run_id = await begin(stage)
    [number] = await stage.send(update())
    await stage.take_workflow_task(worker="dead")
    await stage.decide(accept(), respond())
    assert "WORKFLOW_TASK_TIMED_OUT" in names(stage, run_id)
    assert [(await told(stage, number))[1].stage for _ in range(3)][-1] == UpdateStage.COMPLETED


async def test_a_task_that_was_lost_with_its_stream_is_sent_again(stage: Stage) -> None:
    await begin(stage)
    [number] = await stage.send(update())
    await told(stage, number)
    entry, _ = await take(stage)
    await stage.broker.finish(entry.stream, [entry.entry_id])
    await pass_time(RESEND_AFTER_US / 1_000_000)
    await stage.send(update())
    await stage.decide(accept(), respond())
    assert (await told(stage, number))[1].stage == UpdateStage.ACCEPTED


async def test_an_update_outlives_its_engine_by_being_sent_again(stage: Stage) -> None:
    run_id = await begin(stage)
    [number] = await stage.send(update())
    await told(stage, number)
    entry, lost = await take(stage)
    stage.kill_engine()
    await stage.start_engine("two")
    kind, body = await stage.complete(entry, lost, accept(), respond())
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
    await stage.send(update())
    await stage.decide(accept(), respond())
    assert names(stage, run_id).count("WORKFLOW_EXECUTION_UPDATE_ACCEPTED") == 1


async def test_a_signal_is_not_lost_with_the_task_it_waits_for(stage: Stage) -> None:
    await begin(stage)
    await stage.send(update())
    await take(stage)
    kind, _ = await stage.ask(SignalWorkflow("default", "wf", "", "go", b"", "s", "client"))
    assert kind == ReplyKind.OK
    [row] = stage.outstanding(1)
    assert (row.attempt, row.backlog) == (1, False)
    stage.kill_engine()
    await stage.start_engine("two")
    task = await stage.decide()
    assert task.attempt == 1
    assert "WORKFLOW_EXECUTION_SIGNALED" in names(stage, task.run_id)


async def test_waiters_go_with_the_shard(stage: Stage) -> None:
    await begin(stage)
    [number] = await stage.send(update())
    await told(stage, number)
    updates = stage.history._updates
    assert len(updates) == 1
    await stage.history.give_up(0)
    assert len(updates) == 0
