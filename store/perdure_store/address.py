"""Where the database is: parsed once, shown without its password."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from perdure_store.port import StoreError

_DEFAULTS: dict[str, str] = {
    "connect_timeout": "5",
    # A server that vanished without a word is noticed in seconds, idle or not.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class Address:
    """A connection string. What it says wins over our defaults.

    Raises:
        StoreError: it cannot be parsed; the text does not repeat it, since it may hold a password.
    """

    def __init__(self, dsn: str) -> None:
        try:
            parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
        except psycopg.ProgrammingError:
            raise StoreError(
                "The address of Postgres cannot be read. Give a URL such as postgresql://user:password@host:5432/name, "
                "with special characters in user and password percent-encoded."
            ) from None
        self._parts = _DEFAULTS | parts

    def conninfo(self, application_name: str) -> str:
        return make_conninfo(**(self._parts | {"application_name": application_name}))

    def __str__(self) -> str:
        host = self._parts.get("host") or self._parts.get("hostaddr") or "localhost"
        where = host if host.startswith("/") else f"{host}:{self._parts.get('port', '5432')}"
        return f"the database {self._parts.get('dbname', self._parts.get('user', ''))!r} at {where}"

    __repr__ = __str__
