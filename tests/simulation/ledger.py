"""What the outside saw: requests and replies, tasks handed out, attempts that ran. The auditor believes nothing else.

Requests, replies and handed out tasks are written down by the brokers of clients and workers (`tap`); what only the
body of an activity knows, it tells itself. Times are seconds of virtual time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from perdure.protocol.activity_executions import (
    AwaitActivity,
    DescribeActivity,
    StartActivity,
    decode_activity_description,
)
from perdure.protocol.replies import (
    ErrorReply,
    Outcome,
    ReplyKind,
    Started,
    decode_activity_directive,
    decode_error,
    decode_outcome,
    decode_started,
    decode_task_dropped,
)
from perdure.protocol.requests import (
    AwaitResult,
    RecordActivityTaskHeartbeat,
    RecordActivityTaskStarted,
    ResetWorkflow,
    RespondWorkflowTaskCompleted,
    StartWorkflow,
    StartWorkflowWith,
)
from perdure.protocol.tasks import ActivityTask, WorkflowTask
from perdure.protocol.updates import AwaitUpdate, UpdateWorkflow, decode_update_reply
from perdure_store.port import ActivityExecutionRow, ExecutionRow, HistoryRow, TransferRow
from tests.simulation.limit_plans import QueueLimits
from tests.simulation.rules import Finding, Rule
from tests.simulation.schedule_plans import SchedulePlan

Activity = tuple[str, str]
"""Run id and activity id."""

_BODIES: dict[type[Any], Callable[[Any], Any]] = {
    StartWorkflow: decode_started,
    StartWorkflowWith: decode_started,
    ResetWorkflow: decode_started,
    StartActivity: decode_started,
    DescribeActivity: decode_activity_description,
    RespondWorkflowTaskCompleted: lambda body: None if body is None else decode_task_dropped(body),
    RecordActivityTaskStarted: decode_activity_directive,
    RecordActivityTaskHeartbeat: decode_activity_directive,
}
"""What decodes the body of an OK."""


class Reply(NamedTuple):
    kind: int
    body: Any
    at_s: float


@dataclass(slots=True)
class Ask:
    """One request of one sender: when it reached an inbox (once a sending), and what came back.

    Replies of kind REGISTERED say nothing, and are left out.
    """

    sender: str
    number: int
    request: Any
    sent_s: list[float] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    @property
    def acknowledged_s(self) -> float | None:
        """When it was first answered with OK or with an outcome; None if it never was."""
        return next((reply.at_s for reply in self.replies if reply.kind != ReplyKind.ERROR), None)

    @property
    def is_refused(self) -> bool:
        """It was answered, and never with anything but errors."""
        return bool(self.replies) and all(reply.kind == ReplyKind.ERROR for reply in self.replies)

    def bodies(self, kind: type[Any]) -> list[Any]:
        return [reply.body for reply in self.replies if isinstance(reply.body, kind)]


def _goes_on(first: Any, later: Any) -> bool:
    """A start that waits for the result, once it is acknowledged, is renewed as a question for the result alone."""
    if _is_update(first):
        return isinstance(later, AwaitUpdate)  # so is an update that was accepted
    follows = {StartWorkflow: AwaitResult, StartActivity: AwaitActivity}.get(type(first))
    return follows is not None and isinstance(later, follows) and first.wait_result


def _is_update(request: Any) -> bool:
    """Whether the outcome of a request is that of an update."""
    return isinstance(request, UpdateWorkflow | AwaitUpdate) or (
        isinstance(request, StartWorkflowWith) and request.update is not None
    )


class HandOut(NamedTuple):
    """A task that a stream gave to a worker. `epoch` counts how often the broker had lost what it held by then."""

    worker: str
    task: WorkflowTask | ActivityTask
    at_s: float
    epoch: int


class Attempt(NamedTuple):
    """The body of an activity began."""

    number: int
    worker: str
    at_s: float


class TaskWrite(NamedTuple):
    """What a commit wrote about an activity without a workflow: the row of the execution, or (`entry`) that of its task
    in its place. `time_us`: that of the shard, in this commit."""

    at_s: float
    time_us: int
    row: ActivityExecutionRow | None
    entry: TransferRow | None = None


class Forgotten(NamedTuple):
    """A run as it was when it was deleted: its row, the rows of its history, its content."""

    row: ExecutionRow
    rows: dict[int, HistoryRow]
    payloads: dict[bytes, bytes]


class Listing(NamedTuple):
    """What a client was shown in the end: id, run id and status of each activity without a workflow; how many."""

    rows: list[tuple[str, str, str]]
    total: int


class Published(NamedTuple):
    """Members that entered the stream of the queue under limits, at a time of the server; `out`: all that are published
    then and not finished."""

    at_s: float
    server_ms: int
    members: tuple[str, ...]
    out: frozenset[str]


class LimitsChange(NamedTuple):
    """An operator began to set limits, and was told that they are; `end_s` None: not yet."""

    begin_s: float
    end_s: float | None
    limits: QueueLimits


class Told(NamedTuple):
    """A client asked for something, and was told that it is done; `end_s` None: not yet."""

    begin_s: float
    end_s: float | None


class Hold(NamedTuple):
    """A worker was told to come back later: nothing of this key (empty: of the queue) is to go for so long."""

    at_s: float
    server_ms: int
    key: str
    for_ms: int


@dataclass
class Ledger:
    """Attributes:
    asks: every request that reached an inbox, by sender and number.
    attempts: the attempts of each activity whose body began; one without a workflow has its own run id.
    task_writes: what was committed about activities without a workflow, in order.
    forgotten: runs that were deleted.
    listing: None if nobody took stock.
    schedules: what clients asked of each, by its id and the kind of request; `schedule_plans`: what they are.
    published, limits, holds: of the queue under limits.
    broker_jumps_s: when the broker's clock was set.
    clocks_are_right: no machine's clock was ever off.
    has_faults: something may have failed.
    losses_s: when the broker lost all or some of what it held.
    starts: workflow id and request id of each acknowledged start, to its run id.
    signals: request ids of acknowledged signals, to their workflow id.
    outcomes: what waiters were told, by run id.
    """

    asks: dict[tuple[str, int], Ask] = field(default_factory=dict)
    hand_outs: list[HandOut] = field(default_factory=list)
    attempts: dict[Activity, list[Attempt]] = field(default_factory=dict)
    losses_s: list[float] = field(default_factory=list)
    task_writes: list[TaskWrite] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)
    listing: Listing | None = None
    clocks_are_right: bool = False
    has_faults: bool = True
    schedules: dict[str, dict[str, list[Told]]] = field(default_factory=dict)
    schedule_plans: list[SchedulePlan] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    limits: list[LimitsChange] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    broker_jumps_s: list[float] = field(default_factory=list)
    starts: dict[tuple[str, str], str] = field(default_factory=dict)
    signals: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def violation(self, text: str, rule: Rule = Rule.UNEXPECTED) -> None:
        self.findings.append(Finding(rule, text))

    # What the brokers tell -----------------------------------------------------------------------------------------
    def sent(self, sender: str, number: int, request: Any, now_s: float) -> None:
        """A request reached an inbox."""
        ask = self.asks.get((sender, number))
        if ask is None:
            ask = self.asks[sender, number] = Ask(sender, number, request)
        elif ask.request != request and not _goes_on(ask.request, request):
            self.violation(f"{sender} sent two requests as number {number}: {ask.request} and {request}")
        ask.sent_s.append(now_s)

    def replied(self, sender: str, number: int, kind: int, body: Any, now_s: float) -> None:
        """A reply was read."""
        ask = self.asks.get((sender, number))
        if ask is None or kind == ReplyKind.REGISTERED:
            return
        decoded: Any = body
        if kind == ReplyKind.ERROR:
            decoded = decode_error(body)
        elif kind == ReplyKind.OUTCOME and _is_update(ask.request):
            decoded = decode_update_reply(body)
        elif kind == ReplyKind.OUTCOME:
            decoded = decode_outcome(body)
        elif type(ask.request) in _BODIES:
            decoded = _BODIES[type(ask.request)](body)
        ask.replies.append(Reply(kind, decoded, now_s))

    def handed_out(self, worker: str, task: WorkflowTask | ActivityTask, now_s: float) -> None:
        """A stream gave a task to a worker."""
        self.hand_outs.append(HandOut(worker, task, now_s, len(self.losses_s)))

    def lost(self, now_s: float) -> None:
        """The broker lost all or some of what it held."""
        self.losses_s.append(now_s)

    def has_lost_since(self, begin_s: float, until_s: float = math.inf) -> bool:
        """True if the broker lost anything between these moments."""
        return any(begin_s <= lost_s <= until_s for lost_s in self.losses_s)

    # What activities tell ------------------------------------------------------------------------------------------
    def attempt_began(self, run_id: str, activity_id: str, attempt: int, worker: str, now_s: float) -> None:
        """The first thing that the body of every activity does."""
        self.attempts.setdefault((run_id, activity_id), []).append(Attempt(attempt, worker, now_s))

    # What clients tell ---------------------------------------------------------------------------------------------
    def started(self, workflow_id: str, request_id: str, run_id: str) -> None:
        known = self.starts.setdefault((workflow_id, request_id), run_id)
        if known != run_id:
            text = f"start {request_id} of {workflow_id} was answered with {known} and {run_id}"
            self.violation(text, Rule.START_KEPT)

    def closed(self, outcome: Outcome) -> None:
        """A waiter was told how a run ended."""
        known = self.outcomes.setdefault(outcome.run_id, outcome)
        if (known.status, known.result) != (outcome.status, outcome.result):
            self.violation(f"run {outcome.run_id} has two outcomes: {known} and {outcome}", Rule.OUTCOME_TRUE)

    def reply(self, request: Any, text: str) -> None:
        """An answer that its request never deserved."""
        self.violation(f"{type(request).__name__} was answered with an error: {text}")


__all__ = [
    "Activity",
    "Ask",
    "Attempt",
    "ErrorReply",
    "Forgotten",
    "HandOut",
    "Hold",
    "Ledger",
    "LimitsChange",
    "Listing",
    "Outcome",
    "Published",
    "Reply",
    "Started",
    "TaskWrite",
    "Told",
]
