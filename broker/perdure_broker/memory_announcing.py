"""Leases that are held by name, on the in-memory server: the rules of the `announce` scripts, in Python.

Role: shared by the broker and the leases of one `MemoryServer`. Synchronous: each call is one step of the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perdure_broker.memory_server import MemoryServer, NamedLease, Queue
from perdure_broker.port import AnnouncedTask, RunningTask, TaskStream


class NamedLeases:
    """See `port.Leases` and `port.Broker`."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    def announce(self, worker: str, tasks: Mapping[bytes, Sequence[RunningTask]]) -> dict[bytes, list[str]]:
        self._server.check()
        now_ms = self._server.now_ms()
        by_name: dict[bytes, list[str]] = {}
        for key, running in tasks.items():
            stream = self._server.keys.stream_of(key)
            if stream is None or not running:
                continue
            queue = self._server.made_queue(stream)
            queue.known = True
            named = [task.member for task in running if _announce(queue, worker, task, now_ms)]
            by_name.setdefault(key, []).extend(named)
        return by_name

    def renew(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> dict[bytes, list[str]]:
        self._server.check()
        now_ms = self._server.now_ms()
        lost: dict[bytes, list[str]] = {}
        for key, some in members.items():
            leases = self._of(key)
            for member in some:
                lease = leases.get(member)
                if lease is not None and lease.worker == worker:
                    lease.since_ms = now_ms
                else:
                    lost.setdefault(key, []).append(member)
        return lost

    def withdraw(self, worker: str, members: Mapping[bytes, Sequence[str]], *, over: bool) -> None:
        self._server.check()
        for key, some in members.items():
            queue = self._queue(key)
            if queue is None:
                continue
            for member in some:
                lease = queue.announced.get(member)
                if lease is not None and lease.worker == worker:
                    del queue.announced[member]
                    if over:
                        queue.claimed.discard(member)

    def scan(self, stream: TaskStream, idle_ms: int) -> list[AnnouncedTask]:
        self._server.check()
        queue = self._server.queue(stream)
        if queue is None:
            return []
        now_ms = self._server.now_ms()
        key = self._server.keys.queue(stream).stream
        return [
            AnnouncedTask(key, member, lease.shard_id, lease.worker, now_ms - lease.since_ms)
            for member, lease in sorted(queue.announced.items())
            if now_ms - lease.since_ms >= idle_ms
        ]

    def _of(self, key: bytes) -> dict[str, NamedLease]:
        queue = self._queue(key)
        return queue.announced if queue is not None else {}

    def _queue(self, key: bytes) -> Queue | None:
        stream = self._server.keys.stream_of(key)
        return self._server.queue(stream) if stream is not None else None


def _announce(queue: Queue, worker: str, task: RunningTask, now_ms: int) -> bool:
    """Whether the lease is held by name from now on."""
    queue.claimed.add(task.member)
    if task.key:
        queue.keyed.setdefault(task.member, task.key)
    if queue.stream.get(task.entry_id) == task.data:  # ids can go back: it may be another's entry by now
        if queue.stream.renew(worker, task.entry_id, now_ms):
            return False
        if not queue.stream.is_pending(task.entry_id):
            queue.stream.delete([task.entry_id])
    lease = queue.announced.get(task.member)
    if lease is not None and lease.worker != worker:
        return False
    queue.announced[task.member] = NamedLease(task.shard_id, worker, now_ms)
    return True
