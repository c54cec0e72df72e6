"""A failure says of which kind it is by its info, and stays readable however deep its causes go."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.failure import (
    CAUSES_MAX,
    ApplicationInfo,
    Failure,
    FailureKind,
    TimeoutInfo,
    TimeoutType,
    decode_failure,
)


def test_the_kind_follows_from_the_info() -> None:
    failure = Failure.of("too late", TimeoutInfo(TimeoutType.HEARTBEAT), cause=Failure("before"))
    assert failure.kind == FailureKind.TIMEOUT
    assert decode_failure(unpack(pack(failure))) == failure


def test_the_shortest_failure_is_one_of_the_application() -> None:
    assert decode_failure(("it broke",)) == Failure("it broke", FailureKind.APPLICATION, ApplicationInfo())


def test_a_chain_that_is_too_long_is_cut() -> None:
    failure = Failure("0")
    for number in range(1, 100):
        failure = Failure(str(number), cause=failure)
    link: Failure | None = decode_failure(unpack(pack(failure)))
    messages = []
    while link is not None:
        messages.append(link.message)
        link = link.cause
    assert messages == [str(number) for number in range(99, 98 - CAUSES_MAX, -1)]


def test_a_full_chain_can_be_wrapped_and_read_again() -> None:
    failure = Failure("0")
    for number in range(CAUSES_MAX + 5):
        failure = decode_failure(unpack(pack(Failure(str(number), cause=failure))))
    assert failure.message == str(CAUSES_MAX + 4)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (None, "Failure: fields must be an array, not NoneType"),
        ((), "Failure: 0 fields, at least 1 are required"),
        (("x", 6, ()), "unknown failure number 6"),
        (("x", 2, ("soon",)), "TimeoutInfo.timeout_type must be int, not str"),
        (("x", 1, (), "cause"), "cause must be NoneType or tuple, not str"),
        (("x", 1, (), ("y", 99, ())), "unknown failure number 99"),
    ],
)
def test_a_malformed_failure_is_refused(fields: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_failure(fields)
