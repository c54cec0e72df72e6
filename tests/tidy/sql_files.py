"""The SQL files of the store, for the rules of this folder to read."""

from __future__ import annotations

from pathlib import Path

from tests.tidy.source_tree import PACKAGES

SQL = PACKAGES["perdure_store"] / "sql"
QUERIES = sorted((SQL / "queries").glob("*.sql"))
MIGRATIONS = sorted((SQL / "migrations").glob("*.sql"))
FRAGMENTS = sorted((SQL / "fragments").glob("*.sql"))
QUERY_NAMES = [path.stem for path in QUERIES]


def statement_of(path: Path) -> str:
    """The text without comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.partition("--")[0] for line in lines)
