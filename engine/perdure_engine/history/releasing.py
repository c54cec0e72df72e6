"""Releasing: what may leave once a batch is durable, in the order of the batches.

Replies, published tasks, acks and inbox deletes go out as one pipeline. What a stream refuses becomes backlog, what a
sticky stream cannot take goes to the task queue, and a fence that a newer owner holds ends the shard here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from perdure_broker.port import (
    Broker,
    BrokerUnavailable,
    Outbox,
    Publication,
    PublishResult,
    StreamKind,
    TaskStream,
)
from perdure_engine.environment import Environment
from perdure_engine.history.batch import Batch
from perdure_engine.history.windows import Windows
from perdure_engine.outstanding import key_of, publication_of, stream_of
from perdure_store.port import Store, StoreError, TransferKey, TransferRow

logger = logging.getLogger("perdure.engine.release")

RETRY_MIN_S = 0.05
RETRY_MAX_S = 1.0


class Releaser:
    def __init__(
        self,
        store: Store,
        broker: Broker,
        environment: Environment,
        windows: Windows,
        durable: asyncio.Queue[Batch],
        *,
        released: Callable[[Batch], None],
        refused: Callable[[TaskStream, list[TransferKey]], None],
        lost: Callable[[tuple[int, ...]], None],
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._windows = windows
        self._durable = durable
        self._released = released
        self._refused = refused
        self._lost = lost

    async def run(self) -> None:
        """Release durable batches, for ever. Losing the broker delays them; nothing is dropped."""
        while True:
            batch = await self._durable.get()
            self._released(batch)
            await self.release(batch.outbox, batch.ranges, batch.published_rows)
            for action in batch.after:
                await self._persist(action)
            self._durable.task_done()

    async def _persist(self, action: Callable[[], Awaitable[None]]) -> None:
        """A read's answer: asked again by its sender if it is lost, so tried once."""
        try:
            await action()
        except (BrokerUnavailable, StoreError) as error:
            logger.warning("an answer was not sent, its sender will ask again: %s", error)
        except Exception:  # the top of one answer: its failure must not end the service
            logger.exception("an answer could not be made")

    async def release(
        self,
        outbox: Outbox,
        ranges: dict[int, int],
        rows: dict[str, TransferRow],
    ) -> None:
        """Let everything out. `ranges` loses the shards that turn out to belong to another engine."""
        delay_s = RETRY_MIN_S
        while True:
            try:
                outbox.publish = _of_shards(outbox.publish, ranges)
                results = await self._broker.release(outbox, ranges)
                again = await self._follow_up(outbox, results, ranges, rows)
            except (BrokerUnavailable, StoreError) as error:
                logger.warning("replies and tasks wait: %s", error)
                await self._environment.sleep(delay_s * (0.5 + self._environment.random.random()))
                delay_s = min(delay_s * 2, RETRY_MAX_S)
                continue
            if again is None:
                return
            outbox = again

    async def publish_once(self, outbox: Outbox, ranges: dict[int, int], rows: dict[str, TransferRow]) -> bool:
        """Publish what was found missing, outside of the order of the batches: so it must not wait here. False if some
        of it has to be published once more: look again at what is missing, it may be over by then.

        Raises:
            BrokerUnavailable, StoreError: likewise.
        """
        results = await self._broker.release(outbox, ranges)
        return await self._follow_up(outbox, results, ranges, rows) is None

    async def _follow_up(
        self,
        outbox: Outbox,
        results: dict[TaskStream, PublishResult],
        ranges: dict[int, int],
        rows: dict[str, TransferRow],
    ) -> Outbox | None:
        """What is still to be done about publications that a stream did not take."""
        again = Outbox()
        for stream, result in results.items():
            publications = outbox.publish[stream]
            if result.stale:
                self._lost(result.stale)
                kept = [item for item in publications if item.shard_id not in result.stale]
                if kept:
                    again.publish.setdefault(stream, []).extend(kept)
                continue
            if result.unproven:
                await self._prove(stream, result.unproven, ranges)
                again.publish.setdefault(stream, []).extend(publications)
                continue
            rest = publications[result.taken :]
            if stream.kind == StreamKind.STICKY:
                for item in rest:
                    row = rows[item.member]
                    again.publish.setdefault(stream_of(row), []).append(publication_of(row))
                continue
            self._windows.learn(stream, result, self._environment.monotonic())
            if result.full:
                # A full server may have refused to look: what it took at an earlier try is no backlog.
                claimed = await self._broker.published(stream, [item.member for item in rest])
                rest = [item for item, is_claimed in zip(rest, claimed, strict=True) if not is_claimed]
            if rest:
                self._refused(stream, [key_of(rows[item.member]) for item in rest])
        return again if again.publish else None

    async def _prove(self, stream: TaskStream, shard_ids: tuple[int, ...], ranges: dict[int, int]) -> None:
        """The stream knows no owner (it is new, or the server was emptied): show it what the store says."""
        proven: dict[int, int] = {}
        lost = []
        for shard_id in shard_ids:
            if shard_id not in ranges:
                continue  # another stream told that it is lost
            row = await self._store.shard(shard_id)
            if row.range_id == ranges[shard_id]:
                proven[shard_id] = row.range_id
            else:
                lost.append(shard_id)
                del ranges[shard_id]
        if proven:
            await self._broker.raise_fence(stream, proven)
        if lost:
            self._lost(tuple(lost))


def _of_shards(
    publish: dict[TaskStream, list[Publication]], ranges: dict[int, int]
) -> dict[TaskStream, list[Publication]]:
    """The publications of these shards."""
    if all(item.shard_id in ranges for items in publish.values() for item in items):
        return publish
    mine = {stream: [item for item in items if item.shard_id in ranges] for stream, items in publish.items()}
    return {stream: items for stream, items in mine.items() if items}
