"""Engines of earlier versions go on while the schema is migrated for this one: their SQL still means something."""

from __future__ import annotations

import re

import psycopg
import pytest
from psycopg import sql as text

from perdure_store import sql
from tests.golden import shelf

PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?b")

LAST_TAKEN_AWAY = max((step.version for step in sql.migration_steps("postgres") if step.after), default=1)
"""Engines made for an earlier schema have been shut out before steps were taken that they would notice."""

ADMITTED = {version: queries for version, queries in shelf.statements().items() if version >= LAST_TAKEN_AWAY}


def numbered(statement: str) -> str:
    """As a server takes it: `$1` for the first parameter."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match.group(1) or f'position {len(numbers)}', len(numbers) + 1)}"

    return PLACEHOLDER.sub(number, statement).replace("%%", "%")


@pytest.mark.parametrize("version", ADMITTED)
def test_an_engine_of_an_earlier_schema_works_on_this_one(emptied_database_dsn: str, version: int) -> None:
    wrong = {}
    with psycopg.connect(emptied_database_dsn, autocommit=True) as connection:
        for name, statement in ADMITTED[version].items():
            try:
                connection.execute(text.SQL("PREPARE earlier AS {}").format(text.SQL(numbered(statement))))
                connection.execute("DEALLOCATE earlier")
            except psycopg.errors.ProgrammingError as error:
                wrong[name] = str(error)
    assert not wrong, "a step takes away what running engines need: let it wait in an .after file"


def test_what_it_inserts_is_whole(emptied_database_dsn: str) -> None:
    """A column that it does not know has a default."""
    with psycopg.connect(emptied_database_dsn) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'perdure' AND is_nullable = 'NO' AND column_default IS NULL"
        ).fetchall()
    required: dict[str, set[str]] = {}
    for table, column in rows:
        required.setdefault(table, set()).add(column)
    for queries in ADMITTED.values():
        for name, statement in queries.items():
            match = re.search(r"INSERT INTO perdure\.(\w+)(?: AS \w+)? \(([^)]*)\)", statement)
            if match:
                assert required.get(match[1], set()) <= {column.strip() for column in match[2].split(",")}, name


def test_there_are_some() -> None:
    assert shelf.statements()
    assert all(len(queries) > 40 for queries in shelf.statements().values())
