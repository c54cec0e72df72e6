"""The bytes of one connection: commands out, replies in, matched in order.

Role: an asyncio protocol around hiredis. It is given the transport of a connection that redis-py has opened (address,
TLS, authentication, database), and keeps it until it is lost. One call is any number of commands written at once; its
future gets all their replies. There is no lock: a server answers in the order of the commands.

Why not redis-py itself: in a pipeline of 64 a command costs it 8 microseconds of processor time (encoding, callbacks, a
coroutine and a timer for each reply), and 1 here; these connections carry every task and every reply.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

import hiredis

ReplyError = hiredis.ReplyError
"""An error reply. It is returned among the replies, not raised."""

_INCOMPLETE: Final = object()


def pack(*command: bytes | str | int) -> bytes:
    """The bytes of one command."""
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows one argument only
    return packed


class ConnectionLost(Exception):
    """The connection ended, or was ended, before the replies came: whether the commands ran is unknown."""


class NoAnswer(ConnectionLost):
    """The server was silent for longer than the call allowed; the connection was ended for it."""


class _Call:
    __slots__ = ("count", "future", "replies", "timer")

    def __init__(self, count: int, future: asyncio.Future[list[Any]]) -> None:
        self.count = count
        self.future = future
        self.replies: list[Any] = []
        self.timer: asyncio.TimerHandle | None = None


class Wire(asyncio.Protocol):
    """Replies of one transport, in order.

    Args:
        transport: an open transport with nothing in flight.
        predecessor: the protocol that the transport had; told of the end, so that its owner can close cleanly.
    """

    def __init__(self, transport: asyncio.Transport, predecessor: asyncio.BaseProtocol) -> None:
        self.lost = False
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._predecessor = predecessor
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._calls: deque[_Call] = deque()
        transport.set_protocol(self)

    def call(self, commands: bytes, count: int, timeout_s: float) -> asyncio.Future[list[Any]]:
        """Write `count` packed commands; the future gets their replies.

        The future fails with `ConnectionLost` or `NoAnswer`. Cancelling it does not take the commands back.
        """
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        if self.lost:
            future.set_exception(ConnectionLost("the connection was lost"))
            return future
        call = _Call(count, future)
        call.timer = self._loop.call_later(timeout_s, self._give_up, timeout_s)
        self._calls.append(call)
        self._transport.write(commands)
        return future

    def abort(self) -> None:
        """End the connection at once. Calls in flight fail."""
        self._end(ConnectionLost("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        next_reply = reader.gets
        calls = self._calls
        try:
            reply = next_reply()
            while reply is not _INCOMPLETE:
                call = calls[0]
                replies = call.replies
                replies.append(reply)
                if len(replies) == call.count:
                    calls.popleft()
                    if call.timer is not None:
                        call.timer.cancel()
                    if not call.future.done():
                        call.future.set_result(replies)
                reply = next_reply()
        except hiredis.ProtocolError as error:
            self._end(ConnectionLost(f"what the server says is not the Redis protocol ({error})"))
        except IndexError:
            self._end(ConnectionLost("the server sent a reply that nobody asked for"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._predecessor.connection_lost(exc)
        self._end(ConnectionLost(str(exc) if exc else "the server closed the connection"))

    def _give_up(self, timeout_s: float) -> None:
        self._end(NoAnswer(f"no answer within {timeout_s:g} s"))

    def _end(self, reason: ConnectionLost) -> None:
        if not self.lost:
            self.lost = True
            self._transport.abort()
        while self._calls:
            call = self._calls.popleft()
            if call.timer is not None:
                call.timer.cancel()
            if not call.future.done():
                call.future.set_exception(reason)
