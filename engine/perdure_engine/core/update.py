"""The update machine: admitted in memory, accepted and completed in history, or refused without a trace.

    admitted --accepted by the workflow--> accepted --its handler ends--> completed
        |--its validator refuses it--> forgotten
        |--the run closes--> refused        accepted --the run closes--> failed

An admitted update travels with the next workflow task, and with each further attempt of it, until a worker has spoken;
where no task is due one is made for it (`speculation`). Its sender sends it again until it has a reply, and the update
id makes one of all its copies.
"""

from __future__ import annotations

from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.updates import (
    ProtocolMessage,
    UpdateDelivery,
    UpdateForgotten,
    UpdateMessageKind,
    UpdateReply,
    UpdateStage,
    UpdateWorkflow,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from perdure_engine.core import speculation
from perdure_engine.core.ledger import annotate, emit
from perdure_engine.core.limits import UPDATES_IN_FLIGHT_MAX, UPDATES_MAX, bounded_failure, size_problem
from perdure_engine.core.state import AdmittedUpdate, MutableState, UpdatePhase
from perdure_engine.core.transition import Transition, UpdateReached

ABANDONED = Failure.of(
    "Workflow Update failed because the Workflow completed before the Update completed.",
    ApplicationInfo("AcceptedUpdateCompletedWorkflow", non_retryable=True),
)
"""What comes of an update whose run closes while its handler is at work (Temporal's words)."""

_UNANSWERED = Failure.of(
    "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by "
    "the worker.",
    ApplicationInfo("UnprocessedUpdate", non_retryable=True),
)


# From clients ---------------------------------------------------------------------------------------------------------


def receive(state: MutableState, request: UpdateWorkflow, now_us: int, transition: Transition) -> None:
    """Admit an update, or say where it stands. The caller answers for one that is completed: its outcome is stored."""
    if request.update_id in state.updates:
        _tell(state, UpdateStage.ACCEPTED, request.wait_stage, transition)
        return
    if request.update_id in state.admitted:
        _tell(state, UpdateStage.ADMITTED, request.wait_stage, transition)
        speculation.hasten(state, now_us, transition)
        return
    if admit(state, request, transition):
        _tell(state, UpdateStage.ADMITTED, request.wait_stage, transition)
        speculation.begin(state, now_us, transition)


def admit(state: MutableState, request: UpdateWorkflow, transition: Transition) -> bool:
    """Take a new update in. False if it is refused, which is answered."""
    problem = update_problem(request)
    if problem is not None:
        transition.refuse(ErrorCode.INVALID_ARGUMENT, problem)
        return False
    if len(state.updates) + len(state.admitted) >= UPDATES_MAX:
        transition.refuse(
            ErrorCode.FAILED_PRECONDITION,
            f"workflow {state.workflow_id!r} has received {UPDATES_MAX} updates, which is the limit of one run: "
            "continue it as new, or send what needs no answer as signals",
            run_id=state.run_id,
        )
        return False
    if in_flight(state) >= UPDATES_IN_FLIGHT_MAX:
        transition.refuse(
            ErrorCode.RESOURCE_EXHAUSTED,
            f"workflow {state.workflow_id!r} has {UPDATES_IN_FLIGHT_MAX} updates in flight, which is the limit of one "
            "run: wait for one of them before sending another",
            run_id=state.run_id,
        )
        return False
    delivery = UpdateDelivery(request.update_id, request.update_name, request.input, request.identity, request.headers)
    state.admitted[request.update_id] = AdmittedUpdate(delivery)
    return True


def update_problem(request: UpdateWorkflow) -> str | None:
    """What is wrong with an update, or None."""
    if request.wait_stage not in (UpdateStage.ACCEPTED, UpdateStage.COMPLETED):
        return f"an update can be waited for until it is ACCEPTED (2) or COMPLETED (3), not {request.wait_stage}"
    return (
        text_problem("update id", request.update_id)
        or text_problem("update name", request.update_name)
        or size_problem("the input of update", request.input, request.update_name)
        or size_problem("the headers of update", request.headers, request.update_name)
    )


def in_flight(state: MutableState) -> int:
    """Updates that have no outcome yet."""
    accepted = [update for update in state.updates.values() if update.phase == UpdatePhase.ACCEPTED]
    return len(accepted) + len(state.admitted)


def _tell(state: MutableState, stage: UpdateStage, wanted: int, transition: Transition) -> None:
    transition.reply_kind = ReplyKind.OUTCOME if stage >= wanted else ReplyKind.REGISTERED
    transition.reply_body = UpdateReply(state.run_id, stage)


# From workers ---------------------------------------------------------------------------------------------------------


def message_problem(state: MutableState, message: ProtocolMessage, accepted: dict[str, int]) -> str | None:
    """What is wrong with a message, or None. `accepted`: those that this completion accepted before."""
    update_id, delivery = message.update_id, message.delivery
    if message.kind == UpdateMessageKind.ACCEPTANCE:
        if delivery is None or delivery.update_id != update_id:
            return f"update {update_id!r} is accepted, but not the one that was delivered"
        if update_id in state.updates or update_id in accepted:
            return f"update {update_id!r} is accepted a second time"
        accepted[update_id] = 1
        return text_problem("update name", delivery.update_name) or text_problem("update id", update_id)
    if message.kind == UpdateMessageKind.RESPONSE:
        known = state.updates.get(update_id)
        if update_id not in accepted and (known is None or known.phase != UpdatePhase.ACCEPTED):
            return f"update {update_id!r} is completed, but it is not at work"
        accepted.pop(update_id, None)
        return size_problem("the result of update", message.result, update_id)
    if message.kind == UpdateMessageKind.REJECTION:
        return None
    return f"a message about update {update_id!r} has the unknown kind {message.kind}"


def carry_out(
    state: MutableState,
    message: ProtocolMessage,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
) -> None:
    """Do what a checked message says."""
    if message.kind == UpdateMessageKind.ACCEPTANCE:
        _accept(state, message, completed_event_id, now_us, transition)
    elif message.kind == UpdateMessageKind.RESPONSE:
        _complete(state, message, completed_event_id, now_us, transition)
    else:
        reject(state, message, now_us, transition)


def _accept(
    state: MutableState, message: ProtocolMessage, completed_event_id: int, now_us: int, transition: Transition
) -> None:
    delivery = message.delivery
    assert delivery is not None
    sequencing_event_id = completed_event_id - 2  # the Scheduled event of the task, behind which the worker saw nothing
    accepted = WorkflowExecutionUpdateAccepted(
        delivery.update_id,
        f"{delivery.update_id}/request",
        sequencing_event_id,
        delivery.update_name,
        delivery.input,
        delivery.identity,
        delivery.headers,
        completed_event_id,
    )
    emit(state, transition, now_us, accepted)  # which takes it from those that are admitted
    transition.effects.append(UpdateReached(message.update_id, UpdateStage.ACCEPTED))


def _complete(
    state: MutableState,
    message: ProtocolMessage,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
) -> None:
    failure = None if message.failure is None else bounded_failure(message.failure)
    update = state.updates[message.update_id]
    completed = WorkflowExecutionUpdateCompleted(
        message.update_id, update.accepted_event_id, message.result, failure, completed_event_id
    )
    emit(state, transition, now_us, completed)
    reached = UpdateReached(message.update_id, UpdateStage.COMPLETED, message.result, failure)
    transition.effects.append(reached)


def reject(state: MutableState, message: ProtocolMessage, now_us: int, transition: Transition) -> None:
    """The workflow does not want the update: those who wait hear of it, and nobody else; but of one that a reset
    brought along, the history must say that it is settled."""
    rejected = state.admitted.pop(message.update_id, None)
    if rejected is None:
        return
    if rejected.is_stored:
        annotate(state, transition, now_us, UpdateForgotten(message.update_id))
    failure = bounded_failure(message.failure or Failure("the update was rejected"))
    transition.effects.append(UpdateReached(message.update_id, UpdateStage.COMPLETED, b"", failure))


def settle_unanswered(state: MutableState, event_id: int, attempt: int, now_us: int, transition: Transition) -> None:
    """A workflow task was completed: an update that it carried, and about which the worker said nothing, would be sent
    for ever."""
    for update_id, update in list(state.admitted.items()):
        if update.sent_with == (event_id, attempt):
            unanswered = ProtocolMessage(update_id, UpdateMessageKind.REJECTION, failure=_UNANSWERED)
            reject(state, unanswered, now_us, transition)


# The end of the run ---------------------------------------------------------------------------------------------------


def abandon_all(state: MutableState, transition: Transition) -> None:
    """The run is closed. What was accepted has failed; what was not is refused, unless another run takes over, which
    gets it when it is sent again."""
    for update in state.updates.values():
        if update.phase == UpdatePhase.ACCEPTED:
            failed = UpdateReached(update.update_id, UpdateStage.COMPLETED, b"", ABANDONED)
            transition.effects.append(failed)
    if state.outcome is None or not state.outcome.next_run_id:
        message = f"workflow {state.workflow_id!r} closed before it took the update in; nothing was changed"
        refusal = ErrorReply(ErrorCode.NOT_FOUND, message, state.run_id)
        for update_id in state.admitted:
            refused = UpdateReached(update_id, UpdateStage.ADMITTED, b"", None, refusal)
            transition.effects.append(refused)
    state.admitted = {}
