"""Messages between runs: carried out once, answered each time, and sent again until that has come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.messages import AcknowledgeMessage, CancelExternalWorkflow, Origin, RecordExternalAnswer
from perdure.protocol.replies import ReplyKind, decode_error
from perdure.protocol.requests import TerminateWorkflow
from perdure.protocol.tasks import WorkflowTask, decode_task
from perdure_broker.port import BrokerUnavailable
from perdure_engine.history.post import MESSAGE_KIND
from tests.engine_stage import WORKFLOWS, Stage, completion, done, pass_time, until

RUN_ID = "6c0d6c2f-7a5b-5c57-9d4e-6a1c1b2f0e55"


@pytest.fixture
async def wide() -> AsyncIterator[Stage]:
    """Eight shards, so that a parent and its children live apart."""
    stage = await Stage(8).open()
    yield stage
    await stage.close()
    assert not stage.failures


def child(workflow_id: str = "kid", **changes: Any) -> StartChildWorkflowExecution:
    return StartChildWorkflowExecution(workflow_id, "type", "", b"in")._replace(**changes)


def history(stage: Stage, run_id: str) -> list[HistoryEvent]:
    rows = [row for table in stage.database.history.values() for row in table.values() if row.run_id == run_id]
    return [record for row in sorted(rows) for record in decode_records(row.data)]


def types(stage: Stage, run_id: str) -> list[str]:
    return [EventType(event.event_type).name for event in history(stage, run_id) if event.event_id]


def messages(stage: Stage) -> int:
    return len(stage.outstanding(MESSAGE_KIND))


async def decide_for(stage: Stage, run_id: str, *commands: Any) -> None:
    """Complete the next workflow task of this run; tasks of other runs are completed with nothing to do."""
    while True:
        entry, task = await stage.take_workflow_task()
        await stage.complete(entry, task, *(commands if task.run_id == run_id else ()))
        if task.run_id == run_id:
            return


async def carry_on(stage: Stage, is_so: Callable[[], Any]) -> None:
    """Complete workflow tasks with nothing to do until something is so."""
    end = stage.now_us() + 60_000_000
    while not is_so():
        assert stage.now_us() < end, "it is not so after a minute"
        for entry in await stage.broker.read_tasks([WORKFLOWS], "worker", count=1, block_ms=100):
            task = decode_task(entry.data)
            assert isinstance(task, WorkflowTask)
            await stage.complete(entry, task)


async def test_a_child_on_another_shard_runs_and_tells_its_parent(wide: Stage) -> None:
    parent = await wide.start("parent")
    await wide.decide(child())
    kid = run_id_for_child(parent, 5)
    await decide_for(wide, kid, done(b"result"))
    await decide_for(wide, parent)
    await until(lambda: "CHILD_WORKFLOW_EXECUTION_COMPLETED" in types(wide, parent))
    await until(lambda: messages(wide) == 0, what="every message is answered")
    [started] = [e.attributes for e in history(wide, kid) if e.event_type == EventType.WORKFLOW_EXECUTION_STARTED]
    assert started.parent[:4] == ("default", "parent", parent, 5)
    assert started.parent.root_run_id == parent
    assert wide.shard_of("parent") != wide.shard_of("kid")


async def test_an_id_that_is_taken_is_told_to_the_parent(wide: Stage) -> None:
    await wide.start("kid")
    parent = await wide.start("parent")
    await decide_for(wide, parent, child())
    await until(lambda: "START_CHILD_WORKFLOW_EXECUTION_FAILED" in types(wide, parent))
    assert messages(wide) == 0


async def test_a_start_that_was_refused_is_refused_again_when_the_id_is_free(
    wide: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent knows that there is no such child: it would be nobody's."""
    release = wide.broker.__class__.release
    sent: list[bytes] = []

    async def listening(self: Any, outbox: Any, ranges: Any) -> Any:
        sent.extend(outbox.inbox_sends.get(wide.shard_of("kid"), ()))
        return await release(self, outbox, ranges)

    monkeypatch.setattr(wide.broker.__class__, "release", listening)
    await wide.start("kid")
    parent = await wide.start("parent")
    await decide_for(wide, parent, child())
    await until(lambda: "START_CHILD_WORKFLOW_EXECUTION_FAILED" in types(wide, parent))
    terminate = TerminateWorkflow("default", "kid", "", "enough", b"", "t", "me")
    assert (await wide.ask(terminate, shard_id=wide.shard_of("kid")))[0] == ReplyKind.OK
    await wide.broker.send([(wide.shard_of("kid"), data) for data in sent])
    await pass_time(3)
    assert types(wide, run_id_for_child(parent, 5)) == []


@pytest.mark.parametrize("lost", ["the message", "the answer"])
async def test_what_the_broker_loses_is_sent_again(wide: Stage, lost: str) -> None:
    parent = await wide.start("parent")
    shard_id = wide.shard_of("kid" if lost == "the message" else "parent")
    release, dropped = wide.broker.__class__.release, []

    async def losing(self: Any, outbox: Any, ranges: Any) -> Any:
        if not dropped and outbox.inbox_sends.get(shard_id):
            dropped.append(outbox.inbox_sends.pop(shard_id))
        return await release(self, outbox, ranges)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide.broker.__class__, "release", losing)
        await wide.decide(child())
        await until(lambda: dropped)
    await until(lambda: "CHILD_WORKFLOW_EXECUTION_STARTED" in types(wide, parent), within_s=6)
    assert messages(wide) == 0
    assert types(wide, run_id_for_child(parent, 5)).count("WORKFLOW_EXECUTION_STARTED") == 1


async def test_another_owner_sends_what_the_first_one_could_not(wide: Stage) -> None:
    parent = await wide.start("parent")

    async def refusing(self: Any, outbox: Any, ranges: Any) -> Any:
        raise BrokerUnavailable("not now")

    entry, task = await wide.take_workflow_task()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide.broker.__class__, "release", refusing)
        await wide.send(completion(entry, task, child()), shard_id=task.shard_id)
        await until(lambda: messages(wide) == 1)
        wide.kill_engine("one")
    await wide.start_engine("two")
    await until(lambda: "CHILD_WORKFLOW_EXECUTION_STARTED" in types(wide, parent), within_s=120)
    assert messages(wide) == 0


async def test_an_answer_for_a_parent_that_has_closed_ends_its_message(wide: Stage) -> None:
    parent = await wide.start("parent")
    release = wide.broker.__class__.release
    held: list[Any] = []

    async def holding(self: Any, outbox: Any, ranges: Any) -> Any:
        if not held and outbox.inbox_sends.get(wide.shard_of("kid")):
            held.append(outbox.inbox_sends.pop(wide.shard_of("kid")))
        return await release(self, outbox, ranges)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide.broker.__class__, "release", holding)
        await wide.decide(child(parent_close_policy=2), done())
        await until(lambda: held)
    assert messages(wide) == 1
    await wide.broker.send([(wide.shard_of("kid"), data) for data in held[0]])
    await until(lambda: messages(wide) == 0)
    await until(lambda: types(wide, run_id_for_child(parent, 5)))


async def test_a_message_that_cannot_be_carried_out_is_kept_and_answered(
    wide: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its sender would send it for ever."""

    def broken(*args: Any) -> Any:
        raise ValueError("broken on purpose")

    monkeypatch.setattr("perdure_engine.history.messages.start_request", broken)
    parent = await wide.start("parent")
    await wide.decide(child())
    await until(lambda: "START_CHILD_WORKFLOW_EXECUTION_FAILED" in types(wide, parent))
    assert messages(wide) == 0
    letters = list(wide.database.dead_letters.values())
    assert letters
    assert all("broken on purpose" in letter.reason for letter in letters)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (AcknowledgeMessage(RUN_ID, 2**64 - 1), "is about event 18446744073709551615"),
        (RecordExternalAnswer(RUN_ID, 0, ""), "is about event 0"),
        (CancelExternalWorkflow(Origin(8, RUN_ID, 3), "default", "kid", "", "why", "me"), "comes from shard 8"),
    ],
)
async def test_what_no_engine_would_have_sent_is_refused(wide: Stage, message: Any, problem: str) -> None:
    kind, body = await wide.ask(message, shard_id=wide.shard_of("kid"))
    assert kind == ReplyKind.ERROR
    assert problem in decode_error(body).message
