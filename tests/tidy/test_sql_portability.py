"""What SQL of both databases must look like, beyond what it must not say (`test_sql`).

Each rule is a row of the table of portable SQL, so that the suites, which run on Postgres, also speak for CockroachDB.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tidy.sql_files import MIGRATIONS, QUERIES, statement_of

COLUMN_TYPES = {"SMALLINT", "BIGINT", "TEXT", "BYTEA", "UUID", "BOOLEAN", "TIMESTAMPTZ", "JSONB"}
"""Of the same size and meaning on both."""

NOT_BY_SHARD = {
    "cluster": "one row",
    "migration_lock": "one row",
    "schema_steps": "read at a start",
    "namespaces": "a handful",
    "search_attributes": "a handful",
    "batch_operations": "a handful",
    "worker_deployments": "a handful",
    "task_queue_settings": "a handful",
    "engine_nodes": "one row an engine",
    "schedules": "thousands, looked for by all engines",
    "executions_visibility": "lists are of a namespace, and it may live in another database",
    "transfer_tasks_keys": "the dispatcher of a queue takes from all shards",
    "transfer_tasks_backlog": "the dispatcher of a queue takes from all shards",
    "dead_letters_letter": "an operator names a letter without its shard; rare",
    "dead_letters_created": "an operator looks at all shards; rare",
}
"""Tables and indexes whose keys do not lead with the shard, and why they make no hot range."""

UNORDERED_PAGES = {
    "delete_request_results": "any of the old ones, shards in turn; the rest goes next time",
    "find_executions": "one row at the most: a workflow id has one open run",
}
"""Statements with a LIMIT and no order, and why any rows will do."""


def _inner(text: str, start: int) -> str:
    """What stands between the parenthesis at `start` and its partner."""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return text[start + 1 : index]
    raise AssertionError(f"a parenthesis is open: {text[start:]!r}")


def _at_depth(text: str, wanted: int) -> str:
    """What stands inside exactly so many parentheses."""
    kept, depth = [], 0
    for char in text:
        depth -= char == ")"
        kept.append(char if depth == wanted else "\n" if char == "\n" else " ")
        depth += char == "("
    return "".join(kept)


def _selects(text: str) -> list[str]:
    """The text itself without its parentheses, and so each part in parentheses."""
    parts = [_at_depth(text, 0)]
    parts += [
        part
        for match in re.finditer(r"\(", text)
        if re.match(r"\s*SELECT\b", inner := _inner(text, match.start()))
        for part in [_at_depth(inner, 0)]
    ]
    return parts


# Queries -------------------------------------------------------------------------------------------------------------


def unbound_parameters(text: str) -> list[str]:
    """Placeholders that are not bound in binary: `%s` takes its type from the driver's guess."""
    return re.findall(r"%(?:\(\w+\))?[^b(%]", text.replace("%%", ""))


def unordered_pages(text: str) -> list[str]:
    return [part for part in _selects(text) if re.search(r"\bLIMIT\b", part) and "ORDER BY" not in part]


def unnamed_unnests(text: str) -> list[str]:
    """An unnest of several arrays must be a table with named columns; elsewhere CockroachDB does not take it."""
    wrong = []
    for match in re.finditer(r"\bunnest\s*(?=\()", text, re.IGNORECASE):
        end = match.end() + len(_inner(text, match.end())) + 2
        placed = re.search(r"\b(FROM|JOIN|USING)\s+$", text[: match.start()])
        if not placed or not re.match(r"\s+AS\s+\w+\s*\(", text[end:]):
            wrong.append(text[match.start() : end])
    return wrong


def tables_written_twice(text: str) -> list[str]:
    """Two writes of one statement to one table: each sees the rows as they were (cockroach#70731)."""
    written = re.findall(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(perdure\.\w+)", text)
    return sorted({table for table in written if written.count(table) > 1})


def nested_writes(text: str) -> list[str]:
    """A write stands at the top, or in a WITH of the top."""
    deep = "".join(_at_depth(text, depth) for depth in range(2, 9))
    return re.findall(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+perdure\.\w+", deep)


def limited_writes(text: str) -> bool:
    """UPDATE and DELETE have no LIMIT of their own on Postgres."""
    top = _at_depth(text, 0)
    return bool(re.match(r"\s*(UPDATE|DELETE)\b", top) and re.search(r"\bLIMIT\b", top))


def divisions(text: str) -> bool:
    """`/` of integers is a decimal on CockroachDB."""
    return "/" in text


QUERY_RULES = (unbound_parameters, unnamed_unnests, tables_written_twice, nested_writes, limited_writes, divisions)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_a_query_is_portable(path: Path) -> None:
    text = statement_of(path)
    assert {rule.__name__: found for rule in QUERY_RULES if (found := rule(text))} == {}
    if path.stem not in UNORDERED_PAGES:
        assert unordered_pages(text) == [], "which rows a LIMIT takes is anybody's guess without ORDER BY"


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.name)
def test_a_write_names_its_rows(path: Path) -> None:
    text = statement_of(path)
    for match in re.finditer(r"\b(UPDATE\s+perdure|DELETE\s+FROM\s+perdure)\b", text):
        assert "WHERE" in text[match.start() :], "a whole table is never meant"


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (unbound_parameters, "SELECT a FROM t WHERE b = %s::int8"),
        (unbound_parameters, "SELECT a FROM t WHERE b = %(b)s::int8"),
        (unordered_pages, "SELECT a FROM t WHERE a IN (SELECT b FROM u LIMIT 3) ORDER BY a"),
        (unnamed_unnests, "INSERT INTO t VALUES (unnest(%b::int8[], %b::int8[]))"),
        (unnamed_unnests, "SELECT a FROM unnest(%b::int8[]) AS x"),
        (tables_written_twice, "WITH a AS (DELETE FROM perdure.t WHERE b) INSERT INTO perdure.t VALUES (1)"),
        (nested_writes, "SELECT a FROM (SELECT b FROM (DELETE FROM perdure.t WHERE c RETURNING b))"),
        (limited_writes, "DELETE FROM perdure.t WHERE a LIMIT 5"),
        (divisions, "SELECT a / 2 FROM t"),
    ],
)
def test_the_rule_of_queries_can_fail(rule: object, wrong: str) -> None:
    assert callable(rule)
    assert rule(wrong)


# Migrations ----------------------------------------------------------------------------------------------------------

_CREATE_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS perdure\.(\w+)\s*(?=\()")
_ADD_COLUMN = re.compile(r"ADD COLUMN IF NOT EXISTS (\w+) (\w+)([^,;]*)")
_CREATE_INDEX = re.compile(
    r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS (\w+)\s+ON perdure\.(\w+)(?:\s+USING GIN)?\s*(?=\()"
)


def _columns(text: str) -> list[tuple[str, str]]:
    """Name and type of each column that is made."""
    made = [(match.group(1), match.group(2)) for match in _ADD_COLUMN.finditer(text)]
    for match in _CREATE_TABLE.finditer(text):
        for part in re.split(r",(?![^(]*\))", _inner(text, match.end())):
            name, kind, *_ = part.split()
            if name not in ("PRIMARY", "CHECK", "UNIQUE"):
                made.append((name, kind))
    return made


def _keys(text: str) -> list[tuple[str, str]]:
    """Each primary key and index that is made, by its name (a primary key by its table's), with its first column."""
    keys = []
    for match in _CREATE_TABLE.finditer(text):
        inner = _inner(text, match.end())
        key = re.search(r"PRIMARY KEY \((\w+)", inner) or re.search(r"(\w+) [^,]*PRIMARY KEY", inner)
        assert key is not None, f"{match.group(1)} has no primary key: CockroachDB would make one of its own"
        keys.append((match.group(1), key.group(1)))
    for match in _CREATE_INDEX.finditer(text):
        keys.append((match.group(1), _inner(text, match.end()).split()[0].rstrip(",")))
    return keys


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_columns_are_of_types_that_both_have(path: Path) -> None:
    assert [column for column in _columns(statement_of(path)) if column[1] not in COLUMN_TYPES] == []


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_keys_lead_with_the_shard(path: Path) -> None:
    excepted = tuple(NOT_BY_SHARD)
    wrong = [(name, column) for name, column in _keys(statement_of(path)) if column != "shard_id"]
    assert [key for key in wrong if not key[0].startswith(excepted)] == [], "sequential keys of all shards in one range"


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_storage_settings_are_for_postgres_alone(path: Path) -> None:
    assert path.name.endswith(".postgres.sql") or not re.search(r"\bSET\s*\(|\bWITH\s*\(", statement_of(path))


def test_migrations_are_numbered_without_gaps() -> None:
    stems = {path.name.split(".")[0] for path in MIGRATIONS}
    numbers = [int(stem.partition("_")[0]) for stem in stems]
    assert sorted(numbers) == list(range(len(numbers)))
    marks = {tuple(path.name.removesuffix(".sql").split(".")[1:]) for path in MIGRATIONS}
    assert marks <= {(), ("after",), ("postgres",), ("cockroach",), ("after", "postgres"), ("after", "cockroach")}


def unkind_to_earlier_versions(statement: str) -> bool:
    """A step that engines of the version before would notice: they name their columns, and know no new one."""
    if re.search(r"\b(DROP|RENAME|TYPE)\b|SET NOT NULL|CREATE UNIQUE", statement) and "CREATE TABLE" not in statement:
        return True
    return any("NOT NULL" in rest and "DEFAULT" not in rest for _, _, rest in _ADD_COLUMN.findall(statement))


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_what_runs_before_an_upgrade_only_adds(path: Path) -> None:
    """The first schema had nobody before it."""
    if ".after" not in path.name and not path.name.startswith(("000_", "001_")):
        assert not [step for step in statement_of(path).split(";") if unkind_to_earlier_versions(step)]


@pytest.mark.parametrize(
    "step",
    [
        "ALTER TABLE perdure.shards DROP COLUMN IF EXISTS owner",
        "ALTER TABLE perdure.shards ADD COLUMN IF NOT EXISTS place TEXT NOT NULL",
        "ALTER TABLE perdure.shards RENAME COLUMN owner TO node",
        "ALTER TABLE perdure.shards ALTER COLUMN owner TYPE BYTEA",
        "CREATE UNIQUE INDEX IF NOT EXISTS one_owner ON perdure.shards (owner)",
    ],
)
def test_the_rule_of_steps_can_fail(step: str) -> None:
    assert unkind_to_earlier_versions(step)
    assert not unkind_to_earlier_versions("ALTER TABLE perdure.t ADD COLUMN IF NOT EXISTS a TEXT NOT NULL DEFAULT ''")
