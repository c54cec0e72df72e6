"""Replies matched to calls in order, and every way in which a connection ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure_broker.wire import ConnectionLost, NoAnswer, ReplyError, Wire, pack


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True


class Predecessor(asyncio.Protocol):
    told: list[Exception | None]

    def __init__(self) -> None:
        self.told = []

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


@pytest.fixture
async def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def wire(transport: FakeTransport) -> Wire:
    return Wire(transport, Predecessor())


async def test_replies_are_matched_in_order(transport: FakeTransport, wire: Wire) -> None:
    first = wire.call(pack(b"PING") + pack("GET", "k"), 2, 10)
    second = wire.call(pack("INCR", "n"), 1, 10)
    assert transport.written == [
        b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n",
    ]
    wire.data_received(b"+PONG\r\n$1\r")
    assert not first.done()
    wire.data_received(b"\nv\r\n:7\r\n")
    assert await first == [b"PONG", b"v"]
    assert await second == [7]


async def test_error_replies_are_returned(wire: Wire) -> None:
    call = wire.call(pack("X"), 1, 10)
    wire.data_received(b"-ERR unknown\r\n")
    (reply,) = await call
    assert type(reply) is ReplyError
    assert str(reply) == "ERR unknown"


async def test_a_cancelled_call_leaves_the_order_alone(wire: Wire) -> None:
    cancelled, kept = wire.call(pack("A"), 1, 10), wire.call(pack("B"), 1, 10)
    cancelled.cancel()
    wire.data_received(b"+a\r\n+b\r\n")
    assert await kept == [b"b"]


async def test_a_lost_connection_fails_what_waits_and_what_comes(transport: FakeTransport) -> None:
    predecessor = Predecessor()
    wire = Wire(transport, predecessor)
    call = wire.call(pack("A"), 1, 10)
    wire.connection_lost(None)
    assert wire.lost
    assert predecessor.told == [None]
    for failed in (call, wire.call(pack("B"), 1, 10)):
        with pytest.raises(ConnectionLost):
            await failed
    assert transport.written == [pack("A")]


async def test_silence_ends_the_connection(transport: FakeTransport, wire: Wire) -> None:
    slow, other = wire.call(pack("A"), 1, 0.001), wire.call(pack("B"), 1, 10)
    with pytest.raises(NoAnswer, match=r"0\.001 s"):
        await slow
    with pytest.raises(NoAnswer):
        await other
    assert transport.aborted


async def test_an_answered_call_is_not_given_up(transport: FakeTransport, wire: Wire) -> None:
    call = wire.call(pack("A"), 1, 0.001)
    wire.data_received(b"+a\r\n")
    later = wire.call(pack("B"), 1, 0.02)
    with pytest.raises(NoAnswer):
        await later
    assert await call == [b"a"]


@pytest.mark.parametrize("data", [b"HTTP/1.1 400\r\n", b"+one\r\n+too many\r\n"])
async def test_nonsense_ends_the_connection(transport: FakeTransport, wire: Wire, data: bytes) -> None:
    call = wire.call(pack("A"), 1, 10)
    wire.data_received(data)
    assert wire.lost
    assert transport.aborted
    if data.startswith(b"HTTP"):
        with pytest.raises(ConnectionLost, match="not the Redis protocol"):
            await call
    else:
        assert await call == [b"one"]


async def test_abort_fails_what_waits(transport: FakeTransport, wire: Wire) -> None:
    call = wire.call(pack("A"), 1, 10)
    wire.abort()
    with pytest.raises(ConnectionLost, match="closed"):
        await call
    assert transport.aborted
