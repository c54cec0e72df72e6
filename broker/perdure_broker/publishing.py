"""What leaves an engine after a commit: marks, publications, acks, replies, inbox deletes, in one write.

Role: part of the Redis broker. Each command stands for itself: one that fails does not hold the others back, and all
are safe to repeat. Publishing is one script a stream: it checks fences, pause, backlog and window, and claims members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perdure_broker import errors, scripts
from perdure_broker.address import Address
from perdure_broker.keys import Keys
from perdure_broker.port import Outbox, Publication, PublishResult, StreamKind, TaskStream
from perdure_broker.replies import ReplyCalls, reply_commands
from perdure_broker.wire import ReplyError, pack

_REFUSED_FULL = PublishResult(taken=0, free=0, backlogged=False, full=True)

_STREAM, _IDS, _META, _WORKERS, _INFO, _FENCES = range(6)


class PublishingCalls(ReplyCalls):
    """Everything that publishes or finishes tasks."""

    def __init__(self, address: Address, keys: Keys) -> None:
        super().__init__(address, keys)
        self._registered: set[bytes] = set()

    async def release(self, outbox: Outbox, ranges: Mapping[int, int]) -> dict[TaskStream, PublishResult]:
        commands = self._registrations(outbox.publish)
        first_publish = len(commands)
        for stream, publications in outbox.publish.items():
            commands.append(self._publish_command(stream, publications, ranges))
        first_mark = len(commands)
        for stream in outbox.backlogged:
            commands.append(scripts.MARK_BACKLOG.call(self.keys.queue(stream)[_META : _META + 1]))
        for key, (entry_ids, members) in outbox.finished.items():
            commands += self._finish_commands(key, entry_ids, members)
        reply_senders: dict[int, str] = {}
        for sender, rows in outbox.replies.items():
            reply_senders[len(commands)] = sender
            commands += reply_commands(self.keys.replies(sender), rows)
        for shard, entry_ids in outbox.inbox_deletes.items():
            if entry_ids:
                commands.append(pack(b"XDEL", self.keys.inbox(shard), *entry_ids))
        for shard, entries in outbox.inbox_sends.items():
            commands += [pack(b"XADD", self.keys.inbox(shard), b"*", b"d", data) for data in entries]
        replies = await self._send(commands)

        results = {
            stream: self._publish_result(reply)
            for stream, reply in zip(outbox.publish, replies[first_publish:first_mark], strict=True)
        }
        await self._register_created(outbox.publish, replies[first_publish:first_mark])
        refused = {index for index, reply in enumerate(replies) if type(reply) is ReplyError}
        if refused:
            await self._after_refusal(outbox, replies, refused - set(range(first_publish, first_mark)), reply_senders)
        return results

    async def raise_fence(self, stream: TaskStream, ranges: Mapping[int, int]) -> None:
        if not ranges:
            return
        keys = self.keys.queue(stream)
        pairs = [number for pair in ranges.items() for number in pair]
        self._registered.discard(keys.stream)
        await self._send_all(
            [*self._registrations([stream]), scripts.RAISE_FENCE.call(keys[_FENCES : _FENCES + 1], pairs)]
        )

    async def publish_query(self, stream: TaskStream, data: bytes) -> bool:
        keys = self.keys.queue(stream)
        sticky = stream.kind is StreamKind.STICKY
        script_keys = (keys.stream, keys.meta, keys.workers, keys.worker_info)
        replies = await self._send_all(
            [
                *self._registrations([] if sticky else [stream]),
                scripts.PUBLISH_QUERY.call(script_keys, (int(sticky), data)),
            ]
        )
        return bool(replies[-1])

    async def publish_backlog(
        self, stream: TaskStream, term: int, publications: Sequence[Publication]
    ) -> PublishResult | None:
        arguments: list[bytes | str | int] = [term]
        for _, member, data in publications:
            arguments += (member, data)
        command = scripts.PUBLISH_BACKLOG.call(self.keys.queue(stream)[: _INFO + 1], arguments)
        reply = (await self._send([*self._registrations([stream]), command]))[-1]
        if reply is None:
            return None
        if type(reply) is ReplyError:
            return self._publish_result(reply)
        taken, free, backlogged, full, created = reply
        if created:
            await self._register([stream])
        return PublishResult(taken, free, bool(backlogged), full=bool(full))

    async def finish(self, stream: bytes, entry_ids: Sequence[bytes], members: Sequence[str] = ()) -> None:
        await self._send_all(self._finish_commands(stream, entry_ids, members))

    def _publish_command(
        self, stream: TaskStream, publications: Sequence[Publication], ranges: Mapping[int, int]
    ) -> bytes:
        shards = {publication.shard_id for publication in publications}
        sticky = stream.kind is StreamKind.STICKY
        arguments: list[bytes | str | int] = [int(sticky), len(shards)]
        for shard in shards:
            arguments += (shard, ranges[shard])
        for _, member, data in publications:
            arguments += (member, data)
        return scripts.PUBLISH.call(self.keys.queue(stream)[: _FENCES + 1], arguments)

    def _publish_result(self, reply: Any) -> PublishResult:
        if type(reply) is ReplyError:
            if errors.code_of(reply) == "OOM":
                return _REFUSED_FULL
            raise errors.from_reply(reply, self.address)
        taken, free, backlogged, gone, full, _, stale, unproven = reply
        return PublishResult(
            taken,
            free,
            bool(backlogged),
            tuple([int(shard) for shard in stale]),
            tuple([int(shard) for shard in unproven]),
            bool(gone),
            bool(full),
        )

    def _finish_commands(self, key: bytes, entry_ids: Sequence[bytes], members: Sequence[str]) -> list[bytes]:
        """None for a key that is no task stream: a worker may send anything."""
        stream = self.keys.stream_of(key)
        if stream is None or not (entry_ids or members):
            return []
        measure = int(stream.kind is not StreamKind.STICKY)
        keys = self.keys.queue(stream)
        script_keys = (keys.stream, keys.ids, keys.meta, keys.keyed, keys.counts)
        return [scripts.FINISH.call(script_keys, (measure, len(entry_ids), *entry_ids, *members))]

    def _registrations(self, streams: Iterable[TaskStream]) -> list[bytes]:
        """Commands that put streams on the list of known ones: the first time that this process publishes to them. The
        list lives in a slot of its own, so that no script of a queue can keep it."""
        new = [key for stream in streams if (key := self.keys.queue(stream).stream) not in self._registered]
        self._registered.update(new)
        return [scripts.REGISTER_STREAMS.call((self.keys.streams,), new)] if new else []

    async def _register(self, streams: Iterable[TaskStream]) -> None:
        for stream in streams:
            self._registered.discard(self.keys.queue(stream).stream)
        await self._send_all(self._registrations(streams))

    async def _register_created(self, streams: Iterable[TaskStream], replies: Sequence[Any]) -> None:
        """Streams that the script had to make had been forgotten by an engine since, or the server was emptied."""
        created = [
            stream for stream, reply in zip(streams, replies, strict=True) if type(reply) is not ReplyError and reply[5]
        ]
        if created:
            await self._register(created)

    async def _after_refusal(
        self, outbox: Outbox, replies: list[Any], refused: set[int], reply_senders: Mapping[int, str]
    ) -> None:
        """Replies pass although memory is full: they let senders stop sending. Any other error is the caller's."""
        others = set(refused)
        for index in sorted(refused):
            sender = reply_senders.get(index)
            if sender is not None and errors.code_of(replies[index]) == "OOM":
                await self._reply_rows({sender: outbox.replies[sender]})
                others -= set(range(index, index + len(outbox.replies[sender])))
        for index in sorted(others):
            if errors.code_of(replies[index]) != "OOM":
                raise errors.from_reply(replies[index], self.address)
