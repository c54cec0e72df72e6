"""One engine from start to stop, and what ends it."""

from __future__ import annotations

import asyncio
import random

import pytest

from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import BrokerUnavailable
from perdure_engine.engine import HANDOVER_S, MAP_VERSION, Engine
from perdure_store.memory import MemoryStore
from perdure_store.port import StoreUnavailable
from tests.engine_stage import LEASE_MS, Stage, done, on_virtual_time, pass_time, until
from tests.simulation.process import Process


@on_virtual_time
async def test_the_cluster_is_announced() -> None:
    stage = await Stage(4).open()
    info = await stage.broker.cluster_info()
    assert info is not None
    assert (info.map_version, info.shard_count, info.lease_ms) == (MAP_VERSION, 4, LEASE_MS)
    await stage.close()


@on_virtual_time
async def test_ready_is_said_when_shards_are_held() -> None:
    stage = Stage(4)
    await stage.store.migrate(4)
    engine = await stage.start_engine("one")
    assert engine.history is not None
    assert engine.history.held() == {0, 1, 2, 3}
    await stage.close()


@on_virtual_time
async def test_a_stop_leaves_nothing_running_and_nothing_held() -> None:
    stage = await Stage(4).open()
    await stage.start()
    await stage.decide(done())
    await stage.stop_engine("one")
    assert {row.owner for row in stage.database.shards.values()} == {""}
    assert not stage.database.nodes
    running = [task for task in asyncio.all_tasks() if task.get_name().startswith("one/")]
    assert running == []
    await stage.close()
    assert not stage.failures


@on_virtual_time
async def test_work_goes_on_after_a_restart() -> None:
    stage = await Stage().open()
    await stage.start()
    await stage.stop_engine("one")
    await stage.start_engine("two")
    await stage.decide(done())
    await stage.close()


@pytest.mark.parametrize("server", ["store", "broker"])
def test_a_server_that_is_away_at_the_start_ends_the_engine(server: str) -> None:
    @on_virtual_time
    async def check() -> None:
        async def fail(method: str) -> None:
            if server == "store" and method == "beat":
                raise StoreUnavailable("no server at db:5432")

        memory = MemoryServer()
        store = MemoryStore(on_call=fail)
        await store.migrate(1)
        if server == "broker":
            memory.stop()
        process = Process("one", random.Random(1), failed=lambda name, error: None)
        engine = Engine(store, MemoryBroker(memory), process, node="one")
        with pytest.raises(StoreUnavailable if server == "store" else BrokerUnavailable):
            await engine.run(asyncio.Event())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    check()


@on_virtual_time
async def test_a_stop_ends_although_the_store_is_away() -> None:
    stage = await Stage().open()

    async def fail(method: str) -> None:
        raise StoreUnavailable("the database is away")

    stage.store_calls = fail
    before = stage.loop.time()
    await stage.stop_engine("one")
    assert stage.loop.time() - before <= HANDOVER_S + 1
    await stage.close()


@on_virtual_time
async def test_a_stop_ends_although_a_commit_never_does() -> None:
    stage = await Stage().open()

    async def never(*_: object) -> None:
        await pass_time(1_000_000)

    stage._on_commit = never  # type: ignore[assignment]  # a commit that hangs, for this test
    stage.kill_engine("one")
    await stage.start_engine("two")
    history = stage.engines["two"].history
    assert history is not None
    await until(history.held)
    await stage.broker.send([(0, b"anything")])
    await pass_time(1)
    before = stage.loop.time()
    await stage.stop_engine("two")
    assert stage.loop.time() - before <= HANDOVER_S + 1
    await stage.close()


@on_virtual_time
async def test_what_kills_a_service_ends_the_engine() -> None:
    stage = await Stage().open()

    async def fail(method: str) -> None:
        if method == "timers":
            raise ZeroDivisionError("a bug")

    stage.store_calls = fail
    await pass_time(60)
    with pytest.raises(ZeroDivisionError):
        await stage.stop_engine("one")
    await stage.close()
