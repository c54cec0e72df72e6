"""A call of an activity that another process carries out, as bytes: what goes there, and what comes back.

Bytes in and bytes out: what cannot be put together again fails its own attempt, and nobody else's.
"""

from __future__ import annotations

import logging
import pickle
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from perdure.activity.context import ActivityContext, current_context
from perdure.activity.definition import ActivityDefinition
from perdure.activity.information import Info
from perdure.activity.shared_flag import SharedFlag
from perdure.converter import DataConverter, PayloadConverter
from perdure.exceptions import ApplicationError
from perdure.metrics import MetricMeter
from perdure.protocol.codec import unpack
from perdure.protocol.tasks import decode_task
from perdure.worker.activity_information import arguments_of, information_of
from perdure.worker.thread_cancellation import ThreadCancellation

logger = logging.getLogger("perdure.worker")

BEAT_S = 0.05
"""Heartbeats leave the process at most so often; the worker sends them on more seldom still."""


class ProcessContext(ActivityContext):
    """An attempt as its code sees it in this process."""

    __slots__ = ("_held_back", "_held_lock", "_send", "_sent_at", "raises", "tell", "told")

    def __init__(
        self, worker_shutdown: SharedFlag, send: Callable[[tuple[Any, ...]], None], told: Info | None = None
    ) -> None:
        super().__init__(worker_shutdown, PayloadConverter.default)
        self.told = told
        self.tell: Callable[[], Info] | None = None
        self.raises = True
        self._send = send
        self._sent_at = float("-inf")
        self._held_back: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._held_lock = threading.Lock()

    def make_info(self) -> Info:
        if self.tell is not None:
            return self.tell()
        assert self.told is not None
        return self.told

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        self._held_back.put(details)
        if time.monotonic() - self._sent_at >= BEAT_S:
            self.flush()

    def metric_meter(self) -> MetricMeter:
        raise RuntimeError(
            "activity.metric_meter() does not reach the worker from another process; run this activity in a thread "
            "(activity_executor=ThreadPoolExecutor(...)), or set up a meter of the process's own"
        )

    def flush(self) -> None:
        """Send the last heartbeat that was held back."""
        with self._held_lock:
            latest = None
            while not self._held_back.empty():
                latest = self._held_back.get()
            if latest is not None:
                self._sent_at = time.monotonic()
                self._send(latest)


def pack_call(function: Callable[..., Any], arguments: Iterable[Any], info: Info, *, raises: bool = True) -> bytes:
    """What `run_call` takes. `raises`: a cancellation raises an exception in the activity.

    Raises:
        Exception: something in it cannot be pickled.
    """
    return pickle.dumps((function, tuple(arguments), info, raises))


def run_call(
    call: bytes, context: ProcessContext | None = None, cancellation: ThreadCancellation | None = None
) -> bytes:
    """Call the activity, with as much around it as there can be in this process. Returns what `outcome_of` takes."""
    try:
        function, arguments, info, raises = pickle.loads(call)
        if context is None:
            context = ProcessContext(SharedFlag(), _refuse_beat)
        context.told, context.raises = info, raises
        token = current_context.set(context)
        try:
            result = (cancellation or ThreadCancellation()).run(function, arguments)
            return pickle.dumps((result, None))
        finally:
            current_context.reset(token)
    except BaseException as error:  # the top of one activity
        return _raised(error)


class TaskRunner:
    """Runs activities from their tasks alone: arguments are decoded, and results encoded, in this process."""

    def __init__(self, converter: DataConverter, task_queue: str) -> None:
        self._converter = converter
        self._task_queue = task_queue
        self._definitions: dict[int, ActivityDefinition | Exception] = {}

    def learn(self, number: int, definition: bytes) -> None:
        """What the tasks of this number call (`ActivityDefinition`, pickled)."""
        try:
            self._definitions[number] = pickle.loads(definition)
        except Exception as error:  # what importing a user's module raises
            self._definitions[number] = error

    def run(self, data: bytes, context: ProcessContext, cancellation: ThreadCancellation) -> tuple[bool, bytes]:
        """Call the activity of a task (the number of its definition, and the task). Returns whether it gave a result,
        encoded; else what `outcome_of` takes."""
        try:
            number, task_data = unpack(data)
            definition = self._definitions[number]
            if isinstance(definition, Exception):
                raise definition
            task: Any = decode_task(task_data)
            started_us = time.time_ns() // 1000
            converter = self._converter
            context.payload_converter = converter.payload_converter
            context.raises = not definition.no_thread_cancel_exception
            context.tell = lambda: information_of(task, converter, self._task_queue, started_us)
            token = current_context.set(context)
            try:
                result = cancellation.run(definition.function, arguments_of(task, definition, converter))
                return True, converter.to_kept_bytes((result,), "the result of activity", task.activity_type)
            finally:
                current_context.reset(token)
        except BaseException as error:  # the top of one activity
            return False, _raised(error)


def _raised(error: BaseException) -> bytes:
    trace = "".join(traceback.format_tb(error.__traceback__))
    return pickle.dumps((None, (_portable(error), trace)))


def outcome_of(answer: bytes) -> Any:
    """The result that a call gave.

    Raises:
        BaseException: what the activity raised, or what its result or exception raises when it is put together again.
    """
    value, raised = pickle.loads(answer)
    if raised is not None:
        error, trace = raised
        error.__cause__ = RemoteTraceback(trace)
        raise error
    return value


class RemoteTraceback(Exception):
    """Where an exception was raised in another process; its cause there does not travel."""


def _portable(error: BaseException) -> BaseException:
    """The exception itself if it can be put together again elsewhere, else one that says as much."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception as problem:  # what a user's `__reduce__` or `__init__` raises
        logger.debug("An exception of type %s does not travel: %s", type(error).__name__, problem)
        copy = None
    if isinstance(copy, BaseException):
        return error
    return ApplicationError(DataConverter.default.to_failure(error).message, type=type(error).__name__)


def _refuse_beat(_details: tuple[Any, ...]) -> None:
    raise RuntimeError(
        "activity.heartbeat() does not reach the worker from this executor; use "
        "activity_executor=concurrent.futures.ProcessPoolExecutor(...) or ThreadPoolExecutor(...). A lost worker is "
        "noticed without heartbeats, too"
    )
