"""The history service of one engine: owns shards and runs their batches.

The loop of a batch, and its contract (DESIGN: one way in):

1. read a batch from the inboxes of the shards that are held, and the timers that are due;
2. load what is not in memory, in one query;
3. decide each request in order, in memory;
4. commit once, while the next batch is being read and decided;
5. only then let replies, tasks, acks and inbox deletes out.

Whenever step 4 does not say yes, or step 3 raises, everything undurable is thrown away: the shards are rewound to what
the store says, and their inboxes read again from the committed cursor. That is always right, because the cursor commits
with the effects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, StreamEntry, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.history.absent import AbsentWorkers
from perdure_engine.history.batch import Batch
from perdure_engine.history.cache import CACHE_BYTES_MAX, ExecutionCache
from perdure_engine.history.committing import BatchLost, Committer
from perdure_engine.history.deciding import Decider
from perdure_engine.history.deleting import Deletions
from perdure_engine.history.intake import REQUESTS_MAX, Intake, Undecidable, Unloadable
from perdure_engine.history.post import Post
from perdure_engine.history.queries import Queries
from perdure_engine.history.reading import Reading
from perdure_engine.history.recovery import Recovery
from perdure_engine.history.releasing import Releaser
from perdure_engine.history.repairing import Repairs
from perdure_engine.history.routing import Routing
from perdure_engine.history.runs import Runs
from perdure_engine.history.shard import Shard
from perdure_engine.history.sticky import StickyWatch
from perdure_engine.history.updates import Updates
from perdure_engine.history.visibility import VisibilityWriter
from perdure_engine.history.waiters import Waiters
from perdure_engine.history.windows import Windows
from perdure_store.port import BacklogRow, ShardRow, Store, StoreError, TimerKey, TransferKey

logger = logging.getLogger("perdure.engine.history")

T = TypeVar("T")

BLOCK_MS = 1_000
"""How long a read of the inboxes waits at the most."""

FEW_BYTES = 32 * 1024
"""Below this many bytes of requests the inboxes are read once more before a batch is made of them (measured: a fifth
more activities a second at 500 workflows at once; an idle workflow of 5.2 ms takes up to 0.4 ms longer)."""

GATHER_S = 0.015
"""Seconds that the second read waits for the commit under way at the most."""

ENTRIES_A_SHARD = 64
"""Inbox entries that one read takes of each shard (an entry holds up to a hundred requests)."""

UPKEEP_S = 1.0
RETRY_S = 0.5

HANDOVER_S = 5.0
"""Seconds that a shard waits for the broker before it is handed over."""

INBOX_SHED_AT = 20_000
"""Entries waiting in one inbox from which on starts are refused until it is half of that."""


@dataclass(slots=True)
class Counters:
    """What this service has done since it began."""

    batches: int = 0
    requests: int = 0
    rewinds: int = 0


class HistoryService:
    """Holds shards (see `Ownership`) and runs their batches until it is stopped.

    Args:
        backlogged: called with the streams for which backlog was just committed.
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
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._cluster = cluster
        self._backlogged = backlogged
        self._shards: dict[int, Shard] = {}
        self._epoch = ""
        self._turn = asyncio.Lock()
        self._has_shards = asyncio.Event()
        self._refused: list[tuple[TaskStream, TransferKey]] = []
        self._sticky = StickyWatch()
        self._lost: set[int] = set()
        self._reads = 0
        self._stopping = False
        self.counters = Counters()
        windows = Windows()
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
        decider = Decider(self.cache, self.waiters, reading, store, broker, post, runs, self._updates, self._deletions)
        self._durable: asyncio.Queue[Batch] = asyncio.Queue(maxsize=4)
        self._committer = Committer(store, environment, self._durable, failed=self._wake_soon)
        settle = self._committer.settle
        self._intake = Intake(
            store, broker, environment, self.cache, decider, windows, cluster, post, settle, self.routing
        )
        self._releaser = Releaser(
            store,
            broker,
            environment,
            windows,
            self._durable,
            released=self._on_durable,
            refused=self._on_refused,
            lost=self._on_lost,
        )
        recovery = Recovery(store, broker, self.cache, self._visibility, post)
        self._absent = AbsentWorkers(store, broker, environment, cluster)
        self.repairs = Repairs(recovery, self._releaser, self._absent, environment, self._shards, backlogged)

    # Life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run batches until `stop`, then return when everything decided is durable and released."""
        await self.routing.refresh()
        self._epoch = await self._broker.epoch()
        background = [
            self._environment.spawn(self._releaser.run(), name="releaser"),
            self._environment.spawn(self._visibility.run(), name="visibility"),
            self._environment.spawn(self._upkeep(), name="upkeep"),
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
        self._has_shards.set()
        await self._broker.wake_inbox_reader()

    # Shards --------------------------------------------------------------------------------------------------------

    def held(self) -> frozenset[int]:
        return frozenset(self._shards)

    def ranges(self) -> dict[int, int]:
        """The range by which each held shard is owned."""
        return {shard_id: shard.range_id for shard_id, shard in self._shards.items()}

    async def gain(self, row: ShardRow) -> None:
        """A shard was acquired: take in its timers, publish what is missing, and read its inbox from now on."""
        if not self._epoch:
            self._epoch = await self._broker.epoch()
        shard = Shard(row, self._epoch)
        await shard.timers.refill(self._store, self._environment.now_us())
        async with self._turn:
            self._shards[row.shard_id] = shard
        self._has_shards.set()
        await self._wake()
        logger.info("shard %d is held at range %d", row.shard_id, row.range_id)
        self.repairs.begin(shard)

    async def give_up(self, shard_id: int) -> None:
        """Let a shard go, once what was decided on it is durable and, if the broker answers, released."""
        async with self._turn:
            shard = self._shards.get(shard_id)
            if shard is None:
                return
            try:
                await self._committer.settle()
            except BatchLost as lost:
                await self._follow_loss(lost)
            self._drop(shard_id)
        try:
            async with asyncio.timeout(HANDOVER_S):
                await self._durable.join()
        except TimeoutError:
            logger.warning("shard %d is handed over unreleased: its next owner publishes what is missing", shard_id)
        await self._store.release_shard(shard_id, shard.range_id)

    def _drop(self, shard_id: int) -> None:
        self._shards.pop(shard_id, None)
        self.cache.drop_shards(frozenset({shard_id}))
        self._visibility.forget_shards(frozenset({shard_id}))
        self.waiters.drop_shard(shard_id)
        self._updates.drop_shard(shard_id)
        self.repairs.drop(shard_id)
        self._absent.forget_shard(shard_id)
        if not self._shards:
            self._has_shards.clear()

    # Batches -------------------------------------------------------------------------------------------------------

    async def _run_batches(self) -> None:
        while not self._stopping:
            if not self._shards:
                await self._has_shards.wait()
                continue
            try:
                await self._run_batch()
            except BatchLost as lost:
                async with self._turn:
                    await self._follow_loss(lost)
            except Undecidable as guilty:
                async with self._turn:
                    await self._follow_undecidable(guilty)
            except Unloadable as refused:
                async with self._turn:
                    await self._follow_unloadable(refused)
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
        cursors = self._cursors()
        reads = await self._read(cursors)
        async with self._turn:
            self._drop_lost()
            current = [
                (shard_id, entries)
                for shard_id, entries in reads
                if shard_id in self._shards and self._shards[shard_id].read_from == cursors[shard_id]
            ]
            self.cache.sweep()
            redirects = self._sticky.take_due(self._environment.monotonic())
            try:
                batch = await self._intake.build(self._shards, current, redirects)
            except BaseException:
                self._sticky.put_back(redirects, self._environment.monotonic())
                raise
            self._add_chores(batch)
            if not batch.shards:
                if self._committer.has_failed:
                    await self._committer.settle()
                return
            batch.seal()
            self.counters.batches += 1
            self.counters.requests += batch.request_count
            await self._committer.submit(batch)

    async def _read(self, cursors: dict[int, bytes]) -> list[tuple[int, list[StreamEntry]]]:
        """The next entries. Where there are few, it looks again, a round trip later, or when the commit under way is
        over: a commit of their own would only stand behind that one."""
        reads = await self._broker.read_inboxes(cursors, count=ENTRIES_A_SHARD, block_ms=self._block_ms())
        if reads and sum(len(entry.data) for _, entries in reads for entry in entries) < FEW_BYTES:
            await self._committer.wait(GATHER_S)
            reads = await self._broker.read_inboxes(cursors, count=ENTRIES_A_SHARD, block_ms=1)
        return reads

    def _cursors(self) -> dict[int, bytes]:
        """Where to read each inbox on. The one to be served first changes, so that a flood for one shard cannot keep
        the others waiting."""
        self._reads += 1
        first = self._reads % len(self._shards)
        items = list(self._shards.items())
        return {shard_id: shard.read_from for shard_id, shard in (*items[first:], *items[:first])}

    def _block_ms(self) -> int:
        """How long the next read may wait: up to the next thing that must happen by itself."""
        if self._refused or self._lost or self._visibility.has_done() or self._committer.has_failed:
            return 1
        block_ms = BLOCK_MS
        due = [due_us for shard in self._shards.values() if (due_us := shard.timers.next_due_us()) is not None]
        if due:
            block_ms = min(block_ms, max(1, (min(due) - self._environment.now_us() + 999) // 1000))
        sticky_s = self._sticky.next_due_s()
        if sticky_s is not None:
            block_ms = min(block_ms, max(1, int((sticky_s - self._environment.monotonic()) * 1000) + 1))
        return block_ms

    def _add_chores(self, batch: Batch) -> None:
        """Rows that changed beside the requests: refused publications, and visibility records that are written."""
        refused, self._refused = self._refused, []
        for stream, key in refused:
            shard = self._shards.get(key.shard_id)
            if shard is not None:
                batch.touch(shard)
                batch.commit.transfer_backlogs.append(BacklogRow(*key, shard.take_task_id()))
                batch.outbox.backlogged.add(stream)
        for key in self._visibility.take_done():
            shard = self._shards.get(key.shard_id)
            if shard is not None:
                batch.touch(shard)
                batch.commit.transfer_deletes.append(key)

    # What the releaser says ----------------------------------------------------------------------------------------

    def _on_durable(self, batch: Batch) -> None:
        for draft in batch.drafts.values():
            self.cache.release(draft.run, batch.now_us)
        if batch.visible:
            self._visibility.ready(batch)
        if batch.sticky:
            self._sticky.published(batch.sticky, self._environment.monotonic())
        if batch.outbox.backlogged:
            self._backlogged(batch.outbox.backlogged)
        self._intake.limit = min(REQUESTS_MAX, self._intake.limit * 2)

    def _on_refused(self, stream: TaskStream, keys: list[TransferKey]) -> None:
        self._refused.extend((stream, key) for key in keys)
        self._wake_soon()

    def _wake_soon(self) -> None:
        """The batch loop shall not wait for requests: there is something else to do."""
        self._environment.spawn(self._wake(), name="wake")

    async def _wake(self) -> None:
        try:
            await self._broker.wake_inbox_reader()
        except BrokerUnavailable as error:
            logger.debug("the reader was not woken, it will wake by itself: %s", error)

    def _on_lost(self, shard_ids: tuple[int, ...]) -> None:
        self._lost.update(shard_ids)

    def _drop_lost(self) -> None:
        for shard_id in self._lost:
            logger.warning("shard %d belongs to another engine now", shard_id)
            self._drop(shard_id)
        self._lost.clear()

    # What goes wrong -----------------------------------------------------------------------------------------------

    async def _follow_loss(self, lost: BatchLost) -> None:
        """A batch was not committed: find out why, and go back to what is durable."""
        batch = lost.batch
        logger.warning("a batch of %d requests was not committed: %s", batch.request_count, lost.reason)
        if lost.rejected:
            self._narrow_down(batch, lost.reason)
        await self._rewind()

    def _narrow_down(self, batch: Batch, reason: str) -> None:
        """The store refuses what one request or timer of this batch leads to: halve until it is alone. It is set aside
        when it comes again."""
        if batch.request_count > 1:
            if batch.fired or len({(shard.shard_id, entry_id) for shard, entry_id, _ in batch.places}) > 1:
                self._intake.limit = max(1, min(self._intake.limit, batch.request_count) // 2)
                return
            shard, entry_id, _ = batch.places[0]
            shard.split[entry_id] = 1
        for shard, entry_id, place in batch.places[:1] if batch.request_count == 1 else ():
            shard.poisoned[entry_id, place] = reason
        for shard, key in batch.fired:
            shard.poisoned_timers[key] = reason
        self._intake.limit = 1

    async def _follow_undecidable(self, guilty: Undecidable) -> None:
        if guilty.place is not None:
            guilty.shard.poisoned[guilty.place] = guilty.reason
        if guilty.timer is not None:
            guilty.shard.poisoned_timers[TimerKey(*guilty.timer[:5])] = guilty.reason
        await self._settle_and_rewind()

    async def _follow_unloadable(self, refused: Unloadable) -> None:
        logger.warning("what a request names cannot be looked up: %s", refused.reason)
        self._narrow_down(refused.batch, refused.reason)
        await self._settle_and_rewind()

    async def _settle_and_rewind(self) -> None:
        try:
            await self._committer.settle()
        except BatchLost as lost:
            logger.warning("the batch before was not committed either: %s", lost.reason)
        await self._rewind()

    async def _rewind(self) -> None:
        """Throw away what is not durable, and go on from what is. Called with the turn held."""
        self.counters.rewinds += 1
        held = frozenset(self._shards)
        self.cache.drop_shards(held)
        self._visibility.forget_shards(held)
        doubtful = self._committer.take_doubtful()
        rows = {row.shard_id: row for row in await self._insist(self._store.shards)}
        for shard_id, shard in list(self._shards.items()):
            row = rows[shard_id]
            if row.range_id != shard.range_id:
                self._lost.add(shard_id)
                continue
            if shard_id in doubtful:
                row = await self._insist(partial(self._store.acquire_shard, shard_id, row.owner))
            shard.rewind(row, self._epoch)
            await self._insist(partial(shard.timers.refill, self._store, self._environment.now_us()))
            self.repairs.begin(shard)
        self._drop_lost()

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers: half a rewind is worse than a late one."""
        while True:
            try:
                return await ask()
            except StoreError as error:
                logger.warning("cannot rewind yet: %s", error)
                await self._environment.sleep(RETRY_S)

    # Upkeep --------------------------------------------------------------------------------------------------------

    async def look_at_clock(self) -> None:
        """The clock was set forward: what is due by now does not wait for the next upkeep."""
        now_us = self._environment.now_us()
        for shard in list(self._shards.values()):
            await shard.timers.refill(self._store, now_us)
        await self._wake()

    async def _upkeep(self) -> None:
        """Timers that come near, the broker's epoch, queries nobody waits for, inboxes that grow."""
        while True:
            await self._environment.sleep(UPKEEP_S)
            now_us = self._environment.now_us()
            self._queries.forget_expired(now_us)
            try:
                for shard in list(self._shards.values()):
                    if shard.timers.needs_refill(now_us):
                        await shard.timers.refill(self._store, now_us)
                await self.routing.refresh()
                await self._watch_epoch()
                await self._watch_inboxes()
            except (StoreError, BrokerUnavailable) as error:
                logger.warning("upkeep waits: %s", error)

    async def _watch_epoch(self) -> None:
        """In another epoch stream ids mean nothing: read the inboxes from their start, publish what is missing."""
        epoch = await self._broker.epoch()
        if epoch == self._epoch:
            return
        logger.warning(
            "the broker's data is not what it was (epoch %s, before %s): publishing again", epoch, self._epoch
        )
        await self._broker.announce_cluster(self._cluster)
        async with self._turn:
            self._epoch = epoch
            try:
                await self._committer.settle()
            except BatchLost as lost:
                await self._follow_loss(lost)
            else:
                await self._rewind()

    async def _watch_inboxes(self) -> None:
        longest = 0
        for shard_id in list(self._shards):
            longest = max(longest, await self._broker.inbox_length(shard_id))
        self._intake.sheds = longest > (INBOX_SHED_AT // 2 if self._intake.sheds else INBOX_SHED_AT)
