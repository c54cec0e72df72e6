"""What a client or worker takes from the machine it runs on: clocks, chance, tasks, and threads of its own.

Role: the one place where these come in, so that clients and workers can run on virtual time, many of them in one
process. Nothing else in the transport and the worker looks at a clock, draws a number or starts a thread; timers are
the event loop's. (The exceptions are what only a real machine has: the threads of `def` activities, and the watch for
workflow code that does not give its thread back.)
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import uuid
from collections.abc import Callable, Coroutine
from time import monotonic, time_ns  # the real ones, whatever is put in their place for workflows
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

logger = logging.getLogger("perdure.transport")

_JOIN_TIMEOUT_S = 5.0


class Beat(Protocol):
    """Something that is done again and again, until it is stopped."""

    def stop(self) -> None:
        """End it, and wait a few seconds for its end. May block."""


class Environment(Protocol):
    random: random.Random

    def now_us(self) -> int:
        """Microseconds since 1970 UTC. From any thread."""

    def monotonic(self) -> float:
        """Seconds on a clock that is never set. From any thread."""

    def unique_name(self) -> str:
        """A few letters and digits that nobody else was given."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine on the event loop."""

    def beat(
        self, step: Callable[[], None], interval_s: Callable[[], float], *, name: str, ended: Callable[[], None]
    ) -> Beat:
        """Call `step` each time `interval_s()` has passed, from a thread of its own, so that a blocked event loop does
        not hold it up. `ended` is called last, from that thread, also when `step` raised (which ends it)."""

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Make a call that may block, and wait for what it returns."""


class RealEnvironment:
    """The machine's clocks and threads, the tasks of one event loop."""

    monotonic = staticmethod(monotonic)

    def __init__(self) -> None:
        self.random = random.Random()
        self._loop: asyncio.AbstractEventLoop | None = None

    def now_us(self) -> int:
        return time_ns() // 1000

    def unique_name(self) -> str:
        return uuid.uuid4().hex[:12]

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # once: it asks the operating system for the process each time
        return self._loop.create_task(coroutine, name=name)

    def beat(
        self, step: Callable[[], None], interval_s: Callable[[], float], *, name: str, ended: Callable[[], None]
    ) -> Beat:
        return _ThreadBeat(step, interval_s, name, ended)

    async def in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.to_thread(call)


class _ThreadBeat:
    def __init__(
        self, step: Callable[[], None], interval_s: Callable[[], float], name: str, ended: Callable[[], None]
    ) -> None:
        self._step = step
        self._interval_s = interval_s
        self._ended = ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(_JOIN_TIMEOUT_S)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval_s()):
                self._step()
        except Exception:
            logger.exception("The thread %r ended; nothing does its work from now on.", self._thread.name)
        finally:
            self._ended()
