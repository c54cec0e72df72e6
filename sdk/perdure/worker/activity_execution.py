"""Runs `def` activities: in threads, or in processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import logging
import pickle
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from perdure.activity.context import ActivityContext, current_context
from perdure.activity.information import Info
from perdure.activity.shared_flag import SharedFlag
from perdure.converter import DataConverter, PayloadConverter
from perdure.exceptions import ApplicationError
from perdure.worker.activity_attempt import ActivityAttempt
from perdure.worker.thread_cancellation import ThreadCancellation

logger = logging.getLogger("perdure.worker")

Outcome = bytes | BaseException | None
"""An encoded result, or what was raised; None: it has begun."""


class ActivityExecution:
    """Hands attempts to an executor, and their outcomes back to the event loop, all that are ready at once."""

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        self.executor = executor
        self._replacement: ProcessPoolExecutor | None = None
        self._is_threaded = isinstance(executor, concurrent.futures.ThreadPoolExecutor)
        self._loop = asyncio.get_running_loop()
        self._outcomes: deque[tuple[ActivityAttempt, Outcome]] = deque()
        self._is_called = False

    def start(self, attempt: ActivityAttempt) -> None:
        """Run an attempt as soon as the executor has room.

        Raises:
            RuntimeError: the executor was shut down.
        """
        if self._is_threaded:
            self._start_in_thread(attempt)
        else:
            self._start_in_process(attempt)

    async def call(self, attempt: ActivityAttempt, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a `def` activity from the task of its attempt; what it sees of `contextvars` is what that task sees,
        unless it runs in another process.

        Raises:
            RuntimeError: the executor was shut down.
            BaseException: whatever it raises.
        """
        if not self._is_threaded:
            call = pickle.dumps((function, arguments, attempt.info()))
            future = self._submit(call)
            attempt.stop_now = future.cancel  # without effect once it runs
            answer: bytes = await asyncio.wrap_future(future)
            value, raised = pickle.loads(answer)
            if raised is not None:
                raise _rebuilt(*raised)
            return value
        cancellation = ThreadCancellation()
        attempt.stop_now = None if attempt.definition.no_thread_cancel_exception else cancellation.cancel
        if attempt.stop_now is not None:
            attempt.shield = cancellation.shield
            if attempt.stop_reason is not None:
                attempt.stop_now()
        context = contextvars.copy_context()
        run = partial(context.run, cancellation.run, function, arguments)
        return await self._loop.run_in_executor(self.executor, run)

    def _deliver(self, attempt: ActivityAttempt, outcome: Outcome) -> None:
        """From any thread."""
        self._outcomes.append((attempt, outcome))
        if not self._is_called:
            self._is_called = True
            self._loop.call_soon_threadsafe(self._take_outcomes)

    def _take_outcomes(self) -> None:
        self._is_called = False  # before looking: what is appended from now on calls again
        while self._outcomes:
            attempt, outcome = self._outcomes.popleft()
            if outcome is None:
                attempt.begin()
            elif isinstance(outcome, bytes):
                attempt.completed(outcome)
            else:
                attempt.failed(outcome)

    # Threads ---------------------------------------------------------------------------------------------------------
    def _start_in_thread(self, attempt: ActivityAttempt) -> None:
        cancellation = ThreadCancellation()
        if not attempt.definition.no_thread_cancel_exception:
            attempt.stop_now = cancellation.cancel
            attempt.shield = cancellation.shield
        self.executor.submit(self._run_in_thread, attempt, cancellation)

    def _run_in_thread(self, attempt: ActivityAttempt, cancellation: ThreadCancellation) -> None:
        attempt.note_start()
        self._deliver(attempt, None)
        outcome: Outcome
        try:
            arguments = attempt.arguments()
            context = contextvars.copy_context()
            context.run(current_context.set, attempt)
            result = context.run(cancellation.run, attempt.definition.function, arguments)
            outcome = attempt.encode(result)
        except BaseException as error:
            outcome = error
        self._deliver(attempt, outcome)

    # Processes -------------------------------------------------------------------------------------------------------
    def _start_in_process(self, attempt: ActivityAttempt) -> None:
        attempt.begin()
        try:
            call = pickle.dumps((attempt.definition.function, attempt.arguments(), attempt.info()))
        except Exception as error:
            attempt.failed(error)
            return
        future = self._submit(call)
        attempt.stop_now = future.cancel  # without effect once it runs
        future.add_done_callback(lambda done: self._ended_in_process(attempt, done))

    def _submit(self, call: bytes) -> concurrent.futures.Future[bytes]:
        """A pool of which a process died takes nothing more: another one takes its place."""
        try:
            return self.executor.submit(run_in_process, call)
        except BrokenProcessPool:
            if type(self.executor) is not ProcessPoolExecutor:
                raise
            logger.warning("A process of the activity executor died; the worker goes on with a new pool.")
            self.close()
            self.executor = self._replacement = _pool_like(self.executor)
            return self.executor.submit(run_in_process, call)

    def _ended_in_process(self, attempt: ActivityAttempt, future: concurrent.futures.Future[bytes]) -> None:
        outcome: Outcome
        try:
            value, raised = pickle.loads(future.result())
            outcome = attempt.encode(value) if raised is None else _rebuilt(*raised)
        except concurrent.futures.CancelledError:
            outcome = asyncio.CancelledError()
        except BaseException as error:  # what user code sent, and how it is put together again
            outcome = error
        self._deliver(attempt, outcome)

    def close(self) -> None:
        """Let go of a pool that took the place of the given one. Harmless when repeated."""
        if self._replacement is not None:
            self._replacement.shutdown(wait=False)
            self._replacement = None


def _pool_like(broken: ProcessPoolExecutor) -> ProcessPoolExecutor:
    """A new pool that was made as a broken one was. Where a pool keeps that has not changed since it exists."""
    return ProcessPoolExecutor(
        broken._max_workers,  # type: ignore[attr-defined]  # no public way to ask
        broken._mp_context,
        broken._initializer,
        broken._initargs,
        max_tasks_per_child=broken._max_tasks_per_child,  # type: ignore[attr-defined]
    )


class RemoteTraceback(Exception):
    """Where an exception was raised in another process; its cause there does not travel."""


def run_in_process(call: bytes) -> bytes:
    """What an executor's process runs: the activity, with as much around it as can be there.

    Bytes in and bytes out: what cannot be put together again must fail its own attempt. Did the pool find it, it would
    break, and take every other attempt along.
    """
    try:
        function, arguments, info = pickle.loads(call)
        token = current_context.set(ProcessContext(info))
        try:
            return pickle.dumps((function(*arguments), None))
        finally:
            current_context.reset(token)
    except BaseException as error:  # the top of one activity
        trace = "".join(traceback.format_tb(error.__traceback__))
        return pickle.dumps((None, (_portable(error), trace)))


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


def _rebuilt(error: BaseException, trace: str) -> BaseException:
    error.__cause__ = RemoteTraceback(trace)
    return error


class ProcessContext(ActivityContext):
    """An attempt as its code sees it in another process."""

    __slots__ = ("_told",)

    def __init__(self, info: Info) -> None:
        super().__init__(SharedFlag(), PayloadConverter.default)
        self._told = info

    def make_info(self) -> Info:
        return self._told

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        raise RuntimeError(
            "activity.heartbeat() does not reach the worker from another process; run this activity in a thread "
            "(activity_executor=ThreadPoolExecutor(...)). A lost worker is noticed without heartbeats, too"
        )
