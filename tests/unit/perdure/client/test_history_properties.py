"""Search attributes in Temporal's JSON."""

from __future__ import annotations

import base64
import json

import pytest

from perdure.client.history_properties import search_attributes_from_json, search_attributes_to_json
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes, unpack_search_attributes

EVERY = {
    "Amount": (int(SearchAttributeType.DOUBLE), 1.5),
    "Due": (int(SearchAttributeType.DATETIME), 1_700_000_000_123_456),
    "Gone": (int(SearchAttributeType.INT), None),
    "Tags": (int(SearchAttributeType.KEYWORD_LIST), ("a", "b")),
}


def payload(kind: str, value: object) -> dict[str, object]:
    metadata = {"encoding": base64.b64encode(b"json/plain").decode(), "type": base64.b64encode(kind.encode()).decode()}
    return {"metadata": metadata, "data": base64.b64encode(json.dumps(value).encode()).decode()}


def test_every_value_survives() -> None:
    row = search_attributes_to_json(pack_search_attributes(EVERY))
    assert row["indexedFields"]["Due"] == payload("Datetime", "2023-11-14T22:13:20.123456+00:00")
    assert unpack_search_attributes(search_attributes_from_json(row)) == EVERY


def test_the_forms_that_temporal_writes_are_read() -> None:
    row = {
        "indexedFields": {
            "Customer": payload("Keyword", ["ada"]),
            "Due": payload("Datetime", "2023-11-14T22:13:20Z"),
            "Tags": payload("INDEXED_VALUE_TYPE_KEYWORD_LIST", "one"),
        }
    }
    assert unpack_search_attributes(search_attributes_from_json(row)) == {
        "Customer": (2, "ada"),
        "Due": (6, 1_700_000_000_000_000),
        "Tags": (7, ("one",)),
    }


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(ValueError, match="'Odd' has the unknown type 'Colour'"):
        search_attributes_from_json({"indexedFields": {"Odd": payload("Colour", 1)}})
