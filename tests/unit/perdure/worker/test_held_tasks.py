"""Workflow tasks that wait for local activities, on a stage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, workflow
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import RespondWorkflowTaskCompleted, RespondWorkflowTaskFailed
from perdure.worker import Worker, held_tasks
from perdure_broker.port import StreamKind
from tests.unit.perdure.worker.test_workflow_worker import _commands, _task
from tests.waiting import wait_until
from tests.worker_stage import QUEUE, Stage, stage
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=10)


class Gate:
    """Lets local activities end when the test says so."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.begun: list[int] = []
        self.stopped = 0


GATE = Gate()


@pytest.fixture(autouse=True)
async def _fresh() -> None:
    global GATE
    GATE = Gate()


@activity.defn
async def pass_gate(number: int) -> int:
    GATE.begun.append(number)
    try:
        await GATE.opened.wait()
    except asyncio.CancelledError:
        GATE.stopped += 1
        raise
    return number


@workflow.defn
class Passes:
    @workflow.run
    async def run(self, last: str) -> int:
        first = await workflow.execute_local_activity(pass_gate, 1, start_to_close_timeout=TIMEOUT)
        if last == "breaks":
            raise KeyError("a bug")
        workflow.start_local_activity(pass_gate, 2, start_to_close_timeout=TIMEOUT)
        if last == "ends":
            return first
        await workflow.execute_activity("remote", start_to_close_timeout=TIMEOUT)
        return first


@contextlib.asynccontextmanager
async def working(**options: Any) -> AsyncIterator[tuple[Stage, Worker]]:
    async with stage() as on:
        worker = Worker(on.client, task_queue=QUEUE, workflows=[Passes], activities=[pass_gate], **options)
        async with worker:
            yield on, worker


async def until_begun(*numbers: int) -> None:
    async def look() -> bool:
        return GATE.begun == list(numbers)

    await wait_until(look, what=f"local activities {numbers} to begin", timeout_seconds=5)


async def test_a_task_is_completed_when_nothing_is_outstanding() -> None:
    async with working() as (on, _):
        story = Story(Passes, "ends")
        await on.give(_task(story))
        await until_begun(1)
        assert on.engine.requests(RespondWorkflowTaskCompleted) == []
        GATE.opened.set()
        completed = await on.report(RespondWorkflowTaskCompleted)
        assert _commands(completed) == ["RecordMarker", "CompleteWorkflowExecution"]
        assert (completed.wants_new_task, completed.sticky_worker) == (False, "")


async def test_the_end_of_a_workflow_stops_what_still_runs() -> None:
    async with working() as (on, _):
        await on.give(_task(Story(Passes, "goes on")))
        await until_begun(1)
        GATE.opened.set()
        completed = await on.report(RespondWorkflowTaskCompleted)
        assert _commands(completed) == ["RecordMarker", "ScheduleActivityTask", "RecordMarker"]


@pytest.mark.parametrize("cached", [0, 1000])
async def test_what_takes_long_is_reported_and_goes_on(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_tasks, "EXTEND_PART", 0.02)
    async with working(max_cached_workflows=cached) as (on, _):
        story = Story(Passes, "ends")
        first = _task(story)
        await on.give(first)
        extended = await on.report(RespondWorkflowTaskCompleted)
        assert (extended.commands, extended.wants_new_task) == ((), True)
        story.task(lambda call: None)
        GATE.opened.set()
        second = _task(story, since=4)
        await on.give(second, StreamKind.STICKY, extended.sticky_worker)
        completed = (await on.reports(RespondWorkflowTaskCompleted, 2))[1]
        assert completed.scheduled_event_id == second.scheduled_event_id
        assert _commands(completed) == ["RecordMarker", "CompleteWorkflowExecution"]
        assert GATE.begun[:1] == [1]
        assert GATE.begun.count(1) == 1, "it is not begun again"


async def test_code_that_breaks_after_one_fails_the_task() -> None:
    async with working() as (on, _):
        await on.give(_task(Story(Passes, "breaks")))
        await until_begun(1)
        GATE.opened.set()
        failed = await on.report(RespondWorkflowTaskFailed)
        assert failed.failure.message == "'a bug'"


async def test_a_refused_completion_lets_go_of_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_tasks, "EXTEND_PART", 0.02)
    async with working() as (on, _):
        gone = ErrorReply(ErrorCode.NOT_FOUND, "no longer current")
        on.answers[RespondWorkflowTaskCompleted] = lambda request: [(ReplyKind.ERROR, gone)]
        await on.give(_task(Story(Passes, "ends")))
        await on.report(RespondWorkflowTaskCompleted)

        async def is_stopped() -> bool:
            return GATE.stopped == 1

        await wait_until(is_stopped, what="the local activity to stop", timeout_seconds=5)


async def test_a_task_that_comes_twice_waits_for_the_one_that_is_held() -> None:
    async with working() as (on, _):
        task = _task(Story(Passes, "ends"))
        await on.give(task)
        await until_begun(1)
        await on.give(task)
        GATE.opened.set()
        first = await on.report(RespondWorkflowTaskCompleted)
        assert _commands(first)[-1] == "CompleteWorkflowExecution"
        await on.reports(RespondWorkflowTaskCompleted, 2)
        assert GATE.begun.count(1) == 2, "which is then done like any other"


async def test_a_worker_that_stops_gives_the_task_back() -> None:
    async with working() as (on, worker):
        await on.give(_task(Story(Passes, "ends")))
        await until_begun(1)
        await worker.shutdown()
        [given_back] = on.engine.requests(RespondWorkflowTaskCompleted)
        assert (given_back.commands, given_back.wants_new_task, given_back.sticky_worker) == ((), True, "")
        assert GATE.stopped == 1


async def test_a_worker_that_stops_lets_them_finish_for_a_while() -> None:
    async with working(graceful_shutdown_timeout=TIMEOUT) as (on, worker):
        await on.give(_task(Story(Passes, "ends")))
        await until_begun(1)
        stopping = asyncio.create_task(worker.shutdown())
        GATE.opened.set()
        await stopping
        [completed] = on.engine.requests(RespondWorkflowTaskCompleted)
        assert _commands(completed)[-1] == "CompleteWorkflowExecution"
