"""Activities without a workflow, through an engine: by hand what their clients and workers say."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.activity_executions import (
    ActivityOptions,
    Deduplicate,
    DeduplicationMode as Mode,
    decode_activity_description,
)
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.ids import activity_execution_id
from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    Outcome,
    ReplyKind,
    decode_error,
    decode_outcome,
    decode_started,
)
from perdure.protocol.requests import (
    ActivityReport,
    AwaitActivity,
    DescribeActivity,
    GetActivityTask,
    RecordActivityTaskStarted,
    ReportActivity,
    RequestCancelActivity,
    RespondActivityTaskFailed,
    StartActivity,
    TerminateActivity,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import ActivityTask, TaskKind, decode_task
from perdure_broker.port import TaskEntry
from perdure_store.memory import CommitFault
from tests.engine_stage import ACTIVITIES, QUEUE, Stage, pass_time, until

OPTIONS = ActivityOptions(start_to_close_timeout_ms=60_000, retry_policy=RetryPolicyData(1_000))


def start(activity_id: str = "a", options: ActivityOptions = OPTIONS, **fields: Any) -> StartActivity:
    request = StartActivity("default", activity_id, "act", QUEUE, b"in", f"start {activity_id}", "client", options)
    return request._replace(**fields)


async def started(stage: Stage, request: StartActivity | None = None) -> str:
    """Start one and return its run id."""
    kind, body = await stage.ask(request or start())
    assert kind == ReplyKind.OK, body
    return decode_started(body).run_id


async def outcome(stage: Stage, activity_id: str = "a", run_id: str = "") -> Outcome:
    kind, body = await stage.ask(AwaitActivity("default", activity_id, run_id))
    assert kind == ReplyKind.OUTCOME, body
    return decode_outcome(body)


async def refused(stage: Stage, request: Any) -> Any:
    kind, body = await stage.ask(request)
    assert kind == ReplyKind.ERROR, body
    return decode_error(body)


async def fail(stage: Stage, entry: TaskEntry, task: ActivityTask, info: ApplicationInfo) -> None:
    failure = Failure.of("no", info)
    names = (task.run_id, task.scheduled_event_id, task.attempt)
    await stage.ask(RespondActivityTaskFailed(*names, 0, failure, "worker", entry.stream, entry.entry_id))


async def run_one(stage: Stage, result: bytes = b"done", *, within_s: float = 30.0) -> ActivityTask:
    entry, task = await stage.take_activity(within_s=within_s)
    kind, body = await stage.finish_activity(entry, task, result)
    assert kind == ReplyKind.OK, body
    return task


async def test_a_plain_one_is_a_task_row_and_then_a_closed_one(stage: Stage) -> None:
    run_id = await started(stage)
    assert [row.kind for row in stage.outstanding()] == [TaskKind.ACTIVITY]
    assert not stage.database.activities
    await run_one(stage)
    assert not stage.outstanding()
    [row] = stage.database.activities.values()
    assert (row.activity_id, row.status) == ("a", ExecutionStatus.COMPLETED)
    assert tuple(await outcome(stage))[:3] == (run_id, ExecutionStatus.COMPLETED, b"done")
    assert (await outcome(stage, run_id=run_id)).result == b"done"
    stage.history.cache.sweep()
    assert not len(stage.history.cache.activities)


async def test_who_starts_it_hears_of_its_end(stage: Stage) -> None:
    [number] = await stage.send(start(wait_result=True))
    await run_one(stage)
    kind, body = await stage.reply(number)
    assert (kind, decode_outcome(body).result) == (ReplyKind.OUTCOME, b"done")


async def test_who_waits_is_registered_and_told(stage: Stage) -> None:
    run_id = await started(stage)
    [number] = await stage.send(AwaitActivity("default", "a", ""))
    assert await stage.reply(number) == (ReplyKind.REGISTERED, run_id)
    await run_one(stage)
    assert decode_outcome((await stage.reply(number))[1]).run_id == run_id


# Starts that come again ---------------------------------------------------------------------------------------------


async def test_a_repeated_start_is_answered_like_the_first(stage: Stage) -> None:
    run_id = await started(stage)
    assert await started(stage) == run_id, "from memory"
    await run_one(stage)
    assert await started(stage) == run_id, "from its row"
    [number] = await stage.send(start(wait_result=True))
    assert (await stage.reply(number))[0] == ReplyKind.OK
    assert decode_outcome((await stage.reply(number))[1]).result == b"done"
    assert not stage.outstanding()


async def test_a_start_repeated_after_another_one_of_its_id(stage: Stage) -> None:
    first = await started(stage)
    await run_one(stage)
    second = await started(stage, start(request_id="another"))
    assert second > first
    assert await started(stage) == first, "while the other one is in memory"
    await run_one(stage, b"again")
    assert await started(stage) == first
    assert [(await outcome(stage, run_id=run_id)).result for run_id in (first, second)] == [b"done", b"again"]
    assert (await outcome(stage)).run_id == second, "without a run id the last one"


async def test_a_start_repeated_in_the_batch_that_puts_another_one_in_its_place(stage: Stage) -> None:
    """The store does not know yet that the first one is closed."""
    first = await started(stage)
    numbers = await stage.send(
        TerminateActivity("default", "a", "", "enough", "end", "client"),
        start(request_id="another"),
        start(),
        AwaitActivity("default", "a", first),
    )
    [_, second, again, ended] = [await stage.reply(number) for number in numbers]
    assert decode_started(second[1]).run_id > first
    assert again[0] == ReplyKind.OK, again
    assert decode_started(again[1]).run_id == first
    assert (ended[0], decode_outcome(ended[1]).status) == (ReplyKind.OUTCOME, ExecutionStatus.TERMINATED)


async def test_an_id_that_was_made_for_its_request_is_known_without_another(stage: Stage) -> None:
    made = start(request_id="")
    run_id = await started(stage, made)
    await run_one(stage)
    assert await started(stage, made) == run_id


async def test_an_id_that_is_taken(stage: Stage) -> None:
    run_id = await started(stage)
    error = await refused(stage, start(request_id="another"))
    assert (error.code, error.run_id) == (ErrorCode.ALREADY_STARTED, run_id)
    shared = start(options=OPTIONS._replace(id_conflict_policy=2), request_id="third", wait_result=True)
    [number] = await stage.send(shared)
    assert tuple(decode_started((await stage.reply(number))[1])) == (run_id, False)
    assert (await stage.reply(number))[0] == ReplyKind.REGISTERED
    await run_one(stage)
    assert decode_outcome((await stage.reply(number))[1]).result == b"done"


# Starts that are to run once -----------------------------------------------------------------------------------------


def once(mode: Mode, order: int, **fields: Any) -> StartActivity:
    return start(request_id=f"call {order}", deduplication=Deduplicate(int(mode), 5_000, order), **fields)


async def test_a_throttle_lasts_for_its_window_and_is_found_in_the_store(stage: Stage) -> None:
    run_id = await started(stage, once(Mode.THROTTLE, 1))
    await run_one(stage)
    stage.history.cache.sweep()
    assert await started(stage, once(Mode.THROTTLE, 2)) == run_id
    assert (await refused(stage, once(Mode.REJECT, 3))).run_id == run_id
    await pass_time(6)
    assert await started(stage, once(Mode.THROTTLE, 4)) > run_id
    await run_one(stage)


async def test_a_debounce_is_one_execution_with_the_last_arguments(stage: Stage) -> None:
    run_id = await started(stage, once(Mode.DEBOUNCE, 1))
    for order in (2, 3):
        await pass_time(3)
        stage.history.cache.sweep()
        assert await started(stage, once(Mode.DEBOUNCE, order, input=b"call %d" % order)) == run_id
    await pass_time(3)
    assert not stage.outstanding()
    assert (await run_one(stage)).input == b"call 3"
    assert (await outcome(stage)).run_id == run_id
    assert not stage.outstanding()


async def test_the_latest_of_those_that_came_meanwhile_follows(stage: Stage) -> None:
    run_id = await started(stage, once(Mode.LATEST, 1))
    entry, task = await stage.take_activity()
    for order in (2, 3, 2):
        assert await started(stage, once(Mode.LATEST, order, input=b"call %d" % order)) == run_id
    await stage.finish_activity(entry, task, b"first")
    assert (await run_one(stage, b"second")).input == b"call 3"
    last = await outcome(stage)
    assert (last.result, (await outcome(stage, run_id=run_id)).result) == (b"second", b"first")
    assert await started(stage, once(Mode.LATEST, 3)) == last.run_id, "it has come again"
    assert not stage.outstanding()


# What happens to its attempts ---------------------------------------------------------------------------------------


async def test_a_failed_attempt_waits_for_the_next_in_the_store_alone(stage: Stage) -> None:
    await started(stage)
    entry, task = await stage.take_activity()
    await fail(stage, entry, task, ApplicationInfo("E"))
    assert not stage.outstanding()
    stage.history.cache.sweep()
    assert not len(stage.history.cache.activities)
    entry, again = await stage.take_activity()
    assert (again.attempt, again.run_id) == (2, task.run_id)
    await fail(stage, entry, again, ApplicationInfo("E", True))
    assert (await outcome(stage)).status == ExecutionStatus.FAILED


async def test_a_delayed_one_waits_in_the_store_alone(stage: Stage) -> None:
    await started(stage, start(start_delay_ms=3_600_000))
    assert not stage.outstanding()
    stage.history.cache.sweep()
    assert not len(stage.history.cache.activities)
    await pass_time(3_599)
    assert not stage.outstanding()
    entry, task = await stage.take_activity(within_s=3)
    await stage.finish_activity(entry, task)
    assert (await outcome(stage)).result == b"done"


async def test_a_large_input_is_asked_for(stage: Stage) -> None:
    await started(stage, start(input=b"x" * 100_000))
    entry, task = await stage.take_activity()
    assert not task.inline
    names = (task.run_id, task.scheduled_event_id)
    kind, body = await stage.ask(GetActivityTask(*names, 1))
    assert kind == ReplyKind.OK
    whole = decode_task(body)
    assert isinstance(whole, ActivityTask)
    assert len(whole.input) == 100_000
    assert (await refused(stage, GetActivityTask(*names, 2))).code == ErrorCode.NOT_FOUND
    await stage.finish_activity(entry, task)


async def test_it_runs_out_of_time(stage: Stage) -> None:
    await started(stage, start(options=ActivityOptions(schedule_to_close_timeout_ms=5_000)))
    await pass_time(6)
    assert (await outcome(stage)).status == ExecutionStatus.TIMED_OUT
    assert not stage.outstanding()


async def test_a_zombie_of_an_earlier_execution_is_refused(stage: Stage) -> None:
    await started(stage)
    entry, old = await stage.take_activity()
    await stage.ask(TerminateActivity("default", "a", "", "", "end", "client"))
    await started(stage, start(request_id="another"))
    kind, body = await stage.finish_activity(entry, old, b"old")
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
    report = RecordActivityTaskStarted(old.run_id, old.scheduled_event_id, 1, 0, "worker")
    assert (await refused(stage, report)).code == ErrorCode.NOT_FOUND
    await run_one(stage, b"new")
    assert (await outcome(stage)).result == b"new"


# By the id ----------------------------------------------------------------------------------------------------------


async def test_cancelled_terminated_and_completed_by_others(stage: Stage) -> None:
    cancel = RequestCancelActivity("default", "a", "", "why", "cancel", "client")
    await started(stage, start(start_delay_ms=60_000))
    assert await stage.ask(cancel) == (ReplyKind.OK, None)
    assert await stage.ask(cancel) == (ReplyKind.OK, None), "the same again"
    assert (await outcome(stage)).status == ExecutionStatus.CANCELED
    error = await refused(stage, cancel._replace(request_id="another"))
    assert "is closed already" in error.message
    await started(stage, start("b"))
    told = ReportActivity("default", "", "", "b", 0, 0, ActivityReport.COMPLETED, b"out", None, b"", "told", "human")
    assert await stage.ask(told) == (ReplyKind.OK, None)
    assert await stage.ask(told) == (ReplyKind.OK, None), "the same again"
    assert (await outcome(stage, "b")).result == b"out"


async def test_what_is_described(stage: Stage) -> None:
    run_id = await started(stage, start(summary="one of many"))
    kind, body = await stage.ask(DescribeActivity("default", "a", run_id))
    assert kind == ReplyKind.OK
    row = decode_activity_description(body)
    assert (row.run_id, row.state, row.summary, row.input) == (run_id, "SCHEDULED", "one of many", b"in")
    await run_one(stage)
    row = decode_activity_description((await stage.ask(DescribeActivity("default", "a", "")))[1])
    assert (row.status, row.result) == (ExecutionStatus.COMPLETED, b"done")


@pytest.mark.parametrize(
    "request_",
    [
        AwaitActivity("default", "nobody", ""),
        DescribeActivity("default", "nobody", ""),
        TerminateActivity("default", "nobody", "", "", "r", "c"),
        AwaitActivity("default", "a", activity_execution_id("default", "a")),
    ],
)
async def test_what_nobody_knows(stage: Stage, request_: Any) -> None:
    await started(stage)
    assert (await refused(stage, request_)).code == ErrorCode.NOT_FOUND


# What goes wrong ----------------------------------------------------------------------------------------------------


async def test_another_engine_goes_on_with_all_of_them(stage: Stage) -> None:
    await started(stage)
    await started(stage, start("later", start_delay_ms=60_000))
    await started(stage, start("tried"))
    tried = [await stage.take_activity() for _ in range(2)]
    entry, task = next(item for item in tried if item[1].activity_id == "tried")
    await fail(stage, entry, task, ApplicationInfo("E"))
    stage.kill_engine()
    await stage.open("two")
    entry, task = next(item for item in tried if item[1].activity_id == "a")
    await stage.finish_activity(entry, task)
    assert (await run_one(stage)).activity_id == "tried"
    assert (await run_one(stage, within_s=120)).activity_id == "later"
    assert [(await outcome(stage, name)).result for name in ("a", "tried", "later")] == [b"done"] * 3


async def test_a_batch_that_is_lost_is_decided_again(stage: Stage) -> None:
    faults = [CommitFault.UNKNOWN_WRITTEN, CommitFault.UNKNOWN_LOST, CommitFault.CONFLICT]
    stage.commit_rule = lambda batch: faults.pop() if faults and batch.transfer_inserts else CommitFault.NONE
    await started(stage)
    await run_one(stage)
    assert (await outcome(stage)).result == b"done"
    assert not stage.outstanding()


async def test_lost_streams_are_filled_again(stage: Stage) -> None:
    await started(stage)
    stage.server.flush()
    await until(lambda: len(stage.outstanding()) == 1)
    await stage.announce()
    await run_one(stage)


async def test_what_cannot_be_read_harms_nobody_else(stage: Stage) -> None:
    await started(stage)
    await run_one(stage)
    [(key, row)] = stage.database.activities.items()
    stage.database.activities[key] = row._replace(data=b"broken")
    error = await refused(stage, AwaitActivity("default", "a", ""))
    assert error.code == ErrorCode.DEAD_LETTERED
    assert "cannot be read" in error.message
    await started(stage, start("b"))


async def test_a_backlog_costs_no_memory(stage: Stage) -> None:
    for number in range(60):
        await stage.send(*(start(f"{number}-{count}", request_id="") for count in range(20)))
    await until(lambda: len(stage.outstanding()) == 1_200)
    await pass_time(1)
    waiting = [row for row in stage.outstanding() if row.backlog]
    assert waiting
    stage.history.cache.sweep()
    assert len(stage.history.cache.activities) <= 1_200 - len(waiting)
    for _ in range(1_200):
        await run_one(stage)
    assert not stage.outstanding()
    assert len(stage.database.activities) == 1_200
    assert ACTIVITIES.task_queue == QUEUE
