"""What is measured at the end of each window: memory of every process, and the size of every table.

Each gauge has a name, a unit, the growth that is tolerated over the whole soak, and a floor below which growth is
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import redis.asyncio

from tests.cluster import Process
from tests.soak.load import Window

MEGABYTE = 1024 * 1024

TABLES = (
    "executions",
    "history_events",
    "executions_visibility",
    "transfer_tasks",
    "timer_tasks",
    "request_results",
    "snapshots",
    "shards",
)

SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'perdure' AND c.relkind = 'r'
"""


@dataclass(frozen=True)
class Gauge:
    name: str
    unit: str
    tolerance: float
    floor: float = 0.0


GAUGES = (
    Gauge("engine memory", "MB", 0.10, 20.0),
    Gauge("worker memory", "MB", 0.10, 20.0),
    Gauge("redis memory", "MB", 0.20, 4.0),
    Gauge("step latency p50", "ms", 0.30, 5.0),
    Gauge("step latency p99", "ms", 0.60, 40.0),
    Gauge("runs kept", "rows", 0.10, 200.0),
    *(Gauge(f"table {table}", "MB", 0.20, 4.0) for table in TABLES),
)


class Reader:
    """Reads the gauges. Opened and closed by `async with`."""

    def __init__(self, postgres_dsn: str, redis_url: str, engine: Process, worker: Process) -> None:
        self._dsn = postgres_dsn
        self._redis = redis.asyncio.Redis.from_url(redis_url)
        self._engine = engine
        self._worker = worker
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def __aenter__(self) -> Reader:
        self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._connection is not None
        await self._connection.close()
        await self._redis.aclose()

    async def read(self, window: Window) -> dict[str, float]:
        """The value of each gauge at the end of a window."""
        assert self._connection is not None
        sizes = dict(await (await self._connection.execute(SIZES)).fetchall())
        counted = await (
            await self._connection.execute("SELECT count(*) FROM perdure.executions WHERE shard_id >= 0")
        ).fetchone()
        assert counted is not None
        values = {
            "engine memory": self._engine.resident_bytes() / MEGABYTE,
            "worker memory": self._worker.resident_bytes() / MEGABYTE,
            "redis memory": (await self._redis.info("memory"))["used_memory"] / MEGABYTE,
            "step latency p50": window.latency_ms(0.50),
            "step latency p99": window.latency_ms(0.99),
            "runs kept": float(counted[0]),
        }
        return values | {f"table {table}": sizes[table] / MEGABYTE for table in TABLES}
