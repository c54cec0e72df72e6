"""The commands of an outbox, without a database. (With one: `tests/integration/outbox`.)"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.outbox import OutboxEntry, OutboxTable
from tests.unit.perdure.cli.terminal import Terminal

DSN = ("--postgres", "postgresql://127.0.0.1:1/app")
TIME = datetime(2026, 1, 2, tzinfo=UTC)
REFUSED = OutboxEntry(7, "workflow", "default", "order-7", "Order", "q", TIME, 1, None, TIME, "order-7 is taken")
WAITING = REFUSED._replace(id=8, execution_id="order-8", attempts=0, refused_at=None, reason="")
RETRYING = WAITING._replace(id=9, due_at=TIME)


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[OutboxEntry]:
    held = [REFUSED, WAITING, RETRYING]

    async def read(_table: OutboxTable, *, limit: int, refused: bool) -> list[OutboxEntry]:
        return [entry for entry in held if entry.refused_at or not refused][:limit]

    async def retry(_table: OutboxTable, ids: Any) -> list[int]:
        return [entry.id for entry in held if entry.refused_at and (ids is None or entry.id in ids)]

    monkeypatch.setattr(OutboxTable, "entries", read)
    monkeypatch.setattr(OutboxTable, "retry", retry)
    return held


def test_ddl(terminal: Terminal) -> None:
    assert terminal.run("outbox", "ddl").stdout == OutboxTable.ddl()


def test_list(terminal: Terminal, entries: list[OutboxEntry]) -> None:
    lines = terminal.run("outbox", "list", *DSN).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["7", "REFUSED"], ["8", "WAITING"], ["9", "RETRYING"]]
    assert "order-7 is taken" in lines[1]
    [only] = terminal.json("outbox", "list", "--refused", *DSN)
    assert (only["execution_id"], only["state"], only["reason"]) == ("order-7", "REFUSED", "order-7 is taken")
    entries.clear()
    assert terminal.run("outbox", "list", *DSN).stderr == "The outbox is empty: all has begun.\n"
    assert terminal.run("outbox", "list", "--refused", *DSN).stderr == "Nothing was refused.\n"


@pytest.mark.usefixtures("entries")
def test_retry(terminal: Terminal) -> None:
    result = terminal.run("outbox", "retry", "7", "8", *DSN)
    assert result.stdout == "To be tried again: 7\n"
    assert "Neither refused nor put back: 8" in result.stderr
    assert terminal.json("outbox", "retry", "--all", *DSN) == {"retried": [7]}


@pytest.mark.parametrize("arguments", [(), ("7", "--all")])
def test_retry_wants_rows_or_all(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    result = terminal.run("outbox", "retry", *arguments, *DSN)
    assert result.exit_code == 2
    assert "or --all" in result.stderr


@pytest.mark.parametrize("command", ["create", "list", "retry --all"])
def test_a_database_that_is_not_there(terminal: Terminal, command: str) -> None:
    result = terminal.run("outbox", *command.split(), *DSN)
    assert result.exit_code == 1
    assert "the database of the outbox cannot be used" in result.stderr
    assert "Traceback" not in result.output


def test_without_waiting_a_cluster_that_is_not_there_is_an_error(terminal: Terminal) -> None:
    result = terminal.run("outbox", "run", "--no-wait", "--address", "127.0.0.1:1", *DSN)
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr
