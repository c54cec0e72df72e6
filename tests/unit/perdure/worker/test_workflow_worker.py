"""The workflow side of a worker, on a stage: which instance, which history, which answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.protocol.events import HistoryEvent, encode_records
from perdure.protocol.replies import ErrorCode, ErrorReply, HistoryPage, ReplyKind, encode_replies
from perdure.protocol.requests import GetWorkflowTask, RespondWorkflowTaskCompleted, RespondWorkflowTaskFailed
from perdure.protocol.tasks import WorkflowTask
from perdure.worker import Worker
from perdure.worker.lease_keeper import LeaseKeeper
from perdure_broker.port import StreamKind
from tests.waiting import wait_until
from tests.worker_stage import NOW_US, QUEUE, Stage, stage
from tests.workflow_story import RUN_ID, Story

TIMEOUT = timedelta(seconds=10)
ANOTHER_RUN_ID = RUN_ID[:-1] + "7"


@workflow.defn
class Order:
    @workflow.run
    async def run(self, name: str) -> str:
        first: str = await workflow.execute_activity("greet", name, start_to_close_timeout=TIMEOUT)
        await asyncio.sleep(5)
        return first


@workflow.defn(name="Order")
class ChangedOrder:
    @workflow.run
    async def run(self, name: str) -> str:
        await asyncio.sleep(5)
        return name


@workflow.defn
class Broken:
    @workflow.run
    async def run(self) -> None:
        raise ValueError("a bug")


def _worker(on: Stage, workflows: Sequence[Any] = (Order, Broken), **options: Any) -> Worker:
    return Worker(on.client, task_queue=QUEUE, workflows=workflows, **options)


def _task(story: Story, *, since: int = 0, events: bool = True, **changes: Any) -> WorkflowTask:
    """The pending task of a story; `since`: the completed event that it continues from."""
    fresh = [event for event in story.events if event.event_id > since]
    task = WorkflowTask(
        namespace="default",
        workflow_id="wf",
        run_id=RUN_ID,
        workflow_type=story.definition.name,
        shard_id=0,
        scheduled_event_id=story.events[-1].event_id,
        attempt=1,
        started_time_us=NOW_US,
        continues_from=since,
        events=encode_records(fresh) if events else b"",
    )
    return task._replace(**changes)


def _commands(completed: RespondWorkflowTaskCompleted) -> list[str]:
    return [type(command).__name__ for command in completed.commands]


def _page(events: Sequence[HistoryEvent]) -> list[tuple[int, Any]]:
    return [(ReplyKind.OK, HistoryPage((encode_records(events),), b""))]


async def test_a_task_is_completed_and_its_instance_kept() -> None:
    story = Story(Order, "Ann")
    async with stage() as on, _worker(on):
        await on.give(_task(story))
        first = await on.report(RespondWorkflowTaskCompleted)
        assert _commands(first) == ["ScheduleActivityTask"]
        assert first.sticky_worker == on.client.transport.sender
        assert first.started_time_us == NOW_US

        story.task()
        story.complete_activity("1", "hello")
        await on.give(_task(story, since=4), StreamKind.STICKY, first.sticky_worker)
        _, second = await on.reports(RespondWorkflowTaskCompleted, 2)
        assert _commands(second) == ["StartTimer"]

        story.task()
        story.fire_timer()
        await on.give(_task(story, since=10), StreamKind.STICKY, first.sticky_worker)
        *_, third = await on.reports(RespondWorkflowTaskCompleted, 3)
        assert _commands(third) == ["CompleteWorkflowExecution"]
        assert third.sticky_worker == ""
        assert not on.engine.requests(GetWorkflowTask)


async def test_a_worker_without_the_instance_asks_for_the_history() -> None:
    story = Story(Order, "Ann")
    story.task()
    story.complete_activity("1", "hello")
    half = len(story.events) // 2

    def pages(request: GetWorkflowTask) -> list[tuple[int, Any]]:
        if request.page_token:
            return _page(story.events[half:])
        return [(ReplyKind.OK, HistoryPage((encode_records(story.events[:half]),), b"more"))]

    async with stage() as on, _worker(on):
        on.answers[GetWorkflowTask] = pages
        await on.give(_task(story, since=4))
        completed = await on.report(RespondWorkflowTaskCompleted)
        assert _commands(completed) == ["StartTimer"]


async def test_an_instance_goes_on_from_a_fetched_history() -> None:
    story = Story(Order, "Ann")
    async with stage() as on, _worker(on):
        await on.give(_task(story))
        await on.report(RespondWorkflowTaskCompleted)
        story.task()
        story.complete_activity("1", "hello")
        on.answers[GetWorkflowTask] = lambda request: _page(story.events)
        await on.give(_task(story, since=4, events=False))
        _, second = await on.reports(RespondWorkflowTaskCompleted, 2)
        assert _commands(second) == ["StartTimer"]


async def test_a_refused_completion_costs_the_instance() -> None:
    story = Story(Order, "Ann")
    refusal = [(ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "not current"))]
    async with stage() as on, _worker(on):
        on.answers[RespondWorkflowTaskCompleted] = lambda request: refusal
        await on.give(_task(story))
        await on.report(RespondWorkflowTaskCompleted)
        await _nothing_pending(on)
        story.task()
        story.complete_activity("1", "hello")
        on.answers[GetWorkflowTask] = lambda request: _page(story.events)
        await on.give(_task(story, since=4))
        await on.reports(RespondWorkflowTaskCompleted, 2)
        assert len(on.engine.requests(GetWorkflowTask)) == 1


async def _answer_first(on: Stage, kind: ReplyKind, body: Any = None) -> None:
    """Answer the first completion at last."""
    sender, _, number, _ = next(row for row in on.engine.seen if isinstance(row[3], RespondWorkflowTaskCompleted))
    await on.broker.reply(sender, encode_replies([(number, kind, body)]))


@pytest.mark.parametrize("is_taken", [True, False])
async def test_an_instance_waits_for_the_word_on_its_last_completion(is_taken: bool) -> None:
    """Another worker's may have been taken for the same task: then this instance is not where the run is."""
    story = Story(Order, "Ann")
    async with stage() as on, _worker(on):
        on.answers[RespondWorkflowTaskCompleted] = lambda request: []
        on.answers[GetWorkflowTask] = lambda request: _page(story.events)
        await on.give(_task(story))
        await on.report(RespondWorkflowTaskCompleted)
        story.task()
        story.complete_activity("1", "hello")
        await on.give(_task(story, since=4))
        await on.give(_task(Story(Order, "Bob"), run_id=ANOTHER_RUN_ID))  # which waits for nothing
        assert (await on.reports(RespondWorkflowTaskCompleted, 2))[1].run_id == ANOTHER_RUN_ID
        if is_taken:
            await _answer_first(on, ReplyKind.OK)
        else:
            await _answer_first(on, ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "not current"))
        *_, third = await on.reports(RespondWorkflowTaskCompleted, 3)
        assert (third.run_id, _commands(third)) == (RUN_ID, ["StartTimer"])
        assert len(on.engine.requests(GetWorkflowTask)) == (0 if is_taken else 1)
        for sender, _, number, request in list(on.engine.seen):
            if isinstance(request, RespondWorkflowTaskCompleted):
                await on.broker.reply(sender, encode_replies([(number, ReplyKind.OK, None)]))


async def _nothing_pending(on: Stage) -> None:
    async def look() -> bool:
        return await on.pending(StreamKind.WORKFLOW) == 0

    await wait_until(look, what="every entry finished")


async def test_a_task_that_is_no_longer_current_is_dropped() -> None:
    async with stage() as on, _worker(on):
        on.answers[GetWorkflowTask] = lambda request: [(ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "gone"))]
        task = _task(Story(Order, "Ann"), events=False)
        claims = on.claims(task)
        await on.give(task)
        await on.report(GetWorkflowTask)
        await _nothing_pending(on)
        assert not on.engine.requests(RespondWorkflowTaskCompleted)
        assert not claims


async def test_an_unknown_type_fails_the_task_with_the_names_of_those_there_are() -> None:
    async with stage() as on, _worker(on):
        await on.give(_task(Story(Order, "Ann"), workflow_type="Payment"))
        failed = await on.report(RespondWorkflowTaskFailed)
        assert "'Payment' is not registered" in failed.failure.message
        assert "Broken, Order" in failed.failure.message


async def test_a_bug_fails_the_task_and_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on, _worker(on):
        await on.give(_task(Story(Broken)))
        failed = await on.report(RespondWorkflowTaskFailed)
        assert failed.cause == "WORKFLOW_WORKER_UNHANDLED_FAILURE"
        assert failed.failure.message == "a bug"
        assert "ValueError: a bug" in caplog.text


async def test_a_change_of_the_code_is_named() -> None:
    story = Story(Order, "Ann")
    story.task()
    story.complete_activity("1", "hello")
    async with stage() as on, _worker(on, [ChangedOrder]):
        await on.give(_task(story))
        failed = await on.report(RespondWorkflowTaskFailed)
        assert failed.cause == "NON_DETERMINISTIC_ERROR"
        assert "event 5" in failed.failure.message
        assert "ScheduleActivityTask" not in failed.failure.message
        assert "ActivityTaskScheduled (activity 'greet', id '1')" in failed.failure.message
        assert "StartTimer (id '1', 5000 ms)" in failed.failure.message
        assert "test_workflow_worker.py:" in failed.failure.message


async def test_without_a_cache_every_task_is_for_the_queue() -> None:
    async with stage() as on, _worker(on, max_cached_workflows=0):
        await on.give(_task(Story(Order, "Ann")))
        completed = await on.report(RespondWorkflowTaskCompleted)
        assert completed.sticky_worker == ""


async def test_bytes_that_are_no_task_are_left_for_others(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on, _worker(on):
        with caplog.at_level(logging.ERROR):
            await on.give_bytes(b"\xc1", StreamKind.WORKFLOW)
            await on.give_bytes(b"\xc1", StreamKind.WORKFLOW)
            await on.give(_task(Story(Order, "Ann")))
            await on.report(RespondWorkflowTaskCompleted)
        assert caplog.text.count("cannot be read") == 1


@workflow.defn
class Rude:
    """Does what no workflow may do."""

    @workflow.run
    async def run(self, how: str) -> None:
        match how:
            case "exit":
                raise SystemExit(3)
            case "interrupt":
                raise KeyboardInterrupt
            case "generator":
                raise GeneratorExit
            case "endless":
                while True:
                    pass
            case "huge":
                for number in range(30):
                    workflow.start_activity("eat", bytes([number]) * 2_000_000, start_to_close_timeout=TIMEOUT)
                await workflow.sleep(1)
            case "unsayable":
                raise _Unsayable
            case "no unicode":
                await workflow.execute_activity("\ud800", start_to_close_timeout=TIMEOUT)


class _Unsayable(Exception):
    def __str__(self) -> str:
        raise KeyError("no words")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit", ""),
        ("interrupt", ""),
        ("generator", "GeneratorExit"),
        ("endless", "kept the thread"),
        ("huge", "60000"),
        ("unsayable", "_Unsayable"),
        ("no unicode", "cannot be sent"),
    ],
)
async def test_a_rude_workflow_fails_its_task_and_nothing_else(how: str, words: str) -> None:
    async with stage() as on, _worker(on, [Rude, Order], deadlock_timeout=timedelta(seconds=0.2)):
        await on.give(_task(Story(Rude, how)))
        failed = await on.report(RespondWorkflowTaskFailed)
        assert words in failed.failure.message
        await on.give(_task(Story(Order, "Ann")))
        completed = await on.report(RespondWorkflowTaskCompleted)
        assert _commands(completed) == ["ScheduleActivityTask"]


@pytest.mark.parametrize("code", [ErrorCode.DEAD_LETTERED, ErrorCode.CONTENT_MISSING])
async def test_a_completion_that_the_engine_cannot_take_fails_the_task_visibly(code: ErrorCode) -> None:
    """The next attempt is made from the history, and knows from it what the run has."""
    kept = ErrorReply(code, "the store refuses a value (kept as dead letter 7)")
    async with stage() as on, _worker(on):
        on.answers[RespondWorkflowTaskCompleted] = lambda request: [(ReplyKind.ERROR, kept)]
        await on.give(_task(Story(Order, "Ann")))
        failed = await on.report(RespondWorkflowTaskFailed)
        assert "dead letter 7" in failed.failure.message


async def test_an_empty_history_is_no_history(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on, _worker(on):
        on.answers[GetWorkflowTask] = lambda request: [(ReplyKind.OK, HistoryPage((), b""))]
        with caplog.at_level(logging.ERROR):
            await on.give(_task(Story(Order, "Ann"), events=False))
            await on.give(_task(Story(Order, "Bob"), events=True, run_id=RUN_ID[:-1] + "2"))
            await on.report(RespondWorkflowTaskCompleted)
        assert f"the history of run {RUN_ID} is empty" in caplog.text


async def test_a_task_is_kept_for_its_timeout_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []
    for name in ("bound", "answered"):
        own = getattr(LeaseKeeper, name)

        def spy(keeper: LeaseKeeper, *args: Any, name: str = name, own: Any = own) -> None:
            seen.append((name, *args[2:]))
            own(keeper, *args)

        monkeypatch.setattr(LeaseKeeper, name, spy)
    async with stage() as on, _worker(on):
        await on.give(_task(Story(Order, "Ann"), task_timeout_ms=7_000))
        await on.report(RespondWorkflowTaskCompleted)
        await on.give(_task(Story(Broken), task_timeout_ms=8_000, run_id=ANOTHER_RUN_ID))
        await on.report(RespondWorkflowTaskFailed)
    assert seen == [("bound", 7.0), ("answered",), ("bound", 8.0), ("answered",)]
