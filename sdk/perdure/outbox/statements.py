"""Every SQL text of the outbox, read from the files beside this module, in the two forms in which drivers take values.

Role: the one loader. `table.sql` is what an application may also put into its own migrations.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_PLACE = re.compile(r"%\((\w+)\)s")


@cache
def ddl() -> str:
    """The statements that make the table and its index, with their comments."""
    return (files(__package__) / "sql" / "table.sql").read_text("utf-8")


@cache
def statement(name: str) -> str:
    """A statement without its head; values stand as `%(name)s`."""
    text = (files(__package__) / "sql" / f"{name}.sql").read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


@cache
def named_statement(name: str) -> str:
    """The same; values stand as `:name`."""
    return _PLACE.sub(r":\1", statement(name))
