"""What runs in a process that carries out activities for a worker, one after another.

Rules: a process whose worker is gone ends: nobody wants what it does.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from perdure.activity.information import ActivityCancellationDetails
from perdure.activity.shared_flag import SharedFlag
from perdure.worker.process_call import ProcessContext, run_call
from perdure.worker.thread_cancellation import ThreadCancellation

LOOK_S = 1.0
"""Seconds between two looks at whether the worker lives, and at a heartbeat that was held back."""

ORPHAN_S = 5.0
"""Seconds that an activity whose worker is gone has to end by itself."""

RESULT, BEAT, UNFIT = 0, 1, 2
"""What a message to the worker is."""

END = 0
"""In place of the number of a call: there are no more."""


def serve(
    work: Connection,
    signals: Connection,
    inherited: tuple[Connection, ...],
    worker_pid: int,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """Carry out calls until the worker says that this is the end, or is gone. The worker alone hears Ctrl-C.

    `inherited`: ends of the pipes that are the worker's. While this process holds them too, it would not notice that
    the worker is gone.
    """
    for end in inherited:
        end.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if initializer is not None:
            initializer(*initargs)
    except BaseException as error:  # the top of user code
        _answer_once(work, error)
        return
    server = _Server(work, signals, worker_pid)
    threading.Thread(target=server.watch, name="perdure-signals", daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        number, call = work.recv()
        while number != END:
            server.carry_out(number, call)
            number, call = work.recv()


def _answer_once(work: Connection, error: BaseException) -> None:
    with contextlib.suppress(EOFError, OSError):
        work.recv()
        work.send((UNFIT, "".join(traceback.format_exception_only(error)).strip()))


class _Server:
    """The process's own side."""

    def __init__(self, work: Connection, signals: Connection, worker_pid: int) -> None:
        self._work = work
        self._signals = signals
        self._worker_pid = worker_pid
        self._is_child = os.getppid() == worker_pid
        self._worker_shutdown = SharedFlag()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._running: tuple[int, ProcessContext, ThreadCancellation] | None = None
        self._stops: dict[int, ActivityCancellationDetails | None] = {}

    # The main thread -------------------------------------------------------------------------------------------------
    def carry_out(self, number: int, call: bytes) -> None:
        cancellation = ThreadCancellation()
        context = ProcessContext(self._worker_shutdown, self._send_beat)
        context.shield = cancellation.shield
        with self._lock:
            self._running = (number, context, cancellation)
            is_stopped = number in self._stops
            details = self._stops.pop(number, None)
        if is_stopped:
            self._stop(context, cancellation, details)
        outcome = run_call(call, context, cancellation)
        with self._lock:
            self._running = None
            for late in [stopped for stopped in self._stops if stopped <= number]:
                del self._stops[late]
        context.flush()
        self._send((RESULT, outcome))

    def _send(self, message: tuple[int, Any]) -> None:
        with self._sending:
            self._work.send(message)

    def _send_beat(self, details: tuple[Any, ...]) -> None:
        self._send((BEAT, pickle.dumps(details)))

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
        if number == 0:
            self._worker_shutdown.set()
            return
        with self._lock:
            running = self._running
            if running is None or running[0] < number:
                self._stops[number] = details  # its call is on its way
                return
        if running[0] == number:
            self._stop(running[1], running[2], details)

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
