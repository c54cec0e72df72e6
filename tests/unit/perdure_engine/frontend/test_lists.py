"""Queries, as any engine answers them."""

from __future__ import annotations

import pytest

from perdure.protocol.frontend import CountWorkflows, ListWorkflows
from perdure.protocol.operations import AddSearchAttributes
from perdure.protocol.replies import ErrorCode
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from tests.engine_stage import Stage, until
from tests.unit.perdure_engine.frontend.test_service import answer, refusal, some_workflows

AMOUNT = int(SearchAttributeType.INT)


async def orders(stage: Stage) -> None:
    """Three orders of different amounts, and one without."""
    await answer(stage, AddSearchAttributes("default", (("Amount", AMOUNT),)))
    for name, amount in (("a", 3), ("b", 1), ("c", 2)):
        attributes = pack_search_attributes({"Amount": (AMOUNT, amount)})
        await stage.start(name, search_attributes=attributes)
    await stage.start("d")
    await until(lambda: len(stage.database.visibility) == 4)


async def test_a_query_filters_and_orders_and_pages_go_on(stage: Stage) -> None:
    await orders(stage)
    query = "Amount > 0 ORDER BY Amount DESC"
    first, token = await answer(stage, ListWorkflows("default", page_size=2, query=query))
    second, end = await answer(stage, ListWorkflows("default", page_size=2, page_token=token, query=query))
    assert ([row[1] for row in (*first, *second)], end) == (["a", "c", "b"], b"")
    missing, _ = await answer(stage, ListWorkflows("default", query="Amount IS NULL AND StartTime > '-1h'"))
    assert [row[1] for row in missing] == ["d"]


async def test_a_token_of_another_query_is_refused(stage: Stage) -> None:
    await orders(stage)
    _, token = await answer(stage, ListWorkflows("default", page_size=2, query="ORDER BY Amount"))
    other = await refusal(stage, ListWorkflows("default", page_size=2, page_token=token, query="ORDER BY WorkflowId"))
    assert "not made by a page of this list" in other.message


async def test_counts_come_in_groups(stage: Stage) -> None:
    await some_workflows(stage)
    total, groups, types = await answer(stage, CountWorkflows("default", query="GROUP BY ExecutionStatus"))
    assert (total, groups, types) == (3, ((("Running",), 2), (("Completed",), 1)), (3,))


@pytest.mark.parametrize("kind", [ListWorkflows, CountWorkflows])
async def test_what_cannot_be_understood_is_shown(
    stage: Stage, kind: type[ListWorkflows] | type[CountWorkflows]
) -> None:
    error = await refusal(stage, kind("default", query="x = 1"))
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert error.message.startswith("there is no field 'x' in this namespace.")
    assert error.message.endswith("\n  x = 1\n  ^")


async def test_the_fields_of_earlier_clients_narrow_a_list(stage: Stage) -> None:
    await some_workflows(stage)
    rows, _ = await answer(stage, ListWorkflows("default", workflow_id="b", started_from_us=1, started_to_us=2**52))
    assert [row[1] for row in rows] == ["b"]
