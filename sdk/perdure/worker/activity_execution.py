"""Runs `def` activities: in threads, or in processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from perdure.activity.context import current_context
from perdure.activity.definition import ActivityDefinition
from perdure.converter import DataConverter
from perdure.worker.attempt import Attempt
from perdure.worker.process_call import outcome_of, run_call
from perdure.worker.process_execution import ProcessExecution, packed, packed_or_failed
from perdure.worker.process_pool import ProcessPool
from perdure.worker.thread_cancellation import ThreadCancellation

Outcome = bytes | BaseException | None
"""An encoded result, or what was raised; None: it has begun."""


class ActivityExecution:
    """Hands attempts to an executor, and their outcomes back to the event loop, all that are ready at once.

    A `ProcessPoolExecutor` says how many processes there are to be, and how they are made; they are the worker's own
    (`Processes`), so that one of them can be spoken to, and killed without harm to the others.
    """

    def __init__(
        self,
        executor: concurrent.futures.Executor,
        converter: DataConverter,
        task_queue: str,
        task_pool: ProcessPool | None = None,
    ) -> None:
        """`task_pool`: where tasks run, if not in the executor."""
        self.executor = executor
        self._loop = asyncio.get_running_loop()
        self._is_executor_used = True
        self._processes: ProcessExecution | None = None
        pool = task_pool
        if type(executor) is concurrent.futures.ProcessPoolExecutor:
            self._is_executor_used = False
            pool = ProcessPool.like(executor)
        if pool is not None:
            self._processes = ProcessExecution(pool, converter, task_queue, self._loop)
        self._is_threaded = isinstance(executor, concurrent.futures.ThreadPoolExecutor)
        self._outcomes: deque[tuple[Attempt, Outcome]] = deque()
        self._is_called = False

    def _is_for_process(self, definition: ActivityDefinition) -> bool:
        is_meant = definition.is_task or not self._is_executor_used
        return self._processes is not None and is_meant and not definition.is_async

    def start(self, attempt: Attempt) -> None:
        """Run an attempt as soon as the executor has room.

        Raises:
            RuntimeError: the executor was shut down.
        """
        if self._processes is not None and self._is_for_process(attempt.definition):
            self._processes.start(attempt)
        elif self._is_threaded:
            self._start_in_thread(attempt)
        else:
            self._start_elsewhere(attempt)

    async def call(self, attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a `def` activity from the task of its attempt; what it sees of `contextvars` is what that task sees,
        unless it runs in another process.

        Raises:
            RuntimeError: the executor was shut down.
            BaseException: whatever it raises.
        """
        if self._processes is not None and self._is_for_process(attempt.definition):
            return await self._processes.call(attempt, function, arguments)
        if not self._is_threaded:
            return await self._call_elsewhere(attempt, function, arguments)
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

    # Other executors -------------------------------------------------------------------------------------------------
    def _start_elsewhere(self, attempt: Attempt) -> None:
        call = packed_or_failed(attempt)
        if call is None:
            return
        attempt.begin()
        elsewhere = self.executor.submit(run_call, call)
        attempt.stop_now = elsewhere.cancel  # without effect once it runs
        elsewhere.add_done_callback(lambda done: self._ended_elsewhere(attempt, done))

    async def _call_elsewhere(self, attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        future = self.executor.submit(run_call, packed(attempt, function, arguments))
        attempt.stop_now = future.cancel  # without effect once it runs
        return outcome_of(await asyncio.wrap_future(future))

    def _ended_elsewhere(self, attempt: Attempt, future: concurrent.futures.Future[bytes]) -> None:
        outcome: Outcome
        try:
            outcome = attempt.encode(outcome_of(future.result()))
        except concurrent.futures.CancelledError:
            outcome = asyncio.CancelledError()
        except BaseException as error:  # what user code sent, and how it is put together again
            outcome = error
        self._deliver(attempt, outcome)

    # The whole -------------------------------------------------------------------------------------------------------
    def capacity(self, definitions: Collection[ActivityDefinition]) -> int | None:
        """How many of them run at a time; None if that is not known, or some run on the event loop."""
        if any(definition.is_async for definition in definitions):
            return None
        inside = [self._is_for_process(definition) for definition in definitions]
        processes = 0 if self._processes is None or not any(inside) else self._processes.processes.size
        threads: int | None = 0 if all(inside) else getattr(self.executor, "_max_workers", None)
        return None if threads is None else processes + threads

    def is_all_in_processes(self, definitions: Iterable[ActivityDefinition]) -> bool:
        """Whether `room` knows of all of them."""
        return all(self._is_for_process(definition) for definition in definitions)

    def room(self) -> int | None:
        """How many attempts more processes should be given; None: there are none."""
        return None if self._processes is None else self._processes.processes.room()

    def worker_stops(self) -> None:
        """Let processes know that their worker is about to stop."""
        if self._processes is not None:
            self._processes.processes.worker_stops()

    def kill(self) -> None:
        """End the processes, whatever they do."""
        if self._processes is not None:
            self._processes.processes.kill()

    def close(self) -> None:
        """Let go of what was made here. Harmless when repeated."""
        if self._processes is not None:
            self._processes.processes.close()
