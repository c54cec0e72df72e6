"""All rows of a database but its ballast, to compare and to put back."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from psycopg import ClientCursor, sql

Image = dict[str, list[dict[str, Any]]]
"""Rows by table, in the order of their text."""

CLOCKS = {"touched", "applied", "expires"}
"""Columns that the database's clock fills: equal runs differ in them."""


def take(dsn: str) -> Image:
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables = connection.execute(_TABLES).fetchall()
        query = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT {name}, coalesce(json_agg(t ORDER BY t::text), '[]')::text "
                "FROM perdure.{table} AS t WHERE {kept}"
            ).format(name=sql.Literal(name), table=sql.Identifier(name), kept=sql.SQL(kept))
            for name, kept in tables
        )
        return {name: json.loads(rows) for name, rows in connection.execute(query).fetchall()}


def put_back(dsn: str, image: Image) -> None:
    """Make the rows those of the image; the schema must be what it was."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables = connection.execute(_TABLES).fetchall()
    statements: list[sql.Composable] = []
    for name, kept in tables:
        empty = sql.SQL("DELETE FROM perdure.{table} WHERE {kept}")
        statements.append(empty.format(table=sql.Identifier(name), kept=sql.SQL(kept)))
        if rows := image[name]:
            fill = "INSERT INTO perdure.{table} SELECT * FROM json_populate_recordset(NULL::perdure.{table}, {rows})"
            statements.append(sql.SQL(fill).format(table=sql.Identifier(name), rows=sql.Literal(json.dumps(rows))))
    with psycopg.connect(dsn, cursor_factory=ClientCursor) as connection:
        connection.execute(sql.SQL("; ").join(statements))


def without_clocks(image: Image) -> Image:
    return {
        name: [{column: value for column, value in row.items() if column not in CLOCKS} for row in rows]
        for name, rows in image.items()
    }


_TABLES = """
SELECT table_name, CASE WHEN max((column_name = 'shard_id')::int) = 1 THEN 'shard_id >= 0' ELSE 'TRUE' END
FROM information_schema.columns
WHERE table_schema = 'perdure' AND table_name NOT IN ('schema_steps', 'migration_lock')
GROUP BY table_name
ORDER BY table_name
"""
"""Each table, and which of its rows are meant."""
