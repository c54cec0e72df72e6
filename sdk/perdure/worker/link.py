"""What the parts of a worker share: its way to the cluster, its name there, its leases."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from perdure.common import HeaderCodecBehavior
from perdure.content.reading import ContentReader
from perdure.content.sending import Parcel
from perdure.converter import DataConverter
from perdure.protocol.codec import DecodeError
from perdure.protocol.replies import ErrorCode, decode_error
from perdure.protocol.requests import StoreContent
from perdure.protocol.tasks import Task, readable_task
from perdure.transport import OnReply, Transport
from perdure.worker.encoded_posts import EncodedPosts
from perdure.worker.lease_keeper import LeaseKeeper
from perdure_broker.port import BrokerUnavailable, TaskEntry

if TYPE_CHECKING:
    from perdure.client import Client

logger = logging.getLogger("perdure.worker")


CONTENT_CACHE_BYTES = 64 * 1024 * 1024
"""Content that a worker keeps in memory, so that only what is new of a conversation is fetched."""


_NOT_AS_IT_IS = frozenset({ErrorCode.INVALID_ARGUMENT, ErrorCode.DEAD_LETTERED, ErrorCode.CONTENT_MISSING})


class WorkerLink:
    """See the module's docstring.

    Attributes:
        worker_id: Names the consumer and the sticky stream; unique among all workers.
        identity: Who works, as histories show it.
        environment: Clocks, chance, tasks and threads.
        coding: The converter's codec, if it has one: what is sent passes it, and so does what workflows receive.
        activity_coding: The same for what activities receive.
        client: What activities may use; None: nothing.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        namespace: str,
        task_queue: str,
        converter: DataConverter,
        worker_id: str,
        identity: str,
        leases: LeaseKeeper,
        header_codec_behavior: HeaderCodecBehavior = HeaderCodecBehavior.NO_CODEC,
        client: Client | None = None,
    ) -> None:
        self.client = client
        self.coding = converter.coding(with_headers=header_codec_behavior != HeaderCodecBehavior.NO_CODEC)
        self.activity_coding = converter.coding(with_headers=header_codec_behavior == HeaderCodecBehavior.CODEC)
        self.transport = transport
        self.broker = transport.broker
        self.namespace = namespace
        self.task_queue = task_queue
        self.converter = converter
        self.worker_id = worker_id
        self.identity = identity
        self.environment = transport.environment
        self.leases = leases
        self.content = ContentReader(transport, namespace, CONTENT_CACHE_BYTES)
        self.loop = asyncio.get_running_loop()
        self._encoded_posts = EncodedPosts(transport, self.in_background)
        self._background: dict[asyncio.Task[Any], None] = {}

    def post(self, shard_id: int, request: Any, on_reply: OnReply) -> None:
        """Send a request until it is answered. A completion that the codec cannot encode is answered as if an engine
        had refused it; anything else, which must be said, goes without users' data."""
        if self.coding is None:
            self.transport.post(shard_id, request, on_reply)
        else:
            self._encoded_posts.post(self.coding, shard_id, request, on_reply)

    def post_parcel(self, shard_id: int, run_id: str, request: Any, on_reply: OnReply, parcel: Parcel) -> None:
        """Send a request with the content that it refers to, what does not fit beside it ahead of it. Not for who has a
        codec: that would have to come before the cutting."""
        *ahead, beside = parcel.blocks()
        for block in ahead:
            self.transport.post(shard_id, StoreContent(run_id), _ignore, block)
        self.transport.post(shard_id, request, on_reply, beside)
        self.content.cache.put(run_id, parcel.content)

    def drop(self, entry: TaskEntry, member: str = "") -> None:
        """An entry is of no use any more: take it off its stream. `member`: the task's name among the published ids
        (`task_member`), to be given up too if the task itself is over; else it may be published a second time."""
        self.leases.release(entry.stream, entry.entry_id)
        self.in_background(self._finish(entry, [member] if member else []))

    async def _finish(self, entry: TaskEntry, members: list[str]) -> None:
        try:
            await self.broker.finish(entry.stream, [entry.entry_id], members)
        except BrokerUnavailable as error:  # tried once: its lease is not renewed, and the engine takes it off then
            logger.debug("Entry %s of no use is left to its lease: %s", entry.entry_id.decode(), error)

    def hold(self, entry: TaskEntry, key: str, for_us: int) -> None:
        """Have nothing more handed out of a fairness key (empty: of the queue that an entry came from) for a while."""
        if for_us > 0:
            self.in_background(self._hold(entry, key, for_us))

    async def _hold(self, entry: TaskEntry, key: str, for_us: int) -> None:
        try:
            await self.broker.hold(entry.stream, key, for_us)
        except BrokerUnavailable as error:  # tried once: the next attempt is told the same
            logger.debug("Nothing is held of %s: %s", entry.stream.decode(), error)

    def decode(self, entry: TaskEntry) -> Task:
        """The task of an entry.

        Raises:
            DecodeError: see `readable_task`.
        """
        return readable_task(entry.data, self.transport.cluster.shard_count)

    @staticmethod
    def refusal(body: Any) -> str | None:
        """What an error reply says of a report that cannot be taken as it is; None if the task is over."""
        try:
            error = decode_error(body)
        except DecodeError:
            return None
        return error.message if error.code in _NOT_AS_IT_IS else None

    def in_background(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine that nobody waits for; what it raises is logged by the loop."""
        task: asyncio.Task[Any] = self.environment.spawn(work, name="background")
        self._background[task] = None
        task.add_done_callback(self._background.pop)
        return task

    async def finish_background(self, timeout_s: float) -> None:
        """Wait for such coroutines, so that none is left behind."""
        if self._background:
            await asyncio.wait(self._background, timeout=timeout_s)
            for task in self._background:
                task.cancel()


def _ignore(kind: int, body: Any) -> None:
    """For content that goes ahead: the request that refers to it is answered by whether it came."""
