"""How signals end a worker: the first lets what runs finish, the second ends it at once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys

from perdure.cli.output import note

ECHO_S = 0.5
"""Seconds in which a second signal is taken for the first: a terminal and a launcher (`uv run`) both send theirs."""


class Stopping:
    """Hears SIGINT and SIGTERM from when it is made, on the running event loop.

    Attributes:
        asked: A first signal has come.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._asked_at = 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._heard, number)

    def _heard(self, number: signal.Signals) -> None:
        now = asyncio.get_running_loop().time()
        if not self.asked.is_set():
            self._asked_at = now
            self.asked.set()
        elif now - self._asked_at >= ECHO_S:
            self._end(number)

    def _end(self, number: int) -> None:
        note("Stopping at once: what runs is given to other workers when its lease is over.")
        end_at_once(128 + number)


def end_at_once(status: int) -> None:
    """End this process and those that it has made, whatever they do."""
    for process in multiprocessing.active_children():
        process.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
