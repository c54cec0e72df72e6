"""One activity without a cluster: call it, see its heartbeats, cancel it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar, cast

from perdure.activity import ActivityCancellationDetails, Info
from perdure.activity.context import ActivityContext, current_context
from perdure.activity.definition import ActivityDefinition
from perdure.activity.shared_flag import SharedFlag
from perdure.client import Client
from perdure.common import Priority
from perdure.converter import DataConverter, PayloadConverter
from perdure.metrics import MetricMeter
from perdure.worker.thread_cancellation import ThreadCancellation

_T = TypeVar("_T")
_P = ParamSpec("_P")

CANCEL_REQUESTED = ActivityCancellationDetails(cancel_requested=True)


class ActivityEnvironment:
    """What an activity finds around it in a worker. Set the attributes before `run`.

    Attributes:
        info: What `activity.info()` gives; change it with `dataclasses.replace(environment.info, attempt=3)`.
        on_heartbeat: Called with the details of each `activity.heartbeat`.
        payload_converter: What `activity.payload_converter()` gives.
        metric_meter: What `activity.metric_meter()` gives.
        client: What `activity.client()` gives in `async` activities: a real one, or a stand-in of the test's.
    """

    def __init__(self, client: Client | None = None) -> None:
        self.client = client
        self.info = self.default_info()
        self.on_heartbeat: Callable[..., None] = lambda *details: None
        self.payload_converter: PayloadConverter = DataConverter.default.payload_converter
        self.metric_meter = MetricMeter.noop
        self._worker_shutdown = SharedFlag()
        self._running: dict[_Attempt, None] = {}
        self._cancelled: ActivityCancellationDetails | None = None

    @staticmethod
    def default_info() -> Info:
        """A first attempt of an activity of a workflow."""
        epoch = datetime.fromtimestamp(0, UTC)
        return Info(
            activity_id="test",
            activity_type="unknown",
            attempt=1,
            current_attempt_scheduled_time=epoch,
            heartbeat_details=[],
            heartbeat_timeout=None,
            is_local=False,
            namespace="default",
            schedule_to_close_timeout=timedelta(seconds=1),
            scheduled_time=epoch,
            start_to_close_timeout=timedelta(seconds=1),
            started_time=epoch,
            task_queue="test",
            task_token=b"test",
            workflow_id="test",
            workflow_namespace="default",
            workflow_run_id="test-run",
            workflow_type="test",
            priority=Priority.default,
            retry_policy=None,
            idempotency_key="test",
        )

    def run(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call an activity: its result, or, for an `async` one, the coroutine that gives it.

        Raises:
            CancelledError: `cancel` was called. In an `async` activity asyncio's, else `perdure.exceptions`'.
        """
        attempt = _Attempt(self, fn)
        if self._cancelled is not None:
            attempt.cancel(self._cancelled)
        if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None)):  # noqa: B004
            return cast(_T, attempt.run_async(cast(Coroutine[Any, Any, Any], fn(*args, **kwargs))))
        return attempt.run_here(lambda: fn(*args, **kwargs))

    def cancel(self, cancellation_details: ActivityCancellationDetails = CANCEL_REQUESTED) -> None:
        """Ask what runs, and what is run from now on, to stop. From any thread for `def` activities."""
        self._cancelled = cancellation_details
        for attempt in list(self._running):
            attempt.cancel(cancellation_details)

    def worker_shutdown(self) -> None:
        """Say that the worker stops."""
        self._worker_shutdown.set()


class _Attempt(ActivityContext):
    __slots__ = ("_environment", "_task", "_thread")

    def __init__(self, environment: ActivityEnvironment, fn: Callable[..., Any]) -> None:
        super().__init__(environment._worker_shutdown, environment.payload_converter)
        definition = ActivityDefinition.of(fn)
        self._environment = environment
        self._task: asyncio.Task[Any] | None = None
        self._thread = ThreadCancellation()
        if definition is None or not definition.no_thread_cancel_exception:
            self.shield = self._thread.shield

    def metric_meter(self) -> MetricMeter:
        return self._environment.metric_meter

    def make_info(self) -> Info:
        return self._environment.info

    def client(self) -> Client | None:
        return self._environment.client if self._task is not None else None

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        self._environment.on_heartbeat(*details)

    def cancel(self, details: ActivityCancellationDetails) -> None:
        self.cancellation_details = details
        self.cancelled.set()
        if self._task is not None:
            self._task.cancel()
        elif self.shield == self._thread.shield:
            self._thread.cancel()

    async def run_async(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        context = contextvars.copy_context()
        context.run(current_context.set, self)
        self._task = task = asyncio.get_running_loop().create_task(coroutine, context=context)
        if self.cancelled.is_set():
            task.cancel()
        self._environment._running[self] = None
        try:
            return await task
        finally:
            del self._environment._running[self]

    def run_here(self, call: Callable[[], _T]) -> _T:
        token = current_context.set(self)
        self._environment._running[self] = None
        try:
            result: _T = self._thread.run(call, ())
            return result
        finally:
            del self._environment._running[self]
            current_context.reset(token)
