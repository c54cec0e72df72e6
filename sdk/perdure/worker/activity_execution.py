"""Runs `def` activities: in threads, or in processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from perdure.activity.context import current_context
from perdure.worker.activity_process import ActivityProcess, ProcessDied
from perdure.worker.attempt import Attempt
from perdure.worker.process_call import outcome_of, pack_call, run_call
from perdure.worker.process_pool import ProcessPool
from perdure.worker.thread_cancellation import ThreadCancellation

Outcome = bytes | BaseException | None
"""An encoded result, or what was raised; None: it has begun."""


class ActivityExecution:
    """Hands attempts to an executor, and their outcomes back to the event loop, all that are ready at once.

    A `ProcessPoolExecutor` says how many processes there are to be, and how they are made; they are the worker's own
    (`ProcessPool`), so that one of them can be spoken to, and killed without harm to the others.
    """

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        self.executor = executor
        self._processes: ProcessPool | None = None
        self._threads = executor
        if type(executor) is concurrent.futures.ProcessPoolExecutor:
            self._processes = pool = ProcessPool.like(executor)
            self._threads = concurrent.futures.ThreadPoolExecutor(pool.size, thread_name_prefix="perdure-process")
        self._is_threaded = isinstance(executor, concurrent.futures.ThreadPoolExecutor)
        self._loop = asyncio.get_running_loop()
        self._outcomes: deque[tuple[Attempt, Outcome]] = deque()
        self._is_called = False

    def start(self, attempt: Attempt) -> None:
        """Run an attempt as soon as the executor has room.

        Raises:
            RuntimeError: the executor was shut down.
        """
        if self._is_threaded:
            self._start_in_thread(attempt)
        else:
            self._start_in_process(attempt)

    async def call(self, attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a `def` activity from the task of its attempt; what it sees of `contextvars` is what that task sees,
        unless it runs in another process.

        Raises:
            RuntimeError: the executor was shut down.
            BaseException: whatever it raises.
        """
        if not self._is_threaded:
            return await self._call_in_process(attempt, function, arguments)
        cancellation = ThreadCancellation()
        attempt.stop_now = None if attempt.definition.no_thread_cancel_exception else cancellation.cancel
        if attempt.stop_now is not None:
            attempt.shield = cancellation.shield
            if attempt.stop_reason is not None:
                attempt.stop_now()
        context = contextvars.copy_context()
        run = partial(context.run, cancellation.run, function, arguments)
        return await self._loop.run_in_executor(self.executor, run)

    def _deliver(self, attempt: Attempt, outcome: Outcome) -> None:
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
    def _start_in_thread(self, attempt: Attempt) -> None:
        cancellation = ThreadCancellation()
        if not attempt.definition.no_thread_cancel_exception:
            attempt.stop_now = cancellation.cancel
            attempt.shield = cancellation.shield
        self.executor.submit(self._run_in_thread, attempt, cancellation)

    def _run_in_thread(self, attempt: Attempt, cancellation: ThreadCancellation) -> None:
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
    def _start_in_process(self, attempt: Attempt) -> None:
        try:
            call = _packed(attempt, attempt.definition.function, attempt.arguments())
        except Exception as error:
            attempt.note_start()
            attempt.failed(error)
            return
        if self._processes is not None:
            running = self._submit(self._processes, attempt, call, self._run_in_process)
            running.add_done_callback(lambda done: self._never_began(attempt, done))
            return
        attempt.begin()
        elsewhere = self.executor.submit(run_call, call)
        attempt.stop_now = elsewhere.cancel  # without effect once it runs
        elsewhere.add_done_callback(lambda done: self._ended_elsewhere(attempt, done))

    async def _call_in_process(self, attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        call = _packed(attempt, function, arguments)
        if self._processes is not None:
            return await asyncio.wrap_future(self._submit(self._processes, attempt, call, self._in_process))
        future = self.executor.submit(run_call, call)
        attempt.stop_now = future.cancel  # without effect once it runs
        return outcome_of(await asyncio.wrap_future(future))

    def _submit(
        self,
        processes: ProcessPool,
        attempt: Attempt,
        call: bytes,
        wait: Callable[[ProcessPool, _InProcess, bytes], Any],
    ) -> concurrent.futures.Future[Any]:
        """Have a thread wait for a process and for what comes of the call there."""
        running = _InProcess(attempt)
        attempt.stop_now = running.stop
        running.future = self._threads.submit(wait, processes, running, call)
        return running.future

    def _never_began(self, attempt: Attempt, future: concurrent.futures.Future[None]) -> None:
        if future.cancelled():
            self._deliver(attempt, asyncio.CancelledError())

    def _run_in_process(self, processes: ProcessPool, running: _InProcess, call: bytes) -> None:
        """In a thread."""
        attempt = running.attempt
        attempt.note_start()
        self._deliver(attempt, None)
        outcome: Outcome
        try:
            outcome = attempt.encode(self._in_process(processes, running, call))
        except BaseException as error:  # what user code sent, and how it is put together again
            outcome = error
        self._deliver(attempt, outcome)

    def _in_process(self, processes: ProcessPool, running: _InProcess, call: bytes) -> Any:
        """In a thread: the result of the call.

        Raises:
            BaseException: whatever the activity raises.
        """
        try:
            with processes.lent() as process:
                number = running.begin(process)
                answer = process.run(number, call, self._beat_of(running.attempt))
        except ProcessDied as error:
            if running.attempt.is_killed:
                raise asyncio.CancelledError from None
            raise BrokenProcessPool(str(error)) from None
        return outcome_of(answer)

    def _beat_of(self, attempt: Attempt) -> Callable[[tuple[Any, ...]], None]:
        def beat(details: tuple[Any, ...]) -> None:
            attempt.heartbeat(details)  # in this thread: what ends the attempt must not overtake it

        return beat

    def _ended_elsewhere(self, attempt: Attempt, future: concurrent.futures.Future[bytes]) -> None:
        outcome: Outcome
        try:
            outcome = attempt.encode(outcome_of(future.result()))
        except concurrent.futures.CancelledError:
            outcome = asyncio.CancelledError()
        except BaseException as error:  # what user code sent, and how it is put together again
            outcome = error
        self._deliver(attempt, outcome)

    # Stopping --------------------------------------------------------------------------------------------------------
    def worker_stops(self) -> None:
        """Let processes know that their worker is about to stop."""
        if self._processes is not None:
            self._processes.worker_stops()

    def close(self) -> None:
        """Let go of what was made here. Harmless when repeated."""
        if self._processes is not None:
            self._processes.close()
            self._threads.shutdown(wait=False)


def _packed(attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> bytes:
    raises = not attempt.definition.no_thread_cancel_exception
    return pack_call(function, arguments, attempt.info(), raises=raises)


class _InProcess:
    """An attempt on its way to a process, or in it. `begin` is called in the thread that waits there."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.future: concurrent.futures.Future[None] | None = None
        self._call: tuple[ActivityProcess, int] | None = None

    def begin(self, process: ActivityProcess) -> int:
        """The process is there. Returns the number of the call.

        Raises:
            CancelledError: it is not wanted any more.
        """
        number = process.calls + 1
        self._call = process, number
        self.attempt.kill_now = process.kill
        if self.attempt.cancelled.is_set():  # later, `stop` finds the process
            raise asyncio.CancelledError
        return number

    def stop(self) -> None:
        if self._call is not None:
            process, number = self._call
            process.stop(number, self.attempt.cancellation_details)
        elif self.future is not None:
            self.future.cancel()
