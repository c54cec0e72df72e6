"""Every SQL text of the store, read from the files beside this module. All SQL is there, and nowhere else.

Role: the one loader. `queries/<name>.sql` holds one statement, headed by purpose, rows, locks, index and failure;
`migrations/<number>_<name>.sql` holds steps, `migrations/<number>_<name>.<dialect>.sql` steps for one database only.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

_ROOT = files(__name__)
_STEP = "-- step: "


class Step(NamedTuple):
    """One idempotent statement of a migration. `name` is what the ledger keeps: file and step."""

    name: str
    statement: str


def _without_comments(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip()


@cache
def query(name: str) -> bytes:
    """The statement of `queries/<name>.sql`, without its head, as psycopg takes it."""
    return _without_comments((_ROOT / "queries" / f"{name}.sql").read_text("utf-8")).encode()


@cache
def ledger_steps() -> tuple[Step, ...]:
    """What must exist before a migration can begin; not kept in the ledger."""
    return _steps("000_ledger.sql")


@cache
def migration_steps(dialect: str) -> tuple[Step, ...]:
    """All steps for a dialect, in order: files by name, a dialect's own file after the common one of its number."""
    names = []
    for entry in (_ROOT / "migrations").iterdir():
        parts = entry.name.split(".")
        if parts[-1] == "sql" and parts[0] != "000_ledger" and (len(parts) == 2 or parts[1] == dialect):
            names.append((parts[0], len(parts), entry.name))
    return tuple(step for _, _, name in sorted(names) for step in _steps(name))


def _steps(file_name: str) -> tuple[Step, ...]:
    text = (_ROOT / "migrations" / file_name).read_text("utf-8")
    prefix = file_name.removesuffix(".sql")
    steps = []
    for part in text.split(_STEP)[1:]:
        title, _, body = part.partition("\n")
        steps.append(Step(f"{prefix}/{title.strip()}", _without_comments(body).rstrip(";")))
    return tuple(steps)
