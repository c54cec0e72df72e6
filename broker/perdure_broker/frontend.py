"""The frontend stream: requests that any engine may answer.

Role: part of the Redis broker. Entries are taken by whoever reads first and are gone with the read: a request here
changes nothing and its sender asks again, so one that is lost with its reader costs a delay.
"""

from __future__ import annotations

from perdure_broker import errors, scripts
from perdure_broker.keys import GROUP
from perdure_broker.port import StreamEntry
from perdure_broker.session import Session
from perdure_broker.wire import ReplyError, pack

LENGTH_MAX = 10_000
"""Entries kept while no engine reads; older ones go, and their senders ask again."""


class FrontendCalls(Session):
    """Sending to and reading from the frontend stream."""

    async def send_frontend(self, data: bytes) -> None:
        await self._send_one(pack(b"XADD", self.keys.frontend, b"MAXLEN", b"~", LENGTH_MAX, b"*", b"d", data))

    async def read_frontend(self, node: str, *, count: int, block_ms: int) -> list[StreamEntry]:
        block: tuple[bytes, ...] = (b"BLOCK", b"%d" % block_ms) if block_ms > 0 else ()
        # NOACK: nothing becomes pending, so that all engines can be one consumer and none is left behind.
        command = pack(
            b"XREADGROUP",
            b"GROUP",
            GROUP,
            b"engines",
            b"COUNT",
            count,
            *block,
            b"NOACK",
            b"STREAMS",
            self.keys.frontend,
            b">",
        )
        reply = await self._read((command,), block_ms)
        if type(reply) is ReplyError and errors.code_of(reply) == "NOGROUP":
            await self._send_one(scripts.MAKE_GROUP.call((self.keys.frontend,), (0,)))
            reply = await self._read((command,), block_ms)
        if type(reply) is ReplyError:
            raise errors.from_reply(reply, self.address)
        if not reply:
            return []
        entries = [StreamEntry(entry[0], entry[1][1]) for entry in reply[0][1]]
        await self._send_one(pack(b"XDEL", self.keys.frontend, *(entry.entry_id for entry in entries)))
        return entries
