"""`perdure dev`: a whole cluster in one directory, in one process and its two servers.

Role: the entry point `dev` of the group `perdure.extensions`. Starts the embedded Postgres and Valkey, migrates, and
runs an engine in this process; when told to stop, stops the engine first and its servers after it.

Rules: one cluster a directory, held by a lock; no root, no Docker; everything listens on this machine alone; the
servers keep fsync on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from perdure.exceptions import RequestError
from perdure_engine import main
from perdure_engine.commands import explained
from perdure_engine.embedded.errors import EmbeddedServerError
from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_engine.embedded.valkey import EmbeddedValkey

LOCK_FILE = "lock"

Say = Callable[[str], None]


def run_dev(data_dir: Path, port: int, *, on_step: Say, on_ready: Say) -> None:
    """Run a cluster until SIGINT or SIGTERM.

    Args:
        data_dir: Holds all state; made when missing.
        port: Of its Valkey, on 127.0.0.1: the address for clients.
        on_step: Told what is being done.
        on_ready: Given the address once an engine answers there.

    Raises:
        RequestError: the directory is in use, or a server did not start; says what to do.
    """
    with explained(), _explained_servers(), hold_directory(data_dir), _servers(data_dir, port, on_step) as (dsn, url):
        on_step("Bringing the database up to date ...")
        main.run_migrate(dsn)
        on_step("Starting the engine ...")
        main.run_engine(main.EngineConfig(dsn, url), ready=lambda: on_ready(f"127.0.0.1:{port}"))
        on_step("Stopping ...")


@contextlib.contextmanager
def hold_directory(data_dir: Path) -> Iterator[None]:
    """Make the directory and keep others out of it for the time of the block. The lock ends with the process.

    Raises:
        RequestError: another process holds it, or it cannot be written to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / ".gitignore").write_text("*\n")
        lock = (data_dir / LOCK_FILE).open("a+")
    except OSError as error:
        raise RequestError(
            f"the data directory {data_dir} cannot be used ({error.strerror}); choose another: --data-dir"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise RequestError(
                f"another `perdure dev` (process {holder}) runs on the data directory {data_dir}; use that one, stop "
                "it, or choose another directory and port: --data-dir, --port"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def _servers(data_dir: Path, port: int, on_step: Say) -> Iterator[tuple[str, str]]:
    """Both servers, started side by side: the DSN and the URL."""
    postgres = EmbeddedPostgres(data_dir / "postgres")
    valkey = EmbeddedValkey(data_dir / "valkey", port)
    on_step("Starting Postgres and Valkey ...")
    try:
        with ThreadPoolExecutor(2) as threads:
            dsn, url = threads.submit(postgres.start), threads.submit(valkey.start)
        yield dsn.result(), url.result()
    finally:
        valkey.stop()
        postgres.stop()


@contextlib.contextmanager
def _explained_servers() -> Iterator[None]:
    try:
        yield
    except EmbeddedServerError as error:
        raise RequestError(str(error)) from error
