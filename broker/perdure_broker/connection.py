"""One connection to the server, opened when it is needed and again when it was lost.

Role: redis-py opens it (address, TLS, authentication, database); `Wire` carries the traffic. A call on a connection
that turns out to be lost is sent once more on a new one, which is safe because every write of the broker is safe to
repeat; a server that cannot be reached raises `BrokerUnavailable` at once.

Before a new connection is used, the server is told to end the one before. What was sent on that may still be on its
way, held up by the network or by a proxy, and be repeated here before it arrives: carried out late, it would publish a
task again that was done, and given up, in between.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import redis.exceptions
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from perdure_broker import errors
from perdure_broker.address import Address
from perdure_broker.port import BrokerUnavailable
from perdure_broker.wire import ConnectionLost, NoAnswer, ReplyError, Wire, pack

CONNECT_TIMEOUT_S = 5.0

CALL_TIMEOUT_S = 5.0
"""A server that is silent for so long, beyond the time that a read may block, is taken for lost."""

_CLIENT_INFO = pack(b"CLIENT", b"INFO")

logger = logging.getLogger("perdure.broker")


class Connection:
    """A connection for one concern. Calls may overlap; their replies come in order.

    Attributes:
        client_id: the server's number of this connection, by which another one can unblock it; 0 before the first call.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.client_id = 0
        self._client_address = b""
        self._pool = ConnectionPool.from_url(
            address.url,
            protocol=2,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._driver: AbstractConnection | None = None
        self._wire: Wire | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def call(self, commands: bytes, count: int, timeout_s: float = CALL_TIMEOUT_S) -> list[Any]:
        """Send `count` packed commands and return their replies; error replies are among them, not raised.

        Raises:
            BrokerUnavailable: the server cannot be reached, or was silent for `timeout_s`.
        """
        wire = self._wire
        if wire is not None and not wire.lost:
            try:
                return await wire.call(commands, count, timeout_s)
            except NoAnswer as error:
                raise errors.from_lost(error, self.address) from None
            except ConnectionLost:
                pass  # it may have been lost long ago: the repetition below finds out
        wire = await self._open()
        try:
            return await wire.call(commands, count, timeout_s)
        except ConnectionLost as error:
            raise errors.from_lost(error, self.address) from None

    def abort(self) -> None:
        """Drop the connection; the next call opens another."""
        if self._wire is not None:
            self._wire.abort()

    async def close(self) -> None:
        """End it for good. Harmless when repeated."""
        self._closed = True
        self.abort()
        async with self._opening:
            await self._drop()

    async def _open(self) -> Wire:
        async with self._opening:
            if self._closed:
                raise BrokerUnavailable(f"the connection to {self.address.shown} has been closed")
            if self._wire is not None and not self._wire.lost:
                return self._wire
            await self._drop()
            driver = self._pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                await _connect(driver)
                # redis-py has no public way to hand its transport over; `_writer` is as old as its asyncio.
                transport = driver._writer.transport
                wire = Wire(transport, transport.get_protocol())
                await self._take_over(wire)
            except (redis.exceptions.RedisError, OSError, ConnectionLost) as error:
                await driver.disconnect(nowait=True)
                raise errors.from_driver(error, self.address) from None
            except BaseException:
                await driver.disconnect(nowait=True)
                raise
            self._driver, self._wire = driver, wire
            return wire

    async def _take_over(self, wire: Wire) -> None:
        """Learn how the server knows this connection, and let it end the one before: named by its number and by where
        it came from, since another server, or one that was restarted, counts its own."""
        commands = [_CLIENT_INFO]
        if self.client_id:
            before = (b"ID", self.client_id, b"ADDR", self._client_address)
            commands.append(pack(b"CLIENT", b"KILL", *before))
        info, *ended = await wire.call(b"".join(commands), len(commands), CONNECT_TIMEOUT_S)
        if type(info) is ReplyError:
            problem = errors.from_reply(info, self.address)
            if isinstance(problem, errors.UnexpectedReply):
                return  # a server of old, which the check of its version is about to refuse with better words
            raise problem
        if ended and type(ended[0]) is ReplyError:
            logger.info("%s does not let a lost connection be ended: %s", self.address.shown, ended[0])
        told = dict(word.partition(b"=")[::2] for word in info.split())
        self.client_id, self._client_address = int(told[b"id"]), told[b"addr"]

    async def _drop(self) -> None:
        driver, self._driver, self._wire = self._driver, None, None
        if driver is not None:
            await driver.disconnect(nowait=True)


async def _connect(driver: AbstractConnection) -> None:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await driver.connect()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        # So uvloop says that the server ended the connection before redis-py had written its greeting.
        raise ConnectionLost(str(error)) from error
