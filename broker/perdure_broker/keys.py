"""The names of all keys, and back.

Role: the only place that spells a key. Keys that one script or one blocking read touches share a hash tag, so that they
live in one slot of a Redis Cluster: `{namespace/queue}` for everything of one task queue, its sticky streams included,
and `{p0}` for the inboxes of one partition.

Namespace and queue are escaped, so that no name can close a tag early or look like another pair of names.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure_broker.port import StreamKind, TaskStream

DEFAULT_PREFIX = "perdure"

GROUP = b"g"
"""The one consumer group of every task stream, and of the frontend stream."""

CACHED_STREAMS_MAX = 20_000
"""Names kept per process. Sticky streams come and go with workers, so the cache must have an end."""

_KINDS = {kind.value for kind in StreamKind}

_ROLES = ("stream", "ids", "meta", "workers", "info", "announced", "rates", "holds", "keyed", "counts")

_ESCAPES = str.maketrans({"%": "%25", "/": "%2F", "{": "%7B", "}": "%7D"})


class QueueKeys(NamedTuple):
    """The keys of one task stream, all in one slot.

    Attributes:
        stream: the stream itself.
        ids: set of the members published and not yet finished.
        meta: hash of flags and counters, listed in `lua/fragments/queue.lua`.
        workers: sorted set of announced workers by the server time at which their announcement expires.
        worker_info: hash of worker to slots, time of announcement, identity.
        fences: hash of shard to the range that owns it; one for all streams of a queue.
        announced: hash of member to its lease, of attempts that run although their entry was lost: time of the last
            renewal (ms), shard, worker.
        rates: sorted set of token buckets by the server time (us) at which each is full again.
        holds: sorted set of what may not be published by the server time (us) at which it may again. In both, `q` is
            the queue, and `k` with a fairness key behind it that key.
        keyed: hash of published member to its fairness key, where the queue counts them.
        counts: hash of fairness key to how many members it has in `keyed`.
    """

    stream: bytes
    ids: bytes
    meta: bytes
    workers: bytes
    worker_info: bytes
    fences: bytes
    announced: bytes
    rates: bytes
    holds: bytes
    keyed: bytes
    counts: bytes


class Keys:
    """All key names of one deployment.

    Args:
        prefix: first part of every key, so that several deployments can share a server.
        inbox_partitions: how many slots the inboxes are spread over. One partition is one blocking read.
    """

    def __init__(self, prefix: str = DEFAULT_PREFIX, inbox_partitions: int = 1) -> None:
        if not prefix or "{" in prefix or "}" in prefix:
            raise ValueError(f"key prefix {prefix!r} must not be empty and must not contain braces")
        self.prefix = prefix
        self.inbox_partitions = inbox_partitions
        self.epoch = f"{prefix}:epoch".encode()
        self.cluster = f"{prefix}:cluster".encode()
        self.streams = f"{prefix}:streams".encode()
        """Set of the keys of all known task streams."""
        self.frontend = f"{prefix}:frontend".encode()
        self._queues: dict[TaskStream, QueueKeys] = {}
        self._streams: dict[bytes, TaskStream | None] = {}

    def inbox(self, shard_id: int) -> bytes:
        return f"{self.prefix}:{{p{self.partition(shard_id)}}}:inbox:{shard_id}".encode()

    def partition(self, shard_id: int) -> int:
        return shard_id % self.inbox_partitions

    def replies(self, sender: str) -> bytes:
        return f"{self.prefix}:replies:{sender}".encode()

    def queue(self, stream: TaskStream) -> QueueKeys:
        """The keys of a task stream."""
        keys = self._queues.get(stream)
        if keys is None:
            if len(self._queues) >= CACHED_STREAMS_MAX:
                self._queues.clear()
            keys = self._queues[stream] = self._spell(stream)
        return keys

    def stream_of(self, key: bytes) -> TaskStream | None:
        """The task stream of a stream's key, or None when it is no key of a task stream here.

        Keys come back from workers, inside completions, so they are checked before they are used."""
        if key in self._streams:
            return self._streams[key]
        if len(self._streams) >= CACHED_STREAMS_MAX:
            self._streams.clear()
        stream = self._streams[key] = self._read(key)
        return stream

    def _spell(self, stream: TaskStream) -> QueueKeys:
        tag = self._tag(stream.namespace, stream.task_queue)
        which = f"{stream.kind.value}:{stream.worker}" if stream.kind is StreamKind.STICKY else stream.kind.value
        stream_key, ids, meta, workers, info, *others = (f"{tag}:{role}:{which}".encode() for role in _ROLES)
        return QueueKeys(stream_key, ids, meta, workers, info, f"{tag}:fences".encode(), *others)

    def _tag(self, namespace: str, task_queue: str) -> str:
        return f"{self.prefix}:{{{namespace.translate(_ESCAPES)}/{task_queue.translate(_ESCAPES)}}}"

    def _read(self, key: bytes) -> TaskStream | None:
        try:
            text = key.decode()
        except UnicodeDecodeError:
            return None
        start = f"{self.prefix}:{{"
        tag, found, which = text.removeprefix(start).partition("}:stream:")
        namespace, slash, task_queue = tag.partition("/")
        kind, _, worker = which.partition(":")
        if not text.startswith(start) or not found or not slash or kind not in _KINDS:
            return None
        stream = TaskStream(_unescape(namespace), _unescape(task_queue), StreamKind(kind), worker)
        return stream if self._spell(stream).stream == key else None


def _unescape(text: str) -> str:
    return text.replace("%7B", "{").replace("%7D", "}").replace("%2F", "/").replace("%25", "%")
