"""What the parts of the Redis broker share: the address, the keys, the connections, and how commands are sent.

Role: one connection for calls that are answered at once, and one a blocking read, because a blocked connection answers
nothing else. Error replies become exceptions here, and a server that has forgotten the scripts is taught them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from perdure_broker import errors, scripts
from perdure_broker.address import Address
from perdure_broker.connection import CALL_TIMEOUT_S, Connection
from perdure_broker.keys import Keys
from perdure_broker.wire import ReplyError, pack

UNBLOCK_RETRY_S = 0.001
"""Between two tries to unblock a read whose command is still on its way to the server."""


class Session:
    """Connections of one broker object. The parts of the broker extend it."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self.address = address
        self.keys = keys
        self._calls = Connection(address)
        self._idle_readers: list[Connection] = []
        self._busy_readers: set[Connection] = set()
        self._task_readers: set[Connection] = set()
        """Those of the busy readers that wait for tasks."""

    async def close(self) -> None:
        """Close all connections. Reads that wait fail with `BrokerUnavailable`."""
        readers = [*self._idle_readers, *self._busy_readers]
        self._idle_readers.clear()
        for connection in [self._calls, *readers]:
            await connection.close()

    async def _send(self, commands: Sequence[bytes]) -> list[Any]:
        """Send packed commands in one write and return the replies, error replies among them.

        Raises:
            BrokerUnavailable: the server cannot be reached.
        """
        if not commands:
            return []
        replies = await self._calls.call(b"".join(commands), len(commands))
        for reply in replies:
            if type(reply) is ReplyError:
                return await self._after_errors(commands, replies)
        return replies

    async def _send_all(self, commands: Sequence[bytes]) -> list[Any]:
        """`_send`, but the first error reply is raised; the other commands have taken effect."""
        replies = await self._send(commands)
        for reply in replies:
            if type(reply) is ReplyError:
                raise errors.from_reply(reply, self.address)
        return replies

    async def _send_one(self, command: bytes) -> Any:
        """Send one command, return its reply, raise an error reply."""
        return (await self._send_all((command,)))[0]

    async def _read(self, commands: Sequence[bytes], block_ms: int, *, for_tasks: bool = False) -> Any:
        """Send commands of which the last may block for `block_ms`, on a connection of their own, and return the last
        reply, which may be an error reply."""
        connection = self._idle_readers.pop() if self._idle_readers else Connection(self.address)
        self._busy_readers.add(connection)
        if for_tasks:
            self._task_readers.add(connection)
        try:
            replies = await connection.call(b"".join(commands), len(commands), block_ms / 1000 + CALL_TIMEOUT_S)
        except BaseException:
            connection.abort()  # a read that was cancelled may still be blocked there
            raise
        finally:
            self._busy_readers.discard(connection)
            self._task_readers.discard(connection)
            self._idle_readers.append(connection)
        reply = replies[-1]
        if type(reply) is ReplyError and errors.must_leave(reply):
            connection.abort()
        return reply

    async def _unblock(self, connections: Collection[Connection]) -> list[Connection]:
        """Ask the server to end the reads of these connections, and give them a moment to return. Returns those whose
        read did not wait there: it has ended, or its command is still on its way."""
        asked = list(connections)
        ended = await self._send_all([pack(b"CLIENT", b"UNBLOCK", connection.client_id) for connection in asked])
        await asyncio.sleep(UNBLOCK_RETRY_S)
        return [connection for connection, was_blocked in zip(asked, ended, strict=True) if not was_blocked]

    async def _after_errors(self, commands: Sequence[bytes], replies: list[Any]) -> list[Any]:
        unknown = [
            index
            for index, reply in enumerate(replies)
            if type(reply) is ReplyError and errors.code_of(reply) == "NOSCRIPT"
        ]
        if unknown:
            again = [*scripts.LOAD_ALL, *(commands[index] for index in unknown)]
            answers = await self._calls.call(b"".join(again), len(again))
            for index, answer in zip(unknown, answers[len(scripts.LOAD_ALL) :], strict=True):
                replies[index] = answer
        if any(type(reply) is ReplyError and errors.must_leave(reply) for reply in replies):
            self._calls.abort()
        return replies
