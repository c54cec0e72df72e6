"""The machine under a simulated client or worker of the SDK: its clocks, tasks and threads are those of one process.

What would be a thread is a task here: it beats while the process is awake, and dies with it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from perdure.transport import Transport
from perdure.transport.environment import Beat
from perdure_broker.port import Broker, BrokerUnavailable, Leases
from tests.simulation.process import Process

T = TypeVar("T")

AGAIN_S = 0.3
"""A client or worker that cannot connect tries again so much later, as its supervisor would have it do."""


class SdkEnvironment:
    """An `Environment` of the SDK on virtual time."""

    def __init__(self, process: Process) -> None:
        self.random: random.Random = process.random
        self._process = process

    def now_us(self) -> int:
        return self._process.now_us()

    def monotonic(self) -> float:
        return self._process.monotonic()

    def unique_name(self) -> str:
        return f"{self.random.getrandbits(48):012x}"

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        return self._process.spawn(coroutine, name=name)

    def beat(
        self, step: Callable[[], None], interval_s: Callable[[], float], *, name: str, ended: Callable[[], None]
    ) -> Beat:
        async def run() -> None:
            try:
                while True:
                    await self._process.sleep(interval_s())
                    step()
            finally:
                ended()

        return _TaskBeat(self._process.spawn(run(), name=name))

    async def in_thread(self, call: Callable[[], T]) -> T:
        await self._process.gate()
        return call()


class _TaskBeat:
    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def stop(self) -> None:
        self._task.cancel()


class VirtualThreads(concurrent.futures.ThreadPoolExecutor):
    """The executor of a simulated worker: what would run in a thread runs on the loop, all at once, after a while."""

    def __init__(self, process: Process, count: int) -> None:
        super().__init__(count)
        self._process = process

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[T]:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        async def run() -> None:
            await self._process.sleep(self._process.random.choice([0.0, 0.01, 0.3]))
            future.set_result(function(*args, **kwargs))

        self._process.spawn(run(), name="thread")
        return future


async def connected(process: Process, broker: Broker, open_leases: Callable[[], Leases]) -> Transport:
    """The connection of a client or worker that runs in `process`, once there is one."""
    while True:
        try:
            cluster = await broker.cluster_info()
            if cluster is not None:
                transport = Transport(
                    broker,
                    cluster,
                    address="simulated",
                    identity=process.name,
                    open_leases=open_leases,
                    environment=SdkEnvironment(process),
                )
                await transport.start()
                return transport
        except BrokerUnavailable:
            pass
        await process.sleep(process.random.uniform(0.2, 1.0) * AGAIN_S)
