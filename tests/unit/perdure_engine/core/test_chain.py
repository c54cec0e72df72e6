"""Requests that name a chain of runs leave those of another one alone."""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import TerminateWorkflow
from perdure_engine.core import chain
from perdure_engine.core.transition import Transition
from tests.unit.perdure_engine.core.runs import refusal, running

TERMINATION = TerminateWorkflow("default", "order-7", "", "no longer wanted", b"", "t-1", "client")


def test_any_chain_is_meant_by_none() -> None:
    assert not chain.refuses(running().state, "", Transition())


def test_a_later_chain_is_not_terminated() -> None:
    run = running()
    reply = refusal(run.decide(TERMINATION._replace(first_execution_run_id="earlier")))
    assert (reply.code, reply.run_id) == (ErrorCode.NOT_FOUND, run.state.run_id)
    assert "no open run in the chain that began with run earlier" in reply.message
    assert run.state.outcome is None


def test_a_later_run_of_the_chain_is() -> None:
    run = running()
    run.state.started = run.state.started._replace(first_execution_run_id="first")
    ended = run.decide(TERMINATION._replace(first_execution_run_id="first"))
    assert ended.reply_kind == ReplyKind.OK
    assert run.state.outcome is not None
