"""Search attributes on the wire, and in the index of lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.search_attributes import (
    SearchAttributeMap,
    SearchAttributeType,
    attributes_of_index,
    indexed_attributes,
    merged_search_attributes,
    name_problem,
    pack_search_attributes,
    search_attributes_problem,
    unpack_search_attributes,
    words_of,
)

TEXT, KEYWORD, INT, DOUBLE, BOOL, DATETIME, LIST = map(int, SearchAttributeType)

EVERY: SearchAttributeMap = {
    "Amount": (DOUBLE, 12.5),
    "Count": (INT, -(2**63) + 1),
    "Customer": (KEYWORD, "Ada Ü"),
    "Due": (DATETIME, 1_700_000_000_123_456),
    "Notes": (TEXT, "The quick, quick FOX"),
    "Open": (BOOL, False),
    "Tags": (LIST, ("a", "b")),
}


def test_every_type_survives_the_wire_and_the_index() -> None:
    data = pack_search_attributes(EVERY)
    assert search_attributes_problem(EVERY) is None
    assert unpack_search_attributes(data) == EVERY
    assert attributes_of_index(indexed_attributes(data)) == EVERY


def test_equal_attributes_are_equal_bytes() -> None:
    assert pack_search_attributes(dict(reversed(EVERY.items()))) == pack_search_attributes(EVERY)
    assert (pack_search_attributes({}), indexed_attributes(b""), attributes_of_index("")) == (b"", "", {})


def test_the_index_names_types_and_words() -> None:
    indexed = json.loads(indexed_attributes(pack_search_attributes(EVERY)))
    assert indexed["Count:Int"] == -(2**63) + 1
    assert indexed["Notes:Text"] == ["The quick, quick FOX", "the", "quick", "fox"]
    assert words_of("Äpfel—und_Birnen 3") == ["äpfel", "und_birnen", "3"]
    assert attributes_of_index('{"Odd:Unheard": 1}') == {}


def test_an_update_sets_and_takes_away() -> None:
    update = pack_search_attributes({"Count": (INT, None), "Customer": (KEYWORD, "Bob")})
    merged = unpack_search_attributes(merged_search_attributes(pack_search_attributes(EVERY), update))
    assert "Count" not in merged
    assert merged["Customer"] == (KEYWORD, "Bob")
    assert merged["Tags"] == (LIST, ("a", "b"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"Count": (INT, True)}, "'Count' is Int, which takes an integer of 64 bits, not True"),
        ({"Count": (INT, 2**63)}, "an integer of 64 bits"),
        ({"Amount": (DOUBLE, float("nan"))}, "a finite number"),
        ({"Customer": (KEYWORD, "x" * 2049)}, "text of at most 2,048 characters"),
        ({"Customer": (KEYWORD, "\0")}, "text of at most 2,048 characters"),
        ({"Open": (BOOL, 1)}, "True or False"),
        ({"Due": (DATETIME, 2**62)}, "a moment of the years 1 to 9999"),
        ({"Tags": (LIST, ("a", 1))}, "a list of texts"),
        ({"a b": (INT, 1)}, "'a b' is no name for a search attribute"),
        ({"1a": (INT, 1)}, "beginning with a letter"),
        ({"a" * 201: (INT, 1)}, "up to 200 letters"),
        ({"Odd": (8, 1)}, "the unknown type 8"),
        ({f"A{index}": (INT, 1) for index in range(101)}, "101 search attributes are too many"),
        ({f"A{index}": (KEYWORD, "x" * 2048) for index in range(21)}, "the limit of one run is 40,960"),
    ],
)
def test_what_goes_too_far(rows: dict[str, Any], message: str) -> None:
    assert message in (search_attributes_problem(rows) or "")


def test_names() -> None:
    assert name_problem("Order.Customer-Id_2") is None


@pytest.mark.parametrize("data", [pack(1), pack({"a": 1}), pack({"a": (1,)}), pack({b"a": (1, 2)})])
def test_what_is_no_map_of_attributes_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="search attributes must"):
        unpack_search_attributes(data)
