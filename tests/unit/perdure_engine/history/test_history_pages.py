"""Histories in pages: for clients, and for workers that hold a task."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.events import ActivityTasksScheduledAsAsked, EventType, HistoryEvent, decode_records
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.replies import (
    ErrorCode,
    HistoryPage,
    ReplyKind,
    decode_error,
    decode_history_page,
)
from perdure.protocol.requests import (
    DescribeWorkflow,
    GetHistory,
    GetWorkflowTask,
    TerminateWorkflow,
)
from perdure_engine.history import history_pages, reading
from tests.engine_stage import Stage, activity, done

MEMO = pack_memo({"note": Payload({"encoding": b"json/plain"}, b"1")})

DESCRIBE = DescribeWorkflow("default", "wf", "")
HISTORY = GetHistory("default", "wf", "")


async def whole_history(stage: Stage, request: GetHistory) -> tuple[list[int], int]:
    """The event ids of a history, and in how many pages they came."""
    ids: list[int] = []
    pages = 0
    while True:
        kind, body = await stage.ask(request)
        assert kind == ReplyKind.OK, body
        page: HistoryPage = decode_history_page(body)
        pages += 1
        ids += [event.event_id for data in page.records for event in decode_records(data) if event.event_id]
        if not page.next_page_token:
            return ids, pages
        request = request._replace(page_token=page.next_page_token)


async def test_a_history_comes_in_pages(stage: Stage) -> None:
    await stage.start()
    for number in range(5):
        await stage.decide(activity(str(number)))
        await stage.finish_activity(*await stage.take_activity())
    ids, pages = await whole_history(stage, HISTORY)
    assert (ids, pages) == (list(range(1, len(ids) + 1)), 1)
    small, many = await whole_history(stage, HISTORY._replace(page_size_bytes=1))
    assert small == ids
    assert many > 5


async def test_the_pages_of_a_history_are_of_one_run_whatever_the_workflow_id_names_by_then(stage: Stage) -> None:
    await stage.start()
    first = (await stage.decide(activity())).run_id
    small = HISTORY._replace(page_size_bytes=1)
    _, body = await stage.ask(small)
    page: HistoryPage = decode_history_page(body)
    await stage.ask(TerminateWorkflow("default", "wf", "", "enough", b"", "terminate", "client"))
    second = await stage.start(request_id="second")
    assert second != first
    ids = [event.event_id for data in page.records for event in decode_records(data)]
    rest, _ = await whole_history(stage, small._replace(page_token=page.next_page_token))
    whole, _ = await whole_history(stage, HISTORY._replace(run_id=first))
    assert ids + rest == whole


async def test_a_page_token_of_another_workflow_is_refused(stage: Stage) -> None:
    await stage.start()
    other = await stage.start("other")
    kind, body = await stage.ask(HISTORY._replace(page_token=pack((1, 0, other))))
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("token", [b"\xff", b"nonsense", pack(("x",)), pack((1, 2, 3)), pack((1, 2, "x")), pack((-1,))])
async def test_a_page_token_of_another_kind_is_refused(stage: Stage, token: bytes) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    about = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, token)
    for request in (HISTORY._replace(page_token=token), about):
        kind, body = await stage.ask(request)
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.INVALID_ARGUMENT)
    assert (await stage.complete(entry, task, done()))[0] == ReplyKind.OK


async def test_a_worker_gets_the_history_of_a_task_that_it_holds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.start(input=b"x" * 10)
    await stage.decide(*(activity(str(number)) for number in range(20)))
    await stage.finish_activity(*await stage.take_activity())
    _, task = await stage.take_workflow_task()
    whole = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt)
    page = decode_history_page((await stage.ask(whole))[1])
    events = [event for data in page.records for event in decode_records(data) if event.event_id]
    assert [event.event_id for event in events] == list(range(1, task.scheduled_event_id + 1))
    for module in (reading, history_pages):
        monkeypatch.setattr(module, "PAGE_BYTES_MAX", 60)
    recent: list[HistoryEvent] = []
    request = whole._replace(after_event_id=4)
    while True:
        page = decode_history_page((await stage.ask(request))[1])
        recent += [event for data in page.records for event in decode_records(data)]
        if not page.next_page_token:
            break
        request = request._replace(page_token=page.next_page_token)
    assert (recent[0].event_id, recent[0].attributes) == (5, ActivityTasksScheduledAsAsked(20))
    wanted = [event for event in events[24:] if event.event_type != EventType.ACTIVITY_TASK_STARTED]
    assert recent[1:] == wanted


async def test_pages_go_on_when_the_run_is_evicted_between_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.start()
    await stage.decide(activity("a"), activity("b"))
    await stage.finish_activity(*await stage.take_activity())
    _, task = await stage.take_workflow_task()
    for module in (reading, history_pages):
        monkeypatch.setattr(module, "PAGE_BYTES_MAX", 1)
    monkeypatch.setattr(history_pages, "EVENTS_A_PAGE", 1)
    request = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, b"", 4)
    page = decode_history_page((await stage.ask(request))[1])
    [first] = [event for data in page.records for event in decode_records(data)]
    assert first.attributes == ActivityTasksScheduledAsAsked(2)
    found: list[int] = []
    state = stage.history.cache.get(task.run_id).state
    while page.next_page_token:
        state.recent = None  # as in a run that was made again from its snapshot
        request = request._replace(page_token=page.next_page_token)
        page = decode_history_page((await stage.ask(request))[1])
        found += [event.event_id for data in page.records for event in decode_records(data)]
    assert found == [8, 9]  # what the worker asked for is behind; that it started tells nothing
