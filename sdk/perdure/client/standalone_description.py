"""What a client sees of an activity without a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from perdure.client.execution import time_of
from perdure.client.standalone_inputs import DescribeActivityInput
from perdure.client.status import PendingActivityState
from perdure.common import Priority, RetryPolicy, TypedSearchAttributes
from perdure.converter import DataConverter
from perdure.protocol.activity_executions import ActivityDescription
from perdure.protocol.replies import ExecutionStatus
from perdure.search_attributes import typed_search_attributes


class ActivityExecutionStatus(IntEnum):
    """Temporal's names and numbers."""

    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    TIMED_OUT = 6


_STATUS = {
    ExecutionStatus.RUNNING: ActivityExecutionStatus.RUNNING,
    ExecutionStatus.COMPLETED: ActivityExecutionStatus.COMPLETED,
    ExecutionStatus.FAILED: ActivityExecutionStatus.FAILED,
    ExecutionStatus.CANCELED: ActivityExecutionStatus.CANCELED,
    ExecutionStatus.TERMINATED: ActivityExecutionStatus.TERMINATED,
    ExecutionStatus.TIMED_OUT: ActivityExecutionStatus.TIMED_OUT,
}


def status_of(number: int) -> ActivityExecutionStatus:
    """The public form of a status."""
    return _STATUS[ExecutionStatus(number)]


@dataclass(frozen=True, eq=False, kw_only=True)
class ActivityExecution:
    """One execution, as lists show it.

    Attributes:
        execution_time: When its first attempt could begin: its schedule time and the start delay.
        execution_duration: From its schedule time to its close; None while it is open.
    """

    activity_id: str
    activity_run_id: str | None
    activity_type: str
    close_time: datetime | None
    execution_duration: timedelta | None
    execution_time: datetime | None
    namespace: str
    schedule_time: datetime
    status: ActivityExecutionStatus
    task_queue: str
    typed_search_attributes: TypedSearchAttributes


@dataclass(frozen=True, eq=False, kw_only=True)
class ActivityExecutionDescription(ActivityExecution):
    """One execution, with what is known of its attempts. Details that were not asked for are None."""

    attempt: int
    canceled_reason: str | None
    heartbeat_timeout: timedelta | None
    last_started_time: datetime | None
    last_worker_identity: str | None
    next_attempt_schedule_time: datetime | None
    priority: Priority
    retry_policy: RetryPolicy | None
    run_state: PendingActivityState | None
    schedule_to_close_timeout: timedelta | None
    schedule_to_start_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    start_delay: timedelta | None
    expiration_time: datetime | None
    summary: str | None
    raw_description: ActivityDescription = field(repr=False)
    data_converter: DataConverter = field(repr=False)

    def has_heartbeat_details(self) -> bool:
        """Whether there are some, and they were asked for."""
        return bool(self.raw_description.heartbeat_details)

    async def heartbeat_details(self, type_hints: Sequence[Any] | None = None) -> list[Any] | None:
        """What its code told last by `activity.heartbeat`."""
        data = self.raw_description.heartbeat_details
        return self.data_converter.from_bytes(data, type_hints) if data else None

    def has_last_failure(self) -> bool:
        """Whether an attempt failed, and its failure was asked for."""
        return self.raw_description.last_failure is not None

    async def last_failure(self) -> BaseException | None:
        """Why the attempt before this one failed."""
        failure = self.raw_description.last_failure
        return None if failure is None else self.data_converter.from_failure(failure)

    def has_input(self) -> bool:
        """Whether its arguments are kept (while it is open, and of one that did not complete), and were asked for."""
        return bool(self.raw_description.input)

    async def input(self, type_hints: Sequence[Any] | None = None) -> list[Any] | None:
        """Its arguments."""
        data = self.raw_description.input
        return self.data_converter.from_bytes(data, type_hints) if data else None

    def has_result(self) -> bool:
        """Whether it completed, and its outcome was asked for."""
        return bool(self.raw_description.result)

    async def result(self, type_hint: Any = None) -> Any | None:
        """What it returned."""
        data = self.raw_description.result
        return self.data_converter.value_from_bytes(data, type_hint) if data else None

    def has_outcome_failure(self) -> bool:
        """Whether it closed without completing, and its outcome was asked for."""
        return self.raw_description.failure is not None

    async def outcome_failure(self) -> BaseException | None:
        """Why it did not complete."""
        failure = self.raw_description.failure
        return None if failure is None else self.data_converter.from_failure(failure)


def description_of(
    row: ActivityDescription, input: DescribeActivityInput, converter: DataConverter
) -> ActivityExecutionDescription:
    """The public form of a description, without what was not asked for."""
    options = row.options
    kept = row._replace(
        input=row.input if input.include_input else b"",
        result=row.result if input.include_outcome else b"",
        failure=row.failure if input.include_outcome else None,
        heartbeat_details=row.heartbeat_details if input.include_heartbeat_details else b"",
        last_failure=row.last_failure if input.include_last_failure else None,
    )
    schedule_time, close_time = time_of(row.scheduled_time_us), _time(row.close_time_us)
    delay = timedelta(milliseconds=row.start_delay_ms)
    expires_us = row.scheduled_time_us + options.schedule_to_close_timeout_ms * 1000
    return ActivityExecutionDescription(
        activity_id=row.activity_id,
        activity_run_id=row.run_id,
        activity_type=row.activity_type,
        close_time=close_time,
        execution_duration=None if close_time is None else close_time - schedule_time,
        execution_time=schedule_time + delay,
        namespace=row.namespace,
        schedule_time=schedule_time,
        status=status_of(row.status),
        task_queue=row.task_queue,
        typed_search_attributes=typed_search_attributes(row.search_attributes),
        attempt=row.attempt,
        canceled_reason=row.cancel_reason or None,
        heartbeat_timeout=_duration(options.heartbeat_timeout_ms),
        last_started_time=_time(row.started_time_us),
        last_worker_identity=row.worker or None,
        next_attempt_schedule_time=_time(row.next_attempt_time_us),
        priority=Priority.from_data(options.priority, options.fairness),
        retry_policy=None if options.retry_policy is None else RetryPolicy.from_data(options.retry_policy),
        run_state=PendingActivityState[row.state] if row.state else None,
        schedule_to_close_timeout=_duration(options.schedule_to_close_timeout_ms),
        schedule_to_start_timeout=_duration(options.schedule_to_start_timeout_ms),
        start_to_close_timeout=_duration(options.start_to_close_timeout_ms),
        start_delay=delay or None,
        expiration_time=time_of(expires_us) if options.schedule_to_close_timeout_ms else None,
        summary=row.summary or None,
        raw_description=kept,
        data_converter=converter,
    )


def _time(time_us: int) -> datetime | None:
    return time_of(time_us) if time_us else None


def _duration(milliseconds: int) -> timedelta | None:
    return timedelta(milliseconds=milliseconds) if milliseconds else None
