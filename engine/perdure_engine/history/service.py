"""The history service of one engine: owns shards and runs their batches.

The loop of a batch, and its contract (DESIGN: one way in):

1. read a batch from the inboxes of the shards that are held, and the timers that are due;
2. load what is not in memory, in one query;
3. decide each request in order, in memory;
4. commit once, while the next batch is being read and decided;
5. only then let replies, tasks, acks and inbox deletes out.

Whenever step 4 does not say yes, or step 3 raises, everything undurable is thrown away (`rewinding`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, StreamEntry, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.history.absent import AbsentWorkers
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CACHE_BYTES_MAX, ExecutionCache
from perdure_engine.history.committing import BatchLost, Committer
from perdure_engine.history.deciding import Decider
from perdure_engine.history.deleting import Deletions
from perdure_engine.history.held import HeldShards
from perdure_engine.history.intake import REQUESTS_MAX, Intake, Undecidable, Unloadable
from perdure_engine.history.post import Post
from perdure_engine.history.queries import Queries
from perdure_engine.history.reading import Reading
from perdure_engine.history.recovery import Recovery
from perdure_engine.history.releasing import Releaser
from perdure_engine.history.repairing import Repairs
from perdure_engine.history.rewinding import Rewinding
from perdure_engine.history.routing import Routing
from perdure_engine.history.runs import Runs
from perdure_engine.history.shard import Shard
from perdure_engine.history.standalone import StandaloneActivities
from perdure_engine.history.sticky import StickyWatch
from perdure_engine.history.updates import Updates
from perdure_engine.history.upkeep import Upkeep
from perdure_engine.history.visibility import VisibilityWriter
from perdure_engine.history.waiters import Waiters
from perdure_engine.history.windows import Windows
from perdure_store.port import BacklogRow, ShardRow, Store, StoreError, TransferKey

logger = logging.getLogger("perdure.engine.history")

BLOCK_MS = 1_000
"""How long a read of the inboxes waits at the most."""

FEW_BYTES = 16 * 1024
"""Below this many bytes of requests the inboxes are read once more before a batch is made of them (measured: a fifth
more activities a second at 500 workflows at once; an idle workflow of 5.2 ms takes up to 0.4 ms longer)."""

GATHER_S = 0.015
"""Seconds that the second read waits for the commit under way at the most."""

ENTRIES_A_SHARD = 64
"""Inbox entries that one read takes of each shard (an entry holds up to a hundred requests)."""

RETRY_S = 0.5

HANDOVER_S = 5.0
"""Seconds that a shard waits for the broker before it is handed over."""


class HistoryService:
    """Holds shards (see `Ownership`) and runs their batches until it is stopped.

    Args:
        backlogged: called with the streams for which backlog was just committed.
        holds_back: which queues hand nothing out but by their dispatcher.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        cluster: ClusterInfo,
        *,
        cache_bytes_max: int = CACHE_BYTES_MAX,
        backlogged: Callable[[set[TaskStream]], None] = lambda streams: None,
        holds_back: Callable[[TaskStream], bool] = lambda stream: False,
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._backlogged = backlogged
        self._held = HeldShards(self._forget)
        self._turn = asyncio.Lock()
        self._refused: list[tuple[TaskStream, TransferKey]] = []
        self._sticky = StickyWatch()
        self._stopping = False
        windows = Windows(holds_back)
        self.routing = Routing(store)
        self.cache = ExecutionCache(cache_bytes_max)
        self.waiters = Waiters()
        self._queries = Queries(broker, self.routing)
        self._visibility = VisibilityWriter(store, environment)
        reading = Reading(store, broker, self.cache, self.waiters, self._queries)
        post = Post(cluster)
        self._updates = Updates(store, broker)
        self._deletions = Deletions(store, broker, environment, self.cache)
        runs = Runs(self.cache, self.waiters, self._queries, self._visibility, self._updates)
        standalone = StandaloneActivities(store, self.cache.activities, self.waiters)
        decider = Decider(
            self.cache, self.waiters, reading, store, broker, post, runs, self._updates, self._deletions, standalone
        )
        self._durable: asyncio.Queue[Batch] = asyncio.Queue(maxsize=4)
        self._committer = Committer(store, environment, self._durable, failed=self._wake_soon)
        settle = self._committer.settle
        self._intake = Intake(
            store, broker, environment, self.cache, decider, windows, cluster, post, settle, self.routing, standalone
        )
        self._releaser = Releaser(
            store,
            broker,
            environment,
            windows,
            self._durable,
            released=self._on_durable,
            refused=self._on_refused,
            lost=self._held.lose,
        )
        recovery = Recovery(store, broker, self.cache, self._visibility, post)
        self._absent = AbsentWorkers(store, broker, environment, cluster)
        self.repairs = Repairs(recovery, self._releaser, self._absent, environment, self._held.by_id, backlogged)
        self._rewinding = Rewinding(
            store, environment, self._held, self.cache, self._visibility, self._committer, self._intake, self.repairs
        )
        self._upkeep = Upkeep(
            store,
            broker,
            environment,
            cluster,
            self._held,
            self._turn,
            self._queries,
            self.routing,
            self._intake,
            self._rewinding,
        )

    # Life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run batches until `stop`, then return when everything decided is durable and released."""
        await self.routing.refresh()
        self._held.epoch = await self._broker.epoch()
        background = [
            self._environment.spawn(self._releaser.run(), name="releaser"),
            self._environment.spawn(self._visibility.run(), name="visibility"),
            self._environment.spawn(self._upkeep.run(), name="upkeep"),
            self._environment.spawn(self.repairs.run(), name="reconciler"),
            self._environment.spawn(self.repairs.remind(), name="reminder"),
            self._environment.spawn(self._absent.run(), name="absent workers"),
        ]
        intake = self._environment.spawn(self._run_batches(), name="intake")
        try:
            done, _ = await asyncio.wait([intake, *background], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._durable.join()
        finally:
            for task in (intake, *background):
                task.cancel()
            await asyncio.gather(
                intake, *background, *self.repairs.stop(), *self._deletions.stop(), return_exceptions=True
            )

    async def stop(self) -> None:
        """End `run` after the batch that is under way. Give up the shards first (`Ownership.retire`)."""
        self._stopping = True
        self._held.stir()
        await self._broker.wake_inbox_reader()

    # Shards --------------------------------------------------------------------------------------------------------

    def held(self) -> frozenset[int]:
        return self._held.ids()

    def ranges(self) -> dict[int, int]:
        """The range by which each held shard is owned."""
        return self._held.ranges()

    async def gain(self, row: ShardRow) -> None:
        """A shard was acquired: take in its timers, publish what is missing, and read its inbox from now on."""
        if not self._held.epoch:
            self._held.epoch = await self._broker.epoch()
        shard = Shard(row, self._held.epoch)
        await shard.timers.refill(self._store, self._environment.now_us())
        async with self._turn:
            self._held.put(shard)
        await self._wake()
        logger.info("shard %d is held at range %d", row.shard_id, row.range_id)
        self.repairs.begin(shard)

    async def give_up(self, shard_id: int) -> None:
        """Let a shard go, once what was decided on it is durable and, if the broker answers, released."""
        async with self._turn:
            shard = self._held.by_id.get(shard_id)
            if shard is None:
                return
            try:
                await self._committer.settle()
            except BatchLost as lost:
                await self._rewinding.follow_loss(lost)
            self._held.drop(shard_id)
        try:
            async with asyncio.timeout(HANDOVER_S):
                await self._durable.join()
        except TimeoutError:
            logger.warning("shard %d is handed over unreleased: its next owner publishes what is missing", shard_id)
        await self._store.release_shard(shard_id, shard.range_id)

    def _forget(self, shard_id: int) -> None:
        """What is in memory of a shard that is no longer held is dropped."""
        self.cache.drop_shards(frozenset({shard_id}))
        self._visibility.forget_shards(frozenset({shard_id}))
        self.waiters.drop_shard(shard_id)
        self._updates.drop_shard(shard_id)
        self.repairs.drop(shard_id)
        self._absent.forget_shard(shard_id)

    async def look_at_clock(self) -> None:
        """The clock was set forward: what is due by now does not wait for the next upkeep."""
        await self._upkeep.take_in_timers()
        await self._wake()

    # Batches -------------------------------------------------------------------------------------------------------

    async def _run_batches(self) -> None:
        while not self._stopping:
            if not self._held:
                await self._held.wait()
                continue
            try:
                await self._run_batch()
            except BatchLost as lost:
                async with self._turn:
                    await self._rewinding.follow_loss(lost)
            except Undecidable as guilty:
                async with self._turn:
                    await self._rewinding.follow_undecidable(guilty)
            except Unloadable as refused:
                async with self._turn:
                    await self._rewinding.follow_unloadable(refused)
            except BrokerUnavailable as error:
                logger.warning("the broker is unavailable, reading again soon: %s", error)
                await self._environment.sleep(RETRY_S)
            except StoreError as error:
                logger.warning("the store cannot be read, loading again soon: %s", error)
                await self._environment.sleep(RETRY_S)
        try:
            await self._committer.settle()
        except BatchLost as lost:
            logger.warning("the last batch was not committed; its requests are still in the inbox: %s", lost)

    async def _run_batch(self) -> None:
        cursors = self._held.cursors()
        reads = await self._read(cursors)
        async with self._turn:
            self._held.drop_lost()
            shards = self._held.by_id
            current = [
                (shard_id, entries)
                for shard_id, entries in reads
                if shard_id in shards and shards[shard_id].read_from == cursors[shard_id]
            ]
            self.cache.sweep()
            redirects = self._sticky.take_due(self._environment.monotonic())
            try:
                batch = await self._intake.build(shards, current, redirects)
            except BaseException:
                self._sticky.put_back(redirects, self._environment.monotonic())
                raise
            self._add_chores(batch)
            if not batch.shards:
                if self._committer.has_failed:
                    await self._committer.settle()
                return
            batch.seal()
            await self._committer.submit(batch)

    async def _read(self, cursors: dict[int, bytes]) -> list[tuple[int, list[StreamEntry]]]:
        """The next entries. Where there are few, it looks again, a round trip later, or when the commit under way is
        over: a commit of their own would only stand behind that one."""
        reads = await self._broker.read_inboxes(cursors, count=ENTRIES_A_SHARD, block_ms=self._block_ms())
        if reads and sum(len(entry.data) for _, entries in reads for entry in entries) < FEW_BYTES:
            await self._committer.wait(GATHER_S)
            reads = await self._broker.read_inboxes(cursors, count=ENTRIES_A_SHARD, block_ms=1)
        return reads

    def _block_ms(self) -> int:
        """How long the next read may wait: up to the next thing that must happen by itself."""
        if self._refused or self._held.has_lost() or self._visibility.has_done() or self._committer.has_failed:
            return 1
        block_ms = BLOCK_MS
        due_us = self._held.next_due_us()
        if due_us is not None:
            block_ms = min(block_ms, max(1, (due_us - self._environment.now_us() + 999) // 1000))
        sticky_s = self._sticky.next_due_s()
        if sticky_s is not None:
            block_ms = min(block_ms, max(1, int((sticky_s - self._environment.monotonic()) * 1000) + 1))
        return block_ms

    def _add_chores(self, batch: Batch) -> None:
        """Rows that changed beside the requests: refused publications, and visibility records that are written."""
        refused, self._refused = self._refused, []
        for stream, key in refused:
            shard = self._held.by_id.get(key.shard_id)
            if shard is not None:
                batch.touch(shard)
                batch.commit.transfer_backlogs.append(BacklogRow(*key, shard.take_task_id()))
                batch.outbox.backlogged.add(stream)
        for key in self._visibility.take_done():
            shard = self._held.by_id.get(key.shard_id)
            if shard is not None:
                batch.touch(shard)
                batch.commit.transfer_deletes.append(key)

    # What the releaser says ----------------------------------------------------------------------------------------

    def _on_durable(self, batch: Batch) -> None:
        for draft in batch.drafts.values():
            self.cache.release(draft.run, batch.now_us)
        for entry in batch.activities.values():
            self.cache.activities.release(entry, batch.now_us)
        if batch.visible:
            self._visibility.ready(batch)
        if batch.sticky:
            self._sticky.published(batch.sticky, self._environment.monotonic())
        if batch.outbox.backlogged:
            self._backlogged(batch.outbox.backlogged)
        self._intake.limit = min(REQUESTS_MAX, self._intake.limit * 2)
        if self._intake.suspects:
            for shard, _, _ in batch.places:
                self._intake.suspects.pop(shard.shard_id, None)
            if self._intake.limit == REQUESTS_MAX:
                self._intake.suspects.clear()

    def _on_refused(self, stream: TaskStream, keys: list[TransferKey]) -> None:
        self._refused.extend((stream, key) for key in keys)
        for key in keys:
            self.cache.activities.refused(key.run_id)
        self._wake_soon()

    def _wake_soon(self) -> None:
        """The batch loop shall not wait for requests: there is something else to do."""
        self._environment.spawn(self._wake(), name="wake")

    async def _wake(self) -> None:
        try:
            await self._broker.wake_inbox_reader()
        except BrokerUnavailable as error:
            logger.debug("the reader was not woken, it will wake by itself: %s", error)
