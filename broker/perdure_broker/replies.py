"""Reply streams: what comes back to a client or worker.

Role: part of the Redis broker. A reply stream exists while its sender renews it, is read by cursor, and is trimmed by
the read up to that cursor; replies to a stream that has expired are dropped by the server.
"""

from __future__ import annotations

from collections.abc import Sequence

from perdure_broker import errors, scripts
from perdure_broker.port import StreamEntry
from perdure_broker.session import Session
from perdure_broker.wire import ReplyError, pack

READ_COUNT = 1000
"""Stream entries a read returns at most."""

ROWS_PER_ENTRY_MAX = 100
"""Rows of one sender that share a stream entry: an XADD costs more than a field."""


def reply_commands(key: bytes, rows: Sequence[bytes]) -> list[bytes]:
    """The commands that add `rows` to a reply stream, if it exists."""
    return [
        pack(b"XADD", key, b"NOMKSTREAM", b"*", *(part for row in chunk for part in (b"d", row)))
        for start in range(0, len(rows), ROWS_PER_ENTRY_MAX)
        if (chunk := rows[start : start + ROWS_PER_ENTRY_MAX])
    ]


class ReplyCalls(Session):
    """Reply streams, of the reader's and of the writer's side."""

    async def open_replies(self, sender: str, ttl_ms: int) -> bool:
        return bool(await self._send_one(scripts.OPEN_REPLIES.call((self.keys.replies(sender),), (ttl_ms,))))

    async def read_replies(self, sender: str, cursor: bytes, *, block_ms: int) -> list[StreamEntry]:
        key = self.keys.replies(sender)
        block: tuple[bytes, ...] = (b"BLOCK", b"%d" % block_ms) if block_ms > 0 else ()
        commands = [pack(b"XREAD", b"COUNT", b"%d" % READ_COUNT, *block, b"STREAMS", key, cursor)]
        if cursor not in (b"0", b"0-0"):
            commands.insert(0, pack(b"XTRIM", key, b"MINID", b"~", cursor))
        reply = await self._read(commands, block_ms)
        if type(reply) is ReplyError:
            raise errors.from_reply(reply, self.address)
        if not reply:
            return []
        return [StreamEntry(entry_id, data) for entry_id, fields in reply[0][1] for data in fields[1::2]]

    async def close_replies(self, sender: str) -> None:
        await self._send_one(pack(b"UNLINK", self.keys.replies(sender)))

    async def reply(self, sender: str, data: bytes) -> None:
        await self._reply_rows({sender: [data]})

    async def _reply_rows(self, replies: dict[str, list[bytes]]) -> None:
        """Add rows although memory may be full."""
        for sender, rows in replies.items():
            key = self.keys.replies(sender)
            await self._send_all(
                [
                    scripts.REPLY_WHEN_FULL.call((key,), rows[start : start + ROWS_PER_ENTRY_MAX])
                    for start in range(0, len(rows), ROWS_PER_ENTRY_MAX)
                ]
            )
