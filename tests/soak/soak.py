"""One soak, from starting servers to the verdict.

Role: servers of its own, one engine, one worker, constant load. First it warms up, until retention has begun to take as
much away as comes; then each window gives one measurement of every gauge. Flat is what has no trend over the windows.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from perdure_engine.embedded.postgres import EmbeddedPostgres
from perdure_engine.embedded.valkey import EmbeddedValkey
from perdure_store.postgres import PostgresStore
from tests.cluster import Cluster
from tests.soak.gauges import GAUGES, Gauge, Reader
from tests.soak.load import Load, Window
from tests.soak.trend import Trend, trend_of
from tests.waiting import wait_until

DRAIN_S = 60.0

FORGETTING_S = 120.0
"""For retention to begin, after the time to warm up: a machine may be busy with something else."""

POSTGRES_SETTINGS = {"autovacuum_naptime": "10s"}
"""So that a soak of minutes sees enough rounds of the vacuum. What is due in one, the thresholds of the tables say, and
those are the product's."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Times in seconds. `retention_s`: how long closed runs are kept."""

    warm_up_s: float
    window_s: float
    windows: int
    rate: float
    retention_s: float

    @classmethod
    def of_minutes(cls, minutes: float, rate: float) -> Plan:
        """A third of the time to warm up, twelve windows of the rest; longer ones for a longer soak."""
        seconds = minutes * 60
        warm_up_s = max(seconds / 3, 10.0)
        windows = 12
        return cls(warm_up_s, (seconds - warm_up_s) / windows, windows, rate, min(60.0, warm_up_s / 3))


@dataclass
class Result:
    plan: Plan
    rows: list[dict[str, float]] = field(default_factory=list)
    trends: dict[str, Trend] = field(default_factory=dict)
    started: int = 0
    finished: int = 0
    failed: int = 0
    unfinished: int = 0
    dead_letters: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def rising(self) -> list[str]:
        return [name for name, trend in self.trends.items() if trend.is_flat is False]

    @property
    def is_well(self) -> bool:
        """Nothing rises, and every workflow ended as it should."""
        return not (self.rising or self.failed or self.unfinished or self.dead_letters)


async def run_soak(plan: Plan, directory: Path, tell: Tell) -> Result:
    """Run one soak in a directory of its own; logs stay there."""
    postgres = EmbeddedPostgres(directory / "postgres", POSTGRES_SETTINGS)
    valkey = EmbeddedValkey(directory / "valkey")
    try:
        cluster = Cluster(directory, postgres.start(), valkey.start())
        try:
            return await _soak(plan, cluster, tell)
        finally:
            await cluster.close()
    finally:
        valkey.stop()
        postgres.stop()


async def _soak(plan: Plan, cluster: Cluster, tell: Tell) -> Result:
    cluster.migrate()
    store = PostgresStore(cluster.postgres_dsn)
    await store.connect()
    await store.set_retention("default", round(plan.retention_s * 1000))
    engine = cluster.start_engine()
    client = await cluster.connect()
    worker = cluster.start_worker("-m", "tests.soak.workflows")
    result = Result(plan)
    load = Load(client, plan.rate)
    running = asyncio.create_task(load.run())
    try:
        async with Reader(cluster.postgres_dsn, cluster.address, engine, worker) as reader:
            tell(f"warming up for {plan.warm_up_s:.0f} s")
            await _pass(plan.warm_up_s)
            _count(result, load.turn())
            await wait_until(
                lambda: _is_forgetting(reader, load, result),
                what="retention takes the first runs away",
                timeout_seconds=FORGETTING_S,
                every_seconds=0.2,
            )
            for number in range(1, plan.windows + 1):
                await _pass(plan.window_s)
                window = load.turn()
                _count(result, window)
                result.rows.append(await reader.read(window))
                tell(f"window {number} of {plan.windows}: {_line(result.rows[-1])}, {load.open_count} open")
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    result.unfinished = await load.drain(DRAIN_S)
    _count(result, load.turn())
    result.dead_letters = len(await store.dead_letters(limit=1_000))
    result.problems = load.problems[:20]
    await store.close()
    for gauge in GAUGES:
        result.trends[gauge.name] = _judge(gauge, result.rows)
    return result


async def _is_forgetting(reader: Reader, load: Load, result: Result) -> bool:
    kept = await reader.read(load.window)
    return kept["runs kept"] < result.finished + load.window.finished


def _judge(gauge: Gauge, rows: list[dict[str, float]]) -> Trend:
    return trend_of([row[gauge.name] for row in rows], gauge.tolerance, gauge.floor)


def _count(result: Result, window: Window) -> None:
    result.started += window.started
    result.finished += window.finished
    result.failed += window.failed


def _line(row: dict[str, float]) -> str:
    memory = ", ".join(f"{part} {row[f'{part} memory']:.1f} MB" for part in ("engine", "worker", "redis"))
    latency = f"p50 {row['step latency p50']:.1f} ms, p99 {row['step latency p99']:.1f} ms"
    return f"{memory}, {latency}, {row['runs kept']:.0f} runs"


async def _pass(seconds: float) -> None:
    """Let time pass: a soak is nothing else."""
    end = time.monotonic() + seconds
    never = asyncio.Event()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(never.wait(), max(0.0, end - time.monotonic()))
