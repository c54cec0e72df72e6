"""A transition says nothing until a machine does."""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure_engine.core.transition import Transition


def test_at_first_it_is_empty() -> None:
    transition = Transition()
    assert (transition.records, transition.effects, transition.reply_kind) == ([], [], None)


def test_an_answer() -> None:
    transition = Transition()
    transition.answer("body")
    assert (transition.reply_kind, transition.reply_body) == (ReplyKind.OK, "body")


def test_a_refusal() -> None:
    transition = Transition()
    transition.refuse(ErrorCode.NOT_FOUND, "it is gone", run_id="run")
    assert transition.reply_kind == ReplyKind.ERROR
    assert transition.reply_body == ErrorReply(ErrorCode.NOT_FOUND, "it is gone", "run")
