"""DBOS on the bench's Postgres: a library, whose workflows run in the process that calls them.

So a client is an application, and there are as many of them as the machine has processors where workflows run many at
once. `async` workflows and steps, called as coroutines, each with a checkpoint in Postgres; its defaults, logs at
warnings. Perdure's calls go through two more processes, an engine and a worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from bench.contenders.missing_parts import missing_module
from bench.contenders.workflow_peer import PROCESSES, Running, WorkflowPeer
from bench.peers.surroundings import POSTGRES, environment
from bench.servers import Servers


class DbosPostgres(WorkflowPeer):
    module: ClassVar = "bench.peers.dbos_app"
    client_processes: ClassVar = PROCESSES
    pace: ClassVar = 0.1

    @classmethod
    def absence(cls) -> str | None:
        return missing_module("dbos")

    @contextmanager
    def running(self, servers: Servers) -> Iterator[Running]:
        with servers.database() as dsn:
            yield Running([], environment(**{POSTGRES: sqlalchemy_url(dsn)}))


def sqlalchemy_url(dsn: str) -> str:
    """The same database as a URL, which SQLAlchemy asks for; a socket's directory goes into the query."""
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
    password = f":{quote(parts['password'], safe='')}" if "password" in parts else ""
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    place, query = ("", f"?host={host}&port={port}") if host.startswith("/") else (f"{host}:{port}", "")
    return f"postgresql://{parts.get('user', '')}{password}@{place}/{parts['dbname']}{query}"
