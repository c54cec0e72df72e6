"""The pair of converters."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from perdure.converter import DataConverter, PayloadCodec, default
from perdure.exceptions import ApplicationError, PayloadSizeError
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.payload import Payload


async def test_values_and_payloads() -> None:
    converter = default()
    payloads = await converter.encode([1, None, b"x"])
    assert await converter.decode(payloads, [float]) == [1.0, None, b"x"]


def test_no_values_are_no_bytes() -> None:
    assert DataConverter.default.to_bytes(()) == b""
    assert DataConverter.default.from_bytes(b"") == []
    assert DataConverter.default.value_from_bytes(b"", int) is None
    assert DataConverter.default.value_from_bytes(DataConverter.default.value_to_bytes(3), int) == 3


def test_what_is_too_large_is_refused_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PayloadSizeError, match="2,097,152"):
        DataConverter.default.value_to_bytes("x" * 2_100_000)
    with caplog.at_level(logging.WARNING):
        DataConverter.default.value_to_bytes("x" * 600_000)
    assert "reference to large content" in caplog.text


def test_what_is_kept_once_may_be_larger(caplog: pytest.LogCaptureFixture) -> None:
    data = DataConverter.default.to_kept_bytes(("x" * 5_000_000,), "the arguments of activity", "call")
    assert len(data) > 5_000_000
    assert "the arguments of activity 'call' take 5000031 bytes" in caplog.text
    with pytest.raises(PayloadSizeError, match="the arguments of activity 'call' take 17,000,031 bytes"):
        DataConverter.default.to_kept_bytes(("x" * 17_000_000,), "the arguments of activity", "call")
    small = DataConverter(kept_size_max=3_000_000)
    with pytest.raises(PayloadSizeError, match="the limit is 3,000,000"):
        small.to_kept_bytes(("x" * 3_000_000,))


def test_what_a_codec_encodes_is_not_kept_once() -> None:
    class Nothing(PayloadCodec):
        async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
            return list(payloads)

        async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
            return list(payloads)

    with pytest.raises(PayloadSizeError, match="the limit is 2,097,152"):
        DataConverter(payload_codec=Nothing()).to_kept_bytes(("x" * 3_000_000,))


@pytest.mark.parametrize("size", [0, -1, 64 * 1024 * 1024 + 1])
def test_the_limit_has_limits(size: int) -> None:
    with pytest.raises(ValueError, match=f"kept_size_max must be from 1 to 67108864 bytes, not {size}"):
        DataConverter(kept_size_max=size)


def test_failures() -> None:
    failure = DataConverter.default.to_failure(ApplicationError("m", type="T"))
    assert str(DataConverter.default.from_failure(failure)) == "T: m"


class _Unsayable(Exception):
    """Raises in `str`, as an exception that formats a missing attribute does."""

    def __str__(self) -> str:
        raise SystemExit(3)


def test_an_exception_that_raises_when_it_is_asked_becomes_a_failure_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise _Unsayable
    except _Unsayable as error:
        failure = DataConverter.default.to_failure(error)
    assert failure.info == ApplicationInfo("_Unsayable")
    assert "_Unsayable" in failure.message
    assert "raise _Unsayable" in failure.stack_trace
    assert "No failure can be made" in caplog.text
