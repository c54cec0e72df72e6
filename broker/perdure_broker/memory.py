"""The broker in memory: the semantics of the Redis one in process, for tests, time skipping and simulation.

Role: `MemoryBroker` and `MemoryLeases` keep the ports on a `MemoryServer`, which holds the state and the hooks for
simulations. Every method that does not block runs to its end without a switch to another task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from perdure_broker.frontend import LENGTH_MAX
from perdure_broker.memory_announcing import NamedLeases
from perdure_broker.memory_flow import MemoryFlow
from perdure_broker.memory_queues import MemoryQueues
from perdure_broker.memory_server import MemoryServer, ReplyStream, Waiter
from perdure_broker.memory_streams import Stream
from perdure_broker.port import (
    ClusterInfo,
    Outbox,
    PublishResult,
    RunningTask,
    StreamEntry,
    TaskEntry,
    TaskStream,
)
from perdure_broker.replies import READ_COUNT

T = TypeVar("T")

_FRONTEND_CONSUMER = "engines"


class MemoryBroker(MemoryQueues, MemoryFlow):
    """Implements `port.Broker` on a server that several brokers of one process share."""

    def __init__(self, server: MemoryServer) -> None:
        super().__init__(server)
        self._inbox_wake = False
        self._inbox_waiters: set[Waiter] = set()
        self._task_waiters: set[Waiter] = set()
        self._other_waiters: set[Waiter] = set()

    async def connect(self) -> None:
        self._server.check()

    async def close(self) -> None:
        self._server.wake({*self._inbox_waiters, *self._task_waiters, *self._other_waiters})

    # Cluster -------------------------------------------------------------------------------------------------------
    async def epoch(self) -> str:
        self._server.check()
        return self._server.epoch

    async def cluster_info(self) -> ClusterInfo | None:
        self._server.check()
        return self._server.cluster

    async def announce_cluster(self, info: ClusterInfo) -> None:
        self._server.check()
        self._server.cluster = info

    # Inboxes -------------------------------------------------------------------------------------------------------
    async def send(self, entries: Sequence[tuple[int, bytes]]) -> None:
        self._server.check_memory()
        now_ms = self._server.now_ms()
        for shard, data in entries:
            self._server.inboxes.setdefault(shard, Stream()).add(data, now_ms)
            self._server.notify(self._server.keys.inbox(shard))

    async def read_inboxes(
        self, cursors: Mapping[int, bytes], *, count: int, block_ms: int
    ) -> list[tuple[int, list[StreamEntry]]]:
        def look() -> list[tuple[int, list[StreamEntry]]]:
            inboxes = self._server.inboxes
            found = [
                (shard, inboxes[shard].after(cursor, count)) for shard, cursor in cursors.items() if shard in inboxes
            ]
            return [(shard, [StreamEntry(*entry) for entry in entries]) for shard, entries in found if entries]

        keys = [self._server.keys.inbox(shard) for shard in cursors]
        try:
            return await self._blocking(look, keys, block_ms, self._inbox_waiters, lambda: self._inbox_wake)
        finally:
            self._inbox_wake = False

    async def wake_inbox_reader(self) -> None:
        self._server.check()
        self._inbox_wake = True
        self._server.wake(self._inbox_waiters)

    async def inbox_length(self, shard_id: int) -> int:
        self._server.check()
        return len(self._server.inboxes.get(shard_id, ()))

    # Replies -------------------------------------------------------------------------------------------------------
    async def open_replies(self, sender: str, ttl_ms: int) -> bool:
        self._server.check()
        expires_ms = self._server.now_ms() + ttl_ms
        replies = self._server.replies(sender)
        if replies is None:
            self._server.reply_streams[sender] = ReplyStream(expires_ms)
            return True
        replies.expires_ms = expires_ms
        return False

    async def read_replies(self, sender: str, cursor: bytes, *, block_ms: int) -> list[StreamEntry]:
        def look() -> list[StreamEntry]:
            replies = self._server.replies(sender)
            if replies is None:
                return []
            replies.stream.delete_before(cursor)
            return [StreamEntry(*entry) for entry in replies.stream.after(cursor, READ_COUNT)]

        key = self._server.keys.replies(sender)
        return await self._blocking(look, [key], block_ms, self._other_waiters)

    async def close_replies(self, sender: str) -> None:
        self._server.check()
        self._server.reply_streams.pop(sender, None)

    async def reply(self, sender: str, data: bytes) -> None:
        self._server.check()
        self._add_replies(sender, [data])

    # After a commit ------------------------------------------------------------------------------------------------
    async def release(self, outbox: Outbox, ranges: Mapping[int, int]) -> dict[TaskStream, PublishResult]:
        self._server.check()
        results = {
            stream: self._publish(stream, publications, ranges) for stream, publications in outbox.publish.items()
        }
        for stream in outbox.backlogged:
            self._mark(stream)
        for key, (entry_ids, members) in outbox.finished.items():
            self._finish(key, entry_ids, members)
        for sender, rows in outbox.replies.items():
            self._add_replies(sender, rows)
        for shard, entry_ids in outbox.inbox_deletes.items():
            if shard in self._server.inboxes:
                self._server.inboxes[shard].delete(entry_ids)
        if outbox.inbox_sends and not self._server.full:
            await self.send([(shard, data) for shard, entries in outbox.inbox_sends.items() for data in entries])
        return results

    # Task streams, worker side -------------------------------------------------------------------------------------
    async def read_tasks(
        self, streams: Sequence[TaskStream], worker: str, *, count: int, block_ms: int
    ) -> list[TaskEntry]:
        def look() -> list[TaskEntry]:
            taken: list[TaskEntry] = []
            for stream in streams:
                queue = self._server.made_queue(stream)
                key = self._server.keys.queue(stream).stream
                entries = queue.stream.take(worker, count - len(taken), self._server.now_ms())
                taken += [TaskEntry(key, *entry) for entry in entries]
            return taken

        if not streams or count <= 0:
            return []
        keys = [self._server.keys.queue(stream).stream for stream in streams]
        return await self._blocking(look, keys, block_ms, self._task_waiters)

    async def wake_task_readers(self) -> None:
        self._server.check()
        self._server.wake(self._task_waiters)

    # Frontend ------------------------------------------------------------------------------------------------------
    async def send_frontend(self, data: bytes) -> None:
        self._server.check_memory()
        self._server.frontend.add(data, self._server.now_ms())
        self._server.frontend.trim(LENGTH_MAX)
        self._server.notify(self._server.keys.frontend)

    async def read_frontend(self, node: str, *, count: int, block_ms: int) -> list[StreamEntry]:
        def look() -> list[StreamEntry]:
            stream = self._server.frontend
            entries = [StreamEntry(*entry) for entry in stream.take(_FRONTEND_CONSUMER, count, self._server.now_ms())]
            entry_ids = [entry.entry_id for entry in entries]
            stream.ack(entry_ids)
            stream.delete(entry_ids)
            return entries

        return await self._blocking(look, [self._server.keys.frontend], block_ms, self._other_waiters)

    def _add_replies(self, sender: str, rows: Iterable[bytes]) -> None:
        replies = self._server.replies(sender)
        if replies is None:
            return
        for row in rows:
            replies.stream.add(row, self._server.now_ms())
        self._server.notify(self._server.keys.replies(sender))

    async def _blocking(
        self,
        look: Callable[[], list[T]],
        keys: Iterable[bytes],
        block_ms: int,
        waiters: set[Waiter],
        is_woken: Callable[[], bool] = lambda: False,
    ) -> list[T]:
        """What `look` finds: at once, or when an entry came, or nothing when the time is over or a wake came."""
        self._server.check()
        found = look()
        deadline_ms = self._server.now_ms() + block_ms
        while not found and not is_woken() and (left_ms := deadline_ms - self._server.now_ms()) > 0:
            came = await self._server.wait(keys, left_ms / 1000, waiters)
            found = look()
            if not came:
                break
        return found


class MemoryLeases:
    """Implements `port.Leases`. May be used from another thread: a renewal is one assignment an entry, and what else is
    changed here is changed after the server lost data."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._named = NamedLeases(server)

    def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        self._server.check()
        now_ms = self._server.now_ms()
        lost: dict[bytes, list[bytes]] = {}
        for key, entry_ids in entries.items():
            stream = self._server.keys.stream_of(key)
            queue = self._server.queue(stream) if stream is not None else None
            gone = [
                entry_id for entry_id in entry_ids if queue is None or not queue.stream.renew(worker, entry_id, now_ms)
            ]
            if gone:
                lost[key] = gone
        return lost

    def epoch(self) -> str:
        self._server.check()
        return self._server.epoch

    def announce(self, worker: str, tasks: Mapping[bytes, Sequence[RunningTask]]) -> dict[bytes, list[str]]:
        return self._named.announce(worker, tasks)

    def renew_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> dict[bytes, list[str]]:
        return self._named.renew(worker, members)

    def withdraw_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> None:
        self._named.withdraw(worker, members, over=True)

    def close(self) -> None:
        """Nothing is held open."""
