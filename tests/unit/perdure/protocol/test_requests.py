"""Requests travel together, and one that is malformed does not take its neighbours along."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.commands import COMMANDS, StartTimer
from perdure.protocol.content import ContentBlock
from perdure.protocol.requests import (
    REQUESTS,
    DescribeWorkflow,
    RequestType,
    RespondWorkflowTaskCompleted,
    StartWorkflow,
    decode_envelope,
    decode_request,
    encode_envelope,
    numbered_request,
)


def test_every_type_has_a_class() -> None:
    assert set(REQUESTS.kind_of.values()) == {int(kind) for kind in RequestType}


def test_an_envelope_carries_requests_of_one_sender() -> None:
    start = StartWorkflow("default", "order-7", "Order", "q", b"", "r", "me")
    rows = [numbered_request(1, start), numbered_request(2, DescribeWorkflow("default", "order-7", ""))]
    map_version, sender, raw = decode_envelope(encode_envelope(3, "client-1", rows))
    assert (map_version, sender) == (3, "client-1")
    assert [decode_request(row)[:2] for row in raw] == [(1, start), (2, DescribeWorkflow("default", "order-7", ""))]


def test_commands_travel_behind_their_numbers() -> None:
    command = StartTimer("nap", 5)
    numbered: Any = (COMMANDS.numbered(command),)
    request = RespondWorkflowTaskCompleted("run", 2, 1, 0, numbered, "w", "w", b"s", b"1-0")
    [row] = decode_envelope(encode_envelope(1, "w", [numbered_request(1, request)]))[2]
    assert decode_request(row).request.commands == (command,)


def test_a_malformed_request_leaves_its_neighbours() -> None:
    good = numbered_request(2, DescribeWorkflow("default", "order-7", ""))
    _, _, (first, second) = decode_envelope(pack((1, 1, "me", ((1, 7, ("default",)), good))))
    with pytest.raises(DecodeError, match="DescribeWorkflow: 1 fields, at least 3 are required"):
        decode_request(first)
    assert decode_request(second).number == 2


def test_content_travels_beside_a_request() -> None:
    block = ContentBlock(((bytes(16), b"piece"),), bytes(32))
    request = DescribeWorkflow("default", "order-7", "")
    _, _, rows = decode_envelope(encode_envelope(1, "me", [numbered_request(1, request, block)]))
    assert [decode_request(row) for row in rows] == [(1, request, block)]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (1, "an envelope must be an array of version, map version, sender and requests"),
        ((1, 1, "me"), "an envelope must be an array of version, map version, sender and requests"),
        ((2, 1, "me", ()), "envelope has codec version 2, this engine reads 1"),
        ((1, "1", "me", ()), "an envelope must be an array"),
        ((1, 1, "m\0e", ()), "an envelope must be an array"),
        ((1, 1, "me", 5), "an envelope must be an array"),
    ],
)
def test_what_is_no_envelope_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_envelope(pack(value))


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (1, "a request must be an array of number, kind, fields, and perhaps content"),
        ((1, 7), "a request must be an array of number, kind, fields, and perhaps content"),
        (("1", 7, ()), "a request must be an array of number, kind, fields, and perhaps content"),
        ((1, 7, ("default", "order", ""), 5), "content must be an array"),
        ((1, 7, ("default", "order", ""), ((), b""), 5), "a request must be an array"),
        ((1, 999, ()), "unknown request number 999"),
        ((1, 7, ("default", "order\0", "")), "DescribeWorkflow.workflow_id contains a NUL character"),
    ],
)
def test_what_is_no_request_is_refused(row: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_request(row)
