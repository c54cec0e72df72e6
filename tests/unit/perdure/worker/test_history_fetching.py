"""Histories, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import workflow
from perdure.protocol.events import encode_records
from perdure.protocol.replies import ErrorCode, ErrorReply, HistoryPage, ReplyKind
from perdure.protocol.requests import GetHistory, GetWorkflowTask
from perdure.protocol.tasks import QueryTask, WorkflowTask
from perdure.protocol.updates import UpdateDelivery, decode_deliveries, encode_deliveries
from perdure.worker.history_fetching import NoHistory, fetch_history, fetch_task_history
from tests.unit.perdure.worker.test_link import _link
from tests.worker_stage import Stage, stage
from tests.workflow_story import RUN_ID, Story

TASK = WorkflowTask("default", "wf", RUN_ID, "flow", 0, 2, 1, 0, 0, b"")
QUERY = QueryTask("default", "wf", RUN_ID, "flow", 0, 5, "q", b"", 0, "asker", 1)


@workflow.defn
async def flow() -> None: ...


def _serve(on: Stage, kind: type[Any], story: Story) -> None:
    pages = {b"": (story.events[:1], b"2"), b"2": (story.events[1:], b"")}

    def answer(request: Any) -> Any:
        events, token = pages[request.page_token]
        return [(ReplyKind.OK, HistoryPage((encode_records(events), encode_records([])), token))]

    on.answers[kind] = answer


async def test_all_pages_in_order() -> None:
    story = Story(flow)
    async with stage() as on:
        _serve(on, GetWorkflowTask, story)
        _serve(on, GetHistory, story)
        assert await fetch_task_history(_link(on), TASK) == (story.events, {}, [])
        assert await fetch_history(_link(on), QUERY) == story.events
        assert on.engine.requests(GetWorkflowTask)[0] == GetWorkflowTask(RUN_ID, 2, 1, b"")


async def test_updates_come_with_the_first_page() -> None:
    story = Story(flow)
    updates = encode_deliveries([UpdateDelivery("u1", "add", b"", "me")])

    def answer(request: Any) -> Any:
        more = b"" if request.page_token else b"2"
        page = HistoryPage((encode_records(story.events),), more, updates=b"" if request.page_token else updates)
        return [(ReplyKind.OK, page)]

    async with stage() as on:
        on.answers[GetWorkflowTask] = answer
        assert (await fetch_task_history(_link(on), TASK)).updates == list(decode_deliveries(updates))


async def test_there_is_none() -> None:
    async with stage() as on:
        refusal = [(ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, "gone"))]
        on.answers[GetWorkflowTask] = on.answers[GetHistory] = lambda request: refusal
        with pytest.raises(NoHistory, match="gone"):
            await fetch_task_history(_link(on), TASK)
        with pytest.raises(NoHistory) as caught:
            await fetch_history(_link(on), QUERY)
        assert caught.value.reply.code == ErrorCode.NOT_FOUND
