"""Encoders and converters of a program's own, as programs written for `temporalio` have them."""

from __future__ import annotations

import dataclasses
import datetime
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from perdure.converter import (
    AdvancedJSONEncoder,
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    JSONTypeConverter,
    value_to_type,
)


class Colour:
    """A type that nobody knows."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Colour) and other.name == self.name

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Car:
    colour: Colour
    spare: Colour | None = None
    seats: int = 4


class ColourEncoder(AdvancedJSONEncoder):
    def default(self, o: Any) -> Any:
        return f"#{o.name}" if isinstance(o, Colour) else super().default(o)


class ColourConverter(JSONTypeConverter):
    def to_typed_value(self, hint: Any, value: Any) -> Any:
        if hint is not Colour:
            return JSONTypeConverter.Unhandled
        if not str(value).startswith("#"):
            raise TypeError(f"{value!r} is no colour")
        return Colour(value[1:])


class ColouredPayloadConverter(CompositePayloadConverter):
    def __init__(self) -> None:
        coloured = JSONPlainPayloadConverter(encoder=ColourEncoder, custom_type_converters=[ColourConverter()])
        encodings = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(coloured if isinstance(each, JSONPlainPayloadConverter) else each for each in encodings))


CONVERTER = dataclasses.replace(DataConverter.default, payload_converter_class=ColouredPayloadConverter)
RED = Colour("red")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (RED, Colour),
        (None, Colour | None),
        ([RED, Colour("blue")], list[Colour]),
        ([RED], Sequence[Colour]),
        ((RED, 1), tuple[Colour, int]),
        ((RED, RED), tuple[Colour, ...]),
        ({"a": RED}, dict[str, Colour]),
        ({1: RED}, Mapping[int, Colour]),
        (Car(RED, seats=2), Car),
        ([Car(RED, Colour("grey"))], list[Car]),
        (5, int),
        (uuid.UUID(int=5), uuid.UUID),
        (b"bytes", bytes),
    ],
)
def test_types_of_ones_own_travel_at_any_depth(value: Any, hint: Any) -> None:
    assert CONVERTER.value_from_bytes(CONVERTER.value_to_bytes(value), hint) == value


def test_what_does_not_fit_is_refused() -> None:
    converters = [ColourConverter()]
    for hint, value in [(Colour, 5), (int | Colour, "x"), (tuple[Colour, int], ["#red"]), (list[int], ["x"])]:
        with pytest.raises(TypeError):
            value_to_type(hint, value, converters)
    assert value_to_type(int, "5") == 5


class Model(pydantic.BaseModel):
    when: datetime.date = pydantic.Field(alias="onDay")


def test_the_encoder_knows_what_the_default_converter_knows() -> None:
    values = {"model": Model(onDay=datetime.date(2026, 11, 20)), "car": {"ids": {uuid.UUID(int=5)}}, "each": iter([1])}
    assert json.loads(json.dumps(values, cls=AdvancedJSONEncoder)) == {
        "model": {"onDay": "2026-11-20"},
        "car": {"ids": ["00000000-0000-0000-0000-000000000005"]},
        "each": [1],
    }
    with pytest.raises(TypeError, match="Colour"):
        json.dumps(RED, cls=AdvancedJSONEncoder)


def test_an_encoding_may_have_a_name_of_its_own() -> None:
    plain = JSONPlainPayloadConverter(encoder=None, decoder=json.JSONDecoder, encoding="json/other")
    payload = plain.to_payload([1, {"a": 2}])
    assert payload is not None
    assert (payload.metadata, payload.data) == ({"encoding": b"json/other"}, b'[1,{"a":2}]')
    assert plain.from_payload(payload) == [1, {"a": 2}]
    assert plain.encoding == "json/other"
