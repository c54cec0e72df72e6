"""The operator: changes the limits of a task queue at run time, as a client of the SDK."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from perdure.client import Client
from perdure.protocol.codec import pack
from perdure.protocol.task_queues import QueueSettings
from perdure.protocol.tasks import TaskKind
from perdure_store.flow import QueueSettingsRow
from perdure_store.memory import MemoryDatabase
from tests.simulation.ledger import Ledger, LimitsChange
from tests.simulation.limit_plans import LIMITED_QUEUE, Changes, QueueLimits
from tests.simulation.process import Process

PATIENCE = timedelta(hours=1)
MICRO = 1_000_000


def put_limits(database: MemoryDatabase, ledger: Ledger, limits: QueueLimits) -> None:
    """Have limits from the beginning."""
    settings = QueueSettings(
        "default",
        LIMITED_QUEUE,
        1,
        round(limits.rate * MICRO),
        limits.burst,
        limits.concurrency,
        round(limits.key_rate * MICRO),
        limits.key_burst,
        limits.key_concurrency,
    )
    row = QueueSettingsRow("default", LIMITED_QUEUE, TaskKind.ACTIVITY, 1, pack(settings))
    database.queue_settings[row[:3]] = row
    ledger.limits.append(LimitsChange(0.0, 0.0, limits))


class Operator:
    """Args:
    client: that of the process, once it is connected.
    open_plans: where it stands that this is not done yet.
    """

    def __init__(
        self, process: Process, client: asyncio.Future[Client], ledger: Ledger, open_plans: dict[str, str]
    ) -> None:
        self._process = process
        self._client = client
        self._ledger = ledger
        self._open_plans = open_plans

    def begin(self, changes: Changes) -> None:
        """Carry out all but the first one, which is there from the beginning."""
        self._open_plans["limits"] = "not all of them were set"
        self._process.spawn(self._change(changes), name="operator")

    async def _change(self, changes: Changes) -> None:
        client = await self._client
        for at_s, limits in changes[1:]:
            await self._process.sleep(max(0.0, at_s - self._process.monotonic()))
            begin_s = self._process.monotonic()
            self._ledger.limits.append(LimitsChange(begin_s, None, limits))
            await self._set(client, limits)
            self._ledger.limits[-1] = LimitsChange(begin_s, self._process.monotonic(), limits)
        del self._open_plans["limits"]

    async def _set(self, client: Client, limits: QueueLimits) -> None:
        queues = client.task_queues
        if limits.is_paused:
            await queues.pause(LIMITED_QUEUE, reason="simulated", rpc_timeout=PATIENCE)
            return
        await queues.set_limits(
            LIMITED_QUEUE,
            rate=limits.rate or None,
            burst=limits.burst,
            concurrency=limits.concurrency or None,
            key_rate=limits.key_rate or None,
            key_burst=limits.key_burst,
            key_concurrency=limits.key_concurrency or None,
            rpc_timeout=PATIENCE,
        )
        await queues.resume(LIMITED_QUEUE, rpc_timeout=PATIENCE)
