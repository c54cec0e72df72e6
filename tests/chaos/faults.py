"""Doing what a schedule says: each kind of fault, from its beginning to its end.

Role: one coroutine a fault. It begins once no other fault holds its target, and heals what it broke, also when it is
cancelled. It judges nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import redis.exceptions

from perdure_engine.embedded.errors import EmbeddedServerError
from tests.chaos.schedule import SKEW_SECONDS_MAX, Fault, FaultKind, Target
from tests.chaos.slot import Slot
from tests.chaos.stage import Stage
from tests.proxy import Proxy
from tests.waiting import wait_until

LATENCY_SECONDS_MAX = 0.15
CHANCE_SECONDS = 10.0
"""How long a cut waits for the bytes that it is to come upon."""

COMMITTED = b"COMMIT\0"
"""In the server's answer to a COMMIT."""

MEMORY_SPARE_BYTES = 200_000
"""Between what Redis holds and what it may hold: some writes more succeed, or fewer than none."""


@dataclass(frozen=True)
class Happened:
    """A fault that took place, by the machine's clock."""

    fault: Fault
    began_at: float
    ended_at: float


@asynccontextmanager
async def _healing(heal: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Heal at the end, to the end: a server that is being started must not be left behind by who is cancelled."""
    try:
        yield
    finally:
        healing = asyncio.ensure_future(heal())
        try:
            await asyncio.shield(healing)
        except asyncio.CancelledError:
            await asyncio.wait([healing])
            raise


class Injector:
    """Brings the faults of a schedule upon a stage.

    Attributes:
        under_way: descriptions of what is broken now.
        missed: faults whose moment did not come, such as a COMMIT to cut within ten seconds.
        failures: what did not go as it must while faults were done, such as a process that did not stop when asked.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._locks = {target: asyncio.Lock() for target in Target}
        self.happened: list[Happened] = []
        self.missed: Counter[FaultKind] = Counter()
        self.failures: list[str] = []
        self.under_way: dict[int, Fault] = {}

    @staticmethod
    def ways() -> frozenset[FaultKind]:
        """The kinds that can be done."""
        return frozenset(_WAYS)

    async def run(self, schedule: Sequence[Fault]) -> None:
        """Let every fault of the schedule happen, each at its time; return when the last is over."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in schedule:
                await asyncio.sleep(max(0.0, began + fault.at_seconds - time.monotonic()))
                group.create_task(self._bring(fault))

    async def _bring(self, fault: Fault) -> None:
        async with self._locks[fault.target]:
            self.under_way[fault.number] = fault
            began_at = time.time()
            try:
                came = await _WAYS[fault.kind](self, fault)
            except (AssertionError, EmbeddedServerError) as error:
                self.failures.append(f"{fault}: {error}")
                return
            finally:
                del self.under_way[fault.number]
        if came is False:
            self.missed[fault.kind] += 1
        else:
            self.happened.append(Happened(fault, began_at, time.time()))

    # Processes -------------------------------------------------------------------------------------------------------
    def _slot(self, fault: Fault) -> Slot:
        slots = {
            Target.ENGINE: self._stage.engines,
            Target.WORKER: self._stage.workers,
            Target.DRIVER: self._stage.drivers,
            Target.CLOCK: [*self._stage.engines, *self._stage.workers],
        }[fault.target]
        return slots[int(fault.choice * len(slots))]

    async def _kill_slot(self, fault: Fault) -> None:
        slot = self._slot(fault)
        slot.kill()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            slot.start()

    async def _restart_slot(self, fault: Fault) -> None:
        slot = self._slot(fault)
        try:
            await asyncio.to_thread(slot.stop)
            await asyncio.sleep(fault.seconds)
        finally:
            slot.start()

    async def _freeze_slot(self, fault: Fault) -> None:
        slot = self._slot(fault)
        slot.freeze()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            slot.thaw()

    async def _skew_clock(self, fault: Fault) -> None:
        """The clock of one process jumps, and later jumps back."""
        clock = self._slot(fault).clock
        clock.set_skew(fault.strength * SKEW_SECONDS_MAX)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            clock.set_skew(0)

    # Redis -----------------------------------------------------------------------------------------------------------
    def _healing_redis(self) -> AbstractAsyncContextManager[None]:
        return _healing(self._stage.redis.heal)

    async def _flush_redis(self, fault: Fault) -> None:
        await self._stage.redis.flush()

    async def _kill_redis(self, fault: Fault) -> None:
        async with self._healing_redis():
            await self._stage.redis.kill()
            await asyncio.sleep(fault.seconds)

    async def _restart_redis(self, fault: Fault) -> None:
        async with self._healing_redis():
            await self._stage.redis.shut_down(losing_data=fault.kind is FaultKind.EMPTY_REDIS)
            await asyncio.sleep(fault.seconds)

    async def _freeze_redis(self, fault: Fault) -> None:
        async with self._healing_redis():
            self._stage.redis.freeze()
            await asyncio.sleep(fault.seconds)

    async def _fill_redis_memory(self, fault: Fault) -> None:
        async with self._healing_redis():
            await self._stage.redis.limit_memory(round(fault.strength * MEMORY_SPARE_BYTES))
            await asyncio.sleep(fault.seconds)

    async def _fill_redis_disk(self, fault: Fault) -> None:
        async with self._healing_redis():
            self._stage.redis.disk.fill()
            await asyncio.sleep(fault.seconds)

    async def _fail_over(self, fault: Fault) -> None:
        replica = await self._stage.redis.prepare_replica()
        await asyncio.sleep(fault.seconds)
        await self._stage.redis.fail_over(replica)
        self._stage.redis_proxy.cut()

    async def _lose_redis_answer(self, fault: Fault) -> bool:
        self._stage.redis_proxy.lose_replies()
        return await self._wait_loss(self._stage.redis_proxy)

    # Postgres --------------------------------------------------------------------------------------------------------
    def _healing_postgres(self) -> AbstractAsyncContextManager[None]:
        return _healing(self._stage.postgres.heal)

    async def _kill_postgres(self, fault: Fault) -> None:
        async with self._healing_postgres():
            await self._stage.postgres.kill()
            await asyncio.sleep(fault.seconds)

    async def _restart_postgres(self, fault: Fault) -> None:
        async with self._healing_postgres():
            await self._stage.postgres.shut_down()
            await asyncio.sleep(fault.seconds)

    async def _kill_backend(self, fault: Fault) -> None:
        async with self._healing_postgres():
            await self._stage.postgres.kill_backend(fault.choice)

    async def _freeze_backend(self, fault: Fault) -> None:
        async with self._healing_postgres():
            await self._stage.postgres.freeze_backend(fault.choice)
            await asyncio.sleep(fault.seconds)

    async def _fill_postgres_disk(self, fault: Fault) -> None:
        async with self._healing_postgres():
            await asyncio.to_thread(self._stage.postgres.disk.fill)
            await asyncio.sleep(fault.seconds)

    async def _cut_before_commit(self, fault: Fault) -> bool:
        """The fence, and with it all that follows, never reaches the server: it carries the broker's epoch."""
        try:
            async with self._stage.redis.client() as client:
                epoch = await client.get("perdure:epoch")
        except redis.exceptions.RedisError:  # another fault is under way
            return False
        if not epoch:
            return False
        self._stage.postgres_proxy.lose_requests(containing=epoch)
        return await self._wait_loss(self._stage.postgres_proxy)

    async def _cut_after_commit(self, fault: Fault) -> bool:
        self._stage.postgres_proxy.lose_replies(after=COMMITTED)
        return await self._wait_loss(self._stage.postgres_proxy)

    # Network ---------------------------------------------------------------------------------------------------------
    def _proxy(self, fault: Fault) -> Proxy:
        return self._stage.redis_proxy if fault.target is Target.REDIS else self._stage.postgres_proxy

    async def _cut(self, fault: Fault) -> None:
        self._proxy(fault).cut()

    async def _slow_down(self, fault: Fault) -> None:
        proxy = self._proxy(fault)
        proxy.delay_seconds = max(0.001, abs(fault.strength) * LATENCY_SECONDS_MAX)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            proxy.delay_seconds = 0.0

    async def _wait_loss(self, proxy: Proxy) -> bool:
        before = proxy.losses

        async def lost() -> bool:
            return proxy.losses > before

        try:
            return await wait_until(lost, what="a connection to be cut", timeout_seconds=CHANCE_SECONDS)
        except AssertionError:
            return False
        finally:
            proxy.lose_nothing()


_WAYS: dict[FaultKind, Callable[[Injector, Fault], Awaitable[bool | None]]] = {
    FaultKind.KILL_ENGINE: Injector._kill_slot,
    FaultKind.KILL_WORKER: Injector._kill_slot,
    FaultKind.KILL_DRIVER: Injector._kill_slot,
    FaultKind.RESTART_ENGINE: Injector._restart_slot,
    FaultKind.RESTART_WORKER: Injector._restart_slot,
    FaultKind.FREEZE_ENGINE: Injector._freeze_slot,
    FaultKind.FREEZE_WORKER: Injector._freeze_slot,
    FaultKind.FLUSHALL: Injector._flush_redis,
    FaultKind.KILL_REDIS: Injector._kill_redis,
    FaultKind.RESTART_REDIS: Injector._restart_redis,
    FaultKind.EMPTY_REDIS: Injector._restart_redis,
    FaultKind.FREEZE_REDIS: Injector._freeze_redis,
    FaultKind.FILL_REDIS_MEMORY: Injector._fill_redis_memory,
    FaultKind.FILL_REDIS_DISK: Injector._fill_redis_disk,
    FaultKind.FAIL_OVER: Injector._fail_over,
    FaultKind.CUT_REDIS: Injector._cut,
    FaultKind.CUT_AFTER_REDIS_WRITE: Injector._lose_redis_answer,
    FaultKind.SLOW_REDIS: Injector._slow_down,
    FaultKind.KILL_POSTGRES: Injector._kill_postgres,
    FaultKind.KILL_BACKEND: Injector._kill_backend,
    FaultKind.RESTART_POSTGRES: Injector._restart_postgres,
    FaultKind.FREEZE_BACKEND: Injector._freeze_backend,
    FaultKind.FILL_POSTGRES_DISK: Injector._fill_postgres_disk,
    FaultKind.CUT_POSTGRES: Injector._cut,
    FaultKind.CUT_BEFORE_COMMIT: Injector._cut_before_commit,
    FaultKind.CUT_AFTER_COMMIT: Injector._cut_after_commit,
    FaultKind.SLOW_POSTGRES: Injector._slow_down,
    FaultKind.SKEW_CLOCK: Injector._skew_clock,
}
"""How each kind is done; a False: its moment did not come."""
