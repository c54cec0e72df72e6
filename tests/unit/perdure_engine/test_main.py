"""Running an engine as a process: connecting, signals, migrating."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest

from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_engine import main
from perdure_engine.main import EngineConfig, make_node_name, run_engine, run_migrate, serve
from perdure_store.memory import MemoryStore
from perdure_store.port import SchemaMissing

CONFIG = EngineConfig("postgresql://db/perdure", "redis://cache")


class Servers:
    """Memory in place of servers; remembers what was opened and closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = MemoryStore()
        self.broker = MemoryBroker(MemoryServer())
        self.opened: list[str] = []
        self.closed: list[str] = []
        monkeypatch.setattr(main, "open_store", self._open_store)
        monkeypatch.setattr(main, "open_broker", self._open_broker)
        monkeypatch.setattr(main, "calm_garbage_collection", lambda: None)
        monkeypatch.setattr(self.store, "close", self._closer("store"))
        monkeypatch.setattr(self.broker, "close", self._closer("broker"))

    def _open_store(self, dsn: str) -> MemoryStore:
        self.opened.append(dsn)
        return self.store

    def _open_broker(self, url: str) -> MemoryBroker:
        self.opened.append(url)
        return self.broker

    def _closer(self, name: str) -> object:
        async def close() -> None:
            self.closed.append(name)

        return close


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(monkeypatch)


async def test_an_engine_serves_until_it_is_stopped(servers: Servers) -> None:
    await servers.store.migrate(2)
    stop = asyncio.Event()
    await serve(CONFIG, stop, stop.set)
    assert servers.opened == [CONFIG.postgres_dsn, CONFIG.redis_url]
    assert servers.closed == ["broker", "store"]
    assert not servers.store.database.nodes


async def test_the_options_reach_the_engine(servers: Servers) -> None:
    await servers.store.migrate(1)
    stop = asyncio.Event()
    seen: list[str] = []

    def ready() -> None:
        seen.extend(servers.store.database.nodes)
        stop.set()

    await serve(EngineConfig("postgresql://db", "redis://cache", 1_234, 1_000, "me"), stop, ready)
    info = await servers.broker.cluster_info()
    assert info is not None
    assert (seen, info.lease_ms) == (["me"], 1_234)


async def test_a_database_without_a_schema_is_reported_and_everything_is_closed(servers: Servers) -> None:
    with pytest.raises(SchemaMissing):
        await serve(CONFIG, asyncio.Event())
    assert servers.closed == ["broker", "store"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_engine_gracefully(servers: Servers, number: int) -> None:
    asyncio.run(servers.store.migrate(2))
    run_engine(CONFIG, ready=lambda: os.kill(os.getpid(), number))
    assert {row.owner for row in servers.store.database.shards.values()} == {""}
    assert servers.closed == ["broker", "store"]


def test_migrating_twice_changes_nothing_the_second_time(servers: Servers) -> None:
    assert run_migrate("postgresql://db", 8) == (["memory"], [])
    assert run_migrate("postgresql://db", 4) == ([], [])
    assert len(servers.store.database.shards) == 8


def test_two_engines_of_one_machine_have_two_names() -> None:
    assert make_node_name() != make_node_name()


def test_garbage_is_looked_for_less_often() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)  # Python's own; a test before this one may have calmed the collector already
        main.calm_garbage_collection()
        assert gc.get_threshold()[0] > 700
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_configuration_shows_no_address() -> None:
    """They may hold passwords, and a configuration may come to stand in a log."""
    config = EngineConfig("postgresql://me:secret@db/perdure", "redis+cluster://:secret@a:1,b:2", node="one")
    assert "secret" not in repr(config)
    assert "one" in repr(config)
