"""Error replies become the exceptions that users know."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.client.connection import Refusal, check_text, checked, nothing, seconds, start_refused
from perdure.exceptions import WorkflowAlreadyStartedError
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.service import RPCStatusCode
from perdure.transport import TIMEOUT_S, Reply


@pytest.mark.parametrize("code", list(ErrorCode))
def test_each_code_has_a_status(code: ErrorCode) -> None:
    with pytest.raises(Refusal, match="no") as caught:
        checked(Reply(ReplyKind.ERROR, tuple(ErrorReply(int(code), "no"))))
    assert caught.value.status is not RPCStatusCode.UNKNOWN


def test_a_code_from_a_newer_engine_is_unknown_but_told() -> None:
    assert Refusal(ErrorReply(99, "new kind of no")).status is RPCStatusCode.UNKNOWN


def test_a_reply_that_is_no_error_is_passed_on() -> None:
    reply = Reply(ReplyKind.OK, "body")
    assert checked(reply) is reply
    nothing(reply.body)


def test_a_refused_start() -> None:
    taken = start_refused(Refusal(ErrorReply(int(ErrorCode.ALREADY_STARTED), "taken", "run-0")), "w", "T")
    assert isinstance(taken, WorkflowAlreadyStartedError)
    other = Refusal(ErrorReply(int(ErrorCode.UNAVAILABLE), "later"))
    assert start_refused(other, "w", "T") is other


def test_the_default_timeout() -> None:
    assert seconds(None) == TIMEOUT_S
    assert seconds(timedelta(milliseconds=1500)) == 1.5


def test_text_is_checked() -> None:
    check_text("the name", "fine")
    with pytest.raises(ValueError, match="the name has 1001 characters; the limit is 1000"):
        check_text("the name", "x" * 1001)
