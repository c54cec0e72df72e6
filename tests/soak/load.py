"""Constant load: workflows begin at a fixed rate, whatever the system does, and how long each takes is written down.

Rule: open loop. A system that falls behind gets no mercy, and its latency says so.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field

from perdure.client import Client
from tests.soak.workflows import TASK_QUEUE, Fan, Step, Wait

MIX = (Step, Step, Step, Step, Step, Step, Step, Wait, Wait, Fan)
"""Of ten workflows: seven of one step, two that wait for a signal, one fan-out."""


@dataclass
class Window:
    """What ended within one window. Latencies are of `Step` alone: the others wait on purpose."""

    started: int = 0
    finished: int = 0
    failed: int = 0
    latencies_s: list[float] = field(default_factory=list)

    def latency_ms(self, share: float) -> float:
        """The latency that this share of them did not exceed."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Load:
    """Args:
    rate: workflows a second.
    """

    def __init__(self, client: Client, rate: float) -> None:
        self._client = client
        self._rate = rate
        self._numbers = itertools.count()
        self._running: set[asyncio.Task[None]] = set()
        self.window = Window()
        self.problems: list[str] = []

    @property
    def open_count(self) -> int:
        return len(self._running)

    def turn(self) -> Window:
        """The window that ends now; the next one begins."""
        window, self.window = self.window, Window()
        return window

    async def run(self) -> None:
        """Begin workflows until cancelled."""
        began = time.monotonic()
        never = asyncio.Event()
        for number in self._numbers:
            task = asyncio.create_task(self._one(number))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            self.window.started += 1
            late_s = began + number / self._rate - time.monotonic()
            if late_s > 0:
                try:
                    await asyncio.wait_for(never.wait(), late_s)
                except TimeoutError:
                    continue

    async def drain(self, timeout_s: float) -> int:
        """Wait for what runs; returns how many did not end."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout_s)
        return len(self._running)

    async def _one(self, number: int) -> None:
        kind = MIX[number % len(MIX)]
        began = time.monotonic()
        try:
            handle = await self._client.start_workflow(kind.run, id=f"soak-{number}", task_queue=TASK_QUEUE)
            if kind is Wait:
                await handle.signal(Wait.tell)
            await handle.result()
        except Exception as error:  # the top of one workflow of the load: the report says what went wrong
            self.window.failed += 1
            self.problems.append(f"workflow {number} ({kind.__name__}): {error!r}")
            return
        self.window.finished += 1
        if kind is Step:
            self.window.latencies_s.append(time.monotonic() - began)
