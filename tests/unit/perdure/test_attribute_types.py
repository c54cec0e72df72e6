"""Types of search attributes: asked for once a name."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.client import RPCError
from perdure.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from perdure.protocol.operations import AddSearchAttributes
from perdure.protocol.replies import ErrorCode, ReplyKind, Started
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows, refuse

CUSTOMER = TypedSearchAttributes([SearchAttributePair(SearchAttributeKey.for_keyword("Customer"), "ada")])
PREDEFINED = TypedSearchAttributes([SearchAttributePair(SearchAttributeKey.for_keyword_list("BuildIds"), ["1"])])


def accept(number: int, request: Any) -> Rows:
    yield number, ReplyKind.OK, None if isinstance(request, AddSearchAttributes) else Started("run", True)


async def test_a_name_is_registered_before_its_first_use_and_then_known() -> None:
    async with client_of(accept) as (client, engine):
        for number in range(2):
            await client.start_workflow("T", id=f"w{number}", task_queue="q", search_attributes=CUSTOMER)
        await client.start_workflow("T", id="w3", task_queue="q", search_attributes=PREDEFINED)
        first, *others = engine.requests()
        assert first == AddSearchAttributes("default", (("Customer", 2),))
        assert len(others) == 3
        assert not engine.requests(AddSearchAttributes)[1:]


async def test_another_type_is_refused_at_the_call_and_nothing_is_started() -> None:
    def conflict(number: int, request: Any) -> Rows:
        assert isinstance(request, AddSearchAttributes)
        return refuse(number, ErrorCode.INVALID_ARGUMENT, "search attribute 'Customer' is Int")

    async with client_of(conflict) as (client, engine):
        for _ in range(2):
            with pytest.raises(RPCError, match="'Customer' is Int"):
                await client.start_workflow("T", id="w", task_queue="q", search_attributes=CUSTOMER)
        assert len(engine.requests()) == 2
