"""Content of a run: kept once, with what refers to it, and nothing is decided that refers to what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.child_workflow import ParentLink
from perdure.protocol.commands import CompleteWorkflowExecution
from perdure.protocol.content import (
    ContentBlock,
    Reference,
    encode_reference,
    hash_of,
    join_hashes,
    kept_size,
    pack_piece,
)
from perdure.protocol.events import EventType
from perdure.protocol.messages import Origin, SignalExternalWorkflow
from perdure.protocol.replies import ErrorCode, ReplyKind
from perdure.protocol.requests import (
    RespondActivityTaskCompleted,
    RespondWorkflowTaskCompleted,
    SignalWorkflow,
    StoreContent,
)
from perdure.protocol.updates import UpdateWorkflow
from perdure_engine.core import content as module, limits
from perdure_engine.core.content import bring_referred
from perdure_engine.core.decide import decide_message, decide_start, decide_with_content
from perdure_engine.core.transition import Close, CopyContent, KeepContent, Send, Transition
from tests.audited_run import AuditedRun
from tests.unit.perdure_engine.core.runs import (
    RUN_ID,
    START_US,
    STREAM,
    activity_command,
    begun,
    go_on,
    names,
    refusal,
    running,
    start_request,
)
from tests.unit.perdure_engine.core.test_child import command as kid

PIECES = {hash_of(data): pack_piece(data) for data in (b"one", b"two", b"three")}
ONE, TWO, THREE = PIECES
SIGNAL = SignalWorkflow("default", "order-7", "", "poke", b"", "signal-1", "client")


def block(*hashes: bytes, needs: tuple[bytes, ...] = ()) -> ContentBlock:
    return ContentBlock(tuple((name, PIECES[name]) for name in hashes), join_hashes(needs))


def test_content_is_kept_ahead_of_what_refers_to_it() -> None:
    run = running()
    before = run.state.history_size_bytes
    given = block(ONE, TWO)
    transition = run.decide(SIGNAL, given)
    assert names(transition) == ["CONTENT_KEPT", "WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED"]
    assert transition.effects[-1] == KeepContent(given.pieces)
    assert list(run.state.content) == [ONE, TWO]
    assert run.state.history_size_bytes == before + sum(kept_size(data) for _, data in given.pieces)


def test_each_piece_is_kept_once() -> None:
    run = running()
    run.decide(SIGNAL, block(ONE, TWO))
    go_on(run)
    transition = run.decide(SIGNAL._replace(request_id="signal-2"), block(TWO, THREE, THREE, needs=(ONE,)))
    assert transition.effects[-1] == KeepContent(((THREE, PIECES[THREE]),))
    go_on(run)
    transition = run.decide(SIGNAL._replace(request_id="signal-3"), block(THREE, needs=(TWO,)))
    assert "CONTENT_KEPT" not in names(transition)


def test_what_the_run_lacks_is_asked_for() -> None:
    run = running()
    reply = refusal(run.decide(SIGNAL, block(ONE, needs=(ONE, TWO, THREE))))
    assert (reply.code, reply.run_id) == (ErrorCode.CONTENT_MISSING, RUN_ID)
    assert "lacks 2 pieces" in reply.message
    assert not run.state.content
    assert run.decide(SIGNAL, block(ONE, TWO, THREE, needs=(ONE,))).reply_kind == ReplyKind.OK


def test_a_refused_request_brings_nothing() -> None:
    run = running(activity_command())
    stale = RespondActivityTaskCompleted(RUN_ID, 5, 9, run.now_us, b"", "w1", *STREAM)
    assert refusal(run.decide(stale, block(ONE))).code == ErrorCode.NOT_FOUND
    assert not run.state.content


def test_it_never_stands_behind_the_close() -> None:
    """The outcome of a run is read from its last record."""
    run = begun()
    transition = go_on(run, CompleteWorkflowExecution(b"done"), content=block(ONE))
    assert names(transition)[0] == "CONTENT_KEPT"
    assert names(transition)[-1] == "WORKFLOW_EXECUTION_COMPLETED"


def test_a_start_brings_it_behind_its_first_event() -> None:
    state, transition = decide_start(start_request(), RUN_ID, 7, START_US)
    assert state is not None
    module.keep(state, block(ONE), START_US, transition)
    assert names(transition) == ["WORKFLOW_EXECUTION_STARTED", "CONTENT_KEPT", "WORKFLOW_TASK_SCHEDULED"]
    assert list(state.content) == [ONE]


def test_it_may_come_ahead_of_its_request() -> None:
    run = running()
    transition = run.decide(StoreContent(RUN_ID), block(ONE))
    assert names(transition) == ["CONTENT_KEPT"]
    assert transition.reply_kind == ReplyKind.OK
    assert run.decide(SIGNAL, block(TWO, needs=(ONE,))).reply_kind == ReplyKind.OK


def test_a_run_that_has_too_much_ends(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    run = running()
    monkeypatch.setattr(limits, "HISTORY_SIZE_MAX", run.state.history_size_bytes - 1)
    transition = run.decide(StoreContent(RUN_ID), block(ONE))
    assert any(isinstance(effect, Close) for effect in transition.effects)
    assert transition.records[-1].event_type == EventType.WORKFLOW_EXECUTION_TERMINATED


def test_a_snapshot_holds_the_hashes() -> None:
    run = running()
    run.decide(SIGNAL, block(ONE, TWO))
    run.end_batch()
    run.take_snapshot()
    run.reload(from_snapshot=True)
    assert list(run.state.content) == [ONE, TWO]
    assert module.refuses(run.state, block(needs=(ONE, TWO)), run.started) is False


def test_an_update_has_its_content_from_when_it_is_taken_in() -> None:
    run = running()
    update = UpdateWorkflow("default", "order-7", "", "u", "change", encode_reference(Reference(3, ((ONE,),))), "me", 2)
    transition = run.decide(update, block(ONE))
    assert names(transition) == ["CONTENT_KEPT"]
    assert transition.effects[-1] == KeepContent(((ONE, PIECES[ONE]),))
    assert "CONTENT_KEPT" not in names(run.decide(update, block(ONE))), "it is sent again until it is answered"


def test_what_happened_to_later_runs_brings_what_it_refers_to() -> None:
    base, later = running(), running()
    later.decide(SIGNAL._replace(input=encode_reference(Reference(3, ((TWO,),)))), block(ONE, TWO))
    again = [record for record in later.history if record.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED]
    transition = Transition()
    bring_referred(again, [(PARENT.run_id, later.history)], base.state, base.now_us, transition)
    assert transition.effects == [CopyContent(7, PARENT.run_id, (TWO,))]
    assert list(base.state.content) == [TWO]
    bring_referred(again, [(PARENT.run_id, later.history)], base.state, base.now_us, transition)
    assert len(transition.effects) == 1


# To other runs ------------------------------------------------------------------------------------------------------

OF_TWO = encode_reference(Reference(6, ((ONE, TWO),)))
PARENT = Origin(3, "0b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11", 5)


def sent(run: AuditedRun, transition: Transition) -> Any:
    [message] = [effect.message for effect in transition.effects if isinstance(effect, Send)]
    return message


def test_messages_say_what_their_receiver_is_to_have() -> None:
    run = running()
    run.decide(SIGNAL, block(ONE))
    transition = go_on(run, kid(input=OF_TWO), content=block(TWO, needs=(ONE,)))
    message = sent(run, transition)
    assert message.content_hashes == join_hashes((ONE, TWO))
    assert message.content_sizes == (kept_size(PIECES[ONE]), kept_size(PIECES[TWO]))
    assert message.initiated.input == OF_TWO


def test_a_result_is_told_to_the_parent_with_what_it_refers_to() -> None:
    request = start_request()
    state, _ = decide_start(request, RUN_ID, 7, START_US, ParentLink("default", "boss", "run", 5, "boss", "run"))
    assert state is not None
    task = RespondWorkflowTaskCompleted(
        RUN_ID, 2, 1, START_US, (CompleteWorkflowExecution(OF_TWO),), "w", "", STREAM, b"1-0"
    )
    transition = decide_with_content(state, task, block(ONE, TWO), START_US)
    [message] = [effect.message for effect in transition.effects if isinstance(effect, Send)]
    assert (message.result, message.content_hashes) == (OF_TWO, join_hashes((ONE, TWO)))


@pytest.mark.parametrize("waits", [False, True])
def test_what_a_message_refers_to_is_copied_once(waits: bool) -> None:
    run = running()
    if waits:
        run.decide(SIGNAL._replace(request_id="first"))
    message = SignalExternalWorkflow(PARENT, "default", "order-7", "", "poke", OF_TWO, "boss", b"", "",
                                     join_hashes((ONE, TWO)), (10, 20))  # fmt: skip
    transition = decide_message(run.state, SIGNAL._replace(input=OF_TWO), message, run.now_us)
    told = ["CONTENT_KEPT"] if waits else ["CONTENT_KEPT", "WORKFLOW_EXECUTION_SIGNALED"]
    assert names(transition)[: len(told)] == told
    assert transition.effects[-1] == CopyContent(3, PARENT.run_id, (ONE, TWO))
    assert run.state.content == {ONE: 10, TWO: 20}
    again = decide_message(run.state, SIGNAL._replace(input=OF_TWO, request_id="2"), message, run.now_us)
    assert "CONTENT_KEPT" not in names(again)
    repeated = decide_message(run.state, SIGNAL, message._replace(content_hashes=THREE, content_sizes=(1,)), run.now_us)
    assert THREE not in run.state.content, names(repeated)
