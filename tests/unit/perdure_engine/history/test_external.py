"""Signals and requests to cancel between runs: taken in once, answered each time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.protocol.child_workflow import ParentClosePolicy
from perdure.protocol.events import EventType
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.requests import SignalWorkflow, TerminateWorkflow
from perdure_engine.core import signal as signals
from perdure_engine.history.post import MESSAGE_KIND
from tests.engine_stage import Stage, done, until
from tests.unit.perdure_engine.history.test_messages import carry_on, child, decide_for, history, messages, types


@pytest.fixture
async def wide() -> AsyncIterator[Stage]:
    """Eight shards, so that sender and receiver live apart."""
    stage = await Stage(8).open()
    yield stage
    await stage.close()
    assert not stage.failures


def poke(workflow_id: str = "other", **changes: Any) -> SignalExternalWorkflowExecution:
    return SignalExternalWorkflowExecution(workflow_id, "", "poke", b"in")._replace(**changes)


def stop(workflow_id: str = "other", **changes: Any) -> RequestCancelExternalWorkflowExecution:
    return RequestCancelExternalWorkflowExecution(workflow_id, "", "enough")._replace(**changes)


async def test_signals_and_requests_arrive(wide: Stage) -> None:
    other = await wide.start("other")
    sender = await wide.start("sender")
    await decide_for(wide, sender, poke(), stop())
    await carry_on(wide, lambda: "EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED" in types(wide, sender))
    await carry_on(wide, lambda: "WORKFLOW_EXECUTION_CANCEL_REQUESTED" in types(wide, other))
    received = [e for e in history(wide, other) if e.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED]
    assert [e.attributes[:3] for e in received] == [("poke", b"in", "workflow sender")]
    [asked] = [e for e in history(wide, other) if e.event_type == EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED]
    assert asked.attributes[:2] == ("enough", "workflow sender")
    assert "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED" in types(wide, sender)
    assert messages(wide) == 0


async def test_what_is_for_nobody_fails(wide: Stage) -> None:
    closed = await wide.start("closed")
    await decide_for(wide, closed, done())
    sender = await wide.start("sender")
    await decide_for(wide, sender, poke("nobody"), stop("closed"))
    await carry_on(wide, lambda: "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED" in types(wide, sender))
    await carry_on(wide, lambda: "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED" in types(wide, sender))


async def test_a_signal_whose_answer_was_lost_is_taken_once(wide: Stage) -> None:
    """It comes again, though its receiver has closed meanwhile."""
    other = await wide.start("other")
    sender = await wide.start("sender")
    shard_id = wide.shard_of("sender")
    assert shard_id != wide.shard_of("other")
    release, lost = wide.broker.__class__.release, []

    async def losing(self: Any, outbox: Any, ranges: Any) -> Any:
        if not lost and outbox.inbox_sends.get(shard_id):
            lost.append(outbox.inbox_sends.pop(shard_id))
        return await release(self, outbox, ranges)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide.broker.__class__, "release", losing)
        await decide_for(wide, sender, poke())
        await until(lambda: lost)
    await wide.ask(
        TerminateWorkflow("default", "other", other, "enough", b"", "t", "client"), shard_id=wide.shard_of("other")
    )
    await until(lambda: messages(wide) == 0, within_s=120)
    assert "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED" in types(wide, sender)
    assert types(wide, other).count("WORKFLOW_EXECUTION_SIGNALED") == 1


async def test_a_run_that_takes_no_more_signals_says_so(wide: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SIGNALS_MAX", 1)
    await wide.start("other")
    sender = await wide.start("sender")
    request = SignalWorkflow("default", "other", "", "first", b"", "first", "client")
    await wide.ask(request, shard_id=wide.shard_of("other"))
    await decide_for(wide, sender, poke())
    await until(lambda: "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED" in types(wide, sender))
    kind = EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED
    [failed] = [e.attributes for e in history(wide, sender) if e.event_type == kind]
    assert failed.cause == "SIGNAL_COUNT_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("policy", "ends"),
    [
        (ParentClosePolicy.TERMINATE, "WORKFLOW_EXECUTION_TERMINATED"),
        (ParentClosePolicy.REQUEST_CANCEL, "WORKFLOW_EXECUTION_CANCEL_REQUESTED"),
    ],
)
@pytest.mark.parametrize("is_started", [True, False])
async def test_children_follow_their_parent(
    wide: Stage, policy: ParentClosePolicy, ends: str, is_started: bool
) -> None:
    """One that was started; and one of whose start the parent had not heard when it closed."""
    parent = await wide.start("parent")
    kid = run_id_for_child(parent, 5)
    held: list[Any] = []
    release = wide.broker.__class__.release

    async def holding(self: Any, outbox: Any, ranges: Any) -> Any:
        if not is_started and not held and outbox.inbox_sends.get(wide.shard_of("parent")):
            held.append(outbox.inbox_sends.pop(wide.shard_of("parent")))
        return await release(self, outbox, ranges)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide.broker.__class__, "release", holding)
        await wide.decide(child(parent_close_policy=policy))
        await until(lambda: types(wide, kid) and (held or messages(wide) == 0))
    request = TerminateWorkflow("default", "parent", "", "enough", b"", "t", "client")
    await wide.ask(request, shard_id=wide.shard_of("parent"))
    for data in held[0] if held else ():
        await wide.broker.send([(wide.shard_of("parent"), data)])
    await carry_on(wide, lambda: ends in types(wide, kid))
    await until(lambda: not [row for row in wide.outstanding(MESSAGE_KIND) if row.run_id == parent])


async def test_a_child_that_is_abandoned_runs_on(wide: Stage) -> None:
    parent = await wide.start("parent")
    await wide.decide(child(parent_close_policy=ParentClosePolicy.ABANDON))
    await until(lambda: messages(wide) == 0)
    request = TerminateWorkflow("default", "parent", "", "enough", b"", "t", "client")
    await wide.ask(request, shard_id=wide.shard_of("parent"))
    kid = run_id_for_child(parent, 5)
    await decide_for(wide, kid, done())
    assert types(wide, kid)[-1] == "WORKFLOW_EXECUTION_COMPLETED"
    await until(lambda: messages(wide) == 0)
