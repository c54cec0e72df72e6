"""Updates: requests to a running workflow that are checked by it, take effect in it, and are answered by it.

Role: the messages of an update on its way from a client to the workflow's code and back. A client sends
`UpdateWorkflow` until it has its last reply; the engine hands `UpdateDelivery` to a worker with a workflow task, and
the worker says what became of it by commands `ProtocolMessage` in the completion of that task.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from perdure.protocol.codec import DecodeError, pack, struct_decoder, unpack
from perdure.protocol.failure import Failure
from perdure.protocol.payload import HeaderMap, Payloads


class UpdateStage(IntEnum):
    """How far an update has come (Temporal's numbers). ADMITTED: the engine knows of it, in memory alone. ACCEPTED: the
    workflow took it in, and its history says so. COMPLETED: there is a result or a failure."""

    ADMITTED = 1
    ACCEPTED = 2
    COMPLETED = 3


class UpdateWorkflow(NamedTuple):
    """Replies: REGISTERED with an `UpdateReply` while the update has not reached `wait_stage`, then OUTCOME with one.
    The update id makes it idempotent within a run; an admitted update is stored nowhere, so that it must be sent again
    until the last reply."""

    namespace: str
    workflow_id: str
    run_id: str
    update_id: str
    update_name: str
    input: Payloads
    identity: str
    wait_stage: int
    headers: HeaderMap = b""


class AwaitUpdate(NamedTuple):
    """As `UpdateWorkflow`, for an update that was sent before; NOT_FOUND if the run knows of none."""

    namespace: str
    workflow_id: str
    run_id: str
    update_id: str
    wait_stage: int


class UpdateReply(NamedTuple):
    """Where an update stands. `result` or `failure` is there from COMPLETED on; a rejected update is completed by the
    failure that its validator raised."""

    run_id: str
    stage: int
    result: Payloads = b""
    failure: Failure | None = None


class UpdateDelivery(NamedTuple):
    """An update as the worker gets it, and gives it back when it accepts it: an engine that knows nothing of it any
    more can write it down all the same."""

    update_id: str
    update_name: str
    input: Payloads
    identity: str
    headers: HeaderMap = b""


class UpdateMessageKind(IntEnum):
    ACCEPTANCE = 1
    REJECTION = 2
    RESPONSE = 3


class ProtocolMessage(NamedTuple):
    """What a workflow says about an update: that it takes it in (`delivery`), that its validator refused it
    (`failure`), or what its handler came to (`result` or `failure`). A rejection leaves nothing in the history."""

    update_id: str
    kind: int
    delivery: UpdateDelivery | None = None
    result: Payloads = b""
    failure: Failure | None = None


class WorkflowExecutionUpdateAccepted(NamedTuple):
    """`protocol_instance_id` is the update id. The update took effect behind the events up to
    `accepted_request_sequencing_event_id`, in the workflow task that `workflow_task_completed_event_id` closed."""

    protocol_instance_id: str
    accepted_request_message_id: str
    accepted_request_sequencing_event_id: int
    update_name: str
    input: Payloads
    identity: str
    headers: HeaderMap
    workflow_task_completed_event_id: int


class WorkflowExecutionUpdateAdmitted(NamedTuple):
    """A reset gives the run an update that an earlier run had accepted: it is delivered as if it were new, but nobody
    sends it again."""

    update_id: str
    update_name: str
    input: Payloads
    identity: str
    headers: HeaderMap


class UpdateForgotten(NamedTuple):
    """An annotation: an update that the history says was admitted was not accepted."""

    update_id: str


class WorkflowExecutionUpdateCompleted(NamedTuple):
    update_id: str
    accepted_event_id: int
    result: Payloads
    failure: Failure | None
    workflow_task_completed_event_id: int


decode_delivery = struct_decoder(UpdateDelivery)
decode_update_reply = struct_decoder(UpdateReply)


def encode_deliveries(deliveries: Sequence[UpdateDelivery]) -> bytes:
    """Updates as a task carries them; nothing where there are none."""
    return pack(tuple(deliveries)) if deliveries else b""


def decode_deliveries(data: bytes) -> tuple[UpdateDelivery, ...]:
    """The inverse of `encode_deliveries`.

    Raises:
        DecodeError: malformed.
    """
    if not data:
        return ()
    rows = unpack(data)
    if type(rows) is not tuple:
        raise DecodeError("the updates of a task must be an array")
    return tuple([decode_delivery(row) for row in rows])
