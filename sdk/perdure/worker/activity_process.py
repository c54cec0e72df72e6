"""A process that runs `def` activities one after another, as its worker's event loop holds it.

A socket carries calls one way and what comes of them the other, many frames in one write. A pipe beside it carries what
must arrive while an activity runs: that it is to stop, that the worker stops, that what has not begun is wanted back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import socket
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import Any, Protocol

from perdure.activity.information import ActivityCancellationDetails
from perdure.worker.process_frames import Frame, FrameReader, Kind, frame
from perdure.worker.process_server import GIVE_BACK, SHUTDOWN, ProcessSetup, serve

logger = logging.getLogger("perdure.worker")

_JOIN_S = 5.0
_READ_BYTES = 256 * 1024


class ProcessDied(Exception):
    """The process ended while it ran an activity, or could not begin."""


class ProcessCall(Protocol):
    """A call, as whoever made it hears of it."""

    def give_to(self, process: ActivityProcess) -> None:
        """Have it carried out there (`ActivityProcess.give`)."""

    def begun(self, process: ActivityProcess) -> None:
        """It runs, or will in a moment: nothing is before it."""

    def returned(self) -> bool:
        """It had not begun, and has no process any more. Whether it is still wanted."""

    def beaten(self, details: tuple[Any, ...]) -> None: ...

    def answered(self, kind: Kind, body: bytes) -> None:
        """`RESULT` or `OUTCOME`."""

    def failed(self, error: BaseException) -> None:
        """The process died while it ran, or it could not be run at all."""


class ProcessOwner(Protocol):
    """Who has processes."""

    def process_answered(self, process: ActivityProcess, seconds: float) -> None:
        """A call took so long."""

    def process_read(self, process: ActivityProcess) -> None:
        """All that had come was read."""

    def process_returned(self, calls: list[ProcessCall]) -> None:
        """These have not begun, and are to go elsewhere, in this order."""

    def process_full(self, process: ActivityProcess, size: int) -> None:
        """It uses more memory than it may."""

    def process_ended(self, process: ActivityProcess) -> None: ...


class ActivityProcess:
    """One process. Made by `start_process`; everything else is for the event loop's thread.

    Attributes:
        in_flight: Its calls by their number, in the order in which it takes them.
        calls: How many it was given.
        is_ending: It takes no more.
        progressed_at: When it last began something, by the loop's clock.
    """

    def __init__(self, process: Any, work: socket.socket, signals: Connection) -> None:
        self._process = process
        self._work = work
        self._signals = signals
        self._reader = FrameReader()
        self._unsent: deque[bytes] = deque()
        self._is_writing = False
        self._known: dict[bytes, int] = {}
        self._owner: ProcessOwner
        self._loop: asyncio.AbstractEventLoop
        self._returned: list[ProcessCall] = []
        self._reason = ""
        self.in_flight: dict[int, ProcessCall] = {}
        self.calls = 0
        self.is_ending = False
        self.is_killed = False
        self.progressed_at = 0.0

    def attach(self, loop: asyncio.AbstractEventLoop, owner: ProcessOwner) -> None:
        """Listen to it."""
        self._loop, self._owner = loop, owner
        self._work.setblocking(False)
        loop.add_reader(self._work, self._readable)

    # Calls -----------------------------------------------------------------------------------------------------------
    def function_number(self, definition: bytes) -> int:
        """What names this function in tasks; the process is told when it is new."""
        number = self._known.get(definition)
        if number is None:
            number = self._known[definition] = len(self._known) + 1
            self._unsent.append(frame(Kind.FUNCTION, number, definition))
        return number

    def give(self, call: ProcessCall, kind: Kind, body: bytes) -> None:
        """A call more. `flush` sends it."""
        self.calls += 1
        self.in_flight[self.calls] = call
        self._unsent.append(frame(kind, self.calls, body))
        if len(self.in_flight) == 1:
            self._begin()

    def flush(self) -> None:
        """Send what was given."""
        if self._unsent and not self._is_writing:
            self._write()

    def _write(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        try:
            sent = self._work.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it is gone, which reading finds out
        if sent < len(data):
            self._unsent.appendleft(data[sent:])
        if bool(self._unsent) != self._is_writing:
            self._is_writing = bool(self._unsent)
            if self._is_writing:
                self._loop.add_writer(self._work, self._write)
            else:
                self._loop.remove_writer(self._work)

    def _begin(self) -> None:
        """What is first now, if anything, has begun."""
        self.progressed_at = self._loop.time()
        for call in self.in_flight.values():
            call.begun(self)
            return

    # What comes ------------------------------------------------------------------------------------------------------
    def _readable(self) -> None:
        try:
            data = self._work.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        frames: deque[Frame] = deque()
        self._reader.take(data, frames)
        first = next(iter(self.in_flight), 0)
        for came in frames:
            self._take(came)
        if not data:
            self._gone()
            return
        if self._returned:
            returned, self._returned = self._returned, []
            self._owner.process_returned(returned)
        if next(iter(self.in_flight), 0) != first:
            self._begin()
        self._owner.process_read(self)

    def _take(self, came: Frame) -> None:
        kind, number, seconds, body = came
        if kind in (Kind.RESULT, Kind.OUTCOME):
            self._owner.process_answered(self, seconds)
            self.in_flight.pop(number).answered(Kind(kind), body)
        elif kind == Kind.BEAT:
            call = self.in_flight.get(number)
            if call is not None:
                call.beaten(_details(body))
        elif kind == Kind.RETURNED:
            self._returned.append(self.in_flight.pop(number))
        elif kind == Kind.FULL:
            self._owner.process_full(self, number)
        elif kind == Kind.UNFIT:
            self._reason = f"the initializer of the activity executor failed: {body.decode()}"

    def _gone(self) -> None:
        """It has ended. What had begun fails; what had not is for another one."""
        self._close()
        calls, self.in_flight = list(self.in_flight.values()), {}
        self._owner.process_ended(self)
        if not calls:
            return
        self._owner.process_returned([*self._returned, *calls[1:]])
        if self._reason:
            calls[0].failed(ProcessDied(self._reason))
        else:
            self._loop.run_in_executor(None, self._process.join, _JOIN_S).add_done_callback(
                lambda _joined: calls[0].failed(self._death())
            )

    def _death(self) -> ProcessDied:
        return ProcessDied(
            f"the process of the activity executor that ran this activity died (exit code {self._process.exitcode})"
        )

    # Signals ---------------------------------------------------------------------------------------------------------
    def stop(self, number: int, details: ActivityCancellationDetails | None) -> None:
        """The activity that this call runs, or will run, is to stop."""
        self._signal((number, details))

    def worker_stops(self) -> None:
        self._signal((SHUTDOWN, None))

    def give_back(self) -> None:
        """What has not begun is wanted back."""
        self._signal((GIVE_BACK, None))

    def _signal(self, message: tuple[int, ActivityCancellationDetails | None]) -> None:
        with contextlib.suppress(OSError):  # it is gone, which reading finds out
            self._signals.send(message)

    # Ending ----------------------------------------------------------------------------------------------------------
    def kill(self) -> None:
        """End it, whatever it does."""
        self.is_killed = True
        self._process.kill()

    def end(self) -> None:
        """Let it end by itself, after what it was given."""
        if not self.is_ending:
            self.is_ending = True
            self._unsent.append(frame(Kind.END, 0))
            self.flush()

    def close(self) -> None:
        """Let it end by itself, and hear no more of it. A word, since another process may hold a copy of the socket."""
        self.end()
        self._close()

    def _close(self) -> None:
        self.is_ending = True
        self._loop.remove_reader(self._work)
        self._loop.remove_writer(self._work)
        self._work.close()
        self._signals.close()


_starting = threading.Lock()


def start_process(context: Any, setup: ProcessSetup) -> ActivityProcess:
    """Begin a process. Blocks for as long as that takes: for a thread.

    Raises:
        Exception: it cannot be made, or what it is made with cannot be pickled.
    """
    with _starting:  # no other process is to inherit the far ends
        work, other_work = socket.socketpair()
        other_signals, signals = context.Pipe(duplex=False)
        try:
            if context.get_start_method() == "fork":
                setup = setup._replace(inherited=(work, signals))
            process = context.Process(target=serve, args=(other_work, other_signals, setup), name="perdure-activities")
            process.start()
        except BaseException:
            work.close()
            signals.close()
            raise
        finally:
            other_work.close()
            other_signals.close()
    return ActivityProcess(process, work, signals)


def _details(body: bytes) -> tuple[Any, ...]:
    try:
        details: tuple[Any, ...] = pickle.loads(body)
    except Exception as error:  # what a user's class raises
        logger.warning("The details of a heartbeat from another process are dropped: %s", error)
        return ()
    return details
