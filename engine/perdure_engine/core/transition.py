"""What a decision asks of its caller: records to append, effects to persist, and a reply.

The caller's duties, in order: append `records` to the run's history, carry out `effects` in the same transaction, and
only when that is durable send the reply, publish the dispatched tasks, ack what was finished, and push to workers. If
the transaction fails, the state that the decision changed is to be thrown away.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.events import HistoryEvent
from perdure.protocol.failure import Failure
from perdure.protocol.fairness import Fairness
from perdure.protocol.replies import CancelActivity, ErrorCode, ErrorReply, Outcome, ReplyKind
from perdure_engine.core.state import MutableState


class TimerKind(IntEnum):
    """What a timer task means when it is due. `event_id` of its key names the user timer or activity."""

    USER = 1
    ACTIVITY_RETRY = 2
    ACTIVITY_SCHEDULE_TO_START = 3
    ACTIVITY_SCHEDULE_TO_CLOSE = 4
    ACTIVITY_START_TO_CLOSE = 5
    ACTIVITY_HEARTBEAT = 6
    WORKFLOW_TASK_RETRY = 7
    RUN_TIMEOUT = 8
    START_DELAY = 9


class Dispatch(NamedTuple):
    """A task row is to be written, and the task published once that is durable. `worker`: to that sticky worker.
    `is_kept` False: without a row; `is_published` False: it was published before, without one."""

    kind: int
    event_id: int
    attempt: int
    task_queue: str
    priority: int
    data: bytes
    worker: str = ""
    is_kept: bool = True
    is_published: bool = True
    fairness: Fairness | None = None


class Retire(NamedTuple):
    """The row of a task is to be deleted."""

    kind: int
    event_id: int


class SetTimer(NamedTuple):
    fire_at_us: int
    kind: int
    event_id: int
    attempt: int = 0


class ClearTimer(NamedTuple):
    fire_at_us: int
    kind: int
    event_id: int


class KeepHeartbeat(NamedTuple):
    """Heartbeat details for the row of an activity task."""

    event_id: int
    details: bytes


DETACHED = "detached"
"""In place of a worker on the row of a task: no worker holds the attempt, which is completed from elsewhere. No worker
is called so: their names hold a slash."""


class KeepWorker(NamedTuple):
    """The row of an activity task is to name the worker that runs its attempt (or `DETACHED`): should the streams be
    lost, the task is not published again while that worker may live."""

    event_id: int
    attempt: int
    worker: str


class KeepContent(NamedTuple):
    """Pieces of content that the run is to have from now on: pairs of hash and packed piece."""

    pieces: tuple[tuple[bytes, bytes], ...]


class CopyContent(NamedTuple):
    """Pieces of content that the run is to have from now on, as another run has them."""

    from_shard_id: int
    from_run_id: str
    hashes: tuple[bytes, ...]


class Remember(NamedTuple):
    """A request took effect and must be known as such even after the run has closed."""

    request_id: str


class Close(NamedTuple):
    """The run (or the activity without a workflow) is closed: its row gets its final status, its waiters the outcome.
    `successor`: the run that follows, which begins in the same transaction."""

    outcome: Outcome
    successor: Successor | None = None


class Keep(NamedTuple):
    """Of an activity without a workflow: the entry of its task no longer tells all that is known of it, and a row is to
    do so."""


class Successor(NamedTuple):
    """A run that follows another of its workflow id, and what its start asks for."""

    state: MutableState
    transition: Transition


class Warn(NamedTuple):
    """Something about the run that its operators should know."""

    message: str


class Relist(NamedTuple):
    """What lists show of the run has changed while it is open."""


class Push(NamedTuple):
    """A word to a worker about an attempt that it runs."""

    worker: str
    message: CancelActivity


class Send(NamedTuple):
    """A message to another run: its row is to be written, and it is sent once that is durable, and again until its
    answer has come. `event_id` is the sender's event that it comes from; a message that this event has sent already is
    replaced."""

    event_id: int
    message: Any


class Settle(NamedTuple):
    """The message that this event sent is answered: its row is to be deleted."""

    event_id: int


class UpdateReached(NamedTuple):
    """An update has come to a stage, which those who wait for it are to be told: with its outcome, if it is COMPLETED;
    or with `refusal`, if it will never come to one on this run."""

    update_id: str
    stage: int
    result: bytes = b""
    failure: Failure | None = None
    refusal: ErrorReply | None = None


Effect = (
    Dispatch
    | Retire
    | SetTimer
    | ClearTimer
    | KeepHeartbeat
    | KeepWorker
    | Remember
    | Close
    | Keep
    | Push
    | Relist
    | Send
    | Settle
    | KeepContent
    | CopyContent
    | UpdateReached
    | Warn
)


class Transition:
    """The result of one decision. `reply_kind` None: there is nothing to answer."""

    __slots__ = ("effects", "records", "reply_body", "reply_kind")

    def __init__(self) -> None:
        self.records: list[HistoryEvent] = []
        self.effects: list[Effect] = []
        self.reply_kind: ReplyKind | None = None
        self.reply_body: Any = None

    def answer(self, body: Any = None) -> None:
        self.reply_kind = ReplyKind.OK
        self.reply_body = body

    def refuse(self, code: ErrorCode, message: str, *, run_id: str = "") -> None:
        """The request is refused and changes nothing; `message` says what was wrong and what to do."""
        self.reply_kind = ReplyKind.ERROR
        self.reply_body = ErrorReply(code, message, run_id)
