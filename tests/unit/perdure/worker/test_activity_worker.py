"""The activity side of a worker, on a stage."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity
from perdure.exceptions import ApplicationError, CancelledError
from perdure.protocol.codec import pack
from perdure.protocol.failure import ApplicationInfo, TimeoutInfo, TimeoutType
from perdure.protocol.replies import ActivityDirective, CancelActivity, ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import (
    GetActivityTask,
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.protocol.tasks import ActivityTask, encode_task, task_member
from perdure.transport import transport
from perdure.worker import Worker
from perdure_broker.port import StreamKind, TaskStream
from tests.waiting import wait_until
from tests.worker_stage import QUEUE, Stage, activity_task, stage


class Seen:
    """What activities under test leave behind."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.values: list[Any] = []


SEEN = Seen()


@pytest.fixture(autouse=True)
async def _fresh() -> None:
    global SEEN
    SEEN = Seen()


@activity.defn
async def double(number: int) -> int:
    return 2 * number


@activity.defn
def double_in_thread(number: int) -> int:
    SEEN.values.append((threading.current_thread() is threading.main_thread(), activity.info().attempt))
    return 2 * number


@activity.defn
def process_id() -> list[Any]:
    return [os.getpid(), activity.info().activity_type]


@activity.defn
async def describe() -> list[Any]:
    info = activity.info()
    return [info.workflow_id, info.activity_type, info.attempt, info.idempotency_key, list(info.heartbeat_details)]


@activity.defn
async def wait_for_ever() -> str:
    SEEN.started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        SEEN.values.append(activity.cancellation_details())
        assert activity.is_cancelled()
        raise
    return "never"


@activity.defn
def wait_in_thread() -> str:
    try:
        while True:
            activity.wait_for_cancelled_sync(0.01)
    except CancelledError:
        SEEN.values.append("raised")
        raise


@activity.defn(no_thread_cancel_exception=True)
def wait_politely() -> str:
    activity.wait_for_cancelled_sync(10)
    return f"stopped {activity.is_cancelled()}"


@activity.defn
async def refuse() -> None:
    activity.heartbeat("last words")
    activity.heartbeat("very last words")
    raise ApplicationError("no", 1, type="Refused", non_retryable=True, next_retry_delay=timedelta(seconds=7))


@activity.defn
async def beat(times: int) -> None:
    for number in range(times):
        activity.heartbeat(number)
        await asyncio.sleep(0.01)


@activity.defn(dynamic=True)
async def anything(args: Any) -> str:
    return f"{activity.info().activity_type} with {len(args)}"


ALL = [double, double_in_thread, describe, wait_for_ever, wait_in_thread, wait_politely, refuse, beat]


def _worker(on: Stage, activities: list[Any] = ALL, **options: Any) -> Worker:
    return Worker(on.client, task_queue=QUEUE, activities=activities, **options)


async def _all_finished(on: Stage) -> None:
    async def look() -> bool:
        return await on.pending(StreamKind.ACTIVITY) == 0

    await wait_until(look, what="every entry finished")


@pytest.mark.parametrize("function", [double, double_in_thread])
async def test_an_activity_runs_and_its_result_is_reported(function: Any) -> None:
    async with stage() as on, _worker(on):
        task = activity_task(function.__name__, 21)
        await on.give(task)
        done = await on.report(RespondActivityTaskCompleted)
        assert on.client.data_converter.from_bytes(done.result) == [42]
        assert (done.run_id, done.scheduled_event_id, done.attempt) == (task.run_id, task.scheduled_event_id, 1)
        assert done.stream
        assert done.entry_id
        assert abs(done.started_time_us - time.time_ns() // 1000) < 60_000_000
        if function is double_in_thread:
            assert SEEN.values == [(False, 1)]


async def test_an_activity_may_run_in_another_process() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        async with stage() as on, _worker(on, [process_id], activity_executor=executor):
            await on.give(activity_task("process_id"))
            done = await on.report(RespondActivityTaskCompleted)
            ((pid, activity_type),) = on.client.data_converter.from_bytes(done.result)
            assert pid != os.getpid()
            assert activity_type == "process_id"


async def test_info() -> None:
    async with stage() as on, _worker(on):
        beats = on.client.data_converter.to_bytes(["half"])
        task = activity_task("describe", attempt=3, activity_id="act", heartbeat_details=beats)
        await on.give(task)
        done = await on.report(RespondActivityTaskCompleted)
        key = f"default/wf/{task.run_id}/act"
        assert on.client.data_converter.from_bytes(done.result) == [["wf", "describe", 3, key, ["half"]]]


async def test_a_failure_is_reported_with_the_last_heartbeat() -> None:
    async with stage() as on, _worker(on):
        await on.give(activity_task("refuse"))
        failed = await on.report(RespondActivityTaskFailed)
        assert failed.failure.message == "no"
        assert failed.failure.info == ApplicationInfo("Refused", True, failed.failure.info.details, 7_000)
        assert "test_activity_worker.py" in failed.failure.stack_trace
        assert on.client.data_converter.from_bytes(failed.heartbeat_details) == ["very last words"]


async def test_an_unknown_activity_is_failed_with_the_names_of_those_there_are() -> None:
    async with stage() as on, _worker(on, [double, describe]):
        await on.give(activity_task("charge"))
        failed = await on.report(RespondActivityTaskFailed)
        assert failed.failure.info.type == "NotFoundError"
        assert not failed.failure.info.non_retryable
        assert "'charge' is not registered" in failed.failure.message
        assert "describe, double" in failed.failure.message


async def test_a_dynamic_activity_takes_what_nobody_else_does() -> None:
    async with stage() as on, _worker(on, [anything]):
        await on.give(activity_task("charge", 1, 2))
        done = await on.report(RespondActivityTaskCompleted)
        assert on.client.data_converter.from_bytes(done.result) == ["charge with 2"]


async def test_arguments_that_do_not_fit_are_a_failure_that_says_so() -> None:
    async with stage() as on, _worker(on):
        await on.give(activity_task("double", "many"))
        failed = await on.report(RespondActivityTaskFailed)
        assert "arguments of activity 'double' do not fit" in failed.failure.message


async def test_what_runs_for_long_is_reported_as_started_once() -> None:
    async with stage() as on, _worker(on):
        task = activity_task("beat", 20)
        await on.give(task)
        await on.give(activity_task("double", 1))
        started = await on.report(RecordActivityTaskStarted)
        assert (started.scheduled_event_id, started.attempt) == (task.scheduled_event_id, 1)
        assert started.identity == on.client.transport.sender
        await on.reports(RespondActivityTaskCompleted, 2)
        assert len(on.engine.requests(RecordActivityTaskStarted)) == 1


async def test_heartbeats_are_sent_seldom_the_last_one_counting() -> None:
    async with stage() as on, _worker(on):
        await on.give(activity_task("beat", 50, heartbeat_timeout_ms=250))
        await on.report(RespondActivityTaskCompleted)
        beats = [
            on.client.data_converter.from_bytes(r.details)[0] for r in on.engine.requests(RecordActivityTaskHeartbeat)
        ]
        assert beats[0] == 0
        assert 2 <= len(beats) <= 10
        assert beats == sorted(beats)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("wait_for_ever", activity.ActivityCancellationDetails(cancel_requested=True)),
        ("wait_in_thread", "raised"),
    ],
)
async def test_a_push_cancels_a_running_activity(name: str, seen: Any) -> None:
    async with stage() as on, _worker(on):
        task = activity_task(name)
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1))
        await on.report(RespondActivityTaskCanceled)
        assert SEEN.values == [seen]


async def test_a_thread_that_asked_for_it_is_not_interrupted() -> None:
    async with stage() as on, _worker(on):
        task = activity_task("wait_politely")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1))
        done = await on.report(RespondActivityTaskCompleted)
        assert on.client.data_converter.from_bytes(done.result) == ["stopped True"]


async def test_the_reply_to_a_report_cancels_too() -> None:
    async with stage() as on, _worker(on):
        on.directive = ActivityDirective(True, True)
        await on.give(activity_task("wait_for_ever"))
        await on.report(RespondActivityTaskCanceled)


async def test_an_attempt_that_nobody_wants_is_dropped_without_a_report() -> None:
    async with stage() as on, _worker(on):
        task = activity_task("wait_for_ever")
        await on.give(task)
        claims = on.claims(task)
        await on.report(RecordActivityTaskStarted)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1, False))
        await _all_finished(on)
        assert not claims
        assert SEEN.values == [activity.ActivityCancellationDetails(not_found=True)]
        assert not on.engine.requests(RespondActivityTaskCanceled)


async def test_the_claim_of_an_attempt_that_is_not_wanted_here_is_given_up() -> None:
    async with stage() as on, _worker(on):
        on.directive = ActivityDirective(False, False)
        task = activity_task("double", 1, report_start=True)
        claims = on.claims(task)
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await _all_finished(on)
        assert not claims


@pytest.mark.parametrize("timeout_ms", [40, 150])
async def test_start_to_close_is_kept_in_the_worker_too(timeout_ms: int) -> None:
    async with stage() as on, _worker(on):
        await on.give(activity_task("wait_for_ever", start_to_close_timeout_ms=timeout_ms))
        failed = await on.report(RespondActivityTaskFailed)
        assert isinstance(failed.failure.info, TimeoutInfo)
        assert failed.failure.info.timeout_type == TimeoutType.START_TO_CLOSE
        assert SEEN.values == [activity.ActivityCancellationDetails(timed_out=True)]


async def test_the_only_attempt_waits_for_the_word_of_the_engine() -> None:
    async with stage() as on, _worker(on):
        on.directive = ActivityDirective(False, False)
        await on.give(activity_task("double", 1, report_start=True))
        await on.report(RecordActivityTaskStarted)
        await _all_finished(on)
        assert not on.engine.requests(RespondActivityTaskCompleted)
        on.directive = ActivityDirective(True, False)
        await on.give(activity_task("double", 1, report_start=True))
        await on.report(RespondActivityTaskCompleted)


async def test_large_input_is_fetched() -> None:
    task = activity_task("double", 4)
    async with stage() as on, _worker(on):
        on.answers[GetActivityTask] = lambda request: [(ReplyKind.OK, encode_task(task))]
        await on.give(task._replace(input=b"", inline=False))
        done = await on.report(RespondActivityTaskCompleted)
        assert on.client.data_converter.from_bytes(done.result) == [8]


async def test_a_task_that_is_gone_is_dropped() -> None:
    gone = ErrorReply(ErrorCode.NOT_FOUND, "gone")
    async with stage() as on, _worker(on):
        on.answers[GetActivityTask] = lambda request: [(ReplyKind.ERROR, gone)]
        on.answers[RespondActivityTaskCompleted] = lambda request: [(ReplyKind.ERROR, gone)]
        fetched = activity_task("double", 4, inline=False)
        claims = on.claims(fetched)
        await on.give(fetched)
        await on.give(activity_task("double", 4))
        await on.report(GetActivityTask)
        await on.report(RespondActivityTaskCompleted)
        await _all_finished(on)
        assert not claims


async def test_bytes_that_are_no_task_are_left_for_others(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on, _worker(on):
        with caplog.at_level(logging.ERROR):
            await on.give_bytes(b"\xc1", StreamKind.ACTIVITY)
            await on.give_bytes(pack((99, 2, ())), StreamKind.ACTIVITY)
            await on.give(activity_task("double", 1))
            await on.report(RespondActivityTaskCompleted)
        assert caplog.text.count("cannot be read") == 1


async def test_no_more_is_read_than_there_are_slots() -> None:
    async with stage() as on, _worker(on, max_concurrent_activities=2) as worker:
        for _ in range(6):
            await on.give(activity_task("wait_for_ever"))
        await on.reports(RecordActivityTaskStarted, 2)
        assert await on.pending(StreamKind.ACTIVITY) == 2
        assert worker.is_running


async def test_running_work_may_finish_when_the_worker_stops() -> None:
    async with stage() as on:
        async with _worker(on, graceful_shutdown_timeout=timedelta(seconds=20)):
            await on.give(activity_task("beat", 20))
            await on.report(RecordActivityTaskStarted)
        assert len(on.engine.requests(RespondActivityTaskCompleted)) == 1


@pytest.mark.parametrize("name", ["wait_for_ever", "wait_in_thread"])
async def test_what_does_not_finish_is_cancelled_and_given_back(name: str) -> None:
    async with stage() as on:
        async with _worker(on) as worker:
            await on.give(activity_task(name))
            await on.report(RecordActivityTaskStarted)
        (failed,) = on.engine.requests(RespondActivityTaskFailed)
        assert failed.failure.info.type == "WorkerShutdown"
        assert failed.failure.info.next_retry_delay_ms == 1
        assert worker.is_shutdown
        assert await on.pending(StreamKind.ACTIVITY) == 1  # the engine acks what it was told of


@pytest.mark.parametrize("body", [b"\xc1", "no bytes", None, (1, 2)])
async def test_a_fetched_task_that_is_none_is_left_for_others(body: object, caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on, Worker(on.client, task_queue=QUEUE, activities=[double], max_concurrent_activities=1):
        on.answers[GetActivityTask] = lambda request: [(ReplyKind.OK, body)]
        with caplog.at_level(logging.ERROR):
            await on.give(activity_task("double", 1, inline=False))
            await on.give(activity_task("double", 2))  # through the one slot
            await on.report(RespondActivityTaskCompleted)
        assert "cannot be read" in caplog.text


# After a loss of the broker's data -----------------------------------------------------------------------------------
_ACTIVITIES = TaskStream("default", QUEUE, StreamKind.ACTIVITY)


@pytest.fixture
def tended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often whether replies were lost."""
    monkeypatch.setattr(transport, "_TEND_S", 0.1)


@contextlib.asynccontextmanager
async def _watchful_stage() -> AsyncIterator[Stage]:
    """With a worker whose leases are short, so that it looks often."""
    async with stage() as on:
        await on.broker.set_lease(_ACTIVITIES, 900)
        async with _worker(on):
            yield on


def _announced(on: Stage) -> set[str]:
    return set(on.server.made_queue(_ACTIVITIES).announced)


async def _held_by_name(on: Stage, task: ActivityTask) -> None:
    async def look() -> bool:
        return _announced(on) == {task_member(task.run_id, task.scheduled_event_id, task.attempt)}

    await wait_until(look, what="an attempt that is held by name", timeout_seconds=10)


async def test_what_runs_is_announced_when_the_server_lost_its_data_and_goes_on(tended: None) -> None:
    async with _watchful_stage() as on:
        task = activity_task("wait_for_ever")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        on.server.flush()
        await _held_by_name(on, task)
        first, again = await on.reports(RecordActivityTaskStarted, 2)
        assert again == first, "a repeated report is known by its time"
        assert not SEEN.values
        on.directive = ActivityDirective(True, True)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1))
        await on.report(RespondActivityTaskCanceled)
        await wait_until(lambda: _is_withdrawn(on), what="a hold that was withdrawn", timeout_seconds=10)


async def _is_withdrawn(on: Stage) -> bool:
    return not _announced(on)


async def test_what_was_given_up_meanwhile_is_stopped(tended: None) -> None:
    """This worker slept for longer than its lease, and the server lost its data."""
    async with _watchful_stage() as on:
        task = activity_task("wait_for_ever")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        on.directive = ActivityDirective(False, False)
        on.server.flush()
        await wait_until(_was_stopped, what="an attempt that was stopped", timeout_seconds=10)
        await wait_until(lambda: _is_withdrawn(on), what="a hold that was withdrawn", timeout_seconds=10)
        assert not on.claims(task) - {task_member(task.run_id, task.scheduled_event_id, 1)}


async def _was_stopped() -> bool:
    return SEEN.values == [activity.ActivityCancellationDetails(not_found=True)]


async def test_an_entry_that_vanished_alone_is_asked_about(tended: None) -> None:
    """Somebody deleted it by hand: the engine still wants the attempt."""
    async with _watchful_stage() as on:
        task = activity_task("wait_for_ever")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        [held] = await on.broker.scan_pending(_ACTIVITIES, idle_ms=0)
        await on.broker.finish(on.server.keys.queue(_ACTIVITIES).stream, [held.entry_id])
        await _held_by_name(on, task)
        assert not SEEN.values


async def _handed_out_again(on: Stage, task: ActivityTask) -> None:
    """The server lost the first entry, and the engine published the task again."""
    on.server.flush()
    await on.give(task)
    await _held_by_name(on, task)
    await _all_finished(on)


async def test_an_attempt_that_runs_already_is_not_begun_again(tended: None) -> None:
    async with _watchful_stage() as on:
        task = activity_task("wait_for_ever")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await _handed_out_again(on, task)
        assert len({request.started_time_us for request in on.engine.requests(RecordActivityTaskStarted)}) == 1


async def test_an_entry_that_is_still_there_goes_on_being_the_lease(tended: None) -> None:
    async with _watchful_stage() as on:
        task = activity_task("wait_for_ever")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await on.give(task)

        async def has_one() -> bool:
            return await on.pending(StreamKind.ACTIVITY) == 1

        await wait_until(has_one, what="one entry that is pending", timeout_seconds=10)
        assert not _announced(on)


async def test_an_attempt_whose_report_is_unanswered_is_not_begun_again(tended: None) -> None:
    async with _watchful_stage() as on:
        task = activity_task("double_in_thread", 4)
        on.answers[RespondActivityTaskCompleted] = lambda request: []
        await on.give(task)
        await on.report(RespondActivityTaskCompleted)
        await _handed_out_again(on, task)
        assert len(SEEN.values) == 1
        del on.answers[RespondActivityTaskCompleted]
        on.client.transport._unanswered.hasten(0)
        await wait_until(lambda: _is_withdrawn(on), what="a hold that was withdrawn", timeout_seconds=10)


async def test_an_attempt_that_is_being_prepared_is_not_begun_again(tended: None) -> None:
    async with _watchful_stage() as on:
        task = activity_task("double_in_thread", 4, report_start=True)
        on.answers[RecordActivityTaskStarted] = lambda request: []
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await _handed_out_again(on, task)
        del on.answers[RecordActivityTaskStarted]
        on.client.transport._unanswered.hasten(0)
        await on.report(RespondActivityTaskCompleted)
        assert len(SEEN.values) == 1
        assert len({request.started_time_us for request in on.engine.requests(RecordActivityTaskStarted)}) == 1
