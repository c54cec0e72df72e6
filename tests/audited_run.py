"""One run of the core with everything around it that a history service keeps, and an auditor that checks each step.

The run holds its tasks, timers, heartbeats and history rows as they would be stored, applies each transition to them,
and raises `AssertionError` as soon as they and the state tell different stories. Property tests drive it at random;
transcripts tell stories with it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from perdure.protocol.content import ContentBlock
from perdure.protocol.events import EventType, HistoryEvent, decode_records, encode_records
from perdure.protocol.requests import StartWorkflow
from perdure.protocol.tasks import ActivityTask, TaskKind, WorkflowTask, decode_task
from perdure_engine.core.content import inherit
from perdure_engine.core.deadline import START_REPORT_GRACE_MS
from perdure_engine.core.decide import decide, decide_start, decide_timer, decide_with_content
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.ledger import seal
from perdure_engine.core.snapshot import decode_snapshot, encode_snapshot
from perdure_engine.core.state import ActivityPhase, ActivityState, MutableState, TimerPhase
from perdure_engine.core.transition import (
    ClearTimer,
    Close,
    CopyContent,
    Dispatch,
    KeepContent,
    KeepHeartbeat,
    KeepWorker,
    Retire,
    Send,
    SetTimer,
    Settle,
    Successor,
    TimerKind,
    Transition,
)

OUTCOME_TYPES = frozenset(
    {
        EventType.ACTIVITY_TASK_COMPLETED,
        EventType.ACTIVITY_TASK_FAILED,
        EventType.ACTIVITY_TASK_TIMED_OUT,
        EventType.ACTIVITY_TASK_CANCELED,
    }
)

TimerRow = tuple[int, int, int]
"""When it is due, its kind, and the event that it belongs to."""

_UNFOLDED = {
    "heartbeat_time_us",
    "heartbeat_check_us",
    "stored",
    "recent",
    "admitted",
    "token",
    "last_token",
    "is_warned_of",
}
"""Fields that the fold does not give: see `perdure_engine.core.state`. Nor does it give the last heartbeat of an
activity whose outcome waits in the buffer, since its task is gone."""


def picture(value: Any) -> Any:
    """A state as plain data, without what the fold does not give."""
    if is_dataclass(value) and not isinstance(value, type):
        without = set(_UNFOLDED)
        if isinstance(value, ActivityState) and value.phase == ActivityPhase.RESOLVED:
            without.add("heartbeat_details")
        if isinstance(value, MutableState):
            more: dict[str, Any] = {"admitted": [item.delivery for item in value.admitted.values() if item.is_stored]}
            if value.workflow_task is not None and value.workflow_task.is_speculative:
                more["workflow_task"] = None
            return {**_fields(value, without), **more}
        return _fields(value, without)
    if isinstance(value, dict):
        return {key: picture(item) for key, item in value.items()}
    if isinstance(value, list):
        return [picture(item) for item in value]
    return value


def _fields(value: Any, without: set[str]) -> dict[str, Any]:
    return {item.name: picture(getattr(value, item.name)) for item in fields(value) if item.name not in without}


def told(transition: Transition) -> tuple[Any, ...]:
    """All that a transition says."""
    effects = [_close_told(item) if isinstance(item, Close) else item for item in transition.effects]
    return (transition.records, effects, transition.reply_kind, transition.reply_body)


def _close_told(close: Close) -> tuple[Any, ...]:
    if close.successor is None:
        return (close.outcome,)
    return (close.outcome, picture(close.successor.state), told(close.successor.transition))


class AuditedRun:
    """A run from its start on.

    Attributes:
        tasks: what is dispatched and not yet retired, by kind and event.
        timers: what is set and not yet cleared or fired, with its attempt.
        messages: what was sent to other runs and is not answered, by event.
        heartbeats: the details on the row of each outstanding activity task.
        content: the pieces of content that are kept.
        rows: the history as it would be stored, one element a batch that wrote records.
        history: every record that is in `rows` or will be at the end of this batch, but for annotations of the buffer.
        successor: the run that follows, once this one is closed.
    """

    def __init__(self, request: StartWorkflow, run_id: str, now_us: int) -> None:
        self._keep_nothing(now_us)
        state, transition = decide_start(request, run_id, 7, now_us)
        assert state is not None, transition.reply_body
        again, repeated = decide_start(request, run_id, 7, now_us)
        assert told(repeated) == told(transition)
        assert picture(again) == picture(state)
        self._begin(state, transition)

    def follow(self) -> AuditedRun:
        """The run that follows this one."""
        assert self.successor is not None, "nothing follows"
        inherit(self.state, self.successor, self.now_us)
        return AuditedRun.of(self.successor, self.now_us)

    @staticmethod
    def of(successor: Successor, now_us: int) -> AuditedRun:
        """A run that begins."""
        run = AuditedRun.__new__(AuditedRun)
        run._keep_nothing(now_us)
        run._begin(*successor)
        run.audit()
        return run

    def _keep_nothing(self, now_us: int) -> None:
        self.now_us = now_us
        self.tasks: dict[tuple[int, int], Dispatch] = {}
        self.timers: dict[TimerRow, int] = {}
        self.messages: dict[int, Any] = {}
        self.heartbeats: dict[int, bytes] = {}
        self.rows: list[bytes] = []
        self.content: dict[bytes, bytes] = {}
        self.history: list[HistoryEvent] = []
        self.snapshot: tuple[bytes, int] | None = None
        self.reloaded = False
        self.closes = 0
        self._unsealed: list[HistoryEvent] = []
        self._next_event_id = 1
        self._outcomes: Counter[int] = Counter()
        self.successor: Successor | None = None

    def _begin(self, state: MutableState, transition: Transition) -> None:
        self.state = state
        self.started = transition
        self._take(transition)

    # What happens ----------------------------------------------------------------------------------------------------

    def decide(self, request: Any, content: ContentBlock | None = None) -> Transition:
        """Decide one request at the present time, with the content beside it."""
        if content is not None:
            return self._step(lambda state: decide_with_content(state, request, content, self.now_us))
        return self._step(lambda state: decide(state, request, self.now_us))

    def due(self) -> list[TimerRow]:
        """Timers that are due, first things first."""
        return sorted(row for row in self.timers if row[0] <= self.now_us)

    def fire(self, row: TimerRow) -> Transition:
        """A timer is due: its row is consumed."""
        attempt = self.timers[row]
        transition = self._step(lambda state: decide_timer(state, row[1], row[2], attempt, self.now_us), firing=row)
        return transition

    def end_batch(self) -> list[HistoryEvent]:
        """Seal, and store the records of the batch as a row. Returns the annotations that sealing added."""
        sealed = seal(self.state)
        records = self._unsealed + sealed
        self._unsealed = []
        if records:
            data = encode_records(records)
            self.rows.append(data)
            self.state.batch_no += 1
            self.state.history_size_bytes += len(data)
        self._check_folds()
        return sealed

    def take_snapshot(self) -> None:
        """Keep the state as it is at the end of a batch."""
        assert not self._unsealed
        if self.state.is_open:
            self.snapshot = (encode_snapshot(self.state), self.state.batch_no)

    def reload(self, *, from_snapshot: bool) -> None:
        """Forget the state and make it again from what is stored, as a new owner of the shard does."""
        assert not self._unsealed
        self.state = self._from_snapshot() if from_snapshot and self.snapshot is not None else self._from_first()
        self.reloaded = True
        self.audit()

    # Steps -----------------------------------------------------------------------------------------------------------

    def _step(self, deciding: Callable[[MutableState], Transition], firing: TimerRow | None = None) -> Transition:
        twin = copy.deepcopy(self.state)
        again = deciding(twin)
        transition = deciding(self.state)
        assert told(again) == told(transition), "the same decision twice gives two transitions"
        assert picture(twin) == picture(self.state), "the same decision twice gives two states"
        self._take(transition)
        if firing is not None:
            self.timers.pop(firing, None)
        self.audit()
        return transition

    def _take(self, transition: Transition) -> None:
        for record in transition.records:
            self._record(record)
        for effect in transition.effects:
            if isinstance(effect, Dispatch):
                self._dispatch(effect)
            elif isinstance(effect, Retire):
                self._retire(effect)
            elif isinstance(effect, SetTimer):
                row = (effect.fire_at_us, int(effect.kind), effect.event_id)
                assert row not in self.timers, f"{effect} is set already"
                assert effect.fire_at_us >= self.now_us, f"{effect} is set in the past"
                self.timers[row] = effect.attempt
            elif isinstance(effect, ClearTimer):
                row = (effect.fire_at_us, int(effect.kind), effect.event_id)
                found = self.timers.pop(row, None)
                guessed = self.reloaded and effect.kind == TimerKind.ACTIVITY_HEARTBEAT
                assert found is not None or guessed or self.is_retry_due(effect.event_id), f"{effect} was never set"
            elif isinstance(effect, KeepHeartbeat):
                assert (TaskKind.ACTIVITY, effect.event_id) in self.tasks
                self.heartbeats[effect.event_id] = effect.details
            elif isinstance(effect, KeepWorker):
                assert self.tasks[TaskKind.ACTIVITY, effect.event_id].attempt == effect.attempt
            elif isinstance(effect, KeepContent):
                assert not self.content.keys() & dict(effect.pieces).keys(), "content is kept twice"
                self.content.update(effect.pieces)
            elif isinstance(effect, CopyContent):
                self.content.update(dict.fromkeys(effect.hashes, b""))
            elif isinstance(effect, Close):
                self.closes += 1
                self.successor = effect.successor
            elif isinstance(effect, Send):
                self.messages[effect.event_id] = effect.message
            elif isinstance(effect, Settle):
                self.messages.pop(effect.event_id, None)

    def _record(self, record: HistoryEvent) -> None:
        self.history.append(record)
        self._unsealed.append(record)
        if record.event_id:
            assert record.event_id == self._next_event_id, f"{record} where {self._next_event_id} comes next"
            self._next_event_id += 1
        assert record.time_us <= self.now_us, f"{record} comes from the future"
        if record.event_type in OUTCOME_TYPES:
            self._outcomes[record.attributes.scheduled_event_id] += 1
            assert self._outcomes[record.attributes.scheduled_event_id] == 1, f"{record} is a second outcome"

    def _dispatch(self, effect: Dispatch) -> None:
        key = (int(effect.kind), effect.event_id)
        before = self.tasks.get(key)
        assert before is None or not before.is_kept, f"{effect} is out already"
        if not effect.is_published:
            assert before is not None, f"{effect} was never published"
            self.tasks[key] = effect
            return
        task = decode_task(effect.data)
        assert isinstance(task, WorkflowTask | ActivityTask)
        assert (task.scheduled_event_id, task.attempt) == (effect.event_id, effect.attempt)
        self.tasks[key] = effect

    def _retire(self, effect: Retire) -> None:
        found = self.tasks.pop((int(effect.kind), effect.event_id), None)
        assert found is not None or self.is_retry_due(effect.event_id), f"{effect} was not out"
        self.heartbeats.pop(effect.event_id, None)

    def is_retry_due(self, event_id: int) -> bool:
        """A retry timer is due and not yet fired: the machines cannot know, and may take back what it would send."""
        kinds = (TimerKind.ACTIVITY_RETRY, TimerKind.WORKFLOW_TASK_RETRY)
        return any(
            at_us <= self.now_us and kind in kinds and row_event_id in (event_id, 0)
            for at_us, kind, row_event_id in self.timers
        )

    # The auditor -----------------------------------------------------------------------------------------------------

    def audit(self) -> None:
        """What is stored and what the state says must agree."""
        state = self.state
        out = state.workflow_task_id() if state.workflow_task is not None and state.workflow_task.is_speculative else 0
        # Nothing retires a task that has no row.
        self.tasks = {key: task for key, task in self.tasks.items() if task.is_kept or key[1] == out}
        assert state.next_event_id == self._next_event_id
        assert self.closes == (0 if state.is_open else 1)
        workflow_tasks = [key for key in self.tasks if key[0] == TaskKind.WORKFLOW]
        assert len(workflow_tasks) <= 1, f"{workflow_tasks} are out at the same time"
        self._audit_tasks()
        self._audit_timers()
        if state.workflow_task is None:
            assert not state.buffered, "events are buffered, and no task will flush them"
        assert list(state.content) == list(self.content)
        assert state.activity_ids == {
            item.attributes.activity_id: event_id for event_id, item in state.activities.items()
        }
        assert state.timer_ids == {item.started_event_id: timer_id for timer_id, item in state.timers.items()}

    def _audit_tasks(self) -> None:
        expected: dict[tuple[int, int], int] = {}
        task = self.state.workflow_task
        if task is not None and task.next_attempt_time_us <= self.now_us:
            expected[TaskKind.WORKFLOW, self.state.workflow_task_id()] = (
                task.token if task.is_speculative else task.attempt
            )
        for activity in self._pending():
            if activity.attempt_scheduled_time_us <= self.now_us and not activity.is_parked:
                expected[TaskKind.ACTIVITY, activity.scheduled_event_id] = activity.attempt
        for at_us, kind, event_id in self.timers:
            if at_us <= self.now_us and kind == TimerKind.ACTIVITY_RETRY:
                expected.pop((TaskKind.ACTIVITY, event_id), None)
            if at_us <= self.now_us and kind == TimerKind.WORKFLOW_TASK_RETRY and task is not None:
                expected.pop((TaskKind.WORKFLOW, self.state.workflow_task_id()), None)
        assert {key: dispatch.attempt for key, dispatch in self.tasks.items()} == expected

    def _audit_timers(self) -> None:
        expected = {row for row in self._expected_timers() if row[0] > self.now_us}
        assert expected <= set(self.timers), f"not set: {expected - set(self.timers)}"
        unexpected = {
            row
            for row in self.timers
            if row not in expected
            and row[0] > self.now_us
            and not (self.reloaded and row[1] == TimerKind.ACTIVITY_HEARTBEAT)
        }
        assert not unexpected, f"left behind: {unexpected}"

    def _pending(self) -> list[ActivityState]:
        return [item for item in self.state.activities.values() if item.phase != ActivityPhase.RESOLVED]

    def _expected_timers(self) -> list[TimerRow]:
        state = self.state
        if not state.is_open:
            return []
        rows: list[TimerRow] = []
        started = state.started
        begins_us = state.first_task_us
        ends_us = [begins_us + ms * 1000 for ms in (started.run_timeout_ms, started.execution_timeout_ms) if ms]
        if started.execution_expiration_time_us:
            ends_us[-1] = started.execution_expiration_time_us
        if ends_us:
            rows.append((min(ends_us), TimerKind.RUN_TIMEOUT, 0))
        if started.start_delay_ms and state.first_task_us > state.start_time_us:
            rows.append((begins_us, TimerKind.START_DELAY, 0))
        task = state.workflow_task
        if task is not None:
            rows.append((task.next_attempt_time_us, TimerKind.WORKFLOW_TASK_RETRY, 0))
        for timer in state.timers.values():
            if timer.phase == TimerPhase.STARTED:
                rows.append((timer.fire_at_us, TimerKind.USER, timer.started_event_id))
        for activity in self._pending():
            rows.extend(self._expected_activity_timers(activity))
        return rows

    def _expected_activity_timers(self, activity: ActivityState) -> list[TimerRow]:
        event_id, wanted = activity.scheduled_event_id, activity.attributes
        attempt_us = activity.attempt_scheduled_time_us
        rows: list[TimerRow] = []
        if wanted.schedule_to_close_timeout_ms:
            due_us = activity.scheduled_time_us + wanted.schedule_to_close_timeout_ms * 1000
            rows.append((due_us, TimerKind.ACTIVITY_SCHEDULE_TO_CLOSE, event_id))
        if activity.is_parked:
            return rows
        if attempt_us > self.now_us:
            return [*rows, (attempt_us, TimerKind.ACTIVITY_RETRY, event_id)]
        if (TaskKind.ACTIVITY, event_id) not in self.tasks:
            return rows
        if not activity.reported_time_us:
            if wanted.schedule_to_start_timeout_ms:
                due_us = attempt_us + (wanted.schedule_to_start_timeout_ms + START_REPORT_GRACE_MS) * 1000
                rows.append((due_us, TimerKind.ACTIVITY_SCHEDULE_TO_START, event_id))
            return rows
        if wanted.start_to_close_timeout_ms:
            due_us = activity.reported_time_us + wanted.start_to_close_timeout_ms * 1000
            rows.append((due_us, TimerKind.ACTIVITY_START_TO_CLOSE, event_id))
        if activity.heartbeat_check_us:
            rows.append((activity.heartbeat_check_us, TimerKind.ACTIVITY_HEARTBEAT, event_id))
        elif wanted.heartbeat_timeout_ms:
            assert self.reloaded
            assert any(row[1:] == (TimerKind.ACTIVITY_HEARTBEAT, event_id) for row in self.timers)
        return rows

    # Folding ---------------------------------------------------------------------------------------------------------

    def _check_folds(self) -> None:
        folded = self._from_first()
        assert picture(folded) == picture(self.state), "the fold of the history is another state"
        if self.state.recent is not None:
            assert folded.recent == self.state.recent
        if self.snapshot is not None and self.state.is_open:
            resumed = self._from_snapshot()
            assert picture(resumed) == picture(self.state), "the fold after a snapshot is another state"
            assert resumed.recent is None or resumed.recent == folded.recent

    def _from_first(self) -> MutableState:
        records = decode_records(self.rows[0])
        state = begin(self.state.namespace, self.state.workflow_id, self.state.run_id, self.state.shard_id, records[0])
        fold(state, records[1:])
        state.batch_no = 1
        state.history_size_bytes += len(self.rows[0])
        return self._after(state, self.rows[1:])

    def _from_snapshot(self) -> MutableState:
        assert self.snapshot is not None
        data, batch_no = self.snapshot
        return self._after(decode_snapshot(data), self.rows[batch_no:])

    def _after(self, state: MutableState, rows: list[bytes]) -> MutableState:
        for data in rows:
            fold(state, decode_records(data))
            state.batch_no += 1
            state.history_size_bytes += len(data)
        for event_id, details in self.heartbeats.items():
            if event_id in state.activities:
                state.activities[event_id].heartbeat_details = details
        return state
