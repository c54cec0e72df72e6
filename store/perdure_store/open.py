"""From an address to a store."""

from __future__ import annotations

from perdure_store.port import Store, StoreError

_SCHEMES = ("postgresql://", "postgres://", "cockroachdb://")


def open_store(dsn: str) -> Store:
    """A store for an address; nothing is connected before `Store.connect`.

    Args:
        dsn: `postgresql://user:password@host:5432/name` (CockroachDB too), libpq's `host=... dbname=...`, or `memory:`
            for a store that lives and dies with this process.

    Raises:
        StoreError: the address is of no kind that there is a store for.
    """
    if dsn == "memory:":
        from perdure_store.memory import MemoryStore

        return MemoryStore()
    scheme, separator, rest = dsn.partition("://")
    if separator and not dsn.startswith(_SCHEMES):
        raise StoreError(
            f"There is no store for addresses that begin with {scheme}://. Give the address of a Postgres or "
            "CockroachDB, such as postgresql://user:password@host:5432/name."
        )
    try:
        from perdure_store.postgres import PostgresStore  # here, so that memory needs no database driver
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise StoreError("The database driver is not installed. Run: pip install 'perdure[engine]'") from error

    return PostgresStore(f"postgresql://{rest}" if scheme == "cockroachdb" else dsn)
