"""Repairing: outstanding tasks that stand in no stream are published, after a takeover or rewind and now and then.

Partial loss is the common case: a stream that was trimmed by hand, an entry deleted, a server restored. After a loss
workers announce what they run; what they reported to run before is theirs to announce (`absent`), and other activities
wait a moment for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from perdure_broker.port import BrokerUnavailable, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.history.absent import AbsentWorkers
from perdure_engine.history.recovery import Recovery
from perdure_engine.history.releasing import Releaser
from perdure_engine.history.shard import Shard
from perdure_engine.outstanding import ANNOUNCEMENTS_S
from perdure_store.port import StoreError

logger = logging.getLogger("perdure.engine.repair")

RECONCILE_S = 30.0
RETRY_S = 0.5
REMIND_S = 1.0
"""How often messages that may be lost are looked for, while there are any without an answer."""


class Repairs:
    """Args:
    shards: those that are held, as they are now.
    backlogged: called with the streams whose backlog was marked again.
    """

    def __init__(
        self,
        recovery: Recovery,
        releaser: Releaser,
        absent: AbsentWorkers,
        environment: Environment,
        shards: Mapping[int, Shard],
        backlogged: Callable[[set[TaskStream]], None],
    ) -> None:
        self._recovery = recovery
        self._releaser = releaser
        self._absent = absent
        self._environment = environment
        self._shards = shards
        self._backlogged = backlogged
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.count = 0

    async def run(self) -> None:
        """Look for what is missing on every shard, slowly and for ever."""
        while True:
            await self._environment.sleep(RECONCILE_S * (0.5 + self._environment.random.random()))
            for shard in list(self._shards.values()):
                try:
                    older_than_us = self._environment.now_us() - int(RECONCILE_S * 1_000_000)
                    while not await self._repair(shard, older_than_us):
                        pass
                except (StoreError, BrokerUnavailable) as error:
                    logger.warning("shard %d is not reconciled: %s", shard.shard_id, error)

    async def remind(self) -> None:
        """Send messages again that may be lost, soon and for ever."""
        while True:
            await self._recovery.wait_unanswered()
            await self._environment.sleep(REMIND_S)
            try:
                rows = await self._recovery.overdue(self._environment.now_us(), self._shards)
                if rows:
                    logger.info("sending %d messages again that were not answered", len(rows))
                    ranges = {row.shard_id: self._shards[row.shard_id].range_id for row in rows}
                    await self._releaser.publish_once(self._recovery.prepare(rows).outbox, ranges, {})
            except (StoreError, BrokerUnavailable) as error:
                logger.warning("messages are not sent again: %s", error)

    def begin(self, shard: Shard) -> None:
        """Publish, in the background, what an earlier owner or a batch that was thrown away left unpublished."""
        self.drop(shard.shard_id)
        name = f"repair-{shard.shard_id}"
        self._tasks[shard.shard_id] = self._environment.spawn(self._begin(shard), name=name)

    def drop(self, shard_id: int) -> None:
        """The shard is lost, or about to be repaired from the start."""
        task = self._tasks.pop(shard_id, None)
        if task is not None:
            task.cancel()

    def stop(self) -> list[asyncio.Task[None]]:
        """Cancel what is under way; the caller awaits it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    async def _begin(self, shard: Shard) -> None:
        if shard.has_lost_streams:
            await self._insist(shard, with_activities=False)
            await self._environment.sleep(ANNOUNCEMENTS_S)
        await self._insist(shard, with_activities=True)

    async def _insist(self, shard: Shard, *, with_activities: bool) -> None:
        while True:
            try:
                older_than_us = max(self._environment.now_us(), shard.time_us)
                if await self._repair(shard, older_than_us, with_activities=with_activities):
                    return
            except (StoreError, BrokerUnavailable) as error:
                logger.warning("shard %d is not repaired yet: %s", shard.shard_id, error)
                await self._environment.sleep(RETRY_S)

    async def _repair(self, shard: Shard, older_than_us: int, *, with_activities: bool = True) -> bool:
        """False if it has to be done again, from the start: a task that could not be published at once may have been
        taken by now all the same, and be over."""
        async for rows in self._recovery.missing(shard.shard_id, older_than_us=older_than_us):
            if self._shards.get(shard.shard_id) is not shard:
                return True
            repair = self._recovery.prepare(rows, with_activities=with_activities)
            self._absent.expect(repair.running)
            if not (repair.rows or repair.outbox.backlogged or repair.outbox.inbox_sends):
                continue
            if repair.rows:
                self.count += len(repair.rows)
                logger.info("shard %d: publishing %d tasks that stand in no stream", shard.shard_id, len(repair.rows))
            ranges = {shard.shard_id: shard.range_id}
            if not await self._releaser.publish_once(repair.outbox, ranges, repair.rows):
                return False
            if repair.outbox.backlogged:
                self._backlogged(repair.outbox.backlogged)
        return True
