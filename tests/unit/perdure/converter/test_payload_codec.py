"""The codec's base class, and the converter that has one."""

from __future__ import annotations

import pytest

from perdure.common import Payload
from perdure.converter import DataConverter, PayloadCodec
from perdure.exceptions import ApplicationError
from tests.integration.data.codecs import FlippingCodec


def test_a_codec_has_two_ways() -> None:
    with pytest.raises(TypeError, match="decode"):
        PayloadCodec()  # type: ignore[abstract]


async def test_values_pass_the_codec() -> None:
    converter = DataConverter(payload_codec=FlippingCodec())
    payloads = await converter.encode(["tulip", None])
    assert [payload.metadata["encoding"] for payload in payloads] == [b"binary/flipped"] * 2
    assert b"tulip" not in payloads[0].data
    assert await converter.decode(payloads, [str]) == ["tulip", None]
    assert await converter.encode([]) == []


async def test_failures_pass_the_codec() -> None:
    converter = DataConverter(payload_codec=FlippingCodec())
    error = ApplicationError("no", "tulip", type="Refused")
    error.__cause__ = ApplicationError("because", "rose")
    failure = await converter.encode_failure(error)
    assert "tulip" not in repr(failure)
    assert "rose" not in repr(failure)
    again = await converter.decode_failure(failure)
    assert isinstance(again, ApplicationError)
    assert isinstance(again.cause, ApplicationError)
    assert (again.message, again.type, again.details, again.cause.details) == ("no", "Refused", ("tulip",), ("rose",))


async def test_without_a_codec_nothing_is_between() -> None:
    converter = DataConverter.default
    assert converter.coding() is None
    assert await converter.encode([1]) == [Payload({"encoding": b"json/plain"}, b"1")]
    failure = await converter.encode_failure(ApplicationError("no", "tulip"))
    assert isinstance(await converter.decode_failure(failure), ApplicationError)
