"""The Postgres of a campaign: one server behind a proxy, on a small disk of its own.

Role: mechanism of the faults that befall Postgres. Engines know the proxy's address alone. The harness goes past it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from perdure_engine.embedded.errors import EmbeddedServerError
from perdure_engine.embedded.postgres import EmbeddedPostgres
from tests.chaos.disk import SmallDisk
from tests.waiting import wait_until_blocking

DISK_MB = 640

SETTINGS = {
    "max_wal_size": "96MB",
    "min_wal_size": "32MB",
    "log_min_messages": "fatal",
}

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'perdure %' ORDER BY backend_start, pid"


class PostgresServer:
    def __init__(self, directory: Path) -> None:
        self.disk = SmallDisk(directory / "postgres", DISK_MB)
        self._server = EmbeddedPostgres(self.disk.path / "data", SETTINGS)
        self._frozen: int | None = None

    @property
    def dsn(self) -> str:
        return self._server.dsn

    # Life ------------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        self.thaw_backend()
        self.disk.clear()
        await asyncio.to_thread(self._server.stop)

    def unmount(self) -> None:
        self.disk.unmount()

    async def heal(self) -> None:
        """Whatever was done to it, it runs and may write."""
        self.thaw_backend()
        self.disk.clear()
        await asyncio.to_thread(self._insist_on_start)

    @contextlib.contextmanager
    def session(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A session of the harness, past the proxy."""
        with psycopg.connect(self._server.dsn, autocommit=True, application_name="chaos") as connection:
            yield connection

    # Faults ----------------------------------------------------------------------------------------------------------
    async def kill(self) -> None:
        await asyncio.to_thread(self._server.kill)

    async def shut_down(self) -> None:
        await asyncio.to_thread(self._server.stop)

    async def kill_backend(self, choice: float) -> None:
        """The server ends all other sessions, too, and recovers, because a killed process may have ruined the shared
        memory."""
        os.kill(await asyncio.to_thread(self._choose_backend, choice), signal.SIGKILL)

    async def freeze_backend(self, choice: float) -> None:
        self._frozen = await asyncio.to_thread(self._choose_backend, choice)
        os.kill(self._frozen, signal.SIGSTOP)

    def thaw_backend(self) -> None:
        pid, self._frozen = self._frozen, None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it was ended meanwhile
                os.kill(pid, signal.SIGCONT)

    def _choose_backend(self, choice: float) -> int:
        def find() -> list[int]:
            with contextlib.suppress(psycopg.OperationalError), self.session() as session:
                return [pid for (pid,) in session.execute(BACKENDS)]
            return []

        pids = wait_until_blocking(find, what="a session of an engine")
        return pids[int(choice * len(pids))]

    def _insist_on_start(self) -> None:
        """A server that died of a full disk may still be on its way down, or back by itself, when it is looked at."""

        def is_up() -> bool:
            with contextlib.suppress(EmbeddedServerError, psycopg.OperationalError):
                self._server.start()
                with self.session() as session:
                    session.execute("CREATE TABLE IF NOT EXISTS chaos_writes (written INT)")
                return True
            return False

        wait_until_blocking(is_up, what="a Postgres that writes", timeout_seconds=90)
