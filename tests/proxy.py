"""A TCP proxy in front of a server, to lose connections at the worst moment, or to make the way to it slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]

_CHUNK_BYTES = 65_536


class Proxy:
    """Passes bytes on, until told otherwise. It lives on the event loop of the test.

    Attributes:
        port: where it listens, on 127.0.0.1.
        losses: how many connections it has cut because it was told to.
        delay_seconds: how long it keeps each piece that it passes on, in either direction.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._lose_requests: bytes | None = None
        self._lose_replies_after: bytes | None = None
        self._closing = asyncio.Event()
        self.port = 0
        self.losses = 0
        self.delay_seconds = 0.0

    def cut(self) -> None:
        """End all connections at once, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """Cut, and end every new connection too, as if the server were down."""
        self._refusing = True
        self.cut()

    def accept(self) -> None:
        self._refusing = False

    def lose_requests(self, containing: bytes = b"") -> None:
        """Cut the connection that next sends something with `containing`, and pass on nothing of that."""
        self._lose_requests = containing

    def lose_replies(self, after: bytes = b"") -> None:
        """Cut the connection whose replies next contain `after`, and pass on nothing from that piece on."""
        self._lose_replies_after = after

    def lose_nothing(self) -> None:
        """Forget what was to be lost and has not come by."""
        self._lose_requests = self._lose_replies_after = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, up_writer}
        self._writers |= both
        tasks = [
            asyncio.create_task(self._pass_requests(reader, up_writer)),
            asyncio.create_task(self._pass_replies(up_reader, writer)),
        ]
        self._tasks.update(tasks)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.transport.abort()
        await asyncio.wait(tasks)
        self._tasks.difference_update(tasks)
        self._writers -= both

    async def _pass_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK_BYTES):
                if self._lose_requests is not None and self._lose_requests in data:
                    self._lose_requests = None
                    self.losses += 1
                    return
                await self._pass(data, writer)

    async def _pass_replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        last = b""
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK_BYTES):
                wanted = self._lose_replies_after
                if wanted is not None and wanted in last + data:
                    self._lose_replies_after = None
                    self.losses += 1
                    return
                last = data[-len(wanted) :] if wanted else b""
                await self._pass(data, writer)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.delay_seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self.delay_seconds)
        writer.write(data)
        await writer.drain()

    async def close(self) -> None:
        self._closing.set()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def proxy_to(connect: Connect) -> AsyncIterator[Proxy]:
    """A proxy to whatever `connect` opens (`asyncio.open_connection` or `open_unix_connection` with its address)."""
    proxy = Proxy(connect)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()


class PostgresProxy:
    """A proxy to a database: `dsn` is the address through it."""

    def __init__(self, proxy: Proxy, dsn: str) -> None:
        self.proxy = proxy
        self.dsn = dsn


@asynccontextmanager
async def proxy_to_postgres(dsn: str) -> AsyncIterator[PostgresProxy]:
    """A proxy to the database of an address, which may be that of a unix socket."""
    parts = conninfo_to_dict(dsn)
    host, port = str(parts.get("host") or "localhost"), int(parts.get("port") or 5432)

    async def connect() -> Streams:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async with proxy_to(connect) as proxy:
        through: dict[str, str | int] = {
            "host": "127.0.0.1",
            "port": proxy.port,
            "sslmode": "disable",
            "gssencmode": "disable",
        }
        yield PostgresProxy(proxy, make_conninfo(dsn, **through))
