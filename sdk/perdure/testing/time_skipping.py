"""Time that passes at once: a cluster in this process whose clock is set forward whenever nothing else happens.

Rules: the clock moves by itself only while somebody waits for the end of a workflow; otherwise it goes as the real one
does. It is set to the next timer, never past it, and not while a task is out: activities take their real time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator
from typing import Any, Protocol

from perdure.protocol.content import ContentBlock
from perdure.protocol.requests import AwaitResult
from perdure.protocol.start_requests import StartWorkflowWith
from perdure.protocol.updates import AwaitUpdate, UpdateWorkflow
from perdure.transport import TIMEOUT_S, RealEnvironment, Reply, Transport, default_identity
from perdure_broker.memory import MemoryBroker, MemoryLeases
from perdure_broker.memory_server import MemoryServer

LOOK_S = 0.001
"""Between two looks at whether anything still happens."""

LOOKS_AT_REST = 3
"""Nothing happens if so many looks in a row find nothing: an answer may be on its way to the test."""

ACTIVITIES_S = 1.0
"""How long `sleep` waits for activities that are out before it sets the clock forward all the same."""


_AWAITS = (AwaitResult, UpdateWorkflow, AwaitUpdate, StartWorkflowWith)
"""Requests whose answer may be a long time coming; a start is another one, if it waits for the result."""


class SkippableCluster(Protocol):
    """The cluster behind the extension `in_process`."""

    server: MemoryServer

    async def __aenter__(self) -> SkippableCluster: ...
    async def __aexit__(self, *_: object) -> None: ...
    async def keep_for_ever(self, namespace: str) -> None: ...
    def now_us(self) -> int: ...
    def is_at_rest(self, *, but_for_activities: bool = False) -> bool: ...
    def next_timer_us(self) -> int | None: ...
    async def set_forward(self, time_us: int) -> None: ...


class TimeSkipper:
    """Sets the clock of a cluster forward while somebody waits for a workflow."""

    def __init__(self, cluster: SkippableCluster) -> None:
        self._cluster = cluster
        self._waiting = 0
        self._disabled = 0
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Skip, for ever."""
        while True:
            await self._wanted.wait()
            await self._rest()
            due_us = self._cluster.next_timer_us()
            if due_us is not None and self._wanted.is_set():
                await self._cluster.set_forward(due_us)

    async def sleep(self, duration_us: int) -> None:
        """Let this much time pass, with all that is due in it, one after the other."""
        end_us = self._cluster.now_us() + duration_us
        patient_until = asyncio.get_running_loop().time() + ACTIVITIES_S
        with self.disabled():
            while self._cluster.now_us() < end_us:
                await self._rest(patient_until)
                due_us = self._cluster.next_timer_us()
                await self._cluster.set_forward(end_us if due_us is None else min(due_us, end_us))
            await self._rest(patient_until)

    async def _rest(self, patient_until: float = math.inf) -> None:
        """Wait until nothing happens any more; from a time of the event loop's on, activities do not count."""
        loop = asyncio.get_running_loop()
        quiet = 0
        while quiet < LOOKS_AT_REST:
            await asyncio.sleep(LOOK_S)
            is_at_rest = self._cluster.is_at_rest(but_for_activities=loop.time() >= patient_until)
            quiet = quiet + 1 if is_at_rest else 0

    @contextlib.contextmanager
    def disabled(self) -> Iterator[None]:
        """Within the block the clock is not set forward because somebody waits."""
        self._disabled += 1
        self._decide()
        try:
            yield
        finally:
            self._disabled -= 1
            self._decide()

    def watch(self, waiting: asyncio.Future[Any]) -> None:
        """Somebody waits for the end of a workflow by this future."""
        self._waiting += 1
        self._decide()
        waiting.add_done_callback(self._no_longer)

    def _no_longer(self, _: object) -> None:
        self._waiting -= 1
        self._decide()

    def _decide(self) -> None:
        if self._waiting and not self._disabled:
            self._wanted.set()
        else:
            self._wanted.clear()


class _Environment(RealEnvironment):
    """This machine, on the cluster's clock."""

    def __init__(self, cluster: SkippableCluster) -> None:
        super().__init__()
        self._cluster = cluster

    def now_us(self) -> int:
        return self._cluster.now_us()


class SkippingTransport(Transport):
    """The connection of a client of this process. Tells the skipper when somebody waits for the end of a workflow."""

    def __init__(self, cluster: SkippableCluster, skipper: TimeSkipper, identity: str | None) -> None:
        server = cluster.server
        if server.cluster is None:
            raise RuntimeError("the in-process cluster was not started")
        super().__init__(
            MemoryBroker(server),
            server.cluster,
            address="in this process",
            open_leases=lambda: MemoryLeases(server),
            identity=identity or default_identity(),
            environment=_Environment(cluster),
        )
        self._skipper = skipper

    def submit(
        self,
        shard_id: int,
        request: Any,
        timeout_s: float | None = TIMEOUT_S,
        content: ContentBlock | None = None,
    ) -> asyncio.Future[Reply]:
        future = super().submit(shard_id, request, timeout_s, content)
        if isinstance(request, _AWAITS) or getattr(request, "wait_result", False):
            self._skipper.watch(future)
        return future
