"""What the store holds of the runs of a campaign, read past the engine: rows, and the records of their histories.

Role: reads and decodes; `audit` judges. Histories are decoded by the product's codec, since their bytes are its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg

from perdure.client import WorkflowExecutionStatus
from perdure.protocol.events import EventType, HistoryEvent, decode_records

_CLOSED_BY = {
    EventType.ACTIVITY_TASK_COMPLETED,
    EventType.ACTIVITY_TASK_FAILED,
    EventType.ACTIVITY_TASK_TIMED_OUT,
    EventType.ACTIVITY_TASK_CANCELED,
}

CLOSING = {
    EventType.WORKFLOW_EXECUTION_COMPLETED: "COMPLETED",
    EventType.WORKFLOW_EXECUTION_FAILED: "FAILED",
    EventType.WORKFLOW_EXECUTION_TIMED_OUT: "TIMED_OUT",
    EventType.WORKFLOW_EXECUTION_CANCELED: "CANCELED",
    EventType.WORKFLOW_EXECUTION_TERMINATED: "TERMINATED",
}


@dataclass
class RecordedActivity:
    """One activity of a history.

    Attributes:
        closings: the types of the events that closed it; one at the most, if all is well.
        attempt: the attempt that the closing event is about; 0 if none was started.
        failed: the attempts of which the history says that they failed.
    """

    activity_id: str
    activity_type: str
    closings: list[EventType] = field(default_factory=list)
    attempt: int = 0
    failed: set[int] = field(default_factory=set)

    @property
    def completed(self) -> bool:
        return EventType.ACTIVITY_TASK_COMPLETED in self.closings


@dataclass
class Run:
    """One run: its row, and all records of its history in order (annotations have event id 0)."""

    workflow_id: str
    run_id: str
    status: str
    history_length: int
    records: list[HistoryEvent] = field(default_factory=list)

    @property
    def events(self) -> list[HistoryEvent]:
        return [record for record in self.records if record.event_id]

    def activities(self) -> list[RecordedActivity]:
        """In the order in which they were scheduled."""
        found: dict[int, RecordedActivity] = {}
        for record in self.records:
            attributes = record.attributes
            if record.event_type == EventType.ACTIVITY_TASK_SCHEDULED:
                found[record.event_id] = RecordedActivity(attributes.activity_id, attributes.activity_type)
            elif record.event_type == EventType.ACTIVITY_TASK_STARTED:
                found[attributes.scheduled_event_id].attempt = attributes.attempt
            elif record.event_type == EventType.ACTIVITY_ATTEMPT_FAILED:
                found[attributes.scheduled_event_id].failed.add(attributes.attempt)
            elif record.event_type in _CLOSED_BY:
                found[attributes.scheduled_event_id].closings.append(EventType(record.event_type))
        return list(found.values())


class TaskRow(NamedTuple):
    """One execution of an activity without a workflow."""

    task: str
    number: int
    status: str
    attempt: int


@dataclass(frozen=True)
class Store:
    """Attributes:
    runs: by workflow id, in order of their start.
    visible: the status that lists show, by run id.
    left: how many rows stand in tables that must be empty when nothing runs.
    dead_letters: reasons.
    tasks: activities without a workflow, by id and number.
    """

    runs: dict[str, list[Run]]
    visible: dict[str, str]
    left: dict[str, int]
    dead_letters: list[str]
    tasks: list[TaskRow] = field(default_factory=list)


def _status(number: int) -> str:
    return WorkflowExecutionStatus(number).name


def read_store(session: psycopg.Connection[tuple[Any, ...]]) -> Store:
    by_run: dict[str, Run] = {}
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    for workflow_id, run_id, status, length in session.execute(
        "SELECT workflow_id, run_id, status, history_length FROM perdure.executions WHERE shard_id >= 0 "
        "ORDER BY start_time_us"
    ):
        run = Run(workflow_id, str(run_id), _status(status), length)
        runs[workflow_id].append(run)
        by_run[run.run_id] = run
    for run_id, data in session.execute(
        "SELECT run_id, data FROM perdure.history_events WHERE shard_id >= 0 ORDER BY shard_id, run_id, batch_no"
    ):
        by_run[str(run_id)].records += decode_records(data)
    visible = {
        str(run_id): _status(status)
        for run_id, status in session.execute("SELECT run_id, status FROM perdure.executions_visibility")
    }
    left = {}
    for table in ("transfer_tasks", "timer_tasks"):
        row = session.execute(f"SELECT count(*) FROM perdure.{table} WHERE shard_id >= 0").fetchone()
        left[table] = row[0] if row is not None else 0
    tasks = [
        TaskRow(task, number, _status(status), attempt)
        for task, number, status, attempt in session.execute(
            "SELECT activity_id, number, status, attempt FROM perdure.activity_executions WHERE shard_id >= 0 "
            "ORDER BY activity_id, number"
        )
    ]
    letters = [reason for (reason,) in session.execute("SELECT reason FROM perdure.dead_letters")]
    return Store(dict(runs), visible, left, letters, tasks)
