"""Updates: admitted within limits, each id once, and told to those who wait."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.failure import Failure
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import TerminateWorkflow
from perdure.protocol.tasks import WorkflowTask, decode_task
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateDelivery,
    UpdateMessageKind,
    UpdateReply,
    UpdateStage,
    UpdateWorkflow,
    decode_deliveries,
)
from perdure_engine.core import update as module
from perdure_engine.core.state import UpdatePhase
from perdure_engine.core.transition import Dispatch, Transition, UpdateReached
from perdure_engine.core.update import ABANDONED, in_flight
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import RUN_ID, begun, go_on, names, refusal, running


def update(run: AuditedRun, update_id: str = "u1", **changes: Any) -> Transition:
    stage = int(UpdateStage.COMPLETED)
    request = UpdateWorkflow("default", "order-7", "", update_id, "change", b"args", "client", stage)
    return run.decide(request._replace(**changes))


def accept(update_id: str = "u1") -> ProtocolMessage:
    delivery = UpdateDelivery(update_id, "change", b"args", "client")
    return ProtocolMessage(update_id, UpdateMessageKind.ACCEPTANCE, delivery)


def respond(update_id: str = "u1", **changes: Any) -> ProtocolMessage:
    return ProtocolMessage(update_id, UpdateMessageKind.RESPONSE, None, b"done")._replace(**changes)


def reject(update_id: str = "u1") -> ProtocolMessage:
    return ProtocolMessage(update_id, UpdateMessageKind.REJECTION, failure=Failure("no"))


def reached(transition: Transition) -> list[UpdateReached]:
    return [effect for effect in transition.effects if isinstance(effect, UpdateReached)]


def sent(transition: Transition) -> list[str]:
    """The ids of the updates that go to a worker."""
    [dispatch] = [effect for effect in transition.effects if isinstance(effect, Dispatch)]
    task = decode_task(dispatch.data)
    assert isinstance(task, WorkflowTask)
    return [item.update_id for item in decode_deliveries(task.updates)]


def test_an_update_is_sent_with_a_task_of_its_own() -> None:
    run = running()
    transition = update(run)
    assert sent(transition) == ["u1"]
    assert not transition.records
    assert transition.reply_kind == ReplyKind.REGISTERED
    assert transition.reply_body == UpdateReply(RUN_ID, UpdateStage.ADMITTED)


def test_updates_that_come_while_a_task_is_out_go_with_the_next() -> None:
    run = begun()
    update(run, "u1")
    update(run, "u2")
    assert sent(go_on(run)) == ["u1", "u2"]


def test_an_accepted_update_is_told_and_answered() -> None:
    run = running()
    update(run)
    assert reached(go_on(run, accept())) == [UpdateReached("u1", UpdateStage.ACCEPTED)]
    again = update(run, wait_stage=int(UpdateStage.ACCEPTED))
    assert (again.reply_kind, again.reply_body) == (ReplyKind.OUTCOME, UpdateReply(RUN_ID, UpdateStage.ACCEPTED))
    assert update(run).reply_kind == ReplyKind.REGISTERED
    update(run, "u2")
    transition = go_on(run, respond(), reject("u2"))
    assert names(transition)[3:] == ["WORKFLOW_EXECUTION_UPDATE_COMPLETED"]
    assert reached(transition) == [
        UpdateReached("u1", UpdateStage.COMPLETED, b"done"),
        UpdateReached("u2", UpdateStage.COMPLETED, b"", Failure("no")),
    ]
    assert run.state.updates["u1"].phase == UpdatePhase.COMPLETED
    assert "u2" not in run.state.updates


def test_a_worker_that_says_nothing_of_an_update_does_not_get_it_again() -> None:
    run = begun()
    update(run)
    go_on(run)
    [told] = reached(go_on(run))
    assert told.failure is not None
    assert "not supported by the worker" in told.failure.message
    assert in_flight(run.state) == 0


def test_an_engine_that_knows_nothing_of_an_update_takes_the_workers_word() -> None:
    run = running()
    update(run)
    run.end_batch()
    task = run.tasks.copy()
    run.reload(from_snapshot=False)
    assert not run.state.admitted
    update(run, "u2")
    assert task.keys() == run.tasks.keys()
    assert reached(go_on(run, accept("u1"), reject("u2")))[0].update_id == "u1"
    assert list(run.state.updates) == ["u1"]


def test_a_run_takes_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UPDATES_IN_FLIGHT_MAX", 2)
    monkeypatch.setattr(module, "UPDATES_MAX", 3)
    run = running()
    update(run, "u1")
    go_on(run, accept("u1"))
    update(run, "u2")
    busy = refusal(update(run, "u3"))
    assert (busy.code, busy.message[:38]) == (ErrorCode.RESOURCE_EXHAUSTED, "workflow 'order-7' has 2 updates in fl")
    assert update(run, "u2").reply_kind == ReplyKind.REGISTERED
    go_on(run, accept("u2"), respond("u2"), respond("u1"))
    update(run, "u3")
    go_on(run, accept("u3"), respond("u3"))
    full = refusal(update(run, "u4"))
    assert (full.code, full.message[:40]) == (ErrorCode.FAILED_PRECONDITION, "workflow 'order-7' has received 3 update")


def test_an_update_must_be_sound() -> None:
    run = running()
    for changes, message in (
        ({"update_id": ""}, "update id must not be empty"),
        ({"update_name": "x" * 1001}, "update name has 1001 characters; the limit is 1000"),
        ({"input": b"x" * (PAYLOAD_SIZE_MAX + 1)}, "the input of update 'change' came to 2097153 bytes"),
        ({"wait_stage": 1}, "an update can be waited for until it is ACCEPTED (2) or COMPLETED (3), not 1"),
    ):
        reply = refusal(update(run, **changes))
        assert reply.code == ErrorCode.INVALID_ARGUMENT
        assert reply.message.startswith(message)


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ((accept(), accept()), "update 'u1' is accepted a second time"),
        ((respond(),), "update 'u1' is completed, but it is not at work"),
        ((accept(), respond(), respond()), "update 'u1' is completed, but it is not at work"),
        ((accept()._replace(update_id="u2"),), "update 'u2' is accepted, but not the one that was delivered"),
        ((reject()._replace(kind=9),), "a message about update 'u1' has the unknown kind 9"),
        ((accept(), respond(result=b"x" * (PAYLOAD_SIZE_MAX + 1))), "the result of update 'u1' came to 2097153 bytes"),
    ],
)
def test_messages_must_make_sense(messages: tuple[ProtocolMessage, ...], problem: str) -> None:
    run = begun()
    transition = go_on(run, *messages)
    [failed] = [record.attributes for record in transition.records if hasattr(record.attributes, "cause")]
    assert failed.failure.message.startswith(problem)


def test_the_end_of_the_run_is_the_end_of_its_updates() -> None:
    run = running()
    update(run, "u1")
    go_on(run, accept("u1"))
    update(run, "u2")
    told = {
        item.update_id: item
        for item in reached(run.decide(TerminateWorkflow("default", "order-7", "", "", b"", "end", "client")))
    }
    assert told["u1"].failure == ABANDONED
    assert told["u2"].refusal is not None
    assert told["u2"].refusal.code == ErrorCode.NOT_FOUND
