"""Resets through an engine: one transaction closes the open run and begins the new one, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.events import EventType, HistoryEvent, decode_records
from perdure.protocol.ids import run_id_after, run_id_for_reset
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
from perdure_store.memory import CommitFault
from tests.engine_stage import Stage, activity, completion, done, pass_time
from tests.legality import violations


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
