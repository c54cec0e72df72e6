"""The port of the broker: what an engine, a worker and a client may ask of the streams.

Role: mechanism only. A broker carries keys and bytes; it knows no event and no request. Two implementations keep this
port: `redis_broker` (Redis or Valkey) and `memory` (the same semantics in process, for tests and time skipping); one
conformance suite holds both to it.

Streams
- Inbox of a shard: entries of requests, read by the shard's owner by cursor (`read_inboxes`), deleted after the commit
  that holds their effects.
- Reply stream of a sender: read by that sender by cursor; expires when the sender stops renewing it.
- Task stream of a task queue and kind, or of one sticky worker: read by a consumer group. An entry stays in the stream
  and in the pending list while it runs; its idle time is the lease (visibility timeout).
- Frontend stream: requests that any engine may answer; read by a group, acked and deleted at the read.

Whatever loses the server, or finds it unable to answer, raises `BrokerUnavailable`; every write is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from perdure_broker.flow import Flow

WINDOW_MIN = 16
"""Undelivered entries that a queue may always hold, so that a queue without workers still shows its first tasks."""

WINDOW_MAX = 10_000
"""Undelivered entries at the most, whatever the drain: bounds the memory that one queue costs Redis."""


DRAIN_WINDOW_MS = 50
"""Undelivered entries may also be as many as the queue finished in this time, so that fast workers never wait."""

LEASE_DEFAULT_MS = 30_000
"""The visibility timeout of a queue for which none was set."""


class StreamKind(StrEnum):
    WORKFLOW = "w"
    ACTIVITY = "a"
    STICKY = "s"


class TaskStream(NamedTuple):
    """One task stream. `worker` is empty but for STICKY."""

    namespace: str
    task_queue: str
    kind: StreamKind
    worker: str = ""


class ClusterInfo(NamedTuple):
    """What a sender must know to route, and a worker to keep its leases: published by every engine as it starts, the
    same for all of one store. `lease_ms` is the lease of queues for which none was set: a worker that comes to a new
    queue before any engine has seen it must not take it for longer."""

    cluster_id: str
    map_version: int
    shard_count: int
    lease_ms: int = LEASE_DEFAULT_MS


class StreamEntry(NamedTuple):
    entry_id: bytes
    data: bytes


class TaskEntry(NamedTuple):
    """`stream` is the key of the stream, to be sent back with the completion."""

    stream: bytes
    entry_id: bytes
    data: bytes


class PendingEntry(NamedTuple):
    """A delivered entry that has not been acked; `idle_ms` since its delivery or last renewal."""

    entry_id: bytes
    consumer: str
    idle_ms: int
    deliveries: int


class RunningTask(NamedTuple):
    """An attempt that a worker runs, with the entry that it was taken from. `data` is what that entry held: an entry of
    the same id with other data is another's. `key`: the fairness key that it counts for, if any."""

    entry_id: bytes
    data: bytes
    member: str
    shard_id: int
    key: str = ""


class AnnouncedTask(NamedTuple):
    """An attempt whose lease is held by name; `idle_ms` since it was announced or renewed. `stream` is the key of its
    stream."""

    stream: bytes
    member: str
    shard_id: int
    worker: str
    idle_ms: int


class WorkerInfo(NamedTuple):
    """A poller, as it announced itself. `age_ms` since its last announcement."""

    worker: str
    identity: str
    slots: int
    age_ms: int


class QueueState(NamedTuple):
    """`undelivered` = XLEN - pending; `window` bounds it. `backlogged` tells publishers that rows wait in the store, so
    that they must not overtake. `backlog_version` rises with each `mark_backlog` (see `clear_backlog`). `held`: the
    queue, or a key of it, is held (`Flow.hold`)."""

    undelivered: int
    pending: int
    window: int
    backlogged: bool
    backlog_version: int
    paused: bool
    lease_ms: int
    workers: tuple[WorkerInfo, ...]
    held: bool = False


class Publication(NamedTuple):
    """One task to be published: its member (claimed once among the published ids of the stream), its owner's shard and
    its bytes."""

    shard_id: int
    member: str
    data: bytes


class PublishResult(NamedTuple):
    """`taken`: how many of the publications, from the first on, are now published (or were before). The rest was
    refused by the window, a pause or a backlog and must become backlog.
    `stale`: shards whose fence is held by a newer owner; nothing of theirs was published.
    `unproven`: shards whose fence is missing (the server was emptied); prove ownership from the store, then
    `raise_fence`. When `stale` or `unproven` is not empty, `taken` is 0 and nothing at all was published.
    `free`: how many more the window would take; `backlogged`: see `QueueState`.
    `gone`: a sticky stream whose worker is not announced (any more): publish to the normal stream instead.
    `full`: the server is out of memory and took nothing new; the tasks wait in the store."""

    taken: int
    free: int
    backlogged: bool
    stale: tuple[int, ...] = ()
    unproven: tuple[int, ...] = ()
    gone: bool = False
    full: bool = False


@dataclass(slots=True)
class Outbox:
    """All that may leave an engine once a batch is durable (DESIGN.md, section 3, step 5); sent as one pipeline.

    Attributes:
        replies: rows for each sender, each an already encoded reply entry.
        publish: publications for each stream, in order.
        backlogged: streams for which this commit wrote backlog rows: marked after `publish`; none overtakes them then.
        finished: for each stream key, the entries to ack and delete, and the members to give up. Also sticky streams.
        inbox_deletes: for each shard, the inbox entries whose effects are durable.
        inbox_sends: for each shard, entries for its inbox. What a full server refuses is lost: send it again later.
    """

    replies: dict[str, list[bytes]] = field(default_factory=dict)
    publish: dict[TaskStream, list[Publication]] = field(default_factory=dict)
    backlogged: set[TaskStream] = field(default_factory=set)
    finished: dict[bytes, tuple[list[bytes], list[str]]] = field(default_factory=dict)
    inbox_deletes: dict[int, list[bytes]] = field(default_factory=dict)
    inbox_sends: dict[int, list[bytes]] = field(default_factory=dict)


class BrokerUnavailable(ConnectionError):
    """The server cannot be reached, is loading, is read-only, or is out of memory. Try again with jitter."""


class WrongConfiguration(Exception):
    """The server answers, but cannot be used as it is (version, policy, authentication). Says what to change."""


class Broker(Flow, Protocol):
    """Asynchronous side: engines, clients and the readers of workers."""

    async def connect(self) -> None:
        """Reach the server and check that it can be used.

        Raises:
            BrokerUnavailable: no server at this address.
            WrongConfiguration: too old (Redis 7.0 / Valkey 7.2 is the floor), or eviction is on.
        """

    async def close(self) -> None: ...

    # Cluster -------------------------------------------------------------------------------------------------------
    async def epoch(self) -> str:
        """The identity of the server's data: a key of ours (made when missing) joined with its replication id. Ids of
        another epoch mean nothing."""

    async def cluster_info(self) -> ClusterInfo | None:
        """What the last engine published, or None when no engine ever ran here (or the server was emptied)."""

    async def announce_cluster(self, info: ClusterInfo) -> None: ...

    # Inboxes -------------------------------------------------------------------------------------------------------
    async def send(self, entries: Sequence[tuple[int, bytes]]) -> None:
        """Add entries `(shard_id, envelope bytes)` to inboxes, in one pipeline."""

    async def read_inboxes(
        self, cursors: Mapping[int, bytes], *, count: int, block_ms: int
    ) -> list[tuple[int, list[StreamEntry]]]:
        """Entries after each shard's cursor (`b"0-0"`: from the start), at most `count` a shard, waiting up to
        `block_ms` for the first. Never returns early but for entries, the time, or `wake_inbox_reader`."""

    async def wake_inbox_reader(self) -> None:
        """End the current (or next) `read_inboxes` of this object at once."""

    async def inbox_length(self, shard_id: int) -> int: ...

    # Replies -------------------------------------------------------------------------------------------------------
    async def open_replies(self, sender: str, ttl_ms: int) -> bool:
        """Make the reply stream exist for another `ttl_ms`. Replies to a sender without a stream are dropped.

        Returns whether the stream had to be made: then earlier replies may be lost, and the cursor is `b"0-0"`."""

    async def read_replies(self, sender: str, cursor: bytes, *, block_ms: int) -> list[StreamEntry]:
        """Reply rows after `cursor`, waiting up to `block_ms`. Several rows may share an entry id: the next cursor is
        the id of the last row. What lies before `cursor` is given up by the read."""

    async def close_replies(self, sender: str) -> None: ...

    async def reply(self, sender: str, data: bytes) -> None:
        """Add one reply entry, if the sender's stream exists. (Engines reply through `release`.)"""

    # After a commit ------------------------------------------------------------------------------------------------
    async def release(self, outbox: Outbox, ranges: Mapping[int, int]) -> dict[TaskStream, PublishResult]:
        """Send everything of an outbox. `ranges` holds the `range_id` by which each shard is owned."""

    async def raise_fence(self, stream: TaskStream, ranges: Mapping[int, int]) -> None:
        """Record, for each shard, the range by which it is owned; never lowers one."""

    # Task streams, worker side -------------------------------------------------------------------------------------
    async def announce_worker(self, stream: TaskStream, info: WorkerInfo, ttl_ms: int) -> int:
        """Say that a worker polls, with its slots; creates stream and group. Returns the lease of the queue in
        milliseconds. Repeat every third of `ttl_ms`."""

    async def withdraw_worker(self, stream: TaskStream, worker: str) -> None:
        """A worker stops polling: takes it off the list, and its consumer too if that holds nothing."""

    async def read_tasks(
        self, streams: Sequence[TaskStream], worker: str, *, count: int, block_ms: int
    ) -> list[TaskEntry]:
        """Take up to `count` new entries in all for `worker`, waiting up to `block_ms` for the first. The streams must
        belong to one queue. A missing group is made again from `0`. Do not cancel it: entries on their way would stay
        with this worker until their lease runs out; `wake_task_readers` ends it."""

    async def wake_task_readers(self) -> None:
        """End the `read_tasks` calls that now wait at once; they return what they have."""

    async def publish_query(self, stream: TaskStream, data: bytes) -> bool:
        """Add an entry that is no task of the store (no claim, no window). False if a sticky stream does not exist."""

    async def finish(self, stream: bytes, entry_ids: Sequence[bytes], members: Sequence[str] = ()) -> None:
        """Ack and delete entries and give up their members."""

    # Task streams, engine side -------------------------------------------------------------------------------------
    async def queue_state(self, stream: TaskStream) -> QueueState: ...

    async def task_streams(self) -> list[TaskStream]:
        """Every WORKFLOW and ACTIVITY stream that has been announced or published to and not been forgotten, and every
        sticky stream whose worker has not gone."""

    async def set_lease(self, stream: TaskStream, lease_ms: int) -> None: ...

    async def set_paused(self, stream: TaskStream, paused: bool) -> None:
        """While paused, a queue takes no publication."""

    async def take_dispatch(self, stream: TaskStream, node: str, term: int = 0) -> int:
        """Become the dispatcher of a queue, or go on as the one that `term` says. Returns the caller's term: `term` if
        nobody has taken the queue since, else a new one, higher than any before. Whoever held it is told at its next
        `publish_backlog`. The server counts, since the clocks of engines differ."""

    async def publish_backlog(
        self, stream: TaskStream, term: int, publications: Sequence[Publication]
    ) -> PublishResult | None:
        """Publish rows of the backlog within the window, as the dispatcher of `term`; None if that is no longer me.
        Members that are published already count as taken."""

    async def mark_backlog(self, stream: TaskStream) -> None: ...

    async def clear_backlog(self, stream: TaskStream, version: int) -> bool:
        """Let direct publishing resume, if no `mark_backlog` came since `version` was read."""

    async def scan_pending(
        self, stream: TaskStream, *, idle_ms: int, start: bytes = b"-", count: int = 1000
    ) -> list[PendingEntry]:
        """Delivered entries idle for at least `idle_ms`, from entry id `start` on, in order of id."""

    async def read_entries(self, stream: TaskStream, entry_ids: Sequence[bytes]) -> list[TaskEntry]:
        """The entries that still exist among `entry_ids`."""

    async def published(self, stream: TaskStream, members: Sequence[str]) -> list[bool]:
        """Which members are claimed, or held by name by the worker that runs them."""

    async def scan_announced(self, stream: TaskStream, *, idle_ms: int) -> list[AnnouncedTask]:
        """Attempts whose lease is held by name (`Leases.announce`) and idle for at least `idle_ms`. There are as many
        as slots at the most, and none unless the server lost data."""

    async def withdraw_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> None:
        """Give up what `worker` holds by name (stream key to members), if it is still its holder. Claims stay."""

    async def collect(self, stream: TaskStream, consumer_ttl_ms: int) -> int:
        """Forget consumers that hold nothing and have been idle for `consumer_ttl_ms`, announcements that expired,
        claims of an empty stream that nobody holds by name, and the stream itself if nobody uses it any more (empty, no
        workers, nothing claimed). Returns how many consumers went."""

    async def forget_sticky(self, stream: TaskStream) -> list[bytes]:
        """Unlink the sticky stream of a worker that has gone. Returns the data of the entries it still held; nothing,
        and nothing is unlinked, while the worker is announced."""

    # Frontend ------------------------------------------------------------------------------------------------------
    async def send_frontend(self, data: bytes) -> None: ...

    async def read_frontend(self, node: str, *, count: int, block_ms: int) -> list[StreamEntry]:
        """Take requests that any engine may answer; they are acked and deleted by the read."""


class Leases(Protocol):
    """Blocking side, used from a thread of its own with a connection of its own, so that user code which blocks the
    event loop cannot cost a lease."""

    def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        """Renew the leases of `entries` (stream key to entry ids) in one call a stream.

        Returns those that are no longer this worker's, by stream key.

        Raises:
            BrokerUnavailable: try again soon; a lease is lost only when it has run out. So do all others here.
        """

    def epoch(self) -> str:
        """The identity of the server's data (see `Broker.epoch`). In another one, announce everything that runs."""

    def announce(self, worker: str, tasks: Mapping[bytes, Sequence[RunningTask]]) -> dict[bytes, list[str]]:
        """Say what this worker runs (stream key to attempts), after the server lost data. Safe to repeat.

        An entry that is still this worker's keeps its lease. Else the member is claimed, so that nobody publishes it,
        and its lease is held by name from now on; an entry that was about to be delivered again is taken back. In any
        case it counts for its key again.

        Returns the members that are held by name, by stream key: renew them (`renew_announced`), and withdraw them
        when they are over. A member that another worker has announced is not among them.
        """

    def renew_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> dict[bytes, list[str]]:
        """Renew leases that are held by name (stream key to members). Returns those that this worker does not hold."""

    def withdraw_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> None:
        """Give up leases that are held by name, of attempts that are over or run elsewhere, and their claims: the
        engine may have given those up before they were made again by `announce`."""

    def close(self) -> None: ...
