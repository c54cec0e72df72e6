"""Every SQL text of the store, read from the files beside this module. All SQL is there, and nowhere else.

Role: the one loader. `queries/<name>.sql` holds one statement, headed by purpose, rows, locks, index and failure.
`fragments/<name>.sql` holds pieces of statements that depend on what is asked for.
`migrations/<number>_<name>[.after][.<dialect>].sql` holds steps, those with a dialect for one database only.

Rules of a migration, so that two versions of the engine can work side by side while one replaces the other:
- Its plain file is run before the first engine of its version starts. It only adds (tables, columns with a default,
  indexes), so that engines of the version before go on; they name their columns and never notice.
- Its `.after` file is run when the last engine of an earlier version has stopped. It only takes away what nobody uses
  any more, so that engines of its own version work before it and after it.
- No step changes the type or the meaning of a column, and no name is used again.
- What has been released is never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_ROOT = files(__name__)
_STEP = "-- step: "
_FRAGMENT = "-- fragment: "


class Step(NamedTuple):
    """One idempotent statement of a migration. `name` is what the ledger keeps: file and step. `version` is the number
    of its migration; `after` says that it waits for the end of the versions before."""

    name: str
    statement: str
    version: int
    after: bool


def _without_comments(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip()


@cache
def query(name: str) -> bytes:
    """The statement of `queries/<name>.sql`, without its head, as psycopg takes it."""
    return _without_comments((_ROOT / "queries" / f"{name}.sql").read_text("utf-8")).encode()


@cache
def fragments(name: str) -> Mapping[str, str]:
    """The pieces of `fragments/<name>.sql`, by name, without comments: what a statement is put together from."""
    text = (_ROOT / "fragments" / f"{name}.sql").read_text("utf-8")
    pieces = (part.partition("\n") for part in text.split(_FRAGMENT)[1:])
    return {title.strip(): _without_comments(body) for title, _, body in pieces}


@cache
def ledger_steps() -> tuple[Step, ...]:
    """What must exist before a migration can begin; not kept in the ledger."""
    return _steps("000_ledger.sql")


@cache
def migration_steps(dialect: str) -> tuple[Step, ...]:
    """All steps for a dialect, in order: by number, what is run before ahead of what is run after, a dialect's own
    file behind the common one."""
    found = []
    for entry in (_ROOT / "migrations").iterdir():
        stem, *marks = entry.name.removesuffix(".sql").split(".")
        dialects = [mark for mark in marks if mark != "after"]
        if entry.name.endswith(".sql") and stem != "000_ledger" and dialects in ([], [dialect]):
            found.append((stem, "after" in marks, len(dialects), entry.name))
    return tuple(step for _, _, _, name in sorted(found) for step in _steps(name))


@cache
def schema_version() -> int:
    """The version of the schema that this version of the engine is made for: the number of the last migration."""
    numbers = [entry.name.partition("_")[0] for entry in (_ROOT / "migrations").iterdir()]
    return max(int(number) for number in numbers if number.isdecimal())


def _steps(file_name: str) -> tuple[Step, ...]:
    text = (_ROOT / "migrations" / file_name).read_text("utf-8")
    prefix = file_name.removesuffix(".sql")
    version = int(prefix.partition("_")[0])
    after = "after" in prefix.split(".")[1:]
    steps = []
    for part in text.split(_STEP)[1:]:
        title, _, body = part.partition("\n")
        steps.append(Step(f"{prefix}/{title.strip()}", _without_comments(body).rstrip(";"), version, after))
    return tuple(steps)
