"""Schedules, carried on by engines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.protocol.activity_executions import (
    ActivityOptions,
    DescribeActivity,
    StartActivity,
    decode_activity_description as decode_activity,
)
from perdure.protocol.commands import FailWorkflowExecution
from perdure.protocol.events import WorkflowExecutionStarted, decode_records
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ExecutionStatus, ReplyKind
from perdure.protocol.requests import RespondActivityTaskFailed
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.schedule import (
    Backfill,
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    IntervalSpec,
    OverlapPolicy,
    PatchSchedule,
    Schedule,
    ScheduleAction,
    ScheduleDescription,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    decode_schedule_description,
)
from perdure_engine.core.schedule.executions import moment
from perdure_engine.system.schedules import Schedules
from perdure_store.port import ExecutionRow, StoreUnavailable
from tests.engine_stage import QUEUE, Stage, done, pass_time, start_request, until
from tests.simulation.process import EPOCH_US
from tests.unit.perdure_engine.frontend.test_service import answer

SECOND_US = 1_000_000
EVERY_US = 10 * SECOND_US


ACTIVE = ScheduleState()
PAUSED = ScheduleState(paused=True)


def schedule(overlap: int = OverlapPolicy.SKIP, *, state: ScheduleState = ACTIVE, **policy: Any) -> Schedule:
    action = ScheduleAction(start_request("job"))
    spec = ScheduleSpec(intervals=(IntervalSpec(EVERY_US),))
    return Schedule(action, spec, SchedulePolicy(int(overlap), **policy), state)


async def create(stage: Stage, what: Schedule, **fields: Any) -> None:
    await answer(stage, CreateSchedule("default", "s", what, "create", "me")._replace(**fields))


async def patch(stage: Stage, request_id: str, **fields: Any) -> None:
    await answer(stage, PatchSchedule("default", "s", request_id, "me")._replace(**fields))


async def described(stage: Stage) -> ScheduleDescription:
    body = await answer(stage, DescribeSchedule("default", "s"))
    description: ScheduleDescription = decode_schedule_description(body)
    return description


def runs(stage: Stage) -> list[ExecutionRow]:
    return sorted(stage.database.executions.values(), key=lambda row: row.workflow_id)


def moments(stage: Stage) -> list[str]:
    """The moments of what was started, from their workflow ids."""
    return [row.workflow_id.removeprefix("job-") for row in runs(stage)]


def statuses(stage: Stage) -> list[int]:
    return [row.status for row in runs(stage)]


def multiples(count: int, first: int = 1) -> list[str]:
    """The first moments of the schedule after the beginning of time."""
    return [moment(EPOCH_US + number * EVERY_US) for number in range(first, first + count)]


def started_of(stage: Stage) -> WorkflowExecutionStarted:
    """The first event of the run that was started last."""
    run = runs(stage)[-1]
    rows = stage.database.history[run.shard_id, run.run_id]
    started: WorkflowExecutionStarted = decode_records(rows[min(rows)].data)[0].attributes
    return started


async def complete(stage: Stage, *commands: Any) -> None:
    await stage.decide(*(commands or (done(),)))


async def test_each_moment_starts_a_workflow_in_time(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL))
    await pass_time(35)
    assert moments(stage) == multiples(3)
    late_us = [row.start_time_us - (EPOCH_US + number * EVERY_US) for number, row in enumerate(runs(stage), 1)]
    assert all(0 <= us < 100_000 for us in late_us), late_us
    info = (await described(stage)).info
    assert (info.actions, info.missed_catchup_window, info.skipped_overlap) == (3, 0, 0)
    assert [taken.scheduled_us for taken in info.recent] == [EPOCH_US + n * EVERY_US for n in (1, 2, 3)]
    assert info.next_us[:2] == (EPOCH_US + 4 * EVERY_US, EPOCH_US + 5 * EVERY_US)


async def test_a_moment_at_which_the_last_one_runs_is_skipped(stage: Stage) -> None:
    await create(stage, schedule())
    await pass_time(35)
    assert moments(stage) == multiples(1)
    assert (await described(stage)).info.skipped_overlap == 2
    await complete(stage)
    await pass_time(10)
    assert moments(stage) == [*multiples(1), *multiples(1, 4)]


async def test_a_buffered_action_begins_when_the_last_one_is_over(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.BUFFER_ONE))
    await pass_time(35)
    info = (await described(stage)).info
    assert (info.actions, info.buffered, info.skipped_overlap) == (1, 1, 1)
    await complete(stage)
    await pass_time(0.5)
    assert moments(stage) == multiples(2)


async def test_all_are_buffered_and_begin_one_after_the_other(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.BUFFER_ALL))
    await pass_time(35)
    assert (await described(stage)).info.buffered == 2
    for count in (1, 2, 3):
        assert moments(stage) == multiples(count)
        assert statuses(stage).count(ExecutionStatus.RUNNING) == 1
        await complete(stage)
        await pass_time(0.5)


async def test_the_last_one_is_cancelled_and_the_next_waits_for_its_end(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.CANCEL_OTHER))
    await pass_time(11)
    await stage.decide()  # goes on
    await pass_time(20)
    assert moments(stage) == multiples(1)
    assert stage.history.cache.get(runs(stage)[0].run_id).state.cancel_requested
    assert (await described(stage)).info.buffered == 2
    await complete(stage)
    await pass_time(0.5)
    assert moments(stage) == [*multiples(1), *multiples(1, 3)]  # the latest one


async def test_the_last_one_is_terminated_and_the_next_begins_at_once(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.TERMINATE_OTHER))
    await pass_time(20.5)
    assert moments(stage) == multiples(2)
    assert statuses(stage) == [ExecutionStatus.TERMINATED, ExecutionStatus.RUNNING]


async def test_a_failure_pauses_the_schedule_at_once(stage: Stage) -> None:
    await create(stage, schedule(pause_on_failure=True))
    await pass_time(10.5)
    await complete(stage, FailWorkflowExecution(Failure("broken")))
    await pass_time(0.5)
    found = await described(stage)
    assert found.schedule.state.paused
    assert found.schedule.state.note == f"paused due to workflow failure: job-{multiples(1)[0]}: broken"
    await pass_time(30)
    assert moments(stage) == multiples(1)


async def test_a_workflow_knows_how_the_one_before_it_ended(stage: Stage) -> None:
    await create(stage, schedule())
    await pass_time(10.5)
    told = [started_of(stage)]
    await complete(stage, done(b"one"))
    await pass_time(10)
    told.append(started_of(stage))
    await complete(stage, FailWorkflowExecution(Failure("broken")))
    await pass_time(10)
    told.append(started_of(stage))
    await complete(stage, done(b"three"))
    await pass_time(10)
    told.append(started_of(stage))
    assert [each.last_completion_result for each in told] == [b"", b"one", b"one", b"three"]
    assert [each.continued_failure for each in told] == [None, None, Failure("broken"), None]


async def test_a_paused_schedule_does_nothing_but_what_it_is_told(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL, state=PAUSED))
    await pass_time(25)
    assert moments(stage) == []
    await patch(stage, "now", trigger_overlap=0)
    await pass_time(0.5)
    assert len(moments(stage)) == 1
    await patch(stage, "go", unpause="again")
    await pass_time(10)
    assert moments(stage)[1:] == multiples(1, 3)
    assert (await described(stage)).schedule.state == ScheduleState(note="again")


async def test_no_more_actions_are_taken_than_allowed(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL, state=ScheduleState(limited=True, remaining=2)))
    await pass_time(60)
    assert moments(stage) == multiples(2)
    found = await described(stage)
    assert (found.schedule.state.remaining, found.info.next_us) == (0, ())


async def test_a_backfill_takes_the_actions_of_the_past(stage: Stage) -> None:
    paused = schedule(state=PAUSED)
    backfill = Backfill(EPOCH_US - 5 * EVERY_US, EPOCH_US - 3 * EVERY_US, OverlapPolicy.ALLOW_ALL)
    await create(stage, paused, backfills=(backfill,))
    await pass_time(1)
    assert moments(stage) == [moment(EPOCH_US - number * EVERY_US) for number in (5, 4, 3)]


async def test_a_request_that_comes_twice_takes_one_action(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL, state=PAUSED), trigger=True)
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL, state=PAUSED), trigger=True)
    await patch(stage, "again", trigger_overlap=0)
    await patch(stage, "again", trigger_overlap=0)
    await pass_time(1)
    assert len(moments(stage)) == 2


async def test_a_deleted_schedule_is_gone_and_what_it_started_goes_on(stage: Stage) -> None:
    await create(stage, schedule())
    await pass_time(11)
    await answer(stage, DeleteSchedule("default", "s"))
    await pass_time(20)
    assert statuses(stage) == [ExecutionStatus.RUNNING]
    assert not stage.database.schedules


async def test_what_was_due_while_no_engine_was_there_is_made_up_for(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL, catchup_window_us=25 * SECOND_US))
    await pass_time(5)
    stage.kill_engine("one")
    await pass_time(50)
    await stage.start_engine("two")
    await until(lambda: runs(stage))
    info = (await described(stage)).info
    assert info.missed_catchup_window in (3, 4)  # by when it is noticed that the first one is dead
    assert moments(stage) == multiples(info.actions, info.missed_catchup_window + 1)


async def die_and_go_on(stage: Stage) -> None:
    stage.kill_engine("one")
    await pass_time(25)
    await stage.start_engine("two")
    await pass_time(10)


async def test_an_engine_that_dies_once_it_has_kept_what_it_will_do(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL))
    reached = asyncio.Event()
    do = Schedules._do

    async def hold(self: Schedules, works: Any) -> None:
        if any(work.progress.starting for work in works):
            reached.set()
            await asyncio.Event().wait()
        await do(self, works)

    monkeypatch.setattr(Schedules, "_do", hold)
    await until(reached.is_set)
    assert not runs(stage)
    monkeypatch.undo()
    await die_and_go_on(stage)
    assert moments(stage) == multiples(len(runs(stage)))
    assert len(runs(stage)) >= 3


async def test_an_engine_that_dies_before_it_has_kept_what_came_of_it(stage: Stage) -> None:
    await create(stage, schedule(OverlapPolicy.ALLOW_ALL))
    reached = asyncio.Event()

    async def hold(method: str) -> None:
        if method == "update_schedules" and runs(stage) and "two" not in stage.engines:
            reached.set()
            await asyncio.Event().wait()

    stage.store_calls = hold
    await until(reached.is_set)
    assert (await described(stage)).info.actions == 0
    await die_and_go_on(stage)
    assert moments(stage) == multiples(len(runs(stage)))
    assert (await described(stage)).info.actions == len(runs(stage)) >= 3


async def test_two_engines_share_and_neither_doubles(stage: Stage) -> None:
    await stage.start_engine("two")
    for number in range(8):
        what = schedule(OverlapPolicy.ALLOW_ALL)
        action = ScheduleAction(start_request(f"job{number}"))
        await answer(stage, CreateSchedule("default", f"s{number}", what._replace(action=action), f"c{number}", "me"))
    await pass_time(25)
    started = [row.workflow_id for row in runs(stage)]
    assert len(started) == len(set(started)) == 16


async def test_a_store_that_is_away_delays_schedules(stage: Stage) -> None:
    failures: list[Exception] = [StoreUnavailable("not now")] * 3

    async def fail(method: str) -> None:
        if method in ("due_schedules", "update_schedules") and failures:
            raise failures.pop()

    await create(stage, schedule(OverlapPolicy.ALLOW_ALL))
    await pass_time(9)
    stage.store_calls = fail
    await pass_time(15)
    assert moments(stage) == multiples(2)
    assert not failures


# Activities without a workflow ----------------------------------------------------------------------------------------


def of_activity(overlap: int = OverlapPolicy.SKIP, **policy: Any) -> Schedule:
    options = ActivityOptions(start_to_close_timeout_ms=600_000, retry_policy=RetryPolicyData(maximum_attempts=1))
    start = StartActivity("default", "job", "act", QUEUE, b"in", "", "me", options)
    return schedule(overlap, **policy)._replace(action=ScheduleAction(activity=start))


async def activity_statuses(stage: Stage, count: int) -> list[int]:
    """Of the first moments; 0: it was not started."""
    found = []
    for suffix in multiples(count):
        kind, body = await stage.ask(DescribeActivity("default", f"job-{suffix}", ""))
        found.append(decode_activity(body).status if kind == ReplyKind.OK else 0)
    return found


async def test_a_moment_starts_an_activity_without_a_workflow_and_none_beside_it(stage: Stage) -> None:
    await create(stage, of_activity())
    await pass_time(35)
    assert await activity_statuses(stage, 3) == [ExecutionStatus.RUNNING, 0, 0]
    assert not runs(stage), "no workflow"
    info = (await described(stage)).info
    assert (info.actions, info.skipped_overlap) == (1, 2)
    assert [run[0::2] for run in info.running] == [(f"job-{multiples(1)[0]}", True)]
    entry, task = await stage.take_activity()
    await stage.finish_activity(entry, task)
    await pass_time(10)
    assert await activity_statuses(stage, 4) == [ExecutionStatus.COMPLETED, 0, 0, ExecutionStatus.RUNNING]


async def test_a_buffered_activity_begins_when_the_last_one_is_over(stage: Stage) -> None:
    await create(stage, of_activity(OverlapPolicy.BUFFER_ONE))
    await pass_time(25)
    assert await activity_statuses(stage, 2) == [ExecutionStatus.RUNNING, 0]
    entry, task = await stage.take_activity()
    await stage.finish_activity(entry, task)
    await pass_time(0.5)
    assert await activity_statuses(stage, 2) == [ExecutionStatus.COMPLETED, ExecutionStatus.RUNNING]


async def test_an_activity_is_terminated_for_the_next_one(stage: Stage) -> None:
    await create(stage, of_activity(OverlapPolicy.TERMINATE_OTHER))
    await pass_time(22)
    assert await activity_statuses(stage, 2) == [ExecutionStatus.TERMINATED, ExecutionStatus.RUNNING]


async def test_an_activity_is_asked_to_cancel_and_the_next_one_waits_for_its_end(stage: Stage) -> None:
    await create(stage, of_activity(OverlapPolicy.CANCEL_OTHER))
    await pass_time(22)
    _, body = await stage.ask(DescribeActivity("default", f"job-{multiples(1)[0]}", ""))
    assert decode_activity(body).cancel_reason == "schedule s: the next action is due"
    assert await activity_statuses(stage, 2) == [ExecutionStatus.RUNNING, 0]
    entry, task = await stage.take_activity()
    await stage.finish_activity(entry, task)
    await pass_time(0.5)
    assert await activity_statuses(stage, 2) == [ExecutionStatus.COMPLETED, ExecutionStatus.RUNNING]


async def test_an_activity_that_fails_pauses_the_schedule(stage: Stage) -> None:
    await create(stage, of_activity(pause_on_failure=True))
    await pass_time(11)
    entry, task = await stage.take_activity()
    failure = Failure.of("no paper", ApplicationInfo("E"))
    names = (task.run_id, task.scheduled_event_id, task.attempt)
    await stage.ask(RespondActivityTaskFailed(*names, 0, failure, "worker", entry.stream, entry.entry_id))
    await pass_time(1)
    state = (await described(stage)).schedule.state
    assert (state.paused, state.note) == (True, f"paused due to activity failure: job-{multiples(1)[0]}: no paper")


async def test_an_activity_is_started_once_whoever_dies(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine dies when the activity is started, before it has kept that."""
    await create(stage, of_activity(state=ScheduleState(limited=True, remaining=1)))
    reached, take = asyncio.Event(), Schedules._take_start

    def note(self: Schedules, *arguments: Any) -> None:
        reached.set()
        take(self, *arguments)

    async def hold(method: str) -> None:
        if method == "update_schedules" and reached.is_set() and "two" not in stage.engines:
            await asyncio.Event().wait()

    monkeypatch.setattr(Schedules, "_take_start", note)
    stage.store_calls = hold
    await until(reached.is_set)
    assert (await described(stage)).info.actions == 0
    entry, task = await stage.take_activity()
    await stage.finish_activity(entry, task)
    await die_and_go_on(stage)
    assert await activity_statuses(stage, 2) == [ExecutionStatus.COMPLETED, 0], "and it is not run again"
    assert (await described(stage)).info.actions == 1
