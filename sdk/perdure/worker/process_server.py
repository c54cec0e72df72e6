"""What runs in a process that carries out activities for a worker, one after another.

Rules:
- A process whose worker is gone ends: nobody wants what it does.
- What came of a call is on its way before the next one begins, so that the worker knows of a process that died which
  calls had begun.
- Signals to end are the worker's to hear: it lets its processes finish. Their handler does nothing, and is not
  inherited by what an activity starts.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from perdure.activity.information import ActivityCancellationDetails
from perdure.activity.shared_flag import SharedFlag
from perdure.converter import DataConverter
from perdure.worker.process_call import ProcessContext, TaskRunner, run_call
from perdure.worker.process_frames import Frame, FrameReader, Kind, frame
from perdure.worker.resident_memory import resident_bytes
from perdure.worker.thread_cancellation import ThreadCancellation

LOOK_S = 1.0
"""Seconds between two looks at whether the worker lives, and at a heartbeat that was held back."""

ORPHAN_S = 5.0
"""Seconds that an activity whose worker is gone has to end by itself."""

MEMORY_LOOK_S = 0.02
"""Seconds between two looks at the memory of a process that has a bound: one takes some ten microseconds."""

SHUTDOWN, GIVE_BACK = 0, -1
"""In place of the number of a call that is to stop: the worker stops; and what has not begun is wanted back."""

_READ_BYTES = 256 * 1024


class ProcessSetup(NamedTuple):
    """What a process is made with.

    Attributes:
        initializer, initargs: Called before anything else.
        converter: Of its worker, without a codec, pickled; empty where that cannot be.
        task_queue: What its worker polls.
        memory_max: Bytes of resident memory beyond which it says so after a call; 0: it never does.
        inherited: Ends of pipes that are the worker's. While this process holds them too, it would not notice that the
            worker is gone.
    """

    worker_pid: int
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    converter: bytes
    task_queue: str
    memory_max: int
    inherited: tuple[Any, ...]


def serve(work: socket.socket, signals: Connection, setup: ProcessSetup) -> None:
    """Carry out calls until the worker says that this is the end, or is gone."""
    for end in setup.inherited:
        end.close()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _left_to_the_worker)
    work.setblocking(True)
    try:
        converter = pickle.loads(setup.converter) if setup.converter else DataConverter.default
        if setup.initializer is not None:
            setup.initializer(*setup.initargs)
    except BaseException as error:  # the top of user code
        _refuse(work, error)
        return
    server = _Server(work, signals, setup, TaskRunner(converter, setup.task_queue))
    threading.Thread(target=server.watch, name="perdure-signals", daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        server.run()


def _left_to_the_worker(_number: int, _frame: object) -> None:
    """It lets its processes finish, or ends them."""


def _refuse(work: socket.socket, error: BaseException) -> None:
    with contextlib.suppress(OSError):
        work.recv(1)
        work.sendall(frame(Kind.UNFIT, 0, "".join(traceback.format_exception_only(error)).strip().encode()))


class _Server:
    """The process's own side."""

    def __init__(self, work: socket.socket, signals: Connection, setup: ProcessSetup, tasks: TaskRunner) -> None:
        self._work = work
        self._signals = signals
        self._worker_pid = setup.worker_pid
        self._is_child = os.getppid() == setup.worker_pid
        self._memory_max = setup.memory_max
        self._memory_looked_at = 0.0
        self._tasks = tasks
        self._worker_shutdown = SharedFlag()
        self._reader = FrameReader()
        self._came: deque[Frame] = deque()
        self._is_reading = False
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._running: tuple[int, ProcessContext, ThreadCancellation] | None = None
        self._stops: dict[int, ActivityCancellationDetails | None] = {}

    # The main thread -------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Until the end."""
        while True:
            kind, number, _, body = self._next()
            if kind == Kind.END:
                return
            if kind == Kind.FUNCTION:
                self._tasks.learn(number, body)
            else:
                self._carry_out(Kind(kind), number, body)

    def _next(self) -> Frame:
        """The next frame.

        Raises:
            EOFError: the worker is gone.
        """
        while True:
            with self._lock:
                if self._came:
                    return self._came.popleft()
                self._is_reading = True
            data = self._work.recv(_READ_BYTES)
            with self._lock:
                self._is_reading = False
                self._reader.take(data, self._came)
            if not data:
                raise EOFError

    def _carry_out(self, kind: Kind, number: int, body: bytes) -> None:
        cancellation = ThreadCancellation()
        context = ProcessContext(self._worker_shutdown, partial(self._send_beat, number))
        context.shield = cancellation.shield
        with self._lock:
            self._running = (number, context, cancellation)
            is_stopped = number in self._stops
            details = self._stops.pop(number, None)
        if is_stopped:
            self._stop(context, cancellation, details)
        began = time.perf_counter()
        if kind == Kind.TASK:
            is_result, outcome = self._tasks.run(body, context, cancellation)
        else:
            is_result, outcome = False, run_call(body, context, cancellation)
        seconds = time.perf_counter() - began
        with self._lock:
            self._running = None
            for late in [stopped for stopped in self._stops if stopped <= number]:
                del self._stops[late]
        context.flush()
        answer = frame(Kind.RESULT if is_result else Kind.OUTCOME, number, outcome, seconds)
        self._send(self._word_of_memory() + answer if self._memory_max else answer)

    def _word_of_memory(self) -> bytes:
        """That it has grown too large, once: ahead of the answer, so that nothing more is given to it."""
        now = time.monotonic()
        if now - self._memory_looked_at < MEMORY_LOOK_S:
            return b""
        self._memory_looked_at = now
        size = resident_bytes()
        if size <= self._memory_max:
            return b""
        self._memory_max = 0
        return frame(Kind.FULL, size)

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._work.sendall(data)

    def _send_beat(self, number: int, details: tuple[Any, ...]) -> None:
        self._send(frame(Kind.BEAT, number, pickle.dumps(details)))

    # The other thread ------------------------------------------------------------------------------------------------
    def watch(self) -> None:
        """Take signals, look after heartbeats that were held back, and see that the worker lives."""
        try:
            while self._is_wanted():
                if self._signals.poll(LOOK_S):
                    self._take(*self._signals.recv())
                running = self._running
                if running is not None:
                    running[1].flush()
        except (EOFError, OSError):
            pass  # the worker closed the pipe, or is gone
        self._end_orphan()

    def _is_wanted(self) -> bool:
        return not self._is_child or os.getppid() == self._worker_pid

    def _take(self, number: int, details: ActivityCancellationDetails | None) -> None:
        if number == SHUTDOWN:
            self._worker_shutdown.set()
            return
        if number == GIVE_BACK:
            self._give_back()
            return
        with self._lock:
            running = self._running
            if running is None or running[0] < number:
                self._stops[number] = details  # its call is on its way
                return
        if running[0] == number:
            self._stop(running[1], running[2], details)

    def _give_back(self) -> None:
        """Return the calls that have not begun, those on their way here too, if the main thread does not wait for
        them anyway."""
        with self._lock:
            if self._is_reading:
                return
            with contextlib.suppress(BlockingIOError):
                self._reader.take(self._work.recv(_READ_BYTES, socket.MSG_DONTWAIT), self._came)
            calls = [came for came in self._came if came.kind in (Kind.TASK, Kind.CALL)]
            kept = [came for came in self._came if came.kind not in (Kind.TASK, Kind.CALL)]
            self._came.clear()
            self._came.extend(kept)
        if calls:
            self._send(b"".join(frame(Kind.RETURNED, call.number) for call in calls))

    def _stop(
        self,
        context: ProcessContext,
        cancellation: ThreadCancellation,
        details: ActivityCancellationDetails | None,
    ) -> None:
        context.cancellation_details = details
        context.cancelled.set()
        if context.raises:
            cancellation.cancel()

    def _end_orphan(self) -> None:
        """Let the main thread end by itself, and what it runs as well; but not for ever."""
        running = self._running
        if running is not None:
            self._stop(running[1], running[2], ActivityCancellationDetails(worker_shutdown=True))
        time.sleep(ORPHAN_S)
        os._exit(1)
