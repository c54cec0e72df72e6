"""`def` activities in executors, where these fail."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure import activity
from perdure.converter import DataConverter
from perdure.protocol.failure import TimeoutType
from perdure.protocol.replies import ActivityDirective, CancelActivity
from perdure.protocol.requests import (
    RecordActivityTaskHeartbeat,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskDetached,
    RespondActivityTaskFailed,
)
from perdure.worker import Worker, attempt
from tests.worker_stage import QUEUE, Stage, activity_task, stage


@activity.defn
def double(number: int) -> int:
    return 2 * number


@activity.defn
def die() -> None:
    os._exit(3)


class Odd(Exception):
    """Takes two arguments and keeps one, so that it cannot be unpickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


@activity.defn
def raise_odd() -> None:
    raise Odd(1, 2)


@activity.defn
def return_odd() -> Odd:
    return Odd(1, 2)


@activity.defn
def leave() -> None:
    raise SystemExit(3)


@activity.defn
def beat_and_fail() -> None:
    for number in range(100):
        activity.heartbeat(number)
    raise ValueError("no")


@activity.defn
def wait_until_stopped() -> None:
    activity.heartbeat("begun")
    while True:
        activity.wait_for_cancelled_sync(0.01)


@activity.defn
def never_end() -> None:
    activity.heartbeat("begun")
    time.sleep(600)  # in C: no exception reaches it


@activity.defn
def leave_it() -> None:
    activity.raise_complete_async()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("die", "process"),
        ("double", "arguments of activity 'double' do not fit"),
    ],
)
async def test_what_goes_wrong_in_another_process_is_reported(name: str, words: str) -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        async with (
            stage() as on,
            Worker(on.client, task_queue=QUEUE, activities=[double, die], activity_executor=executor),
        ):
            await on.give(activity_task(name, *(["many"] if name == "double" else [])))
            failed = await on.report(RespondActivityTaskFailed)
            assert words in failed.failure.message


async def test_an_executor_that_was_shut_down_is_reported() -> None:
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    async with stage() as on, Worker(on.client, task_queue=QUEUE, activities=[double], activity_executor=executor):
        await on.give(activity_task("double", 1))
        failed = await on.report(RespondActivityTaskFailed)
        assert "the activity executor takes no more work" in failed.failure.message


async def test_a_process_that_dies_takes_no_later_attempt_along() -> None:
    """A broken pool takes nothing more: the worker makes another one."""
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        worker_options = {"task_queue": QUEUE, "activities": [double, die], "activity_executor": executor}
        async with stage() as on, Worker(on.client, **worker_options):
            for number in range(2):
                await on.give(activity_task("die", scheduled_event_id=10 + number))
                failed = await on.report(RespondActivityTaskFailed)
                assert failed.failure.info.type == "BrokenProcessPool"
                await on.give(activity_task("double", 21, scheduled_event_id=20 + number))
                completed = await on.report(RespondActivityTaskCompleted)
                assert DataConverter.default.value_from_bytes(completed.result) == 42


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("raise_odd", "Odd", "1 and 2"),
        ("return_odd", "TypeError", "cannot be made JSON"),
        ("leave", "SystemExit", "3"),
    ],
)
async def test_what_cannot_be_put_together_again_fails_alone(name: str, kind: str, words: str) -> None:
    """The pool itself would break over it, and take its neighbours along."""
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        activities = [raise_odd, return_odd, leave, double]
        async with (
            stage() as on,
            Worker(on.client, task_queue=QUEUE, activities=activities, activity_executor=executor),
        ):
            await on.give(activity_task(name))
            failed = await on.report(RespondActivityTaskFailed)
            assert failed.failure.info.type == kind
            assert words in failed.failure.message
            assert name == "return_odd" or "in " + name in failed.failure.cause.message
            await on.give(activity_task("double", 1, scheduled_event_id=20))
            await on.report(RespondActivityTaskCompleted)
            assert not executor._broken


@contextlib.asynccontextmanager
async def on_processes(count: int = 1) -> AsyncIterator[Stage]:
    """A stage with a worker of so many processes."""
    activities = [double, beat_and_fail, wait_until_stopped, never_end, leave_it]
    with concurrent.futures.ProcessPoolExecutor(count) as executor:
        async with (
            stage() as on,
            Worker(on.client, task_queue=QUEUE, activities=activities, activity_executor=executor),
        ):
            yield on


async def test_heartbeats_reach_the_engine_from_another_process() -> None:
    async with on_processes() as on:
        await on.give(activity_task("beat_and_fail", heartbeat_timeout_ms=60_000))
        beat = await on.report(RecordActivityTaskHeartbeat)
        assert DataConverter.default.from_bytes(beat.details) == [0]
        failed = await on.report(RespondActivityTaskFailed)
        assert DataConverter.default.from_bytes(failed.heartbeat_details) == [99]


async def test_a_cancellation_reaches_another_process_at_once() -> None:
    async with on_processes() as on:
        task = activity_task("wait_until_stopped")
        await on.give(task)
        await on.report(RecordActivityTaskHeartbeat)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, task.attempt))
        await on.report(RespondActivityTaskCanceled)
        await on.give(activity_task("leave_it"))
        await on.report(RespondActivityTaskDetached)


async def test_one_that_waits_for_a_process_may_be_cancelled() -> None:
    async with on_processes() as on:
        waiting = [activity_task("wait_until_stopped") for _ in range(2)]
        on.directive = ActivityDirective(True, False)
        await on.give(waiting[0])
        await on.report(RecordActivityTaskHeartbeat)
        for task in waiting:
            await on.push(CancelActivity(task.run_id, task.scheduled_event_id, task.attempt))
        await on.report(RespondActivityTaskCanceled)


async def test_one_that_never_ends_is_killed_at_its_timeout_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(attempt, "KILL_AFTER_S", 0.1)
    async with on_processes(2) as on:
        neighbour = activity_task("wait_until_stopped")
        await on.give(neighbour)
        await on.report(RecordActivityTaskHeartbeat)
        await on.give(activity_task("never_end", start_to_close_timeout_ms=300))
        failed = await on.report(RespondActivityTaskFailed)
        assert failed.failure.info.timeout_type == TimeoutType.START_TO_CLOSE
        assert "did not stop within 0.1 s; its process is killed" in caplog.text
        await on.give(activity_task("double", 21))
        await on.report(RespondActivityTaskCompleted)
        await on.push(CancelActivity(neighbour.run_id, neighbour.scheduled_event_id, neighbour.attempt))
        await on.report(RespondActivityTaskCanceled)


async def test_one_that_nobody_wants_is_killed_once_if_it_does_not_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also after it was asked to stop politely, and went on."""
    monkeypatch.setattr(attempt, "KILL_AFTER_S", 0.1)
    async with on_processes() as on:
        task = activity_task("never_end")
        await on.give(task)
        await on.report(RecordActivityTaskHeartbeat)
        key = (task.run_id, task.scheduled_event_id, task.attempt)
        await on.push(CancelActivity(*key))
        for _ in range(2):
            await on.push(CancelActivity(*key, current=False))
        await on.report(RespondActivityTaskCanceled)
        assert caplog.text.count("its process is killed") == 1
        await on.give(activity_task("double", 21))
        await on.report(RespondActivityTaskCompleted)


class Inline(concurrent.futures.Executor):
    """An executor of somebody's own."""

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        future.set_result(function(*arguments, **named))
        return future


async def test_executors_of_other_kinds_take_what_can_be_pickled() -> None:
    async with (
        stage() as on,
        Worker(on.client, task_queue=QUEUE, activities=[double, beat_and_fail], activity_executor=Inline()),
    ):
        await on.give(activity_task("double", 21))
        completed = await on.report(RespondActivityTaskCompleted)
        assert DataConverter.default.value_from_bytes(completed.result) == 42
        await on.give(activity_task("beat_and_fail"))
        failed = await on.report(RespondActivityTaskFailed)
        assert "does not reach the worker from this executor" in failed.failure.message
