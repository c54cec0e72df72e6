"""Task streams of the in-memory broker: publishing within the window, announcements, matching's view.

Role: the rules of the scripts under `lua/`, in Python; the conformance suite holds both to the same behaviour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from perdure_broker.memory_announcing import NamedLeases
from perdure_broker.memory_server import Announcement, MemoryServer, Queue
from perdure_broker.port import (
    WINDOW_MAX,
    AnnouncedTask,
    PendingEntry,
    Publication,
    PublishResult,
    QueueState,
    StreamKind,
    TaskEntry,
    TaskStream,
    WorkerInfo,
)
from perdure_broker.tasks import sticky_life_ms


class MemoryQueues:
    """Publishing and queue calls on a `MemoryServer`."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    # Publishing ----------------------------------------------------------------------------------------------------
    async def raise_fence(self, stream: TaskStream, ranges: Mapping[int, int]) -> None:
        self._server.check()
        if not ranges:
            return
        self._server.made_queue(stream).known = True
        fences = self._fences(stream)
        for shard, range_id in ranges.items():
            fences[shard] = max(range_id, fences.get(shard, range_id))

    async def publish_query(self, stream: TaskStream, data: bytes) -> bool:
        self._server.check_memory()
        if stream.kind is StreamKind.STICKY:
            queue = self._live_sticky(stream)
            if queue is None:
                return False
        else:
            queue = self._known(stream)
        queue.stream.add(data, self._server.now_ms())
        self._notify(stream)
        return True

    async def publish_backlog(
        self, stream: TaskStream, term: int, publications: Sequence[Publication]
    ) -> PublishResult | None:
        self._server.check()
        queue = self._known(stream)
        now_ms = self._server.now_ms()
        queue.expire_workers(now_ms)
        if queue.term == 0 or queue.term != term:
            return None
        if self._server.full:
            return PublishResult(0, 0, False, full=True)
        free = 0 if queue.paused else max(0, queue.window(now_ms) - queue.stream.undelivered)
        taken, added = self._claim_and_add(stream, queue, publications, free)
        return PublishResult(taken, free - added, queue.backlogged)

    async def finish(self, stream: bytes, entry_ids: Sequence[bytes], members: Sequence[str] = ()) -> None:
        self._server.check()
        self._finish(stream, entry_ids, members)

    # Worker side ---------------------------------------------------------------------------------------------------
    async def announce_worker(self, stream: TaskStream, info: WorkerInfo, ttl_ms: int) -> int:
        self._server.check()
        queue = self._known(stream)
        now_ms = self._server.now_ms()
        queue.expire_workers(now_ms)
        queue.workers[info.worker] = Announcement(info.identity, info.slots, now_ms, now_ms + ttl_ms)
        if stream.kind is StreamKind.STICKY:
            queue.expires_ms = now_ms + sticky_life_ms(ttl_ms)
        return queue.lease_ms

    async def withdraw_worker(self, stream: TaskStream, worker: str) -> None:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is None:
            return
        queue.workers.pop(worker, None)
        if queue.stream.holds_nothing(worker):
            queue.stream.consumers.pop(worker, None)

    # Engine side ---------------------------------------------------------------------------------------------------
    async def queue_state(self, stream: TaskStream) -> QueueState:
        self._server.check()
        queue = self._server.queue(stream) or Queue(lease_ms=self._server.lease_ms(stream))
        now_ms = self._server.now_ms()
        queue.expire_workers(now_ms)
        return QueueState(
            undelivered=queue.stream.undelivered,
            pending=len(queue.stream.pending),
            window=queue.window(now_ms),
            backlogged=queue.backlogged,
            backlog_version=queue.backlog_version,
            paused=queue.paused,
            lease_ms=queue.lease_ms,
            workers=queue.worker_infos(now_ms),
            held=any(until > now_ms * 1000 for until in queue.holds.values()),
        )

    async def task_streams(self) -> list[TaskStream]:
        self._server.check()
        return sorted(stream for stream in list(self._server.queues) if (q := self._server.queue(stream)) and q.known)

    async def set_lease(self, stream: TaskStream, lease_ms: int) -> None:
        self._server.check()
        self._server.leases[stream] = lease_ms
        queue = self._server.queue(stream)
        if queue is not None:
            queue.lease_ms = lease_ms

    async def set_paused(self, stream: TaskStream, paused: bool) -> None:
        self._server.check()
        self._server.made_queue(stream).paused = paused

    async def take_dispatch(self, stream: TaskStream, node: str, term: int = 0) -> int:
        self._server.check()
        queue = self._server.made_queue(stream)
        if queue.term == 0 or queue.term != term:
            queue.term, queue.node = self._server.next_term(), node
        return queue.term

    async def mark_backlog(self, stream: TaskStream) -> None:
        self._server.check()
        self._mark(stream)

    async def clear_backlog(self, stream: TaskStream, version: int) -> bool:
        self._server.check()
        queue = self._server.queue(stream)
        if (queue.backlog_version if queue else 0) != version:
            return False
        if queue:
            queue.backlogged = False
        return True

    async def scan_pending(
        self, stream: TaskStream, *, idle_ms: int, start: bytes = b"-", count: int = 1000
    ) -> list[PendingEntry]:
        self._server.check()
        queue = self._server.queue(stream)
        return queue.stream.idle(idle_ms, start, count, self._server.now_ms()) if queue else []

    async def read_entries(self, stream: TaskStream, entry_ids: Sequence[bytes]) -> list[TaskEntry]:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is None:
            return []
        key = self._server.keys.queue(stream).stream
        found = ((entry_id, queue.stream.get(entry_id)) for entry_id in entry_ids)
        return [TaskEntry(key, entry_id, data) for entry_id, data in found if data is not None]

    async def published(self, stream: TaskStream, members: Sequence[str]) -> list[bool]:
        self._server.check()
        queue = self._server.queue(stream)
        return [queue is not None and (member in queue.claimed or member in queue.announced) for member in members]

    async def scan_announced(self, stream: TaskStream, *, idle_ms: int) -> list[AnnouncedTask]:
        return NamedLeases(self._server).scan(stream, idle_ms)

    async def withdraw_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> None:
        NamedLeases(self._server).withdraw(worker, members, over=False)

    async def collect(self, stream: TaskStream, consumer_ttl_ms: int) -> int:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is None:
            return 0
        now_ms = self._server.now_ms()
        queue.expire_workers(now_ms)
        consumers = queue.stream.consumers
        gone = [
            name
            for name, seen_ms in consumers.items()
            if now_ms - seen_ms >= consumer_ttl_ms and queue.stream.holds_nothing(name)
        ]
        for name in gone:
            del consumers[name]
        if not queue.stream:
            queue.claimed.intersection_update(queue.announced)
        if stream.kind is not StreamKind.STICKY and queue.unused:
            self._forget(stream)
        return len(gone)

    async def forget_sticky(self, stream: TaskStream) -> list[bytes]:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is None:
            return []
        queue.expire_workers(self._server.now_ms())
        if queue.workers:
            return []
        del self._server.queues[stream]
        return queue.stream.all_data()

    # Shared with `release` -----------------------------------------------------------------------------------------
    def _publish(
        self, stream: TaskStream, publications: Sequence[Publication], ranges: Mapping[int, int]
    ) -> PublishResult:
        if self._server.full:
            return PublishResult(0, 0, False, full=True)
        fences = self._fences(stream)
        shards = sorted({publication.shard_id for publication in publications})
        stale = tuple(shard for shard in shards if shard in fences and fences[shard] > ranges[shard])
        unproven = tuple(shard for shard in shards if shard not in fences)
        if stale or unproven:
            return PublishResult(0, 0, False, stale, unproven)
        fences.update({shard: ranges[shard] for shard in shards})
        if stream.kind is StreamKind.STICKY:
            sticky = self._live_sticky(stream)
            if sticky is None:
                held = self._server.queue(stream) or Queue()
                return PublishResult(self._claim_and_add(stream, held, publications, 0)[0], 0, False, gone=True)
            taken, _ = self._claim_and_add(stream, sticky, publications, len(publications))
            return PublishResult(taken, WINDOW_MAX, False)
        queue = self._known(stream)
        now_ms = self._server.now_ms()
        queue.expire_workers(now_ms)
        free = max(0, queue.window(now_ms) - queue.stream.undelivered)
        room = 0 if queue.paused or queue.backlogged else free
        taken, added = self._claim_and_add(stream, queue, publications, room)
        return PublishResult(taken, 0 if queue.paused else free - added, queue.backlogged)

    def _finish(self, key: bytes, entry_ids: Sequence[bytes], members: Iterable[str]) -> None:
        stream = self._server.keys.stream_of(key)
        queue = self._server.queue(stream) if stream is not None else None
        if queue is None:
            return
        acked = queue.stream.ack(entry_ids)
        queue.stream.delete(entry_ids)
        queue.claimed.difference_update(members)
        if acked:
            queue.drain.finished(acked, self._server.now_ms())

    def _mark(self, stream: TaskStream) -> None:
        queue = self._server.made_queue(stream)
        queue.backlogged = True
        queue.backlog_version += 1

    def _claim_and_add(
        self, stream: TaskStream, queue: Queue, publications: Sequence[Publication], room: int
    ) -> tuple[int, int]:
        """How many were taken, from the first on, and how many of them are new."""
        now_ms = self._server.now_ms()
        taken = added = 0
        for _, member, data in publications:
            if member not in queue.claimed:
                if added >= room:
                    break
                queue.claimed.add(member)
                queue.stream.add(data, now_ms)
                added += 1
            taken += 1
        if added:
            self._notify(stream)
        return taken, added

    def _fences(self, stream: TaskStream) -> dict[int, int]:
        return self._server.fences.setdefault((stream.namespace, stream.task_queue), {})

    def _known(self, stream: TaskStream) -> Queue:
        queue = self._server.made_queue(stream)
        queue.known = True
        return queue

    def _live_sticky(self, stream: TaskStream) -> Queue | None:
        queue = self._server.queue(stream)
        if queue is not None:
            queue.expire_workers(self._server.now_ms())
        return queue if queue is not None and queue.workers else None

    def _notify(self, stream: TaskStream) -> None:
        self._server.notify(self._server.keys.queue(stream).stream)

    def _forget(self, stream: TaskStream) -> None:
        del self._server.queues[stream]
        siblings = (stream._replace(kind=kind) for kind in (StreamKind.WORKFLOW, StreamKind.ACTIVITY))
        if not any(sibling in self._server.queues for sibling in siblings):
            self._server.fences.pop((stream.namespace, stream.task_queue), None)
