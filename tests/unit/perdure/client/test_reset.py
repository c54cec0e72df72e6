"""What a reset asks for: of a run, which is looked up if the handle names none."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import ResetReapplyExcludeType, RPCError, WorkflowResetPoint
from perdure.protocol.replies import Description, ErrorCode, ReplyKind, Started
from perdure.protocol.requests import DescribeWorkflow, ResetPoint, ResetReapplyExclude, ResetWorkflow
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows, refuse


def answer(number: int, request: Any) -> Rows:
    if isinstance(request, DescribeWorkflow):
        yield number, ReplyKind.OK, Description("default", "w", "latest", "T", "q", 2, 5, 9, 11, 900, b"", b"")
    else:
        yield number, ReplyKind.OK, Started("new", True)


async def test_the_latest_run_is_reset_to_its_last_task() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w", first_execution_run_id="first")
        new = await handle.reset(reason="a bug")
        assert (new.id, new.run_id, new.result_run_id, new.first_execution_run_id) == ("w", None, "new", "first")
        _, request = engine.requests()
        assert isinstance(request, ResetWorkflow)
        assert (request.workflow_id, request.run_id, request.reason) == ("w", "latest", "a bug")
        assert (request.point, request.event_id, request.exclude) == (ResetPoint.LAST_WORKFLOW_TASK, 0, ())
        assert request.request_id


async def test_a_run_is_reset_to_an_event() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w", run_id="r")
        await handle.reset(7, exclude=[ResetReapplyExcludeType.SIGNAL])
        await handle.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK)
        event, first = engine.requests()
        assert (event.run_id, event.point, event.event_id) == ("r", ResetPoint.EVENT, 7)
        assert event.exclude == (ResetReapplyExclude.SIGNAL,)
        assert (first.point, first.event_id) == (ResetPoint.FIRST_WORKFLOW_TASK, 0)


async def test_a_refusal_is_told() -> None:
    async with client_of(lambda number, request: refuse(number, ErrorCode.INVALID_ARGUMENT, "no")) as (client, _):
        with pytest.raises(RPCError, match="no"):
            await client.get_workflow_handle("w", run_id="r").reset()
