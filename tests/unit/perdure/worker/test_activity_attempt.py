"""One attempt: reported once, whatever comes together."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity
from perdure.activity.definition import ActivityDefinition
from perdure.activity.shared_flag import SharedFlag
from perdure.exceptions import ApplicationError, CancelledError, ThrottledError
from perdure.metrics import MetricMeter
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.fairness import Fairness
from perdure.protocol.payload import NO_VALUES
from perdure.protocol.replies import ActivityDirective, CancelActivity, ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import (
    RecordActivityTaskStarted,
    RespondActivityTaskCanceled,
    RespondActivityTaskCompleted,
    RespondActivityTaskFailed,
)
from perdure.worker import Worker
from perdure.worker.activity_attempt import ActivityAttempt
from perdure.worker.attempt import StopReason
from perdure.worker.deadlines import Deadlines
from perdure_broker.port import TaskEntry
from tests.unit.perdure.worker.test_link import _link
from tests.worker_stage import QUEUE, Stage, activity_task, stage

ENTRY = TaskEntry(b"stream", b"1-1", b"")


@activity.defn
async def work() -> object:
    return object()


class Owner:
    """A worker that runs one attempt."""

    def __init__(self, on: Stage) -> None:
        self.link = _link(on)
        self.deadlines = Deadlines(self.link.loop, 0.1)
        self.metric_meter = MetricMeter.noop
        self.worker_shutdown = SharedFlag()
        self.loop_thread = 0
        self.default_heartbeat_interval_s = self.max_heartbeat_interval_s = 1.0
        self.sent: list[Any] = []
        self.ended: list[ActivityAttempt] = []
        self.unanswered: dict[tuple[str, int, int], ActivityAttempt] = {}
        self.link.post = lambda shard_id, request, on_reply: self.sent.append(request)  # type: ignore[method-assign]
        self.attempt_ended = self.ended.append

    def attempt(self, **changes: Any) -> ActivityAttempt:
        definition = ActivityDefinition.of(work)
        assert definition is not None
        return ActivityAttempt(self, ENTRY, activity_task("work", **changes), definition)


async def test_it_is_reported_once() -> None:
    async with stage() as on:
        owner = Owner(on)
        attempt = owner.attempt()
        attempt.completed(b"")
        attempt.failed(ValueError())
        attempt.completed(b"")
        attempt.stop(StopReason.CANCEL_REQUESTED)
        assert [type(request) for request in owner.sent] == [RespondActivityTaskCompleted]
        assert owner.ended == [attempt]
        assert not attempt.cancelled.is_set()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), CancelledError("stop", "detail")])
async def test_a_cancellation_that_was_asked_for_is_one(error: BaseException) -> None:
    async with stage() as on:
        owner = Owner(on)
        attempt = owner.attempt()
        attempt.stop(StopReason.CANCEL_REQUESTED)
        attempt.stop(StopReason.TIMED_OUT)
        attempt.failed(error)
        (request,) = owner.sent
        assert isinstance(request, RespondActivityTaskCanceled)
        assert on.client.data_converter.from_bytes(request.details) == list(getattr(error, "details", ()))


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.attempt().failed(asyncio.CancelledError())
        assert isinstance(owner.sent[0], RespondActivityTaskFailed)


async def test_a_task_that_never_took_its_first_step_is_reported_too() -> None:
    async with stage() as on:
        owner = Owner(on)
        attempt = owner.attempt()
        task = asyncio.create_task(attempt.run())
        task.add_done_callback(attempt.task_ended)
        attempt.stop_now = task.cancel
        attempt.stop(StopReason.WORKER_SHUTDOWN)
        await asyncio.wait([task])
        assert owner.sent[0].failure.info.type == "WorkerShutdown"


async def test_what_the_engine_says() -> None:
    async with stage() as on:
        owner = Owner(on)
        for body, reason in (
            ((True, False), None),
            ((True, True), StopReason.CANCEL_REQUESTED),
            ((False, False), StopReason.NOT_WANTED),
        ):
            attempt = owner.attempt()
            attempt.directed(ReplyKind.OK, body)
            assert attempt.stop_reason is reason
        attempt.directed(ReplyKind.ERROR, None)
        assert attempt.stop_reason is StopReason.NOT_WANTED


async def test_details_that_cannot_be_converted_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on:
        owner = Owner(on)
        attempt = owner.attempt()
        attempt.heartbeat((object(),))
        attempt.heartbeat((object(),))
        await asyncio.sleep(0)
        attempt.fail_with(ApplicationError("x"))
        assert owner.sent[-1].heartbeat_details == b""
        assert "are dropped" in caplog.text
        owner.deadlines.close()


async def test_a_heartbeat_without_details_takes_back_those_before() -> None:
    async with stage() as on:
        owner = Owner(on)
        attempt = owner.attempt()
        attempt.heartbeat(("half",))
        await asyncio.sleep(0)
        attempt.heartbeat(())
        attempt.fail_with(ApplicationError("x"))
        beat, failed = owner.sent
        assert owner.link.converter.from_bytes(beat.details) == ["half"]
        assert failed.heartbeat_details == NO_VALUES
        owner.deadlines.close()


async def test_a_report_that_cannot_be_taken_fails_the_attempt_once() -> None:
    """Else nobody would ever hear of it again: it is neither running nor reported."""
    async with stage() as on:
        owner = Owner(on)
        owner.link.drop = lambda entry, member="": dropped.append(entry)  # type: ignore[method-assign]
        dropped: list[TaskEntry] = []
        attempt = owner.attempt()
        attempt.completed(b"")
        refusal = tuple(ErrorReply(+ErrorCode.DEAD_LETTERED, "kept as dead letter 7"))
        attempt._reported(ReplyKind.ERROR, refusal)
        failed = owner.sent[1]
        assert isinstance(failed, RespondActivityTaskFailed)
        assert (failed.failure.message, failed.failure.info.type) == ("kept as dead letter 7", "RefusedReport")
        attempt._reported(ReplyKind.ERROR, refusal)
        assert len(owner.sent) == 2
        assert dropped == [ENTRY]


# Paused or reset ---------------------------------------------------------------------------------------------------

SEEN: list[Any] = []


@pytest.fixture(autouse=True)
async def _fresh() -> None:
    SEEN.clear()


@activity.defn
async def wait_for_ever() -> None:
    SEEN.append("began")
    try:
        await asyncio.Event().wait()
    finally:
        SEEN.append(activity.cancellation_details())


@activity.defn
async def beat_for_ever() -> None:
    try:
        while True:
            activity.heartbeat("half")
            await asyncio.sleep(0.01)
    finally:
        SEEN.append(activity.cancellation_details())


@activity.defn
async def look_for_ever() -> None:
    await activity.wait_for_cancelled()
    SEEN.append(activity.cancellation_details())
    raise asyncio.CancelledError


@activity.defn
async def work_for_a_while() -> str:
    while not activity.is_cancelled():  # noqa: ASYNC110  # what code does that looks between its steps
        await asyncio.sleep(0.01)
    return "finished"


def _worker(on: Stage) -> Worker:
    activities = [wait_for_ever, beat_for_ever, look_for_ever, work_for_a_while]
    return Worker(on.client, task_queue=QUEUE, activities=activities)


@pytest.mark.parametrize("name", ["beat_for_ever", "look_for_ever"])
@pytest.mark.parametrize("word", ["paused", "reset"])
async def test_a_pause_or_a_reset_ends_an_attempt_that_can_be_asked(name: str, word: str) -> None:
    async with stage() as on, _worker(on):
        task = activity_task(name)
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1, True, word == "paused", word == "reset"))
        failed = await on.report(RespondActivityTaskFailed)
        assert isinstance(failed.failure.info, ApplicationInfo)
        assert failed.failure.info.type == {"paused": "ActivityPause", "reset": "ActivityReset"}[word]
        assert [activity.ActivityCancellationDetails(**{word: True})] == SEEN


async def test_a_heartbeat_is_told_of_a_pause() -> None:
    async with stage() as on, _worker(on):
        on.directive = ActivityDirective(True, False, True)
        await on.give(activity_task("beat_for_ever"))
        assert (await on.report(RespondActivityTaskFailed)).failure.info.type == "ActivityPause"


async def test_an_attempt_without_heartbeats_may_finish_though_it_is_paused() -> None:
    async with stage() as on, _worker(on):
        on.directive = ActivityDirective(True, False, True)
        await on.give(activity_task("work_for_a_while"))
        done = await on.report(RespondActivityTaskCompleted)
        assert on.client.data_converter.from_bytes(done.result) == ["finished"]


async def test_one_that_is_paused_can_be_cancelled_still() -> None:
    async with stage() as on, _worker(on):
        task = activity_task("wait_for_ever")
        await on.give(task)
        await on.report(RecordActivityTaskStarted)
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1, True, True))
        await on.push(CancelActivity(task.run_id, task.scheduled_event_id, 1))
        await on.report(RespondActivityTaskCanceled)
        assert ["began", activity.ActivityCancellationDetails(cancel_requested=True)] == SEEN


async def test_the_only_attempt_does_not_begin_while_its_activity_is_paused() -> None:
    async with stage() as on, _worker(on):
        on.directive = ActivityDirective(True, False, True)
        await on.give(activity_task("wait_for_ever", report_start=True))
        assert (await on.report(RespondActivityTaskFailed)).failure.info.type == "ActivityPause"
        assert not SEEN


async def test_what_was_told_to_come_back_later_holds_its_key_or_its_queue() -> None:
    async with stage() as on:
        owner = Owner(on)
        held: list[tuple[str, int]] = []
        owner.link.hold = lambda entry, key, for_us: held.append((key, for_us))  # type: ignore[method-assign]
        tenant = {"fairness": Fairness("acme")}
        owner.attempt(**tenant).failed(ThrottledError(timedelta(seconds=5)))
        owner.attempt(**tenant).failed(ThrottledError(0.25, whole_queue=True))
        owner.attempt().failed(ThrottledError(1, message="slow down"))
        owner.attempt(**tenant).failed(ApplicationError("x", next_retry_delay=timedelta(seconds=5)))
        assert held == [("acme", 5_000_000), ("", 250_000), ("", 1_000_000)]
        assert [request.failure.info.next_retry_delay_ms for request in owner.sent] == [5_000, 250, 1_000, 5_000]
        assert owner.sent[2].failure.message == "slow down (after 1 s)"
