"""What the demo plays on: embedded servers in a directory of their own, an engine, and a worker that can be killed.

Role: starts everything by the commands that users have, and takes it all away again, the data too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from perdure.client import Client
from perdure.service import RPCError
from perdure_engine.demo.ledger import Ledger
from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_engine.embedded.valkey import EmbeddedValkey

TASK_QUEUE = "demo"

VISIBILITY_TIMEOUT = "2s"
"""How soon a killed worker is noticed. 30 s by default, which would make for a dull act."""

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
POLL_INTERVAL_S = 0.05
LOG_CHARACTERS_MAX = 2000


class StageFailed(RuntimeError):
    """A process of the demo did not start, or ended by itself. Carries its last words."""


class Stage:
    """A running cluster. Made by `open_stage`.

    Attributes:
        address: Where clients connect.
        workers_killed: How often `replace_worker` struck.
    """

    def __init__(self, directory: Path, postgres_dsn: str, address: str, ledger: Ledger) -> None:
        self.address = address
        self.workers_killed = 0
        self._directory = directory
        self._environment = {
            **os.environ,
            **ledger.environment,
            "PERDURE_POSTGRES_DSN": postgres_dsn,
            "PERDURE_REDIS_URL": address,
            "PERDURE_ADDRESS": address,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self) -> None:
        """Migrate, start engine and worker, and wait until the engine answers.

        Raises:
            StageFailed: one of them did not.
        """
        migration = await asyncio.to_thread(
            subprocess.run,
            _command("db", "migrate"),
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if migration.returncode != 0:
            raise StageFailed(f"perdure db migrate failed: {(migration.stderr or migration.stdout).strip()}")
        self._spawn("engine", _command("engine", "--visibility-timeout", VISIBILITY_TIMEOUT))
        await self._wait_engine()
        self._start_worker()

    async def replace_worker(self) -> None:
        """Kill the worker with SIGKILL, as a lost machine would, and start another."""
        worker = self._processes.pop("worker")
        worker.kill()
        await asyncio.to_thread(worker.wait)
        self.workers_killed += 1
        self._start_worker()

    async def stop(self) -> None:
        """The worker first, then the engine."""
        for name in ("worker", "engine"):
            process = self._processes.pop(name, None)
            if process is not None:
                await asyncio.to_thread(_end, process)

    def check(self) -> None:
        """See whether all still run.

        Raises:
            StageFailed: one does not; with its last words.
        """
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise StageFailed(f"the {name} ended with status {process.returncode}:\n{self._last_words(name)}")

    async def _wait_engine(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            self.check()
            try:
                async with await Client.connect(self.address):
                    return
            except RPCError as error:
                if time.monotonic() > deadline:
                    raise StageFailed(f"no engine answers: {error}\n{self._last_words('engine')}") from error
            await asyncio.sleep(POLL_INTERVAL_S)

    def _start_worker(self) -> None:
        self._spawn("worker", [sys.executable, "-m", "perdure_engine.demo.worker", TASK_QUEUE])

    def _spawn(self, name: str, command: list[str]) -> None:
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def _last_words(self, name: str) -> str:
        return self._log(name).read_text(errors="replace")[-LOG_CHARACTERS_MAX:]


@contextlib.asynccontextmanager
async def open_stage(directory: Path, ledger: Ledger) -> AsyncIterator[Stage]:
    """A whole cluster for the time of the block. `directory` may be thrown away after it."""
    postgres = EmbeddedPostgres(directory / "postgres")
    valkey = EmbeddedValkey(directory / "valkey")
    try:
        dsn, address = await asyncio.gather(asyncio.to_thread(postgres.start), asyncio.to_thread(valkey.start))
        stage = Stage(directory, dsn, address, ledger)
        try:
            await stage.start()
            yield stage
        finally:
            await stage.stop()
    finally:
        await asyncio.gather(asyncio.to_thread(postgres.stop), asyncio.to_thread(valkey.stop))


def temporary_directory() -> tempfile.TemporaryDirectory[str]:
    """Where the demo keeps its data: gone with it."""
    return tempfile.TemporaryDirectory(prefix="perdure-demo-")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "perdure.cli.main", *arguments]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
