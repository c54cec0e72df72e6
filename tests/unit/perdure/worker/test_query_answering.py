"""Queries, on a stage."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from perdure import workflow
from perdure.converter import DataConverter
from perdure.protocol.events import encode_records
from perdure.protocol.replies import ErrorCode, ErrorReply, HistoryPage, ReplyKind, decode_error, decode_replies
from perdure.protocol.requests import GetHistory, RespondWorkflowTaskCompleted
from perdure.protocol.tasks import QueryTask, WorkflowTask
from perdure.worker import Worker
from perdure_broker.port import StreamKind
from tests.waiting import wait_until
from tests.worker_stage import NOW_US, QUEUE, Stage, stage
from tests.workflow_story import RUN_ID, Story


@workflow.defn
class Counter:
    def __init__(self) -> None:
        self.count = 0

    @workflow.run
    async def run(self) -> int:
        await asyncio.sleep(60)
        return self.count

    @workflow.signal
    def add(self, number: int) -> None:
        self.count += number

    @workflow.query
    def total(self, times: int = 1) -> int:
        return self.count * times

    @workflow.query
    def spoil(self) -> None:
        asyncio.create_task(asyncio.sleep(1)).get_name()


def _query(query_type: str, *arguments: Any, continues_from: int = 0, **changes: Any) -> QueryTask:
    task = QueryTask(
        namespace="default",
        workflow_id="wf",
        run_id=RUN_ID,
        workflow_type="Counter",
        shard_id=0,
        continues_from=continues_from,
        query_type=query_type,
        args=DataConverter.default.to_bytes(arguments),
        deadline_us=time.time_ns() // 1000 + 60_000_000,
        reply_to="asker",
        request_number=7,
    )
    return task._replace(**changes)


async def _answer(on: Stage) -> tuple[int, Any]:
    """The answer on the asker's reply stream."""

    async def look() -> Any:
        return await on.broker.read_replies("asker", b"0-0", block_ms=10)

    (entry,) = await wait_until(look, what="an answer")
    ((number, kind, body),) = decode_replies(entry.data)
    assert number == 7
    return kind, body


async def _cached(on: Stage) -> Story:
    """A story whose instance the worker keeps after one task with a signal."""
    story = Story(Counter)
    story.signal("add", 5)
    task = WorkflowTask("default", "wf", RUN_ID, "Counter", 0, 3, 1, NOW_US, 0, encode_records(story.events))
    await on.give(task)
    await on.report(RespondWorkflowTaskCompleted)
    story.task()
    return story


def _worker(on: Stage) -> Worker:
    return Worker(on.client, task_queue=QUEUE, workflows=[Counter])


async def test_the_cached_instance_answers() -> None:
    async with stage() as on, _worker(on):
        await on.broker.open_replies("asker", 60_000)
        await _cached(on)
        await on.give(_query("total", 2, continues_from=5))
        kind, body = await _answer(on)
        assert kind == ReplyKind.OK
        assert on.client.data_converter.from_bytes(body[0]) == [10]
        assert not on.engine.requests(GetHistory)


async def test_without_the_instance_the_history_answers() -> None:
    story = Story(Counter)
    story.signal("add", 4)
    story.task()
    async with stage() as on, _worker(on):
        await on.broker.open_replies("asker", 60_000)
        page = HistoryPage((encode_records(story.events),), b"")
        on.answers[GetHistory] = lambda request: [(ReplyKind.OK, page)]
        await on.give(_query("total", continues_from=5))
        kind, body = await _answer(on)
        assert kind == ReplyKind.OK
        assert on.client.data_converter.from_bytes(body[0]) == [4]


async def _error(on: Stage, query: QueryTask) -> ErrorReply:
    await on.broker.open_replies("asker", 60_000)
    await _cached(on)
    await on.give(query)
    kind, body = await _answer(on)
    assert kind == ReplyKind.ERROR
    error: ErrorReply = decode_error(body)
    assert error.code == ErrorCode.QUERY_FAILED
    return error


async def test_an_unknown_query_lists_those_there_are() -> None:
    async with stage() as on, _worker(on):
        error = await _error(on, _query("sum"))
        assert "has no query 'sum'; it has: spoil, total" in error.message


async def test_a_query_must_not_change_anything() -> None:
    async with stage() as on, _worker(on):
        error = await _error(on, _query("spoil"))
        assert "must not change its workflow" in error.message


async def test_arguments_that_do_not_fit_are_named() -> None:
    async with stage() as on, _worker(on):
        error = await _error(on, _query("total", 1, 2))
        assert "takes 0 to 1 arguments and was given 2" in error.message


async def test_where_the_tasks_wait() -> None:
    async with stage() as on, _worker(on):
        await on.broker.open_replies("asker", 60_000)
        await _cached(on)
        await on.give(_query("__stack_trace"))
        kind, body = await _answer(on)
        assert kind == ReplyKind.OK
        (stack,) = on.client.data_converter.from_bytes(body[0])
        assert "Counter.run" in stack
        assert "test_query_answering.py" in stack


async def test_a_question_that_nobody_waits_for_is_dropped() -> None:
    async with stage() as on, _worker(on):
        await on.give(_query("total", deadline_us=1))

        async def look() -> bool:
            return await on.pending(StreamKind.WORKFLOW) == 0

        await wait_until(look, what="the entry finished")
        assert not on.engine.requests(GetHistory)


async def test_a_run_that_is_gone_is_said_to_be() -> None:
    gone = ErrorReply(ErrorCode.NOT_FOUND, "retention is over")
    async with stage() as on, _worker(on):
        await on.broker.open_replies("asker", 60_000)
        on.answers[GetHistory] = lambda request: [(ReplyKind.ERROR, gone)]
        await on.give(_query("total"))
        kind, body = await _answer(on)
        assert kind == ReplyKind.ERROR
        assert decode_error(body).message == "retention is over"


async def test_a_run_that_was_closed_before_it_began_says_so() -> None:
    story = Story(Counter)
    async with stage() as on, _worker(on):
        await on.broker.open_replies("asker", 60_000)
        page = HistoryPage((encode_records(story.events),), b"")
        on.answers[GetHistory] = lambda request: [(ReplyKind.OK, page)]
        for name in ("total", "__stack_trace"):
            await on.give(_query(name))
            kind, body = await _answer(on)
            assert kind == ReplyKind.ERROR
            assert "workflow 'wf' never ran" in decode_error(body).message
            await on.broker.close_replies("asker")
            await on.broker.open_replies("asker", 60_000)


@workflow.defn
class RudeCounter:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.query
    def leave(self) -> int:
        raise SystemExit(3)


async def test_a_query_that_would_end_the_process_fails_alone() -> None:
    story = Story(RudeCounter)
    story.task()
    async with stage() as on, Worker(on.client, task_queue=QUEUE, workflows=[RudeCounter]):
        await on.broker.open_replies("asker", 60_000)
        on.answers[GetHistory] = lambda request: [(ReplyKind.OK, HistoryPage((encode_records(story.events),), b""))]
        for _ in range(2):
            await on.give(_query("leave", workflow_type="RudeCounter"))
            kind, body = await _answer(on)
            assert kind == ReplyKind.ERROR
            assert "SystemExit" in decode_error(body).message
            await on.broker.close_replies("asker")
            await on.broker.open_replies("asker", 60_000)


async def test_a_history_that_cannot_be_read_is_not_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on, _worker(on):
        on.answers[GetHistory] = lambda request: [(ReplyKind.OK, HistoryPage((b"\xc1",), b""))]
        await on.give(_query("total"))

        async def look() -> bool:
            return await on.pending(StreamKind.WORKFLOW) == 0 and "is not answered" in caplog.text

        await wait_until(look, what="the entry finished")
