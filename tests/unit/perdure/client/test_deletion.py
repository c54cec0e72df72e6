"""What a deletion asks for: of a run, which is looked up if the handle names none."""

from __future__ import annotations

from typing import Any

from perdure.protocol.replies import Description, ReplyKind
from perdure.protocol.requests import DeleteWorkflow, DescribeWorkflow
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows


def answer(number: int, request: Any) -> Rows:
    if isinstance(request, DescribeWorkflow):
        yield number, ReplyKind.OK, Description("default", "w", "latest", "T", "q", 2, 5, 9, 11, 900, b"", b"")
    else:
        yield number, ReplyKind.OK, None


async def test_a_run_is_deleted_or_the_latest() -> None:
    async with client_of(answer) as (client, engine):
        await client.get_workflow_handle("w").delete()
        await client.get_workflow_handle("w", run_id="r").delete()
        _, latest, named = engine.requests()
        assert isinstance(latest, DeleteWorkflow)
        assert (latest.workflow_id, latest.run_id, named.run_id) == ("w", "latest", "r")
