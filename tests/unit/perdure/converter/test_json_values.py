"""JSON values: nothing is lost silently, and what does not fit says so."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given, strategies as st

from perdure.converter.json_values import convert, from_json, to_json


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Order:
    id: uuid.UUID
    at: datetime.datetime
    colour: Colour
    _note: str = ""


class Basket(pydantic.BaseModel):
    orders: list[Order]
    total: int = pydantic.Field(alias="sum")


ORDER = Order(uuid.UUID(int=7), datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC), Colour.RED, "kept")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (ORDER, Order),
        (Basket(orders=[ORDER], sum=3), Basket),
        ([ORDER, ORDER], list[Order]),
        ({"a": ORDER}, dict[str, Order]),
        (Colour.RED, Colour),
        (datetime.timedelta(seconds=90), datetime.timedelta),
        ({1, 2}, set[int]),
        ((1, "a"), tuple[int, str]),
        ({1: "a"}, dict[int, str]),
        (2**80, int),
        ({"n": 2**70}, dict[str, int]),
        (1, float),
        (None, int | None),
    ],
    ids=str,
)
def test_a_value_survives_its_way(value: Any, hint: Any) -> None:
    assert from_json(to_json(value), hint) == value


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_plain)
def test_plain_values_survive_without_a_hint(value: Any) -> None:
    assert from_json(to_json(value)) == value


def test_keys_that_are_no_text_become_text() -> None:
    assert from_json(to_json({1: 2})) == {"1": 2}


def test_what_no_json_can_be_made_of_is_named() -> None:
    with pytest.raises(TypeError, match="type object cannot be made JSON"):
        to_json(object())


def test_what_does_not_fit_is_named_without_its_value() -> None:
    with pytest.raises(TypeError, match=r"does not fit Order: id: .*; colour: ") as caught:
        from_json(b'{"id": "secret", "at": "2026-01-02T03:04:05", "colour": "secret"}', Order)
    assert "secret" not in str(caught.value)
    with pytest.raises(TypeError, match="does not fit int"):
        convert("x", int)


def test_a_hint_that_json_cannot_fill_is_named() -> None:
    class Opaque:
        pass

    with pytest.raises(TypeError, match="no value of type Opaque can be made of JSON"):
        from_json(b"{}", Opaque)


def test_a_hint_that_cannot_be_hashed_works() -> None:
    assert from_json(b"[1]", Annotated[list[int], {}]) == [1]


@pytest.mark.parametrize("hint", [None, list, list[Any]])
def test_what_was_written_deep_is_read_with_every_digit(hint: Any) -> None:
    value: Any = 2**70
    for _ in range(240):
        value = [value]
    assert from_json(to_json(value), hint) == value


def test_what_is_nested_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="too deeply"):
        from_json(b"[" * 100_000)
