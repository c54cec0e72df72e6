"""Every statement of a hot table probes by index, whatever the statistics say when it is planned."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import psycopg
import pytest

from perdure_engine.listing.fields import Fields
from perdure_engine.listing.parser import parse_count, parse_list
from perdure_store import sql
from perdure_store.dialect import LISTS, PLANNER, POSTGRES
from perdure_store.list_query import FieldType
from perdure_store.list_sql import Statement, count, page
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
READ_THROUGH = re.compile(r"(?:Seq|Index(?: Only)?) Scan.* on (\w+).*\n(?!\s*Index Cond)")
"""A table, or an index of it, that is read from end to end."""

SMALL_TABLES = {
    "batch_operations",
    "engine_nodes",
    "namespaces",
    "schedules",
    "schema_steps",
    "shards",
    "task_queue_settings",
    "worker_deployments",
}

COMPARED = {
    "advance_shards": "the shards of a batch with the table of shards",
    "apply_settings": "a handful of settings",
    "backlog": "the shards with the cursors that came along",
    "has_backlog_keys": "five priorities",
    "keyed_backlog": "the shards with the cursors that came along",
    "update_schedules": "the schedules of an engine's look; their table grows with what people set up, and stays",
}
"""Statements that compare each row of one side with each of the other, and why that is little."""

PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?b")


@pytest.fixture
def connection(shared_database_dsn: str) -> Iterator[psycopg.Connection[tuple[str]]]:
    """To a database that nothing is written to."""
    with psycopg.connect(shared_database_dsn, autocommit=True) as connection:
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


def test_a_statement_uses_its_index_when_its_tables_were_empty(
    connection: psycopg.Connection[tuple[str]],
) -> None:
    """Tables of tasks are emptied all the time, and what VACUUM and ANALYZE find then is believed until they return."""
    connection.execute("VACUUM ANALYZE")
    for setting in PLANNER:
        connection.execute(f"SET {setting.name} = {setting.value}")
    for name in QUERY_NAMES:
        if name not in WHOLE_TABLES and "visibility" not in name:
            plan = plan_of(connection, name) + "\n"
            read_through = set(READ_THROUGH.findall(plan)) - SMALL_TABLES
            assert not read_through or name == "backlog_queues", plan  # whose index holds the backlog alone
            assert ("Join Filter" in plan) == (name in COMPARED), plan


@pytest.mark.parametrize("name", ["timers", "outstanding", "read_history", "dead_letters"])
def test_a_page_is_read_in_the_order_of_its_index(connection: psycopg.Connection[tuple[str]], name: str) -> None:
    for setting in PLANNER:
        connection.execute(f"SET {setting.name} = {setting.value}")
    assert "Sort" not in plan_of(connection, name)


RUNS = """
INSERT INTO perdure.executions_visibility (
    namespace, run_id, workflow_id, workflow_type, task_queue, status, start_time, execution_time, close_time,
    execution_duration_us, history_length, history_size_bytes, memo, search_attributes, parent_workflow_id,
    parent_run_id, root_workflow_id, root_run_id, version
)
SELECT
    'default', gen_random_uuid(), 'wf-' || n, 'type-' || n % 10, 'queue', CASE n % 20 WHEN 0 THEN 1 ELSE 2 END,
    now() - n * interval '1 second', now(), CASE n % 20 WHEN 0 THEN NULL ELSE now() END, 0, 11, 900, '',
    jsonb_build_object('Customer:Keyword', 'c' || n % 1000), '', '', '', '', 5
FROM generate_series(1, 20000) AS x (n)
"""

TYPES = {"Customer": int(FieldType.KEYWORD)}

LISTED = [
    ("", "executions_visibility_status"),
    ("StartTime > '-1h'", "executions_visibility_status"),
    ("ORDER BY StartTime ASC", "executions_visibility_status"),
    ("ExecutionStatus = 'Running'", "executions_visibility_status"),
    ("ExecutionStatus IN ('Running', 'Failed') AND TaskQueue = 'queue'", "executions_visibility_status"),
    ("WorkflowType = 'type-3'", "executions_visibility_type"),
    ("WorkflowType = 'type-3' AND StartTime > '-1h'", "executions_visibility_type"),
    ("WorkflowId = 'wf-7'", "executions_visibility_workflow_id"),
    ("Customer = 'c7'", "executions_visibility_attributes"),
]

COUNTED = [
    ("ExecutionStatus = 'Running'", "executions_visibility_"),
    ("WorkflowType = 'type-3'", "executions_visibility_type"),
    ("Customer = 'c7'", "executions_visibility_attributes"),
]


@pytest.fixture
def lists(database_dsn: str) -> Iterator[psycopg.Connection[tuple[str]]]:
    """As the connection that serves lists, beside 20,000 runs whose statistics are known."""
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute(RUNS)
        connection.execute("VACUUM ANALYZE perdure.executions_visibility")
        for setting in LISTS:
            connection.execute(f"SET {setting.name} = {setting.value}")
        yield connection


def plan_of_statement(connection: psycopg.Connection[tuple[str]], statement: Statement) -> str:
    lines = connection.execute(b"EXPLAIN (COSTS OFF) " + statement.text, statement.parameters).fetchall()
    return "\n".join(line[0] for line in lines)


def test_a_list_reads_a_page_of_its_index(lists: psycopg.Connection[tuple[str]]) -> None:
    for text, index in LISTED:
        query = parse_list(text, "default", Fields(TYPES), time.time_ns() // 1000)
        plan = plan_of_statement(lists, page(query, POSTGRES, limit=100, after=None))
        assert index in plan, f"{text}\n{plan}"
        assert "Seq Scan" not in plan, f"{text}\n{plan}"
        few = index.endswith(("attributes", "workflow_id"))  # which are put in order when all of them were found
        assert few or "Bitmap" not in plan, f"{text}\n{plan}"


def test_a_count_reads_its_index(lists: psycopg.Connection[tuple[str]]) -> None:
    for text, index in COUNTED:
        query = parse_count(text, "default", Fields(TYPES), time.time_ns() // 1000)
        plan = plan_of_statement(lists, count(query, POSTGRES, limit=100))
        assert index in plan, f"{text}\n{plan}"
        assert "Seq Scan" not in plan, f"{text}\n{plan}"


def test_a_prefix_of_a_workflow_id_is_looked_up_where_the_database_sorts_by_bytes(
    lists: psycopg.Connection[tuple[str]],
) -> None:
    [(sorts_by_bytes,)] = lists.execute(
        "SELECT datlocprovider = 'b' OR datcollate IN ('C', 'POSIX') "
        "FROM pg_database WHERE datname = current_database()"
    ).fetchall()
    query = parse_list("WorkflowId STARTS_WITH 'wf-77'", "default", Fields({}), 0)
    plan = plan_of_statement(lists, count(query, POSTGRES, limit=100))
    assert ("executions_visibility_workflow_id" in plan) >= bool(sorts_by_bytes), plan


def test_activities_are_listed_in_the_order_of_their_index(connection: psycopg.Connection[tuple[str]]) -> None:
    for setting in PLANNER:
        connection.execute(f"SET {setting.name} = {setting.value}")
    assert "Index Scan Backward using activity_executions_listed" in plan_of(connection, "list_activities")
    assert "Index Only Scan using activity_executions_listed" in plan_of(connection, "count_activities")
