"""Rules about updates: what their senders were told is what histories say, and what was rejected left nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.requests import StartWorkflowWith
from perdure.protocol.updates import (
    AwaitUpdate,
    UpdateReply,
    UpdateStage,
    UpdateWorkflow,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from perdure_engine.core.update import ABANDONED
from tests.simulation.auditor.evidence import Evidence, Run
from tests.simulation.generated_updates import REFUSED
from tests.simulation.ledger import Ask
from tests.simulation.rules import Finding, Rule


def _asks(evidence: Evidence) -> Iterator[tuple[Ask, UpdateWorkflow | AwaitUpdate]]:
    """Every request that was answered by the stage of an update, and that update."""
    for kind in (UpdateWorkflow, AwaitUpdate):
        for ask in evidence.asks(kind):
            yield ask, ask.request
    for ask in evidence.asks(StartWorkflowWith):
        if ask.request.update is not None:
            yield ask, ask.request.update


def check_told(evidence: Evidence) -> Iterator[Finding]:
    for ask, update in _asks(evidence):
        for reply in ask.bodies(UpdateReply):
            run = evidence.runs.get(reply.run_id)
            problem = "there is no such run" if run is None else _problem(run, update.update_id, reply)
            if problem is not None:
                rule = Rule.UPDATE_REJECTED if _is_rejected(reply) else Rule.UPDATE_KEPT
                yield Finding(rule, f"{run}: the sender of {update.update_id} was told {reply}: {problem}")


def _problem(run: Run, update_id: str, reply: UpdateReply) -> str | None:
    """Why a history does not bear out what the sender of an update was told; None if it does."""
    accepted = [said for _, said in run.of(WorkflowExecutionUpdateAccepted) if said.protocol_instance_id == update_id]
    completed = [said for _, said in run.of(WorkflowExecutionUpdateCompleted) if said.update_id == update_id]
    if _is_rejected(reply):
        return f"it was accepted: {accepted}" if accepted else None
    if not accepted:
        return "it stands in no event"
    if reply.stage < UpdateStage.COMPLETED:
        return None
    if not completed:
        is_abandoned = run.closing is not None and reply.failure == ABANDONED
        return None if is_abandoned else "its outcome stands in no event"
    (outcome,) = completed[:1]
    return None if (outcome.result, outcome.failure) == (reply.result, reply.failure) else f"its outcome is {outcome}"


def _is_rejected(reply: UpdateReply) -> bool:
    """Whether this is the word of a validator."""
    info: Any = None if reply.failure is None else reply.failure.info
    return isinstance(info, ApplicationInfo) and info.type == REFUSED


def check_asked(evidence: Evidence) -> Iterator[Finding]:
    """What was accepted is what somebody sent."""
    sent: dict[tuple[str, str, str], list[UpdateWorkflow]] = {}
    for _, update in _asks(evidence):
        if isinstance(update, UpdateWorkflow):
            sent.setdefault((update.namespace, update.workflow_id, update.update_id), []).append(update)
    for run in evidence.runs.values():
        for _, accepted in run.of(WorkflowExecutionUpdateAccepted):
            words = {(item.update_name, item.input) for item in sent.get((*run.key, accepted.protocol_instance_id), ())}
            if (accepted.update_name, accepted.input) not in words:
                yield Finding(Rule.UNASKED, f"{run}: nobody sent the update {accepted}")


CHECKS = [check_told, check_asked]
