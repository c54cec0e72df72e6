"""Batch operations, as any engine answers for them. How they are carried out: `tests/unit/perdure_engine/system`."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.operations import BatchState, DescribeBatch, ListBatches, StartBatch, StopBatch, decode_batch_info
from perdure.protocol.replies import ErrorCode
from tests.engine_stage import Stage
from tests.unit.perdure_engine.frontend.test_service import answer, refusal

START = StartBatch("default", "b", 1, "WorkflowId = 'a'", "why", "me")


async def test_an_operation_is_begun_once_and_listed(stage: Stage) -> None:
    first = decode_batch_info(await answer(stage, START))
    again = decode_batch_info(await answer(stage, START._replace(query="WorkflowId = 'b'")))
    assert (first.batch_id, first.query, again.query) == ("b", START.query, START.query)
    [[listed]] = await answer(stage, ListBatches("default"))
    assert decode_batch_info(listed).batch_id == "b"
    assert await answer(stage, ListBatches("other")) == ((),)


async def test_stopping_what_is_over_changes_nothing(stage: Stage) -> None:
    await answer(stage, START)
    stop = StopBatch("default", "b", "", "me")
    ends = [decode_batch_info(await answer(stage, stop)) for _ in range(2)]
    assert ends[0] == ends[1]
    assert ends[0].state in (BatchState.STOPPED, BatchState.COMPLETED)


async def test_an_unknown_one_is_not_found(stage: Stage) -> None:
    for request in (DescribeBatch("default", "x"), StopBatch("default", "x", "", "me")):
        assert (await refusal(stage, request)).code == ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": " "}, "needs a query that says which runs; WorkflowId IS NOT NULL means all of them"),
        ({"query": "x = 1"}, "there is no field 'x'"),
        ({"query": "ORDER BY WorkflowId"}, "leave ORDER BY away"),
        ({"operation": 9}, "there is no batch operation of number 9"),
        ({"operation": 3}, "the signal name must not be empty"),
        ({"operation": 4, "reset_point": 0}, "goes back to the first or the last workflow task"),
        ({"rate": 0}, "a rate of 0 runs a second is not possible; it must be from 1 to 1,000"),
        ({"reason": "x" * 1_001}, "the reason is longer than 1,000 characters"),
        ({"batch_id": ""}, "the id of the batch operation must not be empty"),
    ],
)
async def test_what_is_not_possible(stage: Stage, changes: dict[str, Any], message: str) -> None:
    assert message in (await refusal(stage, START._replace(**changes))).message
