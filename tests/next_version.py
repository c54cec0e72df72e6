"""The next version of the engine, as far as its schema goes: one more migration, with a half before and a half after.

Role: an upgrade needs two versions. The next one is this one with other SQL: it notes in each history row that it wrote
it, and keeps the host of an engine where this one keeps its address. `make_sql` writes that SQL, `installed` puts it in
place within this process, and `python -m tests.next_version FOLDER engine ...` is its command line.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.cli.main import main
from perdure_store import sql

BEFORE = """\
-- step: executions_cell
ALTER TABLE perdure.executions
ADD COLUMN IF NOT EXISTS cell TEXT NOT NULL DEFAULT '';

-- step: history_events_written_by
ALTER TABLE perdure.history_events
ADD COLUMN IF NOT EXISTS written_by BIGINT NOT NULL DEFAULT 0;

-- step: engine_nodes_host
ALTER TABLE perdure.engine_nodes
ADD COLUMN IF NOT EXISTS host TEXT NOT NULL DEFAULT '';

-- step: engine_nodes_address
ALTER TABLE perdure.engine_nodes
ALTER COLUMN address SET DEFAULT '';
"""

AFTER = """\
-- step: drop_engine_nodes_address
ALTER TABLE perdure.engine_nodes
DROP COLUMN IF EXISTS address;

-- step: history_events_written_by_default
ALTER TABLE perdure.history_events
ALTER COLUMN written_by DROP DEFAULT;
"""


def make_sql(folder: Path) -> Path:
    """The SQL of the next version, in a folder of this name."""
    shutil.copytree(Path(str(sql._ROOT)), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    number = sql.schema_version() + 1
    (folder / "migrations" / f"{number:03}_next.sql").write_text(BEFORE)
    (folder / "migrations" / f"{number:03}_next.after.sql").write_text(AFTER)
    _replace(folder / "queries" / "beat.sql", "address", "host", keep="%(address)b")
    history = folder / "queries" / "insert_history.sql"
    columns = "perdure.history_events (shard_id, run_id, batch_no, first_event_id, data"
    _replace(history, columns, f"{columns}, written_by")
    _replace(history, "x.first_event_id, x.data", f"x.first_event_id, x.data, {number}")
    return folder


def _replace(path: Path, old: str, new: str, keep: str = "\0") -> None:
    text = path.read_text()
    changed = text.replace(keep, "\0").replace(old, new).replace("\0", keep)
    assert changed != text, f"{path.name} does not say {old!r} any more"
    path.write_text(changed)


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Within, this process is of the next version."""
    root = sql._ROOT
    _install(folder)
    try:
        yield
    finally:
        sql._ROOT = root
        _forget()


def _install(folder: Path) -> None:
    sql._ROOT = folder
    _forget()


def _forget() -> None:
    for cached in (sql.query, sql.ledger_steps, sql.migration_steps, sql.schema_version):
        cached.cache_clear()


if __name__ == "__main__":
    _install(Path(sys.argv.pop(1)))
    main()
