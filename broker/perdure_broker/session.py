"""What the parts of the Redis broker share: the address, the keys, the connections, and how commands are sent.

Role: one connection a server for calls that are answered at once, and one a blocking read, because a blocked connection
answers nothing else. Each command goes to the server that holds its keys (`servers`). Error replies become exceptions
here, a server that has forgotten the scripts is taught them again, and one that has become the wrong one is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from perdure_broker import errors, scripts
from perdure_broker.address import Address
from perdure_broker.connection import CALL_TIMEOUT_S, Connection
from perdure_broker.keys import Keys
from perdure_broker.port import BrokerUnavailable
from perdure_broker.servers import find_servers
from perdure_broker.wire import ReplyError, pack

UNBLOCK_RETRY_S = 0.001
"""Between two tries to unblock a read whose command is still on its way to the server."""

MOVES_MAX = 3
"""How often one call follows keys that have moved to another node, before its caller is told to try again."""

_ASKING = pack(b"ASKING")


class Session:
    """Connections of one broker object. The parts of the broker extend it."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self.address = address
        self.keys = keys
        self._servers = find_servers(address)
        self._opened: dict[Address, list[Connection]] = {}
        self._calls: dict[Address, Connection] = {}
        self._idle_readers: dict[Address, list[Connection]] = {}
        self._task_readers: set[Connection] = set()
        """Those that wait for tasks now."""
        self._is_closed = False

    async def close(self) -> None:
        """Close all connections. Reads that wait fail with `BrokerUnavailable`."""
        self._is_closed = True
        for connection in [connection for some in self._opened.values() for connection in some]:
            await connection.close()

    # Calls -----------------------------------------------------------------------------------------------------------
    async def _send(self, commands: Sequence[bytes]) -> list[Any]:
        """Send packed commands, those for one server in one write, and return the replies, error replies among them.

        Raises:
            BrokerUnavailable: a server cannot be reached. What the others were sent has taken effect.
        """
        if not commands:
            return []
        servers = self._servers
        if not servers.known:
            await self._learn()
        if servers.sole is not None:
            return await self._exchange(servers.sole, commands)
        return await self._send_by_slot(commands)

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

    async def _send_to_everyone(self, commands: Sequence[bytes]) -> list[tuple[Address, list[Any]]]:
        """Send the same to each server that holds keys; the first error reply is raised."""
        await self._learn()
        nodes = list(self._servers.everyone())
        answers = await asyncio.gather(*(self._exchange(node, commands) for node in nodes))
        for node, replies in zip(nodes, answers, strict=True):
            for reply in replies:
                if type(reply) is ReplyError:
                    raise errors.from_reply(reply, node)
        return list(zip(nodes, answers, strict=True))

    async def _send_by_slot(self, commands: Sequence[bytes]) -> list[Any]:
        """Commands for one node keep their order; between nodes there is none."""
        replies: list[Any] = [None] * len(commands)
        left: Sequence[int] = range(len(commands))
        for _ in range(MOVES_MAX):
            await self._learn()
            indexes: dict[Address, list[int]] = {}
            for index in left:
                indexes.setdefault(self._servers.find(commands[index]), []).append(index)
            outcomes = await asyncio.gather(
                *(self._exchange(node, [commands[index] for index in some]) for node, some in indexes.items()),
                return_exceptions=True,
            )
            for node, outcome in zip(indexes, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    raise outcome
                for index, reply in zip(indexes[node], outcome, strict=True):
                    replies[index] = await self._follow(reply, node, commands[index])
            left = [index for index in left if errors.is_moved(replies[index])]
            if not left:
                break
        return replies

    async def _follow(self, reply: Any, node: Address, command: bytes) -> Any:
        """The reply, or that of the node to which a slot is being moved just now."""
        target = errors.asked_elsewhere(reply)
        if target is None:
            return reply
        host, port = target
        return (await self._exchange(self.address.at(host or node.host, port), (_ASKING, command)))[1]

    async def _exchange(self, node: Address, commands: Sequence[bytes]) -> list[Any]:
        connection = self._calls.get(node)
        if connection is None:
            connection = self._calls[node] = self._connect(node)
        try:
            replies = await connection.call(b"".join(commands), len(commands))
            for reply in replies:
                if type(reply) is ReplyError:
                    return await self._after_errors(connection, commands, replies)
        except BrokerUnavailable:
            self._servers.forget()
            raise
        return replies

    async def _after_errors(self, connection: Connection, commands: Sequence[bytes], replies: list[Any]) -> list[Any]:
        unknown = [
            index
            for index, reply in enumerate(replies)
            if type(reply) is ReplyError and errors.code_of(reply) == "NOSCRIPT"
        ]
        if unknown:
            again = [*scripts.LOAD_ALL, *(commands[index] for index in unknown)]
            answers = await connection.call(b"".join(again), len(again))
            for index, answer in zip(unknown, answers[len(scripts.LOAD_ALL) :], strict=True):
                replies[index] = answer
        self._heed(connection.address, replies)
        return replies

    # Blocking reads --------------------------------------------------------------------------------------------------
    async def _read(self, commands: Sequence[bytes], block_ms: int, *, for_tasks: bool = False) -> Any:
        """Send commands of which the last may block for `block_ms`, on a connection of their own, and return the last
        reply, which may be an error reply."""
        await self._learn()
        node = self._servers.find(commands[-1])
        idle = self._idle_readers.setdefault(node, [])
        connection = idle.pop() if idle else self._connect(node)
        if for_tasks:
            self._task_readers.add(connection)
        try:
            replies = await self._call_blocking(connection, commands, block_ms)
        finally:
            self._task_readers.discard(connection)
            idle.append(connection)
        return replies[-1]

    async def _call_blocking(self, connection: Connection, commands: Sequence[bytes], block_ms: int) -> list[Any]:
        try:
            replies = await connection.call(b"".join(commands), len(commands), block_ms / 1000 + CALL_TIMEOUT_S)
        except BrokerUnavailable:
            self._servers.forget()
            connection.abort()
            raise
        except BaseException:
            connection.abort()  # a read that was cancelled may still be blocked there
            raise
        self._heed(connection.address, replies)
        return replies

    async def _unblock(self, connections: Collection[Connection]) -> list[Connection]:
        """Ask the servers to end the reads of these connections, and give them a moment to return. Returns those whose
        read did not wait there: it has ended, or its command is still on its way."""
        asked: dict[Address, list[Connection]] = {}
        for connection in connections:
            asked.setdefault(connection.address, []).append(connection)
        elsewhere: list[Connection] = []
        for node, some in asked.items():
            ended = await self._exchange(node, [pack(b"CLIENT", b"UNBLOCK", each.client_id) for each in some])
            for each, was_blocked in zip(some, ended, strict=True):
                if type(was_blocked) is ReplyError:
                    raise errors.from_reply(was_blocked, node)
                if not was_blocked:
                    elsewhere.append(each)
        await asyncio.sleep(UNBLOCK_RETRY_S)
        return elsewhere

    # Servers ---------------------------------------------------------------------------------------------------------
    async def _learn(self) -> None:
        """Find out which server holds what, unless that is known, and drop what is connected to others."""
        if self._servers.known:
            return
        if self._is_closed:
            raise self._closed_error()
        await self._servers.learn()
        for node in set(self._opened).difference(self._servers.everyone()):
            self._drop(node)

    def _connect(self, node: Address) -> Connection:
        if self._is_closed:
            raise self._closed_error()
        connection = Connection(node)
        self._opened.setdefault(node, []).append(connection)
        return connection

    def _heed(self, node: Address, replies: Sequence[Any]) -> None:
        """What error replies say about the server that sent them. A demoted master is left by all connections: a read
        that went on there would see nothing new, and raise nothing."""
        for reply in replies:
            if type(reply) is ReplyError:
                if errors.must_leave(reply):
                    self._drop(node)
                    self._servers.forget()
                elif errors.is_moved(reply):
                    self._servers.forget()

    def _drop(self, node: Address) -> None:
        for connection in self._opened.get(node, ()):
            connection.abort()

    def _closed_error(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"the connection to {self.address.shown} has been closed")
