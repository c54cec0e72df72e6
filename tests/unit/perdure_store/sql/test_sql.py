"""The loader of SQL. What the files may say is the matter of tests/tidy/test_sql.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure_store import sql


def test_a_query_comes_without_its_head() -> None:
    text = sql.query("select_cluster")
    assert text.startswith(b"SELECT")
    assert b"--" not in text


def test_an_unknown_query() -> None:
    with pytest.raises(FileNotFoundError):
        sql.query("no_such_query")


def test_steps_come_in_order_with_names_of_their_own() -> None:
    names = [step.name for step in sql.migration_steps("postgres")]
    assert names[:2] == ["001_initial/cluster", "001_initial/shards"]
    assert "001_initial.postgres/storage_shards" in names
    assert len(names) == len(set(names))
    files = [name.partition("/")[0] for name in names]
    assert files == sorted(files, key=lambda name: (name.split(".")[0], len(name.split("."))))
    assert [step.version for step in sql.migration_steps("postgres")] == [int(name[:3]) for name in names]


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of the migrations."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    monkeypatch.setattr(sql, "_ROOT", tmp_path)
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    sql.migration_steps.cache_clear()
    sql.schema_version.cache_clear()


def test_what_waits_for_the_end_of_earlier_versions_comes_last_of_its_number(migrations: Path) -> None:
    for name in ("001_a.after.sql", "001_a.sql", "001_a.cockroach.sql", "002_b.sql", "001_a.after.postgres.sql"):
        (migrations / name).write_text("-- step: s\nCREATE TABLE IF NOT EXISTS t (n BIGINT);\n")
    assert [(step.name, step.version, step.after) for step in sql.migration_steps("postgres")] == [
        ("001_a/s", 1, False),
        ("001_a.after/s", 1, True),
        ("001_a.after.postgres/s", 1, True),
        ("002_b/s", 2, False),
    ]
    assert [step.name for step in sql.migration_steps("cockroach")][1] == "001_a.cockroach/s"
    assert sql.schema_version() == 2


def test_a_dialect_gets_its_own_files_alone() -> None:
    cockroach = [step.name for step in sql.migration_steps("cockroach")]
    assert cockroach
    assert not [name for name in cockroach if ".postgres/" in name]
    assert set(cockroach) < {step.name for step in sql.migration_steps("postgres")}


def test_a_step_is_a_statement_alone() -> None:
    for step in (*sql.ledger_steps(), *sql.migration_steps("postgres")):
        assert ";" not in step.statement
        assert "--" not in step.statement
        assert step.statement.split()[0] in ("CREATE", "ALTER", "INSERT")
