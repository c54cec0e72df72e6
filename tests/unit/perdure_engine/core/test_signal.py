"""Signals: once a request, in order, and not without end."""

from __future__ import annotations

import pytest

from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure_engine.core import signal as module
from perdure_engine.core.transition import Remember
from tests.unit.perdure_engine.core.runs import RUN_ID, begun, go_on, names, refusal, running, signal


def test_a_signal_wakes_the_workflow() -> None:
    transition = signal(running())
    assert names(transition) == ["WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]
    assert transition.effects[0] == Remember("signal-1")


def test_a_repeated_request_is_answered_alike() -> None:
    run = begun()
    for again in (signal(run), signal(run)):
        assert again.reply_kind == ReplyKind.OK
    assert len(run.state.buffered) == 1
    go_on(run)
    assert not signal(run).effects


@pytest.mark.parametrize("buffered", [False, True])
def test_a_run_takes_only_so_many(monkeypatch: pytest.MonkeyPatch, buffered: bool) -> None:
    monkeypatch.setattr(module, "SIGNALS_MAX", 2)
    run = begun() if buffered else running()
    signal(run, "r1")
    signal(run, "r2")
    reply = refusal(signal(run, "r3"))
    assert (reply.code, reply.run_id) == (ErrorCode.RESOURCE_EXHAUSTED, RUN_ID)
    assert reply.message.startswith("workflow 'order-7' has received 2 signals, which is the limit of one run")
    assert signal(run, "r2").reply_kind == ReplyKind.OK


def test_a_signal_must_be_sound() -> None:
    run = running()
    for request_id, name, data, message in (
        ("", "poke", b"", "request id must not be empty"),
        ("r", "", b"", "signal name must not be empty"),
        ("r", "x" * 1001, b"", "signal name has 1001 characters; the limit is 1000"),
        ("r", "poke", b"x" * (PAYLOAD_SIZE_MAX + 1), "the input of signal 'poke' came to 2097153 bytes"),
    ):
        reply = refusal(signal(run, request_id, signal_name=name, input=data))
        assert reply.code == ErrorCode.INVALID_ARGUMENT
        assert reply.message.startswith(message)
