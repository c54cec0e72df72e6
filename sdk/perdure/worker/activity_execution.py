"""Runs `def` activities: in threads, or in processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from perdure.activity.context import ActivityContext, current_context
from perdure.activity.information import Info
from perdure.activity.shared_flag import SharedFlag
from perdure.converter import PayloadConverter
from perdure.worker.activity_attempt import ActivityAttempt
from perdure.worker.thread_cancellation import ThreadCancellation

Outcome = bytes | BaseException | None
"""An encoded result, or what was raised; None: it has begun."""


class ActivityExecution:
    """Hands attempts to an executor, and their outcomes back to the event loop, all that are ready at once."""

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        self._executor = executor
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
        self._executor.submit(self._run_in_thread, attempt, cancellation)

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
            arguments = attempt.arguments()
        except Exception as error:
            attempt.failed(error)
            return
        function = attempt.definition.function
        future = self._executor.submit(run_in_process, function, arguments, attempt.info())
        attempt.stop_now = future.cancel  # without effect once it runs
        future.add_done_callback(lambda done: self._ended_in_process(attempt, done))

    def _ended_in_process(self, attempt: ActivityAttempt, future: concurrent.futures.Future[Any]) -> None:
        if future.cancelled():
            self._deliver(attempt, asyncio.CancelledError())
            return
        error = future.exception()
        if error is not None:
            self._deliver(attempt, error)
            return
        try:
            self._deliver(attempt, attempt.encode(future.result()))
        except Exception as unfit:
            self._deliver(attempt, unfit)


def run_in_process(function: Callable[..., Any], arguments: Sequence[Any], info: Info) -> Any:
    """What an executor's process runs: the activity, with as much around it as can be there."""
    token = current_context.set(ProcessContext(info))
    try:
        return function(*arguments)
    finally:
        current_context.reset(token)


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
