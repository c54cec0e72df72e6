"""Typed search attributes, as users write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from perdure.common import (
    SearchAttributeIndexedValueType,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from perdure.protocol.search_attributes import unpack_search_attributes
from perdure.search_attributes import (
    search_attributes_to_bytes,
    typed_search_attributes,
    untyped_search_attributes,
    updates_to_bytes,
)

CUSTOMER = SearchAttributeKey.for_keyword("Customer")
AMOUNT = SearchAttributeKey.for_float("Amount")
COUNT = SearchAttributeKey.for_int("Count")
DUE = SearchAttributeKey.for_datetime("Due")
TAGS = SearchAttributeKey.for_keyword_list("Tags")
NOTES = SearchAttributeKey.for_text("Notes")
URGENT = SearchAttributeKey.for_bool("Urgent")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

EVERY = TypedSearchAttributes(
    [
        SearchAttributePair(CUSTOMER, "ada"),
        SearchAttributePair(AMOUNT, 12.5),
        SearchAttributePair(COUNT, 3),
        SearchAttributePair(DUE, NOON),
        SearchAttributePair(TAGS, ["a", "b"]),
        SearchAttributePair(NOTES, "in a hurry"),
        SearchAttributePair(URGENT, True),
    ]
)


def test_every_type_survives() -> None:
    assert typed_search_attributes(search_attributes_to_bytes(EVERY)) == EVERY
    assert typed_search_attributes(b"") is TypedSearchAttributes.empty
    assert search_attributes_to_bytes(TypedSearchAttributes.empty) == search_attributes_to_bytes(None) == b""


def test_a_collection_is_ordered_and_looked_up_by_name_and_type() -> None:
    assert [pair.key.name for pair in EVERY] == ["Amount", "Count", "Customer", "Due", "Notes", "Tags", "Urgent"]
    assert (EVERY[CUSTOMER], EVERY.get(URGENT), len(EVERY)) == ("ada", True, 7)
    assert CUSTOMER in EVERY
    other = SearchAttributeKey.for_text("Customer")
    assert other not in EVERY
    assert EVERY.get(other, "none") == "none"
    with pytest.raises(KeyError, match="'Customer' of type Text"):
        EVERY[other]


def test_a_name_stands_there_once() -> None:
    with pytest.raises(ValueError, match="'Customer' is given twice"):
        TypedSearchAttributes([SearchAttributePair(CUSTOMER, "a"), SearchAttributePair(CUSTOMER, "b")])


def test_updated_replaces_by_name() -> None:
    changed = EVERY.updated(SearchAttributePair(SearchAttributeKey.for_int("Customer"), 7))
    assert changed.get(SearchAttributeKey.for_int("Customer")) == 7
    assert (len(changed), EVERY[CUSTOMER]) == (7, "ada")


def test_keys_know_their_types() -> None:
    assert TAGS.value_type == Sequence[str]
    assert (TAGS.origin_value_type, AMOUNT.value_type) == (Sequence, float)
    assert DUE.indexed_value_type == SearchAttributeIndexedValueType.DATETIME
    assert SearchAttributeKey.for_keyword("Customer") == CUSTOMER


def test_a_moment_is_the_same_in_every_zone() -> None:
    zone = timezone(timedelta(hours=2))
    for moment in (NOON.astimezone(zone), NOON.replace(tzinfo=None)):
        data = search_attributes_to_bytes(TypedSearchAttributes([SearchAttributePair(DUE, moment)]))
        assert typed_search_attributes(data)[DUE] == NOON


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (COUNT, "many", "'Count' is Int, which takes an integer of 64 bits, not 'many'"),
        (COUNT, 1.5, "an integer of 64 bits"),
        (DUE, 5, "'Due' is Datetime, which takes a datetime, not 5"),
        (TAGS, "abc", "'Tags' is KeywordList, which takes a list of texts"),
        (URGENT, "yes", "True or False"),
        (CUSTOMER, NOON, None),
    ],
)
def test_a_value_must_fit_its_key(key: Any, value: Any, message: str | None) -> None:
    attributes = TypedSearchAttributes([SearchAttributePair(key, value)])
    if message is None:
        assert typed_search_attributes(search_attributes_to_bytes(attributes))[CUSTOMER] == NOON.isoformat()
        return
    with pytest.raises(ValueError, match=message):
        search_attributes_to_bytes(attributes)


def test_updates_set_and_unset() -> None:
    data = updates_to_bytes([CUSTOMER.value_set("bob"), COUNT.value_unset()])
    assert unpack_search_attributes(data) == {"Customer": (2, "bob"), "Count": (3, None)}
    with pytest.raises(ValueError, match="'Count' is updated twice"):
        updates_to_bytes([COUNT.value_set(1), COUNT.value_unset()])


def test_the_untyped_form_is_understood_and_deprecated() -> None:
    untyped = {"Customer": ["ada"], "Count": [3], "Urgent": [True], "Tags": ["a", "b"], "Due": [NOON], "Gone": []}
    with pytest.warns(DeprecationWarning, match="TypedSearchAttributes"):
        attributes = typed_search_attributes(search_attributes_to_bytes(untyped))  # type: ignore[arg-type]
    assert (attributes[CUSTOMER], attributes[COUNT], attributes[URGENT]) == ("ada", 3, True)
    assert (attributes[TAGS], attributes[DUE], len(attributes)) == (["a", "b"], NOON, 5)
    assert untyped_search_attributes(attributes) == {name: values for name, values in untyped.items() if values}
    with pytest.warns(DeprecationWarning, match="deprecated"):
        assert unpack_search_attributes(updates_to_bytes({"Gone": []})) == {"Gone": (2, None)}


@pytest.mark.parametrize("untyped", [{"Customer": "ada"}, {"Counts": [1, 2]}, {"Odd": [object()]}])
def test_untyped_values_that_cannot_be_guessed(untyped: Any) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"), pytest.raises(ValueError, match="search attribute"):
        search_attributes_to_bytes(untyped)
