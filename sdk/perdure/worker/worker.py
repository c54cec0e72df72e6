"""`Worker`: runs the workflows and activities of one task queue."""

from __future__ import annotations

import asyncio
import concurrent.futures
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from perdure.client import Client
from perdure.connection_options import refuse_plugins
from perdure.execution.versions import PatchActivationInput
from perdure.protocol.ids import text_problem
from perdure.versioning import WorkerDeploymentConfig
from perdure.worker.deployment import check_behaviors
from perdure.worker.interceptor import Interceptor, checked_interceptors
from perdure.worker.process_pool import ProcessPool
from perdure.worker.progress import WorkerProgress
from perdure.worker.registry import Registry
from perdure.worker.shared_state import SharedStateManager
from perdure.worker.tuning import PollerBehavior, PollerBehaviorSimpleMaximum, Slots, WorkerTuner, chosen_slots
from perdure.worker.worker_run import WorkerOptions, WorkerRun
from perdure.worker.workflow_runner import UnsandboxedWorkflowRunner, WorkflowRunner, check_runners

MAX_CONCURRENT = 1_000
"""Slots of each kind of task, unless the program says otherwise."""


class Worker:
    """Polls a task queue and runs what it finds there; see `__init__` for the options.

    Use `await worker.run()`, or `async with worker:` around what it should run beside.
    """

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str,
        activities: Sequence[Callable[..., Any]] = [],
        workflows: Sequence[Any] = [],
        activity_executor: concurrent.futures.Executor | None = None,
        interceptors: Sequence[Interceptor] = [],
        identity: str | None = None,
        max_cached_workflows: int = 10_000,
        max_concurrent_workflow_tasks: int | None = None,
        max_concurrent_activities: int | None = None,
        max_concurrent_local_activities: int | None = None,
        no_remote_activities: bool = False,
        max_heartbeat_throttle_interval: timedelta = timedelta(seconds=60),
        default_heartbeat_throttle_interval: timedelta = timedelta(seconds=30),
        graceful_shutdown_timeout: timedelta = timedelta(),
        workflow_failure_exception_types: Sequence[type[BaseException]] = [],
        workflow_runner: WorkflowRunner = UnsandboxedWorkflowRunner(),  # noqa: B008  # it has no state
        unsandboxed_workflow_runner: WorkflowRunner = UnsandboxedWorkflowRunner(),  # noqa: B008  # as above
        patch_activation_callback: Callable[[PatchActivationInput], bool] | None = None,
        plugins: Sequence[object] = (),
        tuner: WorkerTuner | None = None,
        max_activities_per_second: float | None = None,
        max_task_queue_activities_per_second: float | None = None,
        on_fatal_error: Callable[[BaseException], Awaitable[None]] | None = None,
        shared_state_manager: SharedStateManager | None = None,
        workflow_task_executor: concurrent.futures.ThreadPoolExecutor | None = None,
        max_concurrent_workflow_task_polls: int | None = None,
        nonsticky_to_sticky_poll_ratio: float = 0.2,
        max_concurrent_activity_task_polls: int | None = None,
        sticky_queue_schedule_to_start_timeout: timedelta = timedelta(seconds=10),
        max_eager_activity_reservations_per_workflow_task: int = 3,
        disable_eager_activity_execution: bool = False,
        disable_safe_workflow_eviction: bool = False,
        workflow_task_poller_behavior: PollerBehavior = PollerBehaviorSimpleMaximum(maximum=5),  # noqa: B008  # frozen
        activity_task_poller_behavior: PollerBehavior = PollerBehaviorSimpleMaximum(maximum=5),  # noqa: B008  # frozen
        deployment_config: WorkerDeploymentConfig | None = None,
        deadlock_timeout: timedelta = timedelta(seconds=2),
        debug_mode: bool = False,
        task_pool: ProcessPool | None = None,
    ) -> None:
        """Make a worker. Nothing happens before it runs.

        Args:
            client: A connected client.
            task_queue: The queue to poll.
            activities: Functions, bound methods and objects decorated with `activity.defn`.
            workflows: Classes and functions decorated with `workflow.defn`.
            activity_executor: Where `def` activities run; without one, in up to 100 threads of the worker's own.
            interceptors: What stands around workflows and activities, the first one outermost; around all of them those
                of the client that are worker interceptors, too.
            identity: Who works, as histories show it; the client's identity if not given.
            max_cached_workflows: Workflows kept in memory between their tasks, as long as their histories do not exceed
                256 MiB together; others are replayed. One that waits for local activities beyond its task's timeout is
                kept beside them.
            max_concurrent_workflow_tasks: Workflow tasks at a time, 1,000 if not given.
            max_concurrent_activities: Activities at a time, 1,000 if not given; no more than the executor has room for
                if all of them are `def`.
            max_concurrent_local_activities: Local activities at a time, 1,000 if not given.
            no_remote_activities: Poll for workflows alone: the activities are only called as local ones.
            max_heartbeat_throttle_interval: Longest time between two heartbeats of an activity that heartbeats.
            default_heartbeat_throttle_interval: That time for activities without a heartbeat timeout.
            graceful_shutdown_timeout: How long activities may finish when the worker stops, before they are cancelled.
            workflow_failure_exception_types: Exceptions that fail a workflow, beside `FailureError`.
            workflow_runner, unsandboxed_workflow_runner: Accepted for programs written for `temporalio`; there is no
                sandbox to choose.
            patch_activation_callback: Asked when a run comes to `workflow.patched` for the first time, past all
                replay: whether it takes the change. Until every worker has the new code, say no: an old one could not
                go on with a run that was told yes. It must not block.
            plugins: None may be given, as to a `Client`.
            tuner: The numbers of slots, in place of the three `max_concurrent_...`.
            max_activities_per_second: At most so many activities are begun here in a second; the others wait in the
                task queue, for this worker or another. Local activities are not counted.
            max_task_queue_activities_per_second: Kept by this worker for itself, and a warning says so: several workers
                begin that many each.
            on_fatal_error: Called with what ends `run`, before it is raised.
            shared_state_manager, workflow_task_executor, max_concurrent_workflow_task_polls,
                nonsticky_to_sticky_poll_ratio, max_concurrent_activity_task_polls,
                sticky_queue_schedule_to_start_timeout, max_eager_activity_reservations_per_workflow_task,
                disable_eager_activity_execution, disable_safe_workflow_eviction, workflow_task_poller_behavior,
                activity_task_poller_behavior: Accepted for programs written for `temporalio`; there is nothing here
                that they would change.
            deployment_config: Which version of which worker deployment this is. A versioned worker is given work once
                its version is the current or the ramping one (`client.deployments`).
            deadlock_timeout: Workflow code that keeps the thread for longer loses it: its stack is logged, its workflow
                task fails and is tried again, the other workflows go on. Zero: never.
            debug_mode: Workflow code may keep the thread, so that a debugger may stop it.
            task_pool: Processes of the worker's own for `def` tasks (`perdure.task`); without them, tasks run where
                activities do.

        Raises:
            TypeError, ValueError: something cannot be run, or two have one name.
        """
        problem = text_problem("task_queue", task_queue)
        if problem is not None:
            raise ValueError(problem)
        if not workflows and not activities:
            raise ValueError("a worker needs workflows, activities or both")
        refuse_plugins(plugins)
        check_runners(workflow_runner, unsandboxed_workflow_runner)
        if no_remote_activities and not workflows:
            raise ValueError("a worker with no_remote_activities=True needs workflows, which call its activities")
        slots = chosen_slots(
            tuner,
            Slots(max_concurrent_workflow_tasks, max_concurrent_activities, max_concurrent_local_activities),
        )
        registry = Registry(workflows, activities)
        check_behaviors(deployment_config, registry)
        self._client = client
        self._on_fatal_error = on_fatal_error
        self._options = WorkerOptions(
            transport=client.transport,
            namespace=client.namespace,
            task_queue=task_queue,
            converter=client.data_converter,
            registry=registry,
            executor=activity_executor,
            identity=identity or client.identity,
            max_cached_workflows=max_cached_workflows,
            workflow_slots=slots.workflows or MAX_CONCURRENT,
            activity_slots=slots.activities or MAX_CONCURRENT,
            local_activity_slots=slots.local_activities or MAX_CONCURRENT,
            no_remote_activities=no_remote_activities,
            activities_per_second=_activity_rate(max_activities_per_second, max_task_queue_activities_per_second),
            client=client,
            max_heartbeat_interval_s=max_heartbeat_throttle_interval.total_seconds(),
            default_heartbeat_interval_s=default_heartbeat_throttle_interval.total_seconds(),
            grace_s=graceful_shutdown_timeout.total_seconds(),
            failure_exception_types=tuple(workflow_failure_exception_types),
            patch_activation=patch_activation_callback,
            deadlock_s=0.0 if debug_mode else deadlock_timeout.total_seconds(),
            interceptors=(
                *(given for given in client.interceptors if isinstance(given, Interceptor)),
                *checked_interceptors(interceptors),
            ),
            deployment=deployment_config,
            header_codec_behavior=client.header_codec_behavior,
            metric_meter=client.metric_meter,
            task_pool=task_pool,
        )
        self._shutdown_asked = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_started = False
        self._running: asyncio.Task[None] | None = None

    @property
    def task_queue(self) -> str:
        return self._options.task_queue

    @property
    def client(self) -> Client:
        return self._client

    @property
    def is_running(self) -> bool:
        return self._is_started and not self._ended.is_set()

    @property
    def is_shutdown(self) -> bool:
        return self._ended.is_set()

    def watched(self) -> WorkerProgress:
        """What `perdure.worker.health_check` looks at. To be asked for before the worker runs."""
        progress = WorkerProgress(self._client.transport.environment.monotonic)
        self._options = replace(self._options, progress=progress)
        return progress

    async def run(self) -> None:
        """Work until `shutdown` is called; when cancelled, shut down first.

        Raises:
            RuntimeError: it ran before.
            BrokerUnavailable: the server cannot be reached at the start.
        """
        if self._is_started:
            raise RuntimeError("a worker runs once; make another one")
        self._is_started = True
        try:
            await WorkerRun(self._options).run(self._shutdown_asked)
        except Exception as error:
            if self._on_fatal_error is not None:
                await self._on_fatal_error(error)
            raise
        finally:
            self._ended.set()

    async def shutdown(self) -> None:
        """Stop taking tasks, let what runs finish (`graceful_shutdown_timeout`), and wait for the end."""
        self._shutdown_asked.set()
        if self._is_started:
            await self._ended.wait()

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("a worker runs once; make another one")
        self._running = self._client.transport.environment.spawn(self.run(), name="worker")
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._running is not None
        self._shutdown_asked.set()
        await self._running


def _activity_rate(of_worker: float | None, of_queue: float | None) -> float | None:
    for name, rate in (("max_activities_per_second", of_worker), ("max_task_queue_activities_per_second", of_queue)):
        if rate is not None and rate <= 0:
            raise ValueError(f"{name} is {rate:g}; it must be above 0")
    if of_queue is None:
        return of_worker
    warnings.warn(
        "max_task_queue_activities_per_second is kept by each worker for itself: several workers of this task queue "
        "begin that many each. Divide it by their number, and give it as max_activities_per_second",
        UserWarning,
        stacklevel=3,
    )
    return of_queue if of_worker is None else min(of_worker, of_queue)
