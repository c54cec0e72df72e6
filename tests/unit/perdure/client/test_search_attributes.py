"""The search attributes of a namespace, for operators."""

from __future__ import annotations

from typing import Any

from perdure.common import SearchAttributeIndexedValueType
from perdure.protocol import operations
from perdure.protocol.replies import ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows


def registry(number: int, request: Any) -> Rows:
    types = operations.SearchAttributeTypes({"Tags": 7, "Amount": 3})
    yield number, ReplyKind.OK, types if isinstance(request, operations.ListSearchAttributes) else None


async def test_names_are_listed_added_and_removed() -> None:
    async with client_of(registry) as (client, engine):
        known = await client.search_attributes.list()
        assert list(known.items()) == [
            ("Amount", SearchAttributeIndexedValueType.INT),
            ("Tags", SearchAttributeIndexedValueType.KEYWORD_LIST),
        ]
        await client.search_attributes.add({"Due": SearchAttributeIndexedValueType.DATETIME})
        await client.search_attributes.remove("Tags")
        assert engine.requests()[1:] == [
            operations.AddSearchAttributes("default", (("Due", 6),)),
            operations.RemoveSearchAttribute("default", "Tags"),
        ]
