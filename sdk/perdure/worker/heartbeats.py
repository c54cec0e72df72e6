"""Heartbeats of one attempt: told as often as the activity likes, sent as seldom as the engine needs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from perdure.worker.deadlines import Deadlines

SEND_PART = 0.8
"""Part of the heartbeat timeout in which at most one heartbeat is sent (Temporal's number)."""


class Heartbeats:
    """The first is sent at once, then the last one of each interval. `send` is called on the event loop."""

    __slots__ = ("_deadlines", "_interval_s", "_is_called", "_is_over", "_is_waiting", "_latest", "_loop", "_send")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deadlines: Deadlines,
        interval_s: float,
        send: Callable[[tuple[Any, ...]], None],
    ) -> None:
        self._loop = loop
        self._deadlines = deadlines
        self._interval_s = interval_s
        self._send = send
        self._latest: tuple[Any, ...] | None = None
        self._is_waiting = False
        self._is_called = False
        self._is_over = False

    @property
    def unsent(self) -> tuple[Any, ...] | None:
        """What was told last and has not been sent."""
        return self._latest

    def beat(self, details: tuple[Any, ...], loop_thread: int) -> None:
        """The activity is alive. From any thread."""
        self._latest = details
        if threading.get_ident() == loop_thread:
            self._send_or_wait()
        elif not self._is_called:
            self._is_called = True
            self._loop.call_soon_threadsafe(self._called)

    def end(self) -> None:
        """The attempt is over: nothing is sent any more."""
        self._is_over = True

    def _called(self) -> None:
        self._is_called = False
        self._send_or_wait()

    def _send_or_wait(self) -> None:
        if self._is_waiting or self._is_over or self._latest is None:
            return
        details, self._latest = self._latest, None
        self._is_waiting = True
        self._deadlines.after(self._interval_s, self._interval_over)
        self._send(details)

    def _interval_over(self) -> None:
        self._is_waiting = False
        self._send_or_wait()
