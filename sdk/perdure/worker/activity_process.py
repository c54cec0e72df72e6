"""A process that runs `def` activities one after another, as its worker holds it.

Two pipes lead there. Calls go one way and results and heartbeats the other on the first; the second carries what must
arrive while an activity runs: that it is to stop, that the worker stops.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any

from perdure.activity.information import ActivityCancellationDetails
from perdure.worker.process_server import END, RESULT, UNFIT, serve

logger = logging.getLogger("perdure.worker")

_JOIN_S = 1.0


class ProcessDied(Exception):
    """The process ended while it ran an activity, or could not begin."""


class ActivityProcess:
    """One process, as its worker holds it: `run` from one thread at a time, the rest from any."""

    _starting = threading.Lock()

    def __init__(
        self, context: Any, initializer: Callable[..., object] | None, initargs: Iterable[Any], *, worker_stops: bool
    ) -> None:
        work, other_work = context.Pipe()
        other_signals, signals = context.Pipe(duplex=False)
        inherited = (work, signals) if context.get_start_method() == "fork" else ()
        arguments = (other_work, other_signals, inherited, os.getpid(), initializer, tuple(initargs))
        with self._starting:
            self._process = context.Process(target=serve, args=arguments, name="perdure-activities")
            self._process.start()
        other_work.close()
        other_signals.close()
        self._work: Connection = work
        self._signals: Connection = signals
        self.is_killed = False
        self.calls = 0
        if worker_stops:
            self.worker_stops()

    def run(self, number: int, call: bytes, beat: Callable[[tuple[Any, ...]], None]) -> bytes:
        """Have a call carried out, and return what came of it (`run_call`). Its number is the next one of `calls`.

        Raises:
            ProcessDied: the process is of no use any more.
        """
        self.calls = number
        try:
            self._work.send((number, call))
            while True:
                kind, body = self._work.recv()
                if kind == RESULT:
                    return bytes(body)
                if kind == UNFIT:
                    raise ProcessDied(f"the initializer of the activity executor failed: {body}")
                beat(_details(body))
        except (EOFError, OSError):
            self._process.join(_JOIN_S)
            raise ProcessDied(
                f"the process of the activity executor that ran this activity died (exit code {self._process.exitcode})"
            ) from None

    def stop(self, number: int, details: ActivityCancellationDetails | None) -> None:
        """The activity that this call runs, or will run, is to stop."""
        self._signal((number, details))

    def worker_stops(self) -> None:
        self._signal((0, None))

    def _signal(self, message: tuple[int, ActivityCancellationDetails | None]) -> None:
        with contextlib.suppress(OSError):  # it is gone, which `run` finds out
            self._signals.send(message)

    def kill(self) -> None:
        """End it, whatever it does."""
        self.is_killed = True
        self._process.kill()

    def close(self) -> None:
        """Let it end by itself, after what it runs. A word, since another process may hold a copy of the pipe's end."""
        with contextlib.suppress(OSError):
            self._work.send((END, b""))
        self._work.close()
        self._signals.close()


def _details(body: bytes) -> tuple[Any, ...]:
    try:
        details: tuple[Any, ...] = pickle.loads(body)
    except Exception as error:  # what a user's class raises
        logger.warning("The details of a heartbeat from another process are dropped: %s", error)
        return ()
    return details
