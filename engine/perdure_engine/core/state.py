"""Mutable state: all that the rules need to know of one open run.

It is the fold of the run's records (`fold`), and nothing else may change it, with two exceptions. The details of
heartbeats are kept on the task's own row, and their times in memory alone. Updates that no worker has accepted are in
memory alone, and so is a workflow task that is out for their sake (see `speculation`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from perdure.protocol.deployment import VersionStamp
from perdure.protocol.events import (
    ActivityTaskScheduled,
    EventBuffered,
    HistoryEvent,
    WorkflowExecutionStarted,
)
from perdure.protocol.failure import Failure
from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure.protocol.updates import UpdateDelivery


class Bug(Exception):
    """A broken invariant: this run or shard must stop, and the rest go on. Never a matter of bad input."""


class ActivityPhase(IntEnum):
    """Where one pending activity stands. `RESOLVED`: its outcome is known and waits in the buffer."""

    SCHEDULED = 1
    STARTED = 2
    CANCEL_REQUESTED = 3
    RESOLVED = 4


class TimerPhase(IntEnum):
    STARTED = 1
    RESOLVED = 2


class ChildPhase(IntEnum):
    """Where one pending child stands. `RESOLVED`: it has closed, or was refused, and the event of it waits in the
    buffer."""

    INITIATED = 1
    STARTED = 2
    RESOLVED = 3


class ExternalPhase(IntEnum):
    """Where a signal to another workflow, or a request to cancel one, stands. `RESOLVED`: its answer waits in the
    buffer."""

    INITIATED = 1
    RESOLVED = 2


@dataclass(slots=True)
class ActivityState:
    """One pending activity. Times are 0 while unknown; `attempt` counts from 1.

    Attributes:
        attempt_scheduled_time_us: when this attempt was or, after a failure, will be dispatched.
        started_time_us: when the worker began, by what it says (`said_time_us`, on its own clock) as far as that is
            possible; `reported_time_us`: when that was recorded.
        heartbeat_time_us: the last heartbeat, and `heartbeat_check_us`: when the heartbeat timer is due. Neither is
            stored: both are 0 after a reload, until the next heartbeat and the next check.
        is_detached: its worker let go of the attempt, which is completed from elsewhere.
        is_paused: no attempt begins until it is unpaused; `is_parked`: and none is out.
        is_interrupted: it was paused or reset while this attempt was out, which may end for that; `is_reset`: reset.
        forgets_heartbeat: the next attempt finds no heartbeat details.
        attempt_base: so many attempts no longer count for the retry policy.
    """

    scheduled_event_id: int
    scheduled_time_us: int
    attributes: ActivityTaskScheduled
    phase: ActivityPhase = ActivityPhase.SCHEDULED
    attempt: int = 1
    attempt_scheduled_time_us: int = 0
    started_time_us: int = 0
    reported_time_us: int = 0
    worker: str = ""
    last_failure: Failure | None = None
    cancel_requested_event_id: int = 0
    heartbeat_details: bytes = b""
    heartbeat_time_us: int = 0
    heartbeat_check_us: int = 0
    said_time_us: int = 0
    is_detached: bool = False
    is_paused: bool = False
    is_parked: bool = False
    is_interrupted: bool = False
    is_reset: bool = False
    forgets_heartbeat: bool = False
    attempt_base: int = 0

    @property
    def counted_attempt(self) -> int:
        """The attempt as the retry policy counts it, from 1."""
        return max(self.attempt - self.attempt_base, 1)


@dataclass(slots=True)
class TimerState:
    timer_id: str
    started_event_id: int
    fire_at_us: int
    phase: TimerPhase = TimerPhase.STARTED


class UpdatePhase(IntEnum):
    ACCEPTED = 2
    COMPLETED = 3


@dataclass(slots=True)
class UpdateState:
    """An update that the history knows. `completed_batch_no`: the row of the history that holds its outcome."""

    update_id: str
    accepted_event_id: int
    phase: UpdatePhase = UpdatePhase.ACCEPTED
    completed_batch_no: int = 0


@dataclass(slots=True)
class AdmittedUpdate:
    """An update that no worker has accepted yet. It is stored nowhere: its sender sends it again until it has a reply;
    unless a reset brought it along (`is_stored`), which the history says. `sent_with`: event id and attempt of the
    workflow task that carries it."""

    delivery: UpdateDelivery
    sent_with: tuple[int, int] | None = None
    is_stored: bool = False


@dataclass(slots=True)
class ChildState:
    """One pending child. Its input is not kept: only the message that starts it holds it.

    Attributes:
        completed_event_id: the completion of the workflow task that asked for it.
        started_event_id: 0 until the event is written.
        held_cancels: the events that ask it to stop, while it is not started.
    """

    initiated_event_id: int
    completed_event_id: int
    namespace: str
    workflow_id: str
    workflow_type: str
    parent_close_policy: int
    phase: ChildPhase = ChildPhase.INITIATED
    started_event_id: int = 0
    held_cancels: tuple[int, ...] = ()


@dataclass(slots=True)
class ExternalState:
    """A signal to another workflow, or a request to cancel one, whose answer has not come.

    Attributes:
        child_initiated_event_id: the child that is meant; 0 for any other workflow.
        reason: of a request to cancel.
    """

    initiated_event_id: int
    completed_event_id: int
    namespace: str
    workflow_id: str
    run_id: str
    child_initiated_event_id: int = 0
    reason: str = ""
    phase: ExternalPhase = ExternalPhase.INITIATED


@dataclass(slots=True)
class WorkflowTaskState:
    """The workflow task that is out, or waits for its next attempt.

    From attempt 2 on a task is transient: it has no Scheduled event yet, `scheduled_event_id` is 0, and its id is the
    next event id (no event is added while it is out).

    A task that exists for updates alone is speculative: no Scheduled event either, and no row. It is known by its
    `token`, which is negative and never comes again, in place of its attempt; the token stays when the task becomes an
    ordinary one. It is not stored.
    """

    scheduled_event_id: int
    scheduled_time_us: int
    attempt: int = 1
    next_attempt_time_us: int = 0
    last_failure: Failure | None = None
    token: int = 0

    @property
    def is_speculative(self) -> bool:
        return self.token != 0 and self.scheduled_event_id == 0

    @property
    def sent_attempt(self) -> int:
        """The attempt as the worker was told."""
        return self.token or self.attempt

    def is_attempt(self, attempt: int) -> bool:
        """Whether a worker's word about `attempt` means this one."""
        return attempt == self.attempt or (attempt == self.token and attempt != 0)


@dataclass(slots=True)
class BufferedEvent:
    """An outside event that waits for the workflow task to be closed. `stored`: an annotation holds it already."""

    time_us: int
    event: EventBuffered
    stored: bool = False


@dataclass(slots=True)
class MutableState:
    """One run.

    Attributes:
        bases: for each reset that led here, its event, and the run that all events before were copied from.
        first_task_us: when the start delay is over, if there was one; else when the run began.
        recent: the events after `last_completed_event_id`, which is what a sticky worker lacks (but for
            ActivityTaskStarted, which tells a workflow nothing that its outcome does not); None when this state
            was made from a snapshot, until the next workflow task completes.
        activity_ids: the scheduled event of each pending activity id.
        timer_ids: the timer id of each pending timer's started event.
        content: the hashes of the pieces of content that the run has, and what each takes where it is kept.
        request_ids: the signals and cancel requests that took effect, to answer a repeated one.
        memo: as it is now, packed; so `search_attributes`.
        updates: those that were accepted, by update id; `admitted`: those that were not yet.
        last_token: of the last speculative workflow task, in memory alone; so is `is_warned_of`: somebody was told that
            the history is long.
        version: of the worker that completed the last workflow task; before the first one what the run inherits.
    """

    namespace: str
    workflow_id: str
    run_id: str
    shard_id: int
    started: WorkflowExecutionStarted
    start_time_us: int
    status: ExecutionStatus = ExecutionStatus.RUNNING
    next_event_id: int = 1
    batch_no: int = 0
    history_size_bytes: int = 0
    workflow_task: WorkflowTaskState | None = None
    last_completed_event_id: int = 0
    sticky_worker: str = ""
    activities: dict[int, ActivityState] = field(default_factory=dict)
    activity_ids: dict[str, int] = field(default_factory=dict)
    timers: dict[str, TimerState] = field(default_factory=dict)
    timer_ids: dict[int, str] = field(default_factory=dict)
    buffered: list[BufferedEvent] = field(default_factory=list)
    cancel_requested: bool = False
    signal_count: int = 0
    request_ids: dict[str, int] = field(default_factory=dict)
    recent: list[HistoryEvent] | None = field(default_factory=list)
    updates: dict[str, UpdateState] = field(default_factory=dict)
    admitted: dict[str, AdmittedUpdate] = field(default_factory=dict)
    last_token: int = 0
    is_warned_of: bool = False
    outcome: Outcome | None = None
    memo: bytes = b""
    search_attributes: bytes = b""
    first_task_us: int = 0
    children: dict[int, ChildState] = field(default_factory=dict)
    content: dict[bytes, int] = field(default_factory=dict)
    external_signals: dict[int, ExternalState] = field(default_factory=dict)
    external_cancels: dict[int, ExternalState] = field(default_factory=dict)
    bases: list[tuple[int, str]] = field(default_factory=list)
    version: VersionStamp | None = None

    @property
    def is_open(self) -> bool:
        return self.outcome is None

    @property
    def task_queue(self) -> str:
        return self.started.task_queue

    def run_of(self, event_id: int) -> str:
        """The run in which an event happened: this one, unless a reset copied it."""
        for reset_event_id, run_id in self.bases:
            if event_id < reset_event_id:
                return run_id
        return self.run_id

    def workflow_task_id(self) -> int:
        """The scheduled event id of the workflow task that is out, present or to come."""
        task = self.workflow_task
        if task is None:
            raise Bug(f"run {self.run_id} has no workflow task")
        return task.scheduled_event_id or self.next_event_id
