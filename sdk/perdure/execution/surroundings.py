"""What a run knows about itself from its first event: description, memo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from perdure.common import Priority, RetryPolicy
from perdure.converter import DataConverter
from perdure.execution.interceptors import WorkflowInboundInterceptor
from perdure.execution.properties import RunProperties
from perdure.execution.versions import PatchActivationInput
from perdure.metrics import MetricMeter
from perdure.protocol.events import HistoryEvent, WorkflowExecutionStarted
from perdure.protocol.payload import unpack_payload_map
from perdure.search_attributes import untyped_search_attributes
from perdure.versioning import WorkerDeploymentConfig, WorkerDeploymentVersion
from perdure.workflow.information import Info, ParentInfo, RootInfo
from perdure.workflow.metrics import ReplaySafeMeter


class WorkerSettings(NamedTuple):
    """What all workflows of a worker share."""

    namespace: str
    task_queue: str
    converter: DataConverter = DataConverter.default
    failure_exception_types: tuple[type[BaseException], ...] = ()
    interceptors: tuple[type[WorkflowInboundInterceptor], ...] = ()
    metric_meter: MetricMeter = MetricMeter.noop
    patch_activation: Callable[[PatchActivationInput], bool] | None = None
    deployment: WorkerDeploymentConfig | None = None

    @property
    def version(self) -> WorkerDeploymentVersion | None:
        """The version of the worker, if it says one."""
        return None if self.deployment is None else self.deployment.version


class RunIdentity(NamedTuple):
    """Which run this is."""

    workflow_id: str
    run_id: str


def meter_of(settings: WorkerSettings, workflow_type: str) -> MetricMeter:
    """The meter of a workflow's code."""
    said = {"namespace": settings.namespace, "task_queue": settings.task_queue, "workflow_type": workflow_type}
    return ReplaySafeMeter(settings.metric_meter.with_additional_attributes(said))


def moment(time_us: int) -> datetime:
    """Microseconds since 1970 as a UTC datetime."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_us)


def describe(
    settings: WorkerSettings,
    run: RunIdentity,
    first: HistoryEvent,
    first_task_us: int,
    properties: RunProperties,
) -> Info:
    """What `workflow.info()` returns, from the first event of the run and what became of its properties."""
    started: WorkflowExecutionStarted = first.attributes
    search_attributes = properties.search_attributes()
    link = started.parent
    return Info(
        attempt=started.attempt,
        continued_run_id=started.continued_execution_run_id or None,
        cron_schedule=started.cron_schedule or None,
        execution_timeout=_duration(started.execution_timeout_ms),
        first_execution_run_id=started.first_execution_run_id or run.run_id,
        headers=unpack_payload_map(started.headers),
        namespace=settings.namespace,
        original_execution_run_id=started.original_execution_run_id or run.run_id,
        parent=None if link is None else ParentInfo(link.namespace, link.run_id, link.workflow_id),
        root=None if link is None else RootInfo(link.root_run_id, link.root_workflow_id),
        priority=Priority.from_data(started.priority, started.fairness),
        raw_memo=properties.memo(),
        retry_policy=None if started.retry_policy is None else RetryPolicy.from_data(started.retry_policy),
        run_id=run.run_id,
        run_timeout=_duration(started.run_timeout_ms),
        search_attributes=untyped_search_attributes(search_attributes),
        start_time=moment(first_task_us),
        task_queue=started.task_queue or settings.task_queue,
        task_timeout=timedelta(milliseconds=started.task_timeout_ms),
        typed_search_attributes=search_attributes,
        workflow_id=run.workflow_id,
        workflow_start_time=moment(first.time_us),
        workflow_type=started.workflow_type,
    )


def _duration(milliseconds: int) -> timedelta | None:
    return timedelta(milliseconds=milliseconds) if milliseconds else None
