"""The driver is imported when it is used; an absent one, and an absent server, are said with their cure."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from perdure.outbox.driver import DriverMissing, OutboxUnavailable, connect, explained, load_driver


def test_nothing_is_imported_before_it_is_used() -> None:
    program = (
        "import sys, perdure.outbox, perdure.cli.outbox;"
        "sys.exit(any(name.partition('.')[0] in ('psycopg', 'sqlalchemy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_driver() is psycopg
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DriverMissing, match=r"pip install 'perdure\[outbox\]'"):
        load_driver()


@pytest.mark.parametrize("dsn", ["postgresql://127.0.0.1:1/nowhere", "no dsn at all"])
async def test_without_a_server(dsn: str) -> None:
    with pytest.raises(OutboxUnavailable, match="cannot be used"):
        await connect(dsn)


@pytest.mark.parametrize(
    ("error", "cure"),
    [(psycopg.errors.UndefinedTable, "perdure outbox create"), (psycopg.errors.InsufficientPrivilege, "INSERT")],
)
async def test_what_an_operator_can_mend_is_explained(error: type[psycopg.Error], cure: str) -> None:
    with pytest.raises(OutboxUnavailable, match=cure):
        async with explained():
            raise error
