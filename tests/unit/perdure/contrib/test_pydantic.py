"""The converter of this name, and that the default one does as well."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import pydantic
import pytest

from perdure.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions, pydantic_data_converter
from perdure.converter import DataConverter

T = TypeVar("T")


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Item(pydantic.BaseModel):
    name: str
    size: Size = Size.SMALL
    price: Decimal = Decimal("1.10")


class Card(pydantic.BaseModel):
    kind: Literal["card"] = "card"
    number: str = pydantic.Field(alias="cardNumber", default="")


class Cash(pydantic.BaseModel):
    kind: Literal["cash"] = "cash"
    amount: int


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


@dataclass
class Order:
    id: uuid.UUID
    at: datetime.datetime
    items: list[Item]


class Point(NamedTuple):
    x: int
    y: float


class Options(TypedDict, total=False):
    gift: bool
    wait: datetime.timedelta


Payment = Annotated[Card | Cash, pydantic.Field(discriminator="kind")]
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)

VALUES = [
    (Item(name="tea"), Item),
    ([Item(name="tea"), Item(name="lamp", size=Size.LARGE)], list[Item]),
    ({"a": Item(name="tea")}, dict[str, Item]),
    (Cash(amount=5), Payment),
    ([Card(cardNumber="1"), Cash(amount=5)], list[Payment]),
    (Page[Item](items=[Item(name="tea")]), Page[Item]),
    (Order(uuid.UUID(int=7), NOON, [Item(name="tea")]), Order),
    (Point(1, 2.5), Point),
    ({"gift": True, "wait": datetime.timedelta(seconds=90)}, Options),
    (Size.LARGE, Size),
    (NOON, datetime.datetime),
    ({1: {NOON}}, dict[int, set[datetime.datetime]]),
    (None, Item | None),
    ((1, "a", Item(name="tea")), tuple[int, str, Item]),
    (frozenset({1, 2}), frozenset[int]),
    (Decimal("1.10"), Decimal),
    (b"\x00raw", bytes),
]


@pytest.mark.parametrize("converter", [DataConverter.default, pydantic_data_converter], ids=["default", "pydantic"])
@pytest.mark.parametrize(("value", "hint"), VALUES, ids=lambda value: str(value)[:30])
def test_values_come_back_as_they_were(converter: DataConverter, value: Any, hint: Any) -> None:
    again = converter.value_from_bytes(converter.value_to_bytes(value), hint)
    assert again == value
    assert type(again) is type(value)


def test_both_write_the_same() -> None:
    for value, _ in VALUES:
        assert pydantic_data_converter.value_to_bytes(value) == DataConverter.default.value_to_bytes(value)


class WithoutUnset(PydanticPayloadConverter):
    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))


def test_fields_that_were_not_set_may_be_left_out() -> None:
    converter = DataConverter(payload_converter_class=WithoutUnset)
    (payload,) = converter.payload_converter.to_payloads([Item(name="tea")])
    assert payload.data == b'{"name":"tea"}'
    assert converter.payload_converter.from_payload(payload, Item) == Item(name="tea")


def test_what_does_not_fit_says_where() -> None:
    data = pydantic_data_converter.value_to_bytes([{"name": "tea"}, {"name": 5}])
    with pytest.raises(TypeError, match=r"does not fit .*1\.name: Input should be a valid string"):
        pydantic_data_converter.value_from_bytes(data, list[Item])
