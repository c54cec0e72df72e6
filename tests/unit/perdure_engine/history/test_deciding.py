"""Which run a request means, and what becomes of it when that run is closed, closing, asleep or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.commands import ContinueAsNewWorkflowExecution, StartTimer
from perdure.protocol.events import EventType, decode_records
from perdure.protocol.ids import run_id_after
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
    IdConflictPolicy,
    IdReusePolicy,
    RecordActivityTaskStarted,
    ReportTaskLost,
    RequestCancelWorkflow,
    RespondActivityTaskCompleted,
    SignalWorkflow,
    TerminateWorkflow,
    encode_envelope,
    numbered_request,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from perdure_engine.history.deciding import REPEATED_WITHIN_US
from perdure_store.memory import CommitFault
from tests.engine_stage import ACTIVITIES, Stage, activity, completion, done, pass_time, start_request, until


def signal(request_id: str = "s", run_id: str = "", workflow_id: str = "wf") -> SignalWorkflow:
    return SignalWorkflow("default", workflow_id, run_id, "go", b"", request_id, "client")


def terminate(request_id: str = "t", run_id: str = "") -> TerminateWorkflow:
    return TerminateWorkflow("default", "wf", run_id, "enough", b"", request_id, "client")


def recorded(stage: Stage, run_id: str) -> list[str]:
    """The names of what stands in the history of a run."""
    rows = next(rows for (_, found), rows in stage.database.history.items() if found == run_id)
    records = [record for number in sorted(rows) for record in decode_records(rows[number].data)]
    return [EventType(record.event_type).name for record in records]


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


# Signals, cancellations, terminations -------------------------------------------------------------------------------


async def test_a_signal_repeated_after_the_close_is_answered_like_the_first(stage: Stage) -> None:
    run_id = await stage.start()
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    entry, task = await stage.take_workflow_task()
    await stage.complete(entry, task)
    await stage.decide(done())
    await pass_time(3)
    for name in ("", run_id):
        assert (await stage.ask(signal(run_id=name)))[0] == ReplyKind.OK
        kind, body = await stage.ask(signal("new", run_id=name))
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_what_is_repeated_after_the_close_does_not_befall_the_next_run(stage: Stage, in_one_batch: bool) -> None:
    """Nor the one after that: each run inherits what the one before it knew."""
    cancel = RequestCancelWorkflow("default", "wf", "", "", "c", "me")
    first = await stage.start()
    for asked_first in (signal(), cancel):
        assert (await stage.ask(asked_first))[0] == ReplyKind.OK
    run_id = first
    for number in (1, 2):
        again = start_request(request_id=f"again {number}")
        if in_one_batch:
            _, asked = await stage.send(terminate(f"t{number}"), again)
            _, body = await stage.reply(asked)
        else:
            await stage.ask(terminate(f"t{number}"))
            await pass_time(3)
            _, body = await stage.ask(again)
        run_id = decode_started(body).run_id
    repeated: list[Any] = [signal(), cancel, terminate("t1"), terminate("t2")]
    for request in repeated:
        assert (await stage.ask(request))[0] == ReplyKind.OK
    assert recorded(stage, run_id) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]
    # What names a run means that run; and a new request is a new one.
    assert (await stage.ask(signal(run_id=first)))[0] == ReplyKind.OK
    assert (await stage.ask(signal("another")))[0] == ReplyKind.OK
    assert recorded(stage, run_id)[2:] == ["EVENT_BUFFERED"]


@pytest.mark.parametrize("has_run_before", [True, False])
async def test_what_was_refused_is_refused_again_though_a_run_has_begun(stage: Stage, has_run_before: bool) -> None:
    """The second copy of a request: its sender was told that there is no such workflow."""
    if has_run_before:
        await closed_run(stage)
        await pass_time(3)
    [number] = await stage.send(signal())
    assert (await stage.reply(number))[0] == ReplyKind.ERROR
    run_id = await stage.start("wf", request_id="2")
    row = numbered_request(number, signal())
    await stage.broker.send([(0, encode_envelope(1, "stage", [row]))])
    assert (await stage.reply(number))[0] == ReplyKind.ERROR
    assert recorded(stage, run_id)[2:] == []
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert recorded(stage, run_id)[2:] == ["EVENT_BUFFERED"]


async def test_a_run_that_was_loaded_anew_knows_what_the_one_before_it_knew(stage: Stage) -> None:
    await stage.start()
    await stage.ask(signal())
    await stage.ask(terminate())
    await stage.start("wf", request_id="2")
    stage.kill_engine()
    await stage.open("two")
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert (await stage.ask(terminate()))[0] == ReplyKind.OK
    assert [row.status for row in stage.database.executions.values()][-1] == ExecutionStatus.RUNNING


async def test_what_was_asked_long_ago_is_forgotten(stage: Stage) -> None:
    await stage.start()
    await stage.ask(signal())
    await stage.ask(terminate())
    await pass_time(REPEATED_WITHIN_US / 1_000_000 + 10)
    run_id = await stage.start("wf", request_id="2")
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert recorded(stage, run_id)[2:] == ["EVENT_BUFFERED"]


async def test_a_termination_repeated_in_one_batch_is_answered_twice(stage: Stage) -> None:
    await stage.start()
    numbers = await stage.send(terminate(), terminate(), signal())
    kinds = [(await stage.reply(number))[0] for number in numbers]
    assert kinds == [ReplyKind.OK, ReplyKind.OK, ReplyKind.ERROR]


async def test_a_request_for_a_workflow_that_never_was_says_so(stage: Stage) -> None:
    for request in (signal(), RequestCancelWorkflow("default", "wf", "", "", "r", "me"), terminate()):
        kind, body = await stage.ask(request)
        error = decode_error(body)
        assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
        assert "there is no workflow 'wf' in namespace 'default'" in error.message
    unknown = "0b0c7bd1-5d55-5d0a-8f0f-6a3f3d0f2a11"
    kind, body = await stage.ask(signal(run_id=unknown))
    assert unknown in decode_error(body).message


async def test_a_sleeping_run_that_leaves_memory_meanwhile_is_still_found(stage: Stage) -> None:
    """Its last batch becomes durable, so that it leaves memory, while the next batch loads something else."""
    run_id = await stage.start()
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    await stage.send(completion(entry, task, StartTimer("t", 3_600_000)))
    await pass_time(0.3)

    async def become_durable(method: str) -> None:
        if method == "load":
            stage.store_calls = None
            stage.commit_rule = lambda batch: CommitFault.NONE
            await until(lambda: any(stage.database.timers.values()))
            await pass_time(0.5)

    stage.store_calls = become_durable
    number, _ = await stage.send(signal(run_id=run_id), signal(workflow_id="unknown"))
    kind, body = await stage.reply(number)
    assert kind == ReplyKind.OK, body
    assert stage.store_calls is None


async def test_a_completion_for_a_closed_run_is_not_wanted_and_its_entry_goes(stage: Stage) -> None:
    run_id = await closed_run(stage)
    await pass_time(1)
    late = RespondActivityTaskCompleted(run_id, 5, 1, 0, b"", "worker", b"", b"")
    kind, body = await stage.ask(late)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


@pytest.mark.parametrize(("lost", "claims"), [("another", 1), ("stage", 0)])
async def test_what_goes_on_elsewhere_keeps_its_claim_when_a_worker_is_lost(
    stage: Stage, lost: str, claims: int
) -> None:
    await stage.start()
    await stage.decide(activity(retry_policy=RetryPolicyData(100, maximum_attempts=1)))
    entry, task = await stage.take_activity()
    where = (task.run_id, task.scheduled_event_id, task.attempt)
    await stage.ask(RecordActivityTaskStarted(*where, stage.now_us(), ""))
    await stage.ask(ReportTaskLost(where[0], TaskKind.ACTIVITY, *where[1:], lost, entry.stream, entry.entry_id))
    queue = stage.server.queues[ACTIVITIES]
    await until(lambda: not queue.stream.pending)
    assert len(queue.claimed) == claims


# Runs that follow ---------------------------------------------------------------------------------------------------


def continuing(data: bytes = b"more") -> ContinueAsNewWorkflowExecution:
    return ContinueAsNewWorkflowExecution(data)


async def test_a_run_that_continues_is_closed_in_the_commit_that_begins_the_next(stage: Stage) -> None:
    first = await stage.start()
    [number] = await stage.send(AwaitResult("default", "wf", first))
    assert (await stage.reply(number))[0] == ReplyKind.REGISTERED
    await stage.decide(continuing())
    kind, body = await stage.reply(number)
    outcome = decode_outcome(body)
    assert (kind, outcome.status) == (ReplyKind.OUTCOME, ExecutionStatus.CONTINUED_AS_NEW)
    assert outcome.next_run_id == run_id_after(first)
    [commit] = [batch for batch in stage.commits if batch.closes]
    assert [close.run_id for close in commit.closes] == [first]
    assert [row.run_id for row in commit.executions] == [outcome.next_run_id]
    await stage.decide(done())
    _, body = await stage.ask(AwaitResult("default", "wf", outcome.next_run_id))
    statuses = {row.run_id: row.status for row in stage.database.executions.values()}
    assert statuses == {first: ExecutionStatus.CONTINUED_AS_NEW, outcome.next_run_id: ExecutionStatus.COMPLETED}


async def test_a_run_that_follows_may_end_in_the_same_batch(stage: Stage) -> None:
    first = await stage.start()
    entry, task = await stage.take_workflow_task()
    done_, ended = await stage.send(completion(entry, task, continuing()), terminate())
    assert (await stage.reply(done_))[0] == (await stage.reply(ended))[0] == ReplyKind.OK
    statuses = {row.run_id: row.status for row in stage.database.executions.values()}
    assert statuses == {
        first: ExecutionStatus.CONTINUED_AS_NEW,
        run_id_after(first): ExecutionStatus.TERMINATED,
    }


@pytest.mark.parametrize("reloaded", [False, True])
async def test_what_is_repeated_after_a_continuation_does_not_befall_the_next_run(stage: Stage, reloaded: bool) -> None:
    first = await stage.start()
    await stage.ask(signal())
    entry, task = await stage.take_workflow_task()
    await stage.complete(entry, task)
    await stage.decide(continuing())
    second = run_id_after(first)
    if reloaded:
        stage.kill_engine()
        await stage.open("two")
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert recorded(stage, second) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]
    assert (await stage.ask(signal("another")))[0] == ReplyKind.OK
    assert recorded(stage, second)[2:] == ["EVENT_BUFFERED"]
    kind, body = await stage.ask(signal("third", run_id=first))
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


async def test_a_repeated_start_of_a_chain_is_answered_like_the_first(stage: Stage) -> None:
    first = await stage.start()
    await stage.decide(continuing())
    await pass_time(3)
    [number] = await stage.send(start_request(wait_result=True))
    assert tuple(decode_started((await stage.reply(number))[1])) == (first, True)
    kind, body = await stage.reply(number)
    assert (kind, decode_outcome(body).next_run_id) == (ReplyKind.OUTCOME, run_id_after(first))
    assert len(stage.database.executions) == 2


async def test_a_workflow_that_times_out_is_tried_again(stage: Stage) -> None:
    first = await stage.start("wf", run_timeout_ms=1_000, retry_policy=RetryPolicyData(initial_interval_ms=500))
    await pass_time(1.2)
    statuses = [row.status for row in stage.database.executions.values()]
    assert statuses == [ExecutionStatus.TIMED_OUT, ExecutionStatus.RUNNING]
    await pass_time(0.5)
    assert recorded(stage, run_id_after(first)) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]


async def test_a_continuation_that_is_not_durable_is_decided_again(stage: Stage) -> None:
    first = await stage.start()
    entry, task = await stage.take_workflow_task()
    stage.commit_rule = lambda batch: CommitFault.UNAVAILABLE
    [number] = await stage.send(completion(entry, task, continuing()))
    await pass_time(0.5)
    stage.commit_rule = lambda batch: CommitFault.NONE
    assert (await stage.reply(number))[0] == ReplyKind.OK
    await stage.decide(done())
    assert len(stage.database.executions) == 2
    assert recorded(stage, run_id_after(first))[-1] == "WORKFLOW_EXECUTION_COMPLETED"
