"""The database driver, which a client without an outbox does not need: imported when it is used, never before."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from perdure.exceptions import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    import psycopg


class DriverMissing(RequestError):
    """psycopg is not installed. Says how to install it."""

    def __init__(self) -> None:
        super().__init__("psycopg is not installed, which an outbox needs. Install it: pip install 'perdure[outbox]'")


class OutboxUnavailable(RequestError):
    """The database of an outbox cannot be used as it is."""


def load_driver() -> ModuleType:
    """psycopg.

    Raises:
        DriverMissing: it is not installed.
    """
    try:
        import psycopg
    except ModuleNotFoundError as error:
        raise DriverMissing from error
    return psycopg


async def connect(dsn: str) -> psycopg.AsyncConnection[Any]:
    """A connection whose transactions begin and end where the code says so, and see what was committed meanwhile. It
    also works behind a pooler that gives each transaction another connection.

    Raises:
        DriverMissing: psycopg is not installed.
        OutboxUnavailable: nothing answers there, or it refuses.
    """
    driver = load_driver()
    connection: psycopg.AsyncConnection[Any]
    try:
        connection = await driver.AsyncConnection.connect(
            dsn, autocommit=True, prepare_threshold=None, application_name="perdure outbox"
        )
    except (driver.OperationalError, driver.ProgrammingError) as error:
        raise OutboxUnavailable(f"the database of the outbox cannot be used: {str(error).strip()}") from error
    await connection.set_isolation_level(driver.IsolationLevel.READ_COMMITTED)
    return connection


@asynccontextmanager
async def explained() -> AsyncIterator[None]:
    """Around statements: an absent table is said with its cure.

    Raises:
        OutboxUnavailable: there is no table.
    """
    driver = load_driver()
    try:
        yield
    except driver.errors.UndefinedTable as error:
        raise OutboxUnavailable(
            "this database has no table perdure_outbox on its search_path; make it: `perdure outbox create --postgres "
            "DSN`, or put what `perdure outbox ddl` prints into your migrations"
        ) from error
    except driver.errors.InsufficientPrivilege as error:
        raise OutboxUnavailable(
            f"the role needs SELECT, INSERT, UPDATE and DELETE on perdure_outbox: {str(error).strip()}"
        ) from error
