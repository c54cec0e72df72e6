"""The bytes that an outbox keeps."""

from __future__ import annotations

import pytest

from perdure.outbox.record import Record, decode_record, encode_record, namespace_and_id
from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.codec import CODEC_VERSION, DecodeError, pack
from perdure.protocol.requests import (
    REQUESTS,
    DescribeWorkflow,
    SignalWorkflow,
    StartWorkflow,
    StartWorkflowWith,
)

ACTIVITY = StartActivity("shop", "a-1", "mail", "q", b"in", "r-1", "me", ActivityOptions(60_000))
WORKFLOW = StartWorkflow("shop", "w-1", "Order", "q", b"in", "r-2", "me")
WITH = StartWorkflowWith("shop", "w-1", WORKFLOW, SignalWorkflow("shop", "w-1", "", "go", b"", "r-2", "me"))


@pytest.mark.parametrize("request_", [ACTIVITY, WORKFLOW, WITH], ids=lambda request: type(request).__name__)
def test_there_and_back(request_: StartActivity | StartWorkflow | StartWorkflowWith) -> None:
    for is_coded in (False, True):
        assert decode_record(encode_record(request_, is_coded)) == Record(request_, is_coded)
    assert namespace_and_id(request_) == ("shop", "a-1" if request_ is ACTIVITY else "w-1")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xc1", "msgpack"),
        (pack((1, 2)), "must be version, kind, fields"),
        (pack((CODEC_VERSION + 1, 1, WORKFLOW, False)), "update the relay"),
        (pack((CODEC_VERSION, 9999, (), False)), "9999"),
        (
            pack((CODEC_VERSION, REQUESTS.kind_of[DescribeWorkflow], DescribeWorkflow("n", "w", ""), False)),
            "DescribeWorkflow is no start",
        ),
    ],
)
def test_what_is_no_start_is_not_sent(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode_record(data)
