"""The attempt that runs here: how activity code finds it, and what it may ask and do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from perdure.activity.information import ActivityCancellationDetails, Info
from perdure.activity.shared_flag import SharedFlag
from perdure.converter import PayloadConverter
from perdure.metrics import MetricMeter

if TYPE_CHECKING:
    from perdure.client import Client


class OutboundCalls(Protocol):
    """What an interceptor may stand behind."""

    def info(self) -> Info: ...
    def heartbeat(self, *details: Any) -> None: ...


class ActivityContext(ABC):
    """One attempt, seen from inside. Whoever runs attempts says how it is told about, and what becomes of heartbeats.

    Attributes:
        cancelled, worker_shutdown: See the functions of these names.
        outbound: What stands behind `info` and `heartbeat`, if an interceptor does.
        shield: In a thread that gets its cancellation as an exception: delays that.
    """

    __slots__ = (
        "_info",
        "cancellation_details",
        "cancelled",
        "outbound",
        "payload_converter",
        "shield",
        "worker_shutdown",
    )

    def __init__(self, worker_shutdown: SharedFlag, payload_converter: PayloadConverter) -> None:
        self.cancelled = SharedFlag()
        self.worker_shutdown = worker_shutdown
        self.payload_converter = payload_converter
        self.cancellation_details: ActivityCancellationDetails | None = None
        self.shield: Callable[[], AbstractContextManager[None]] = nullcontext
        self.outbound: OutboundCalls | None = None
        self._info: Info | None = None

    @abstractmethod
    def make_info(self) -> Info:
        """Called at the first `info()`."""

    def metric_meter(self) -> MetricMeter:
        """Where metrics go; nowhere, unless whoever runs attempts says otherwise."""
        return MetricMeter.noop

    def client(self) -> Client | None:
        """The worker's client, where the activity may use it."""
        return None

    @abstractmethod
    def heartbeat(self, details: tuple[Any, ...]) -> None:
        """The activity says that it is alive. From any thread."""

    def info(self) -> Info:
        if self._info is None:
            self._info = self.make_info()
        return self._info


current_context: ContextVar[ActivityContext | None] = ContextVar("perdure_activity", default=None)


def _current() -> ActivityContext:
    context = current_context.get()
    if context is None:
        raise RuntimeError("this function of perdure.activity works only inside an activity")
    return context


def client() -> Client:
    """The client of the worker that runs this activity, to start, signal or ask workflows with.

    Raises:
        RuntimeError: the activity is a `def`: a client belongs to the event loop that it was made on, which is not that
            of a thread or of another process; or it runs outside of a worker.
    """
    found = _current().client()
    if found is None:
        raise RuntimeError(
            "there is no client here: activity.client() works in `async def` activities that a worker runs; elsewhere, "
            "connect one with Client.connect()"
        )
    return found


def in_activity() -> bool:
    """Whether this code runs inside an activity."""
    return current_context.get() is not None


def info() -> Info:
    """What the running attempt knows about itself."""
    context = _current()
    return context.info() if context.outbound is None else context.outbound.info()


def heartbeat(*details: Any) -> None:
    """Say that the activity is alive, and how far it is. Cheap: sent at most once in 0.8 of the heartbeat timeout, the
    last one counting.

    Args:
        details: What the next attempt, if there is one, finds in `info().heartbeat_details`.
    """
    context = _current()
    if context.outbound is None:
        context.heartbeat(details)
    else:
        context.outbound.heartbeat(*details)


def is_cancelled() -> bool:
    """Whether the activity was asked to stop."""
    return _current().cancelled.is_set()


def cancellation_details() -> ActivityCancellationDetails | None:
    """Why it was asked to stop; None if it was not."""
    return _current().cancellation_details


async def wait_for_cancelled() -> None:
    """Wait, on the event loop, to be asked to stop."""
    await _current().cancelled.wait()


def wait_for_cancelled_sync(timeout: timedelta | float | None = None) -> None:
    """Wait, in a thread, to be asked to stop, or for `timeout` (seconds or a timedelta)."""
    _current().cancelled.wait_sync(_seconds(timeout))


def is_worker_shutdown() -> bool:
    """Whether the worker is stopping."""
    return _current().worker_shutdown.is_set()


async def wait_for_worker_shutdown() -> None:
    """Wait, on the event loop, for the worker to begin to stop."""
    await _current().worker_shutdown.wait()


def wait_for_worker_shutdown_sync(timeout: timedelta | float | None = None) -> None:
    """Wait, in a thread, for the worker to begin to stop, or for `timeout` (seconds or a timedelta)."""
    _current().worker_shutdown.wait_sync(_seconds(timeout))


@contextmanager
def shield_thread_cancel_exception() -> Iterator[None]:
    """In a `def` activity that runs in a thread: hold back the `CancelledError` of a cancellation until the block ends.
    Elsewhere without effect."""
    with _current().shield():
        yield


def metric_meter() -> MetricMeter:
    """The meter of the worker's client, with the attributes `namespace`, `task_queue` and `activity_type` (and
    `workflow_type`, if a workflow called)."""
    return _current().metric_meter()


def payload_converter() -> PayloadConverter:
    """The converter of this activity's payloads, for code that takes raw values."""
    return _current().payload_converter


def _seconds(timeout: timedelta | float | None) -> float | None:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
