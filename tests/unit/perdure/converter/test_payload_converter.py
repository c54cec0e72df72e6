"""Payload encodings."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.common import RawValue
from perdure.converter import (
    BinaryNullPayloadConverter,
    BinaryPlainPayloadConverter,
    CompositePayloadConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadConverter,
    value_to_type,
)
from perdure.protocol.payload import Payload, pack_payloads, unpack_payloads

CONVERTERS = [
    DefaultPayloadConverter(),
    CompositePayloadConverter(BinaryNullPayloadConverter(), BinaryPlainPayloadConverter(), JSONPlainPayloadConverter()),
]


@pytest.mark.parametrize("converter", CONVERTERS, ids=["default", "composite"])
@pytest.mark.parametrize(
    ("value", "encoding"),
    [(None, b"binary/null"), (b"\0\xff", b"binary/plain"), ({"a": [1]}, b"json/plain"), ("text", b"json/plain")],
)
def test_the_first_encoding_that_takes_a_value_wins(converter: PayloadConverter, value: Any, encoding: bytes) -> None:
    payloads = unpack_payloads(pack_payloads(converter.to_payloads([value])))
    assert payloads[0].metadata["encoding"] == encoding
    assert converter.from_payloads(payloads) == [value]


def test_a_bytearray_comes_back_as_one_when_asked() -> None:
    converter = PayloadConverter.default
    payload = converter.to_payload(bytearray(b"a"))
    assert converter.from_payload(payload) == b"a"
    assert type(converter.from_payload(payload, bytearray)) is bytearray


def test_a_raw_value_is_its_payload() -> None:
    payload = Payload({"encoding": b"my/own"}, b"x")
    assert PayloadConverter.default.to_payload(RawValue(payload)) is payload
    assert PayloadConverter.default.from_payload(payload, RawValue) == RawValue(payload)


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(ValueError, match=r"'my/own'.*json/plain"):
        PayloadConverter.default.from_payload(Payload({"encoding": b"my/own"}, b"x"))


def test_an_encoding_that_takes_nothing_is_an_error() -> None:
    with pytest.raises(TypeError, match="no payload converter"):
        CompositePayloadConverter(BinaryNullPayloadConverter()).to_payloads([1])


def test_hints_may_be_shorter_than_the_values() -> None:
    converter = PayloadConverter.default
    assert converter.from_payloads(converter.to_payloads([1, 2]), [float]) == [1.0, 2]


def test_a_decoded_value_can_be_converted_later() -> None:
    assert value_to_type(set[int], [1, 2]) == {1, 2}
