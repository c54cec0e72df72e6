"""SQL is text in files: code names it, binds values to it, and never puts it together."""

from __future__ import annotations

import ast
import re

import pytest

from tests.tidy.source_tree import Module, product_modules

SQL_TEXT = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|CREATE\s+\w+\s|ALTER\s+\w+\s|DROP\s+\w+\s"
    r"|TRUNCATE\s|WITH\s+\w+\s+AS\s*\(|SET\s+\w+\s*(=|TO)|BEGIN\b|COMMIT\b|ROLLBACK\b|SAVEPOINT\s|LOCK\s+TABLE)"
)

BOUNDARIES = {"BEGIN", "COMMIT", "BEGIN PRIORITY HIGH"}
"""Where a transaction begins and ends is a matter of the code around it."""

EXCEPTIONS = {
    "perdure_engine.embedded.postgres": "makes the database of `perdure dev` on a server of its own, before any schema",
}

EXECUTED = {
    "b'BEGIN'",
    "b'COMMIT'",
    "sql.query(name)",
    "sql.query(statement)",
    "statement",  # made of fragments by `perdure_store.list_sql`, with values to bind
    "dialect.begin_urgent.encode()",  # one of two constants
    "statement.encode()",  # a step of a migration, from its file
}
"""What a connection may be given, besides `sql.query` of a constant."""


def _texts(module: Module) -> list[ast.AST]:
    """Constants and f-strings that look like SQL, docstrings apart."""
    said = {
        id(node.value) for node in module.walk() if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node
        for node in module.walk()
        if isinstance(node, ast.Constant)
        and id(node) not in said
        and isinstance(node.value, str | bytes)
        and _is_sql(node.value if isinstance(node.value, str) else node.value.decode("latin-1"))
    ]


def _is_sql(text: str) -> bool:
    return text not in BOUNDARIES and SQL_TEXT.match(text) is not None


def test_no_sql_stands_in_code() -> None:
    wrong = [
        module.at(node) for module in product_modules() if module.name not in EXCEPTIONS for node in _texts(module)
    ]
    assert not wrong, f"put it into store/perdure_store/sql, one file a statement: {wrong}"


@pytest.mark.parametrize(
    "text", ["SELECT a FROM t", "insert into t".upper() + " x", "WITH a AS (", "SET a = 1", "DROP TABLE t"]
)
def test_sql_is_recognised(text: str) -> None:
    assert _is_sql(text)


def _connection_calls(module: Module) -> list[ast.Call]:
    return [
        node
        for node in module.walk()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("execute", "executemany", "copy")
        and "connection" in ast.unparse(node.func.value)
    ]


def test_a_connection_is_given_a_named_text_and_values_to_bind() -> None:
    store = [module for module in product_modules() if module.name.startswith("perdure_store.")]
    calls = [(module.at(call), ast.unparse(call.args[0])) for module in store for call in _connection_calls(module)]
    assert len(calls) > 5, "the rule looks at nothing"
    constant = re.compile(r"sql\.query\('\w+'\)")
    assert [call for call in calls if call[1] not in EXECUTED and not constant.fullmatch(call[1])] == []
