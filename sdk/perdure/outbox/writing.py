"""One statement on the caller's own connection, whichever kind it is, inside the transaction that is open there.

Role: psycopg's connections and cursors (and the cursors of psycopg 2 and of Django) take a text and named values; those
of SQLAlchemy, over any driver, and its sessions take a `text`. What is asynchronous is known by its `execute`.

Rules:
- Nothing is committed or rolled back here: that is the caller's.
- A connection that commits each statement by itself is refused where that can be seen.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from perdure.exceptions import RequestError
from perdure.outbox.statements import named_statement, statement


class SyncConnection(Protocol):
    """A psycopg `Connection` or cursor, an SQLAlchemy `Connection` or `Session`."""

    def execute(self, statement: Any, parameters: Any, /) -> Any: ...


class AsyncConnection(Protocol):
    """A psycopg `AsyncConnection` or cursor, an SQLAlchemy `AsyncConnection` or `AsyncSession`."""

    def execute(self, statement: Any, parameters: Any, /) -> Awaitable[Any]: ...


def is_async(connection: Any) -> bool:
    """Whether `execute` must be awaited.

    Raises:
        TypeError: this is no connection.
    """
    execute = getattr(connection, "execute", None)
    if execute is None or _library(connection) == "asyncpg":
        name = f"{type(connection).__module__}.{type(connection).__qualname__}"
        instead = "its cursor" if hasattr(connection, "cursor") else "a psycopg connection or cursor"
        raise TypeError(
            f"a start cannot be written by a {name}: give {instead}, or an SQLAlchemy connection or session, in the "
            "transaction that the start belongs to"
        )
    return inspect.iscoroutinefunction(execute)


def execute(connection: Any, name: str, parameters: Mapping[str, Any]) -> Any:
    """Have the statement `name` executed; what comes back is to be awaited if `is_async` says so.

    Raises:
        RequestError: the connection is in no transaction and will not begin one.
    """
    if _is_sqlalchemy(connection):
        return connection.execute(sys.modules["sqlalchemy"].text(named_statement(name)), parameters)
    return connection.execute(statement(name), parameters)


def check_transaction(connection: Any) -> None:
    """Refuse a psycopg connection that would commit the start by itself. (SQLAlchemy does not tell, where it is
    asynchronous, without asking the server.)

    Raises:
        RequestError: it is in autocommit mode, and in no transaction.
    """
    if _is_sqlalchemy(connection):
        return
    owner = getattr(connection, "connection", connection)  # of a cursor
    info = getattr(owner, "info", None)
    if getattr(owner, "autocommit", False) is True and getattr(info, "transaction_status", None) == _IDLE:
        raise RequestError(
            "the connection is in autocommit mode and in no transaction, so that the start would depend on nothing: "
            "call it inside `with connection.transaction():`, or start the execution by a client"
        )


_IDLE = 0
"""libpq's PQTRANS_IDLE."""


def _is_sqlalchemy(connection: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "sqlalchemy" for kind in type(connection).__mro__)


def _library(connection: Any) -> str:
    return type(connection).__module__.partition(".")[0]
