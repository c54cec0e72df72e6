"""Replies come in rows; the number of a row says who asked, and so what its body is."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.failure import Failure
from perdure.protocol.replies import (
    Description,
    ErrorCode,
    ErrorReply,
    Outcome,
    PendingActivity,
    PendingWorkflowTask,
    ReplyKind,
    Started,
    decode_description,
    decode_error,
    decode_outcome,
    decode_replies,
    decode_started,
    encode_replies,
)


def test_rows_survive() -> None:
    rows = [(1, ReplyKind.OK, Started("run", True)), (0, ReplyKind.PUSH, None)]
    decoded = decode_replies(encode_replies(rows))
    assert decoded == ((1, 0, ("run", True)), (0, 4, None))
    assert decode_started(decoded[0][2]) == Started("run", True)


def test_a_description_shows_what_is_pending() -> None:
    activity = PendingActivity("a", "charge", "STARTED", 2, 0, 1, 2, 0, "w1", Failure("before"))
    description = Description(
        "default", "order-7", "run", "Order", "q", 1, 5, 0, 9, 900, b"", b"", (activity,), PendingWorkflowTask(5, 1)
    )
    decoded = decode_description(unpack(pack(description)))
    assert decoded == description
    assert type(decoded.pending_activities[0]) is PendingActivity
    assert type(decoded.pending_workflow_task) is PendingWorkflowTask


def test_failures_inside_are_decoded() -> None:
    for message, decode in (
        (Outcome("run", 3, b"", Failure("it broke")), decode_outcome),
        (ErrorReply(ErrorCode.QUERY_FAILED, "no", failure=Failure("it broke")), decode_error),
    ):
        assert type(decode(unpack(pack(message))).failure) is Failure


@pytest.mark.parametrize("value", [1, (1,), ((1, 2),), (("1", 0, None),), ((1, None, None),)])
def test_what_is_no_reply_is_refused(value: Any) -> None:
    with pytest.raises(DecodeError, match="must be an array"):
        decode_replies(pack(value))
