"""Every statement of a hot table probes by index, whatever the statistics say when it is planned."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from perdure_store import sql
from perdure_store.dialect import LISTS, PLANNER
from tests.tidy.sql_files import QUERY_NAMES, SQL

WHOLE_TABLES = {
    "delete_batches": "a handful of operations, once an hour",
    "delete_old_nodes": "a handful of engines",
    "insert_shards": "the one row of the cluster",
    "raise_schema_floor": "a handful of engines",
    "release_migration_lock": "the one row of the lock",
}
"""Statements that read a table from end to end, and why that is little."""

USED = re.compile(r" using (\w+) on ")
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?b")


@pytest.fixture
def connection(database_dsn: str) -> Iterator[psycopg.Connection[tuple[str]]]:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        yield connection


def plan_of(connection: psycopg.Connection[tuple[str]], name: str) -> str:
    """The generic plan, the one that a prepared statement gets."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        key = match.group(1) or f"position {len(numbers)}"
        return f"${numbers.setdefault(key, len(numbers) + 1)}"

    text = PLACEHOLDER.sub(numbered, sql.query(name).decode()).replace("%%", "%")
    connection.execute(f"PREPARE planned AS {text}")
    arguments = f"({', '.join(['NULL'] * len(numbers))})" if numbers else ""
    lines = connection.execute(f"EXPLAIN (COSTS OFF) EXECUTE planned{arguments}").fetchall()
    connection.execute("DEALLOCATE planned")
    return "\n".join(line[0] for line in lines)


@pytest.mark.parametrize("name", [name for name in QUERY_NAMES if name not in WHOLE_TABLES])
def test_a_statement_uses_its_index(connection: psycopg.Connection[tuple[str]], name: str) -> None:
    for setting in LISTS if "visibility" in name and name != "upsert_visibility" else PLANNER:
        connection.execute(f"SET {setting.name} = {setting.value}")
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.execute("SET enable_seqscan = off")
    plan = plan_of(connection, name)
    assert "Seq Scan" not in plan
    if "visibility" not in name:
        assert "Hash Join" not in plan
        assert "Bitmap" not in plan
        header = (SQL / "queries" / f"{name}.sql").read_text().partition("-- Failure")[0]
        for index in USED.findall(plan):
            assert index.endswith("_pkey") or index in header, f"{name} uses {index}, which its header does not name"


@pytest.mark.parametrize("name", ["timers", "outstanding", "read_history", "dead_letters"])
def test_a_page_is_read_in_the_order_of_its_index(connection: psycopg.Connection[tuple[str]], name: str) -> None:
    for setting in PLANNER:
        connection.execute(f"SET {setting.name} = {setting.value}")
    assert "Sort" not in plan_of(connection, name)
