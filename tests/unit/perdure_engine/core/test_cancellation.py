"""A run is asked to cancel once; asking again is answered alike."""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import RequestCancelWorkflow
from perdure_engine.core.transition import Remember
from tests.unit.perdure_engine.core.runs import go_on, names, refusal, running

REQUEST = RequestCancelWorkflow("default", "order-7", "", "no longer wanted", "cancel-1", "client")


def test_a_request_wakes_the_workflow_once() -> None:
    run = running()
    first = run.decide(REQUEST)
    assert names(first) == ["WORKFLOW_EXECUTION_CANCEL_REQUESTED", "WORKFLOW_TASK_SCHEDULED"]
    assert Remember("cancel-1") in first.effects
    for again in (run.decide(REQUEST), run.decide(REQUEST._replace(request_id="cancel-2"))):
        assert again.reply_kind == ReplyKind.OK
        assert not again.records
        assert not again.effects


def test_a_request_that_comes_while_a_task_is_out_waits() -> None:
    run = running()
    run.decide(REQUEST)
    go_on(run)
    assert run.state.cancel_requested
    assert "cancel-1" in run.state.request_ids


def test_a_request_must_say_who_it_is() -> None:
    reply = refusal(running().decide(REQUEST._replace(request_id="")))
    assert (reply.code, reply.message) == (ErrorCode.INVALID_ARGUMENT, "request id must not be empty")


def test_a_request_for_another_chain_is_refused() -> None:
    run = running()
    reply = refusal(run.decide(REQUEST._replace(first_execution_run_id="another")))
    assert reply.code == ErrorCode.NOT_FOUND
    assert not run.state.cancel_requested
    assert run.decide(REQUEST._replace(first_execution_run_id=run.state.run_id)).reply_kind == ReplyKind.OK
    assert run.state.cancel_requested
