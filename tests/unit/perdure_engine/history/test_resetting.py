"""Resets through an engine: one transaction closes the open run and begins the new one, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.content import ContentBlock, Reference, encode_reference, hash_of, pack_piece
from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.ids import run_id_after, run_id_for_child, run_id_for_reset
from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    ReplyKind,
    decode_error,
    decode_outcome,
    decode_started,
)
from perdure.protocol.requests import (
    AwaitResult,
    ResetPoint,
    ResetReapplyExclude,
    ResetWorkflow,
    SignalWorkflow,
    TerminateWorkflow,
)
from perdure_engine.history import batch as batches
from perdure_engine.history.post import MESSAGE_KIND
from perdure_store.memory import CommitFault
from tests.engine_stage import Stage, activity, completion, done, pass_time, until
from tests.legality import violations
from tests.unit.perdure_engine.history.test_messages import carry_on, decide_for, types


def reset(run_id: str, request_id: str = "r", **changes: Any) -> ResetWorkflow:
    point = int(ResetPoint.LAST_WORKFLOW_TASK)
    return ResetWorkflow("default", "wf", run_id, "a bug", point, 0, (), request_id, "ops")._replace(**changes)


def signal(request_id: str) -> SignalWorkflow:
    return SignalWorkflow("default", "wf", "", "go", b"", request_id, "client")


def history(stage: Stage, run_id: str) -> list[HistoryEvent]:
    rows = next(rows for (_, found), rows in stage.database.history.items() if found == run_id)
    return [record for number in sorted(rows) for record in decode_records(rows[number].data)]


def signals(stage: Stage, run_id: str) -> list[str]:
    """Ids of the signals of a run, those that wait included."""
    told = []
    for record in history(stage, run_id):
        attributes = getattr(record.attributes, "attributes", record.attributes)
        if EventType.WORKFLOW_EXECUTION_SIGNALED in (
            record.event_type,
            getattr(record.attributes, "event_type", 0),
        ):
            told.append(attributes.request_id)
    return list(dict.fromkeys(told))


def statuses(stage: Stage) -> dict[str, int]:
    return {row.run_id: row.status for row in stage.database.executions.values()}


async def asked(stage: Stage, request: Any) -> str:
    kind, body = await stage.ask(request)
    assert kind == ReplyKind.OK, decode_error(body).message
    return decode_started(body).run_id


async def refused(stage: Stage, request: Any) -> tuple[int, str]:
    kind, body = await stage.ask(request)
    assert kind == ReplyKind.ERROR
    error = decode_error(body)
    return error.code, error.message


async def test_an_open_run_is_terminated_for_the_new_one_in_one_transaction(stage: Stage) -> None:
    first = await stage.start()
    [waiting] = await stage.send(AwaitResult("default", "wf", first))
    await stage.reply(waiting)
    await stage.decide(activity())
    new = await asked(stage, reset(first))
    assert new == run_id_for_reset(first, "r")
    assert statuses(stage) == {first: ExecutionStatus.TERMINATED, new: ExecutionStatus.RUNNING}
    [commit] = [batch for batch in stage.commits if batch.closes]
    assert [row.run_id for row in commit.executions] == [new]
    kind, body = await stage.reply(waiting)
    outcome = decode_outcome(body)
    assert (kind, outcome.status, outcome.next_run_id) == (ReplyKind.OUTCOME, ExecutionStatus.TERMINATED, new)
    await stage.decide(done())
    assert statuses(stage)[new] == ExecutionStatus.COMPLETED
    assert not violations(history(stage, new))


async def test_a_closed_run_is_reset(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(done())
    await pass_time(5)
    new = await asked(stage, reset(first))
    assert statuses(stage) == {first: ExecutionStatus.COMPLETED, new: ExecutionStatus.RUNNING}
    await stage.decide(done())
    assert statuses(stage)[new] == ExecutionStatus.COMPLETED


async def test_a_repeated_reset_is_answered_like_the_first(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(activity())
    one, two = await stage.send(reset(first), reset(first))
    assert await stage.reply(one) == await stage.reply(two)
    stage.kill_engine()
    await stage.open("two")
    assert await asked(stage, reset(first)) == run_id_for_reset(first, "r")
    await stage.decide(done())
    await pass_time(5)
    assert await asked(stage, reset(first)) == run_id_for_reset(first, "r")
    assert len(statuses(stage)) == 2


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("excluded", [True, False])
async def test_no_signal_is_lost(stage: Stage, in_one_batch: bool, excluded: bool) -> None:
    """Whether it became an event, or waits for the task that is out, in the store or in this batch alone."""
    first = await stage.start()
    entry, task = await stage.take_workflow_task()
    await stage.complete(entry, task)  # signals make the next task
    await stage.ask(signal("seen"))
    entry, task = await stage.take_workflow_task()
    exclude = (int(ResetReapplyExclude.SIGNAL),) if excluded else ()
    last = [signal("buffered"), reset(first, exclude=exclude)]
    if in_one_batch:
        numbers = await stage.send(*last)
        replies = [await stage.reply(number) for number in numbers]
        assert [kind for kind, _ in replies] == [ReplyKind.OK, ReplyKind.OK]
    else:
        for request in last:
            assert (await stage.ask(request))[0] == ReplyKind.OK
    new = run_id_for_reset(first, "r")
    assert signals(stage, new) == ([] if excluded else ["seen", "buffered"])
    assert (await stage.ask(signal("seen")))[0] == ReplyKind.OK
    assert "seen" not in signals(stage, new) or signals(stage, new).count("seen") == 1
    await stage.ask(signal("new"))
    assert signals(stage, new)[-1] == "new"


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_what_was_sent_to_runs_that_followed_is_applied_too(stage: Stage, in_one_batch: bool) -> None:
    first = await stage.start()
    entry, task = await stage.take_workflow_task()
    continues = completion(entry, task, ContinueAsNewWorkflowExecution(b"more"))
    requests = [continues, signal("to the second"), reset(first)]
    if in_one_batch:
        for number in await stage.send(*requests):
            assert (await stage.reply(number))[0] == ReplyKind.OK
    else:
        for request in requests:
            assert (await stage.ask(request))[0] == ReplyKind.OK
    new, second = run_id_for_reset(first, "r"), run_id_after(first)
    assert statuses(stage) == {
        first: ExecutionStatus.CONTINUED_AS_NEW,
        second: ExecutionStatus.TERMINATED,
        new: ExecutionStatus.RUNNING,
    }
    assert signals(stage, new) == ["to the second"]


async def test_what_was_sent_to_runs_that_followed_keeps_its_content(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(ContinueAsNewWorkflowExecution(b"more"))
    name = hash_of(b"content")
    poke = signal("large")._replace(input=encode_reference(Reference(7, ((name,),))))
    await stage.ask(poke, content=ContentBlock(((name, pack_piece(b"content")),)))
    assert await asked(stage, reset(first)) == run_id_for_reset(first, "r")
    assert stage.database.payloads[0, run_id_for_reset(first, "r")].keys() == {name}


async def test_a_pending_activity_runs_again_and_the_old_one_is_not_wanted(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(activity())
    _, old = await stage.take_activity()
    await stage.ask(signal("s"))
    entry, task = await stage.take_workflow_task()
    await stage.complete(entry, task)
    new = await asked(stage, reset(first))
    entry, again = await stage.take_activity()
    assert (again.run_id, again.activity_id, again.input) == (new, old.activity_id, old.input)


async def test_a_long_history_is_copied_in_rows_of_its_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await stage.start()
    await stage.decide(activity())
    for number in range(10):
        await stage.ask(signal(f"s{number}"))
        entry, task = await stage.take_workflow_task()
        await stage.complete(entry, task)
    monkeypatch.setattr(batches, "RECORDS_A_ROW", 4)
    new = await asked(stage, reset(first))
    assert len(next(rows for (_, run_id), rows in stage.database.history.items() if run_id == new)) > 5
    stage.kill_engine()
    await stage.open("two")
    await stage.decide(done())
    assert statuses(stage)[new] == ExecutionStatus.COMPLETED
    assert not violations(history(stage, new))


async def test_a_reset_waits_for_commits_that_are_under_way(stage: Stage) -> None:
    first = await stage.start()
    stage.commit_delay_s = lambda batch: 0.5
    entry, task = await stage.take_workflow_task()
    await stage.send(completion(entry, task, activity()))
    await pass_time(0.1)
    assert await asked(stage, reset(first)) == run_id_for_reset(first, "r")


async def test_a_reset_that_is_not_durable_is_decided_again(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(activity())
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE if batch.closes else CommitFault.NONE
    [number] = await stage.send(reset(first))
    await pass_time(0.5)
    stage.commit_rule = lambda batch: CommitFault.NONE
    assert decode_started((await stage.reply(number))[1]).run_id == run_id_for_reset(first, "r")
    assert len(statuses(stage)) == 2


async def test_another_run_of_the_workflow_id_makes_room(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(done())
    second = await stage.start("wf", request_id="2")
    await stage.ask(signal("for the second alone"))
    new = await asked(stage, reset(first))
    assert statuses(stage)[second] == ExecutionStatus.TERMINATED
    assert signals(stage, new) == []


async def test_refusals_say_why(stage: Stage) -> None:
    first = await stage.start()
    assert await refused(stage, reset(first)) == (
        ErrorCode.INVALID_ARGUMENT,
        f"run {first} has completed no workflow task: there is nothing to go back to; terminate it and start it again",
    )
    await stage.decide(activity())
    code, message = await refused(stage, reset(first, point=int(ResetPoint.EVENT), event_id=1))
    assert (code, message.endswith("those that complete one are 4")) == (ErrorCode.INVALID_ARGUMENT, True)
    assert (await refused(stage, reset(first, reason="x" * 2_000)))[0] == ErrorCode.INVALID_ARGUMENT
    for request in (reset(run_id_after(first)), reset(first, workflow_id="another"), reset("not-a-run")):
        assert (await refused(stage, request))[0] == ErrorCode.NOT_FOUND
    assert statuses(stage) == {first: ExecutionStatus.RUNNING}


async def test_a_history_that_cannot_be_read_is_kept_with_the_reason(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(done())
    await pass_time(3)
    [(key, rows)] = stage.database.history.items()
    rows[1] = rows[1]._replace(data=b"\xc1")
    code, message = await refused(stage, reset(first))
    assert code == ErrorCode.DEAD_LETTERED
    assert message.startswith(f"the history of run {first} cannot be read")
    assert key[1] == first


async def test_what_was_terminated_and_repeated_does_not_befall_the_new_run(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(activity())
    terminate = TerminateWorkflow("default", "wf", "", "enough", b"", "t", "client")
    await stage.ask(terminate)
    await pass_time(3)
    new = await asked(stage, reset(first))
    assert (await stage.ask(terminate))[0] == ReplyKind.OK
    assert statuses(stage)[new] == ExecutionStatus.RUNNING


# Children -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def wide() -> AsyncIterator[Stage]:
    """Eight shards, so that a parent and its child live apart."""
    stage = await Stage(8).open()
    yield stage
    await stage.close()
    assert not stage.failures


async def parent_with_child(wide: Stage) -> tuple[str, str]:
    """A parent whose child, asked for by event 5, is started and runs; both have completed a workflow task since."""
    parent = await wide.start("parent")
    await wide.decide(StartChildWorkflowExecution("kid", "type", "", b"in"))
    kid = run_id_for_child(parent, 5)
    await carry_on(wide, lambda: "CHILD_WORKFLOW_EXECUTION_STARTED" in types(wide, parent))
    await carry_on(wide, lambda: types(wide, kid)[-1:] == ["WORKFLOW_TASK_COMPLETED"])
    await carry_on(wide, lambda: types(wide, parent)[-1:] == ["WORKFLOW_TASK_COMPLETED"])
    return parent, kid


async def send_to(wide: Stage, workflow_id: str, request: Any) -> tuple[int, Any]:
    return await wide.ask(request, shard_id=wide.shard_of(workflow_id))


def signal_kid(request_id: str = "s") -> SignalWorkflow:
    return SignalWorkflow("default", "kid", "", "go", b"", request_id, "client")


async def reset_parent(wide: Stage, parent: str, request_id: str = "r", **changes: Any) -> str:
    request = reset(parent, request_id, workflow_id="parent", **changes)
    kind, body = await send_to(wide, "parent", request)
    assert kind == ReplyKind.OK, decode_error(body).message
    return decode_started(body).run_id


async def test_the_outcome_of_a_child_reaches_the_new_run(wide: Stage) -> None:
    parent, kid = await parent_with_child(wide)
    new = await reset_parent(wide, parent)
    await carry_on(wide, lambda: types(wide, new)[-1:] == ["WORKFLOW_TASK_COMPLETED"])
    again = await reset_parent(wide, new, "r2")
    assert statuses(wide)[kid] == ExecutionStatus.RUNNING, "its parent goes on: the close policy does not hold"
    await send_to(wide, "kid", signal_kid())
    await decide_for(wide, kid, done(b"result"))
    await carry_on(wide, lambda: "CHILD_WORKFLOW_EXECUTION_COMPLETED" in types(wide, again))
    await until(lambda: not wide.outstanding(MESSAGE_KIND), what="every message is answered")


async def test_an_outcome_that_came_before_the_reset_is_told_again(wide: Stage) -> None:
    parent, kid = await parent_with_child(wide)
    await send_to(wide, "kid", signal_kid())
    await decide_for(wide, kid, done(b"result"))
    await carry_on(wide, lambda: "CHILD_WORKFLOW_EXECUTION_COMPLETED" in types(wide, parent))
    await carry_on(wide, lambda: types(wide, parent)[-1:] == ["WORKFLOW_TASK_COMPLETED"])
    point = [e.event_id for e in history(wide, parent) if e.event_type == EventType.WORKFLOW_TASK_COMPLETED][1]
    new = await reset_parent(wide, parent, point=int(ResetPoint.EVENT), event_id=point)
    assert types(wide, new).count("CHILD_WORKFLOW_EXECUTION_COMPLETED") == 1
    # And once more, though only the closed run ever heard of it.
    new = await reset_parent(wide, parent, "r2", point=int(ResetPoint.EVENT), event_id=point)
    assert types(wide, new).count("CHILD_WORKFLOW_EXECUTION_COMPLETED") == 1


async def test_a_child_whose_start_is_under_way_is_the_new_runs(wide: Stage) -> None:
    parent = await wide.start("parent")
    entry, task = await wide.take_workflow_task()
    commands = (StartChildWorkflowExecution("kid", "type", "", b"in"), activity())
    first = completion(entry, task, *commands)
    [number] = await wide.send(first, shard_id=wide.shard_of("parent"))
    await wide.reply(number)
    kid = run_id_for_child(parent, 5)
    await carry_on(wide, lambda: types(wide, parent)[-1:] == ["WORKFLOW_TASK_COMPLETED"])
    new = await reset_parent(wide, parent)
    await carry_on(wide, lambda: "CHILD_WORKFLOW_EXECUTION_STARTED" in types(wide, new))
    assert statuses(wide)[kid] == ExecutionStatus.RUNNING


async def test_a_child_after_the_point_follows_the_old_run(wide: Stage) -> None:
    parent, kid = await parent_with_child(wide)
    new = await reset_parent(wide, parent, point=int(ResetPoint.FIRST_WORKFLOW_TASK))
    await until(lambda: statuses(wide)[kid] == ExecutionStatus.TERMINATED, what="the child follows its parent")
    assert "START_CHILD_WORKFLOW_EXECUTION_INITIATED" not in types(wide, new)


async def test_a_child_that_went_with_the_closed_run_is_known_to_be_gone(wide: Stage) -> None:
    parent, kid = await parent_with_child(wide)
    terminate = TerminateWorkflow("default", "parent", "", "enough", b"", "t", "client")
    await send_to(wide, "parent", terminate)
    await until(lambda: statuses(wide)[kid] == ExecutionStatus.TERMINATED, what="the child follows its parent")
    new = await reset_parent(wide, parent)
    assert "CHILD_WORKFLOW_EXECUTION_TERMINATED" in types(wide, new)


async def test_a_run_that_was_reset_and_loaded_anew_still_waits_for_its_child(wide: Stage) -> None:
    parent, kid = await parent_with_child(wide)
    new = await reset_parent(wide, parent)
    wide.kill_engine()
    await wide.open("two")
    await send_to(wide, "kid", signal_kid())
    await decide_for(wide, kid, done(b"result"))
    await carry_on(wide, lambda: "CHILD_WORKFLOW_EXECUTION_COMPLETED" in types(wide, new))
