"""A connection that cannot be made says so in the broker's own words, whatever redis-py and the loop say."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio

from perdure_broker.address import parse_address
from perdure_broker.connection import Connection
from perdure_broker.port import BrokerUnavailable
from perdure_broker.wire import pack

UVLOOP_SAYS = "unable to perform operation on <TCPTransport closed=True>; the handler is closed"


async def test_a_server_that_hangs_up_on_the_greeting_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop raises a RuntimeError where redis-py expects an OSError; it would end an engine."""

    async def connect(_self: redis.asyncio.Connection) -> None:
        raise RuntimeError(UVLOOP_SAYS)

    monkeypatch.setattr(redis.asyncio.Connection, "connect", connect)
    connection = Connection(parse_address("127.0.0.1:6379"))
    with pytest.raises(BrokerUnavailable, match=r"lost the server at redis://127\.0\.0\.1:6379.*handler is closed"):
        await connection.call(pack(b"PING"), 1)
    await connection.close()


async def test_a_server_that_hangs_up_at_once_is_unavailable() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        connection = Connection(parse_address(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        with pytest.raises(BrokerUnavailable):
            await connection.call(pack(b"PING"), 1)
        await connection.close()
