"""What a client is told about runs: a row of a list, a description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.client.status import PendingActivityState, WorkflowExecutionStatus
from perdure.common import UNSET, SearchAttributes, TypedSearchAttributes
from perdure.converter import DataConverter
from perdure.protocol.frontend import ExecutionSummary
from perdure.protocol.payload import Payload, unpack_payload_map
from perdure.protocol.replies import Description, PendingActivity, PendingWorkflowTask
from perdure.protocol.search_attributes import attributes_of_index
from perdure.search_attributes import search_attributes_of, typed_search_attributes, untyped_search_attributes
from perdure.workflow.child_options import ParentClosePolicy
from perdure.workflow.information import CONTINUE_AS_NEW_SUGGESTED_BYTES, CONTINUE_AS_NEW_SUGGESTED_EVENTS
from perdure_broker.port import WorkerInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(time_us: int) -> datetime:
    """A point of time, in UTC. Exact: floating point is not involved."""
    return _EPOCH + timedelta(microseconds=time_us)


def time_or_none(time_us: int) -> datetime | None:
    return time_of(time_us) if time_us else None


@dataclass(frozen=True, slots=True)
class WorkflowExecution:
    """One run, as a list shows it.

    Attributes:
        history_length: Events of its history; 0 in a list while the run is open.
        parent_id: The workflow id of the parent, if a workflow started this run.
        root_id: The workflow id of the first of its line.
        typed_search_attributes: What lists find it by.
    """

    id: str
    run_id: str
    namespace: str
    workflow_type: str
    task_queue: str
    status: WorkflowExecutionStatus | None
    start_time: datetime
    execution_time: datetime | None
    close_time: datetime | None
    history_length: int
    parent_id: str | None
    parent_run_id: str | None
    root_id: str | None
    root_run_id: str | None
    typed_search_attributes: TypedSearchAttributes
    _memo: bytes
    _converter: DataConverter

    @property
    def search_attributes(self) -> SearchAttributes:
        """The deprecated form: each value as a list."""
        return untyped_search_attributes(self.typed_search_attributes)

    async def memo(self) -> Mapping[str, Any]:
        """The memo, converted without type hints."""
        named = self._payloads()
        return {name: (await self._converter.decode([payload]))[0] for name, payload in named.items()}

    async def memo_value(self, key: str, default: Any = UNSET, *, type_hint: type | None = None) -> Any:
        """One value of the memo, converted to `type_hint`.

        Raises:
            KeyError: no such key, and no default.
        """
        payload = self._payloads().get(key)
        if payload is None:
            if default is UNSET:
                raise KeyError(f"the memo has no {key!r}")
            return default
        return (await self._converter.decode([payload], [type_hint]))[0]

    def _payloads(self) -> dict[str, Payload]:
        return unpack_payload_map(self._memo)


@dataclass(frozen=True, slots=True)
class PendingActivityInfo:
    """An activity that has not closed, with its retries.

    Attributes:
        attempt: From 1. While the activity waits for a retry, this is the attempt to come.
        maximum_attempts: 0 is unlimited.
        next_attempt_time: When the attempt may start, if the activity waits for a retry.
        last_failure: What the attempt before failed with.
        worker: Who runs it, once it was reported as started.
    """

    activity_id: str
    activity_type: str
    state: PendingActivityState
    attempt: int
    maximum_attempts: int
    scheduled_time: datetime | None
    started_time: datetime | None
    next_attempt_time: datetime | None
    worker: str | None
    last_failure: BaseException | None


@dataclass(frozen=True, slots=True)
class PendingWorkflowTaskInfo:
    """A workflow task that is waiting or out; `last_failure` says why its attempts before `attempt` failed."""

    scheduled_time: datetime
    attempt: int
    last_failure: BaseException | None


@dataclass(frozen=True, slots=True)
class PendingChildInfo:
    """A child workflow that has not closed, as far as its parent knows.

    Attributes:
        run_id: Its first run; None until it is started.
    """

    id: str
    run_id: str | None
    workflow_type: str
    initiated_event_id: int
    parent_close_policy: ParentClosePolicy


@dataclass(frozen=True, slots=True)
class PollerInfo:
    """A worker that polls the task queue; `last_access_age` since it last said so."""

    identity: str
    slots: int
    last_access_age: timedelta


@dataclass(frozen=True, slots=True)
class WorkflowExecutionDescription(WorkflowExecution):
    """All that is known about one run.

    Attributes:
        history_size: Bytes of its stored history.
        pending_activities: What has been scheduled and has not closed.
        pending_children: Child workflows that have not closed.
        pending_workflow_task: The workflow task that is waiting or out.
        pollers: Workers that poll its task queue for workflow tasks. Empty: the run cannot move until one does.
    """

    history_size: int
    pending_activities: tuple[PendingActivityInfo, ...]
    pending_workflow_task: PendingWorkflowTaskInfo | None
    pending_children: tuple[PendingChildInfo, ...]
    pollers: tuple[PollerInfo, ...]
    _static_summary: str = ""
    _static_details: str = ""

    @property
    def is_continue_as_new_suggested(self) -> bool:
        """Whether the run is open, and its history so long that it should go on in a new run."""
        is_long = (
            self.history_length >= CONTINUE_AS_NEW_SUGGESTED_EVENTS
            or self.history_size >= CONTINUE_AS_NEW_SUGGESTED_BYTES
        )
        return self.close_time is None and is_long

    async def static_summary(self) -> str | None:
        """What the start said of the run in one line, if anything."""
        return self._static_summary or None

    async def static_details(self) -> str | None:
        """What the start said of the run at length, if anything."""
        return self._static_details or None


def execution_of(row: ExecutionSummary, converter: DataConverter) -> WorkflowExecution:
    """The public form of a row."""
    return WorkflowExecution(
        id=row.workflow_id,
        run_id=row.run_id,
        namespace=row.namespace,
        workflow_type=row.workflow_type,
        task_queue=row.task_queue,
        status=WorkflowExecutionStatus(row.status) if row.status else None,
        start_time=time_of(row.start_time_us),
        execution_time=time_or_none(row.execution_time_us),
        close_time=time_or_none(row.close_time_us),
        history_length=row.history_length,
        parent_id=row.parent_workflow_id or None,
        parent_run_id=row.parent_run_id or None,
        root_id=row.root_workflow_id or None,
        root_run_id=row.root_run_id or None,
        typed_search_attributes=search_attributes_of(attributes_of_index(row.search_attributes)),
        _memo=row.memo,
        _converter=converter,
    )


def description_of(
    row: Description, workers: tuple[WorkerInfo, ...], converter: DataConverter
) -> WorkflowExecutionDescription:
    """The public form of a description, with who polls the run's task queue."""
    parent = row.parent
    return WorkflowExecutionDescription(
        id=row.workflow_id,
        run_id=row.run_id,
        namespace=row.namespace,
        workflow_type=row.workflow_type,
        task_queue=row.task_queue,
        status=WorkflowExecutionStatus(row.status) if row.status else None,
        start_time=time_of(row.start_time_us),
        execution_time=time_of(row.start_time_us),
        close_time=time_or_none(row.close_time_us),
        history_length=row.history_length,
        parent_id=None if parent is None else parent.workflow_id,
        parent_run_id=None if parent is None else parent.run_id,
        root_id=row.workflow_id if parent is None else parent.root_workflow_id,
        root_run_id=row.run_id if parent is None else parent.root_run_id,
        typed_search_attributes=typed_search_attributes(row.search_attributes),
        _memo=row.memo,
        _converter=converter,
        history_size=row.history_size_bytes,
        pending_activities=tuple(_pending_activity(pending, converter) for pending in row.pending_activities),
        pending_workflow_task=_pending_workflow_task(row.pending_workflow_task, converter),
        pending_children=tuple(
            PendingChildInfo(
                id=child.workflow_id,
                run_id=child.run_id or None,
                workflow_type=child.workflow_type,
                initiated_event_id=child.initiated_event_id,
                parent_close_policy=ParentClosePolicy(child.parent_close_policy),
            )
            for child in row.pending_children
        ),
        pollers=tuple(
            PollerInfo(worker.identity, worker.slots, timedelta(milliseconds=worker.age_ms)) for worker in workers
        ),
        _static_summary=row.summary,
        _static_details=row.static_details,
    )


def _pending_activity(row: PendingActivity, converter: DataConverter) -> PendingActivityInfo:
    return PendingActivityInfo(
        activity_id=row.activity_id,
        activity_type=row.activity_type,
        state=PendingActivityState[row.state],
        attempt=row.attempt,
        maximum_attempts=row.maximum_attempts,
        scheduled_time=time_or_none(row.scheduled_time_us),
        started_time=time_or_none(row.started_time_us),
        next_attempt_time=time_or_none(row.next_attempt_time_us),
        worker=row.worker or None,
        last_failure=None if row.last_failure is None else converter.from_failure(row.last_failure),
    )


def _pending_workflow_task(row: PendingWorkflowTask | None, converter: DataConverter) -> PendingWorkflowTaskInfo | None:
    if row is None:
        return None
    failure = None if row.last_failure is None else converter.from_failure(row.last_failure)
    return PendingWorkflowTaskInfo(time_of(row.scheduled_time_us), row.attempt, failure)
