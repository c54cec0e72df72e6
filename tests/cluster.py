"""A cluster of real processes for tests: engines and workers that can be killed, stopped and woken, on given servers.

Role: starts processes by their public commands, knows when they are ready by asking them, and shows what they wrote
when a test fails. It knows nothing of what a test wants from them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psycopg

from perdure.client import Client
from perdure.service import RPCError, RPCStatusCode
from tests.waiting import wait_until

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]

_IMPORT_PATH = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]

PERDURE = ("-m", "perdure.cli.main")
"""The command line, as Python runs it."""

START_TIMEOUT_SECONDS = 60
"""Two cores may be busy with a whole test run."""

STOP_TIMEOUT_SECONDS = 30


class Process:
    """A process of the cluster, with its output in a file."""

    def __init__(self, name: str, command: list[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log_path = directory / f"{name}.log"
        with self.log_path.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_IMPORT_PATH), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def exit_status(self) -> int:
        """Of a process that has ended; negative: the signal that ended it."""
        status = self._child.poll()
        assert status is not None, f"{self.name} still runs"
        return status

    @property
    def output(self) -> str:
        return self.log_path.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL: as if the machine had lost its power."""
        self._child.kill()
        self._child.wait()

    def freeze(self) -> None:
        """SIGSTOP: a long pause, such as a live migration or a swap storm."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """SIGTERM; harmless if it has ended."""
        self._child.terminate()

    def stop(self) -> int:
        """SIGTERM, and wait. Returns the exit status.

        Raises:
            AssertionError: it did not end in time; it is killed.
        """
        self.ask_to_stop()
        try:
            return self._child.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop in {STOP_TIMEOUT_SECONDS} s:\n{self.output}") from None

    def resident_bytes(self) -> int:
        """Resident memory, as the kernel counts it."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        """Whatever state it is in: gone."""
        if self.running:
            self.kill()


class Cluster:
    """Engines and workers on one database and one logical Redis.

    Args:
        directory: where logs go.
        postgres_dsn: a database of its own; `migrate` makes the tables.
        redis_url: an empty logical database; it is the address of the cluster.
    """

    def __init__(self, directory: Path, postgres_dsn: str, redis_url: str) -> None:
        self.directory = directory
        self.postgres_dsn = postgres_dsn
        self.address = redis_url
        self.processes: list[Process] = []
        self._clients: list[Client] = []
        self._counts: dict[str, int] = {}

    # Processes -----------------------------------------------------------------------------------------------------
    def migrate(self, *options: str, program: Sequence[str] = PERDURE) -> str:
        """Bring the schema up to date, by the public command. Returns what it printed.

        Raises:
            AssertionError: it failed; with what it printed.
        """
        command = [sys.executable, *program, "db", "migrate", "--postgres", self.postgres_dsn, *options]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def start_engine(self, *options: str, program: Sequence[str] = PERDURE) -> Process:
        """An engine; `program` is what Python runs, the command line of this version unless another is named."""
        command = [*program, "engine", "--postgres", self.postgres_dsn, "--redis", self.address]
        return self._start("engine", [*command, *options], {})

    def start_worker(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """A Python process with these arguments, told the address; usually `-m` and a module of the tests."""
        return self._start("worker", list(arguments), environment or {})

    async def close(self) -> None:
        """End every client and process."""
        for client in self._clients:
            await client.close()
        for process in self.processes:
            process.end()

    def logs(self) -> str:
        """What every process wrote last, for the message of a failure."""
        parts = []
        for process in self.processes:
            state = "running" if process.running else "ended"
            parts.append(f"--- {process.name} ({state})\n{process.output[-4000:]}")
        return "\n".join(parts)

    def _start(self, kind: str, arguments: list[str], environment: Mapping[str, str]) -> Process:
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        process = Process(
            f"{kind}-{number}",
            [sys.executable, *arguments],
            self.directory,
            {"PERDURE_ADDRESS": self.address, **environment},
        )
        self.processes.append(process)
        return process

    # Looking -------------------------------------------------------------------------------------------------------
    async def connect(self) -> Client:
        """A client, once an engine answers it. It is closed with the cluster."""

        async def answer() -> Client | None:
            dead = [process for process in self.processes if process.name.startswith("engine") and not process.running]
            assert len(dead) < max(1, self._counts.get("engine", 0)), "no engine runs"
            try:
                client = await Client.connect(self.address)
            except RPCError:
                return None
            self._clients.append(client)
            try:
                await client.get_workflow_handle("nobody-started-this").describe()
            except RPCError as error:
                return client if error.status == RPCStatusCode.NOT_FOUND else None
            raise AssertionError("a workflow that nobody started has a description")

        return await self._wait(answer, "an engine that answers", START_TIMEOUT_SECONDS)

    async def shard_owners(self) -> dict[int, str]:
        """Owner of each shard, as the store says; empty if nobody took it yet."""
        connection = await psycopg.AsyncConnection.connect(self.postgres_dsn, autocommit=True)
        async with connection:
            rows = await (await connection.execute("SELECT shard_id, owner FROM shards")).fetchall()
        return dict(rows)

    async def wait_owners(self, count: int, *, timeout_seconds: float = START_TIMEOUT_SECONDS) -> dict[int, str]:
        """Wait until exactly `count` engines own all the shards between them."""

        async def shared() -> dict[int, str] | None:
            owners = await self.shard_owners()
            return owners if "" not in owners.values() and len(set(owners.values())) == count else None

        return await self._wait(shared, f"{count} engines that own every shard", timeout_seconds)

    async def _wait(self, look: Callable[[], Awaitable[T | None]], what: str, timeout_seconds: float) -> T:
        try:
            return await wait_until(look, what=what, timeout_seconds=timeout_seconds)
        except AssertionError as error:
            error.add_note(self.logs())
            raise
