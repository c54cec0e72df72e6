"""The embedded Postgres: real, private, and still there after whoever started it has gone."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from perdure_engine.embedded.postgres import DATABASE, EmbeddedPostgres, EmbeddedServerError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "data")
    try:
        yield server
    finally:
        server.stop()


def ask(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_its_life(server: EmbeddedPostgres) -> None:
    assert server.pid is None
    dsn = server.start()
    pid = server.pid
    assert pid is not None
    assert server.start() == dsn == server.dsn
    assert server.pid == pid
    assert ask(dsn, "SELECT current_database()") == DATABASE
    ask(dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
    assert server.restart() == dsn
    assert server.pid not in (None, pid)
    assert ask(dsn, "SELECT seven FROM kept") == 7
    server.kill()
    assert server.pid is None
    server.start()
    assert ask(dsn, "SELECT seven FROM kept") == 7
    server.stop()
    assert server.pid is None
    server.stop()


def test_it_is_durable_and_private(server: EmbeddedPostgres, tmp_path: Path) -> None:
    dsn = server.start()
    for name, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
    }.items():
        assert ask(dsn, f"SHOW {name}") == value
    assert ask(dsn, "SELECT 'a' < 'B'") is False  # by bytes, as CockroachDB compares
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_two_servers_do_not_meet(server: EmbeddedPostgres, tmp_path: Path) -> None:
    other = EmbeddedPostgres(tmp_path / "other", settings={"max_connections": "17"})
    try:
        assert server.start() != other.start()
        assert ask(other.dsn, "SHOW max_connections") == "17"
        assert ask(server.dsn, "SHOW max_connections") == "100"
    finally:
        other.stop()


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long-name-" * 10))
    try:
        assert ask(server.start(), "SELECT 1") == 1
    finally:
        server.stop()


def test_it_outlives_a_process_that_is_killed_and_is_adopted_by_the_next(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from perdure_engine.embedded.postgres import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1])).start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path / "data")], check=False)
    assert result.returncode == -signal.SIGKILL
    pid = server.pid
    assert pid is not None
    assert ask(server.start(), "SELECT 1") == 1
    assert server.pid == pid


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data", settings={"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedServerError, match="nonsense"):
        server.start()


def test_an_absent_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedServerError, match=r"pip install 'perdure\[dev\]'"):
        EmbeddedPostgres(tmp_path / "data").start()
