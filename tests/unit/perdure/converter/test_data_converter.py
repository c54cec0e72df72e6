"""The pair of converters."""

from __future__ import annotations

import logging

import pytest

from perdure.converter import DataConverter, default
from perdure.exceptions import ApplicationError, PayloadSizeError
from perdure.protocol.failure import ApplicationInfo


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
