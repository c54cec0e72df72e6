"""One schema and one set of statements for Postgres and CockroachDB, without what either lacks or does otherwise."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.tidy.source_tree import product_modules
from tests.tidy.sql_files import FRAGMENTS, MIGRATIONS, QUERIES, QUERY_NAMES, statement_of

HEAD = ("Purpose", "Rows", "Locks", "Index", "Failure")

# Pattern to reason, from the table of portable SQL.
FORBIDDEN = {
    r"\b(SMALL|BIG)?SERIAL\b|\bnextval\b|\bSEQUENCE\b|\bIDENTITY\b": "hot, and not in commit order",
    r"\b(INT|INTEGER|INT2|INT4)\b(?!ERVAL)": "64 bits on one, 32 on the other: SMALLINT or BIGINT",
    r"\bON\s+CONSTRAINT\b": "constraint names differ: ON CONFLICT (columns)",
    r"\bUNIQUE\s*\(": "table constraints are dropped differently: CREATE UNIQUE INDEX",
    r"\bSKIP\s+LOCKED\b": "convoys, and scans of tombstones",
    r"_advisory_": "a stub on CockroachDB: a row with an expiry",
    r"\b(LISTEN|NOTIFY|UNLISTEN)\b|pg_notify": "not on CockroachDB: wake-ups go through Redis",
    r"\bTRIGGER\b|\bFUNCTION\b|\bPROCEDURE\b|\bplpgsql\b|\bDO\s*\$\$": "logic belongs in the engine",
    r"SELECT\s+\*|\.\*": "columns are named",
    r"\bTEMP(ORARY)?\b": "temporary tables are experimental on CockroachDB",
    r"\bxmax\b|\bctid\b|\bxmin\b": "system columns of Postgres",
    r"\bCOPY\b": "needs an administrator on CockroachDB, and gains nothing over unnest",
    r"\bDOMAIN\b|\b\w+RANGE\b(?<!\bORANGE)": "domains and range types are missing",
    r"\bREFERENCES\b|\bFOREIGN\s+KEY\b|\bDEFERRABLE\b": "no foreign or deferrable keys",
    r"\bPREPARE\s+TRANSACTION\b": "no two-phase commit",
    r"\bjsonb_(path_)?ops\b|\bbtree_gin\b|jsonb\[\]": "no operator classes, extensions, or arrays of JSONB",
    r"\bEXTENSION\b": "no extensions",
    r"\bCONCURRENTLY\b": "another meaning on CockroachDB",
    r"\bFOR\s+(UPDATE|SHARE)\b": "correctness comes from the fence, and nothing here needs the lock earlier",
    r"\bTRUNCATE\b": "a change of schema on CockroachDB",
    r"\b(current_timestamp|now\s*\()": "the transaction's start: clock_timestamp(), or a time from the engine",
}

EXCEPTIONS = {
    "end_blockers": "for Postgres only: CockroachDB has no pg_blocking_pids (dialect.py)",
    "lock_shards": "FOR UPDATE, as the optimisation that it is: the fence decides",
}


@pytest.mark.parametrize("path", [*QUERIES, *FRAGMENTS, *MIGRATIONS], ids=lambda path: path.name)
def test_nothing_that_one_database_lacks(path: Path) -> None:
    if path.stem in EXCEPTIONS:
        return
    text = statement_of(path)
    found = {pattern: reason for pattern, reason in FORBIDDEN.items() if re.search(pattern, text, re.IGNORECASE)}
    assert not found


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (id SERIAL)",
        "CREATE TABLE t (n INT)",
        "CREATE TABLE t (a BIGINT, UNIQUE (a))",
        "INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT c DO NOTHING",
        "SELECT a FROM t FOR UPDATE SKIP LOCKED",
        "SELECT pg_advisory_lock(1)",
        "NOTIFY x",
        "SELECT * FROM t",
        "SELECT t.* FROM t",
        "CREATE TEMP TABLE t (a TEXT)",
        "SELECT xmax FROM t",
        "CREATE TRIGGER t",
        "SELECT now()",
        "CREATE TABLE t (r INT8RANGE)",
    ],
)
def test_the_rule_can_fail(statement: str) -> None:
    assert any(re.search(pattern, statement, re.IGNORECASE) for pattern in FORBIDDEN)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_each_query_is_one_statement_with_its_head(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("-- ")]
    said = [line[3:].partition(":")[0] for line in head if line[3:].partition(":")[0] in HEAD]
    assert said == list(HEAD)
    assert lines[: len(head)] == head, "the head stands above the statement"
    assert ";" not in statement_of(path)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_every_parameter_is_cast(path: Path) -> None:
    """An uncast parameter gets its type from the driver's guess, which differs with the value."""
    placeholders = re.findall(r"%(?:\(\w+\))?b(?:::\w+(?:\[\])?)?", statement_of(path))
    assert all("::" in placeholder for placeholder in placeholders), placeholders


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_tables_are_named_with_their_schema(path: Path) -> None:
    """So that no search_path, which a pooler may reset, decides what is read."""
    names = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+([a-z_.]+)", statement_of(path))
    own = set(re.findall(r"(?:WITH|WITH RECURSIVE|,)\s*\n?([a-z_]+) AS \(", statement_of(path)))
    foreign = {"unnest", "pg_settings", "pg_stat_activity", "clock_timestamp"}
    assert [name for name in names if not name.startswith("perdure.") and name not in own | foreign] == []


def _users() -> dict[str, set[str]]:
    """Each query to the functions that name it, in the modules that talk to a database."""
    users: dict[str, set[str]] = {name: set() for name in QUERY_NAMES}
    for module in product_modules():
        if module.name.startswith("perdure_store.") and not module.name.startswith("perdure_store.memory"):
            for function in module.walk():
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name != "__init__":
                    named = {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)}
                    for name in named & users.keys():
                        users[str(name)].add(f"{module.name}.{function.name}")
    return users


def test_every_query_has_one_user() -> None:
    wrong = {name: users for name, users in _users().items() if len(users) != 1}
    # A schema is checked by what is read later anyway, and each beat looks at its floor again.
    shared = {"select_steps", "select_cluster", "select_shards", "select_schema_floor"}
    assert not wrong.keys() - shared, wrong
    assert all(wrong[name] for name in shared & wrong.keys())


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_each_step_is_one_idempotent_statement(path: Path) -> None:
    steps = path.read_text(encoding="utf-8").split("-- step: ")[1:]
    assert steps
    for step in steps:
        title, _, body = step.partition("\n")
        statement = "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
        assert statement.endswith(";"), title
        assert statement.count(";") == 1, title
        idempotent = (
            r"IF NOT EXISTS|IF EXISTS|ON CONFLICT \(|^ALTER TABLE [\w.]+\s+(ALTER COLUMN \w+ SET STORAGE|SET \()"
        )
        assert re.search(idempotent, statement), f"{title} cannot run twice"
