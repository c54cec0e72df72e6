"""Runs attempts in the processes of a worker: what is sent there of them, and what becomes of what comes back."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from perdure.activity.definition import ActivityDefinition
from perdure.converter import DataConverter
from perdure.protocol.codec import pack
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.worker.activity_process import ActivityProcess, ProcessDied
from perdure.worker.attempt import Attempt
from perdure.worker.process_call import outcome_of, pack_call
from perdure.worker.process_frames import Kind
from perdure.worker.process_pool import ProcessPool
from perdure.worker.process_server import ProcessSetup
from perdure.worker.processes import Processes

logger = logging.getLogger("perdure.worker")


class ProcessExecution:
    """For the event loop's thread."""

    def __init__(
        self, pool: ProcessPool, converter: DataConverter, task_queue: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        portable = _portable_converter(converter)
        setup = ProcessSetup(
            os.getpid(), pool.initializer, pool.initargs, portable or b"", task_queue, pool.memory_max or 0, ()
        )
        self.processes = Processes(pool, setup, loop)
        self._converts = portable is not None
        self._definitions: dict[ActivityDefinition, bytes | None] = {}

    def start(self, attempt: Attempt) -> None:
        """Run an attempt, and report it.

        Raises:
            RuntimeError: the worker has stopped.
        """
        definition = self._definition_of(attempt.definition)
        task = None if definition is None else attempt.task_bytes()
        if definition is not None and task is not None:
            self.processes.submit(_TaskCall(attempt, self.processes, definition, task))
            return
        call = packed_or_failed(attempt)
        if call is not None:
            self.processes.submit(_PickledCall(attempt, self.processes, call))

    async def call(self, attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a function from the task of an attempt, which reports it.

        Raises:
            RuntimeError: the worker has stopped.
            BaseException: whatever it raises.
        """
        call = _AwaitedCall(attempt, self.processes, packed(attempt, function, arguments))
        self.processes.submit(call)
        if attempt.stop_reason is not None:
            call.stop()
        came = await call.outcome
        if isinstance(came, bytes):
            return outcome_of(came)
        raise came

    def _definition_of(self, definition: ActivityDefinition) -> bytes | None:
        """A definition as it travels, where it stays what it is: an object may change here from call to call."""
        if definition not in self._definitions:
            is_fixed = self._converts and (definition.is_task or inspect.isfunction(definition.function))
            # A copy, since the original remembers types, and not all of them can be pickled.
            self._definitions[definition] = _dumped(replace(definition)) if is_fixed else None
        return self._definitions[definition]


def packed(attempt: Attempt, function: Callable[..., Any], arguments: Sequence[Any]) -> bytes:
    """A call of an attempt, for another process.

    Raises:
        Exception: something in it cannot be pickled.
    """
    raises = not attempt.definition.no_thread_cancel_exception
    return pack_call(function, arguments, attempt.info(), raises=raises)


def packed_or_failed(attempt: Attempt) -> bytes | None:
    """The call of an attempt's own function, for another process; None: it cannot go there, and has failed for it."""
    try:
        return packed(attempt, attempt.definition.function, attempt.arguments())
    except Exception as error:  # what decoding and pickling raise
        attempt.note_start()
        attempt.failed(error)
        return None


def _portable_converter(converter: DataConverter) -> bytes | None:
    """A converter for processes, which see nothing of codecs; None if it cannot be had there."""
    if converter is DataConverter.default:
        return b""
    size_max = converter.kept_size_max if converter.payload_codec is None else PAYLOAD_SIZE_MAX
    return _dumped(replace(converter, payload_codec=None, kept_size_max=size_max))


def _dumped(value: object) -> bytes | None:
    try:
        return pickle.dumps(value)
    except Exception as error:  # what is defined where another process does not find it
        logger.debug("%r cannot be given to processes: %s", value, error)
        return None


class _Call(ABC):
    """An attempt that waits for a process, or is in one."""

    __slots__ = ("_place", "_processes", "attempt")

    def __init__(self, attempt: Attempt, processes: Processes) -> None:
        self.attempt = attempt
        self._processes = processes
        self._place: tuple[ActivityProcess, int] | None = None
        attempt.stop_now = self.stop

    @abstractmethod
    def give_to(self, process: ActivityProcess) -> None:
        """Have it carried out there."""

    @abstractmethod
    def answered(self, kind: Kind, body: bytes) -> None: ...

    @abstractmethod
    def raised(self, error: BaseException) -> None: ...

    def given(self, process: ActivityProcess, kind: Kind, body: bytes) -> None:
        self._place = process, process.calls + 1
        process.give(self, kind, body)

    def begun(self, process: ActivityProcess) -> None:
        self.attempt.kill_now = process.kill

    def returned(self) -> bool:
        """It has no process any more. Whether it is still wanted."""
        self._place = None
        if self.attempt.cancelled.is_set():
            self.raised(asyncio.CancelledError())
            return False
        return True

    def beaten(self, details: tuple[Any, ...]) -> None:
        self.attempt.heartbeat(details)

    def failed(self, error: BaseException) -> None:
        if isinstance(error, ProcessDied):
            error = asyncio.CancelledError() if self.attempt.is_killed else BrokenProcessPool(str(error))
        self.raised(error)

    def stop(self) -> None:
        """It is not wanted any more."""
        if self._place is not None:
            process, number = self._place
            process.stop(number, self.attempt.cancellation_details)
        elif self._processes.withdraw(self):
            self.raised(asyncio.CancelledError())


class _AttemptCall(_Call):
    """An attempt that is begun, and reported, as its process says."""

    __slots__ = ()

    def begun(self, process: ActivityProcess) -> None:
        super().begun(process)
        self.attempt.begin()

    def answered(self, kind: Kind, body: bytes) -> None:
        attempt = self.attempt
        attempt.note_start()
        if kind == Kind.RESULT:
            attempt.completed(body)
            return
        try:
            result = attempt.encode(outcome_of(body))
        except BaseException as error:  # what user code sent, and how it is put together again
            attempt.failed(error)
        else:
            attempt.completed(result)

    def raised(self, error: BaseException) -> None:
        self.attempt.note_start()
        self.attempt.failed(error)


class _TaskCall(_AttemptCall):
    """One of a function that the process is told once, with the task as it came."""

    __slots__ = ("_definition", "_task")

    def __init__(self, attempt: Attempt, processes: Processes, definition: bytes, task: bytes) -> None:
        super().__init__(attempt, processes)
        self._definition = definition
        self._task = task

    def give_to(self, process: ActivityProcess) -> None:
        self.given(process, Kind.TASK, pack((process.function_number(self._definition), self._task)))


class _PickledCall(_AttemptCall):
    """One whose function and arguments are sent along."""

    __slots__ = ("_call",)

    def __init__(self, attempt: Attempt, processes: Processes, call: bytes) -> None:
        super().__init__(attempt, processes)
        self._call = call

    def give_to(self, process: ActivityProcess) -> None:
        self.given(process, Kind.CALL, self._call)


class _AwaitedCall(_Call):
    """One whose outcome goes back through interceptors."""

    __slots__ = ("_call", "outcome")

    def __init__(self, attempt: Attempt, processes: Processes, call: bytes) -> None:
        super().__init__(attempt, processes)
        self._call = call
        self.outcome: asyncio.Future[bytes | BaseException] = asyncio.get_running_loop().create_future()

    def give_to(self, process: ActivityProcess) -> None:
        self.given(process, Kind.CALL, self._call)

    def answered(self, _kind: Kind, body: bytes) -> None:
        self.outcome.set_result(body)

    def raised(self, error: BaseException) -> None:
        self.outcome.set_result(error)
