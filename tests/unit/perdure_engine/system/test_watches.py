"""Watches: the end of a run is heard of by whoever waits for it, whatever is lost meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from perdure_broker.memory import MemoryBroker
from perdure_broker.port import ClusterInfo
from perdure_engine.environment import RealEnvironment
from perdure_engine.system import watches as module
from perdure_engine.system.watches import Key, Watched, Watches
from tests.engine_stage import Stage, done, pass_time, until

A, B = ("default", "a"), ("default", "b")


class Listener:
    """Watches of another engine, and what they have said; its clock is the event loop's, as everything here."""

    def __init__(self, stage: Stage) -> None:
        environment = RealEnvironment()
        environment.random = random.Random(1)
        environment.monotonic = stage.loop.time  # type: ignore[method-assign]
        self.heard: list[Key] = []
        self.watches = Watches(MemoryBroker(stage.server), environment, ClusterInfo("c", 1, 1, 30_000), "two")
        self.watches.over = self.hear
        self.running = asyncio.create_task(self.watches.run())

    def hear(self, key: Key) -> None:
        self.heard.append(key)
        self.watches.keep(key, ())


@pytest.fixture
async def listener(stage: Stage) -> AsyncIterator[Listener]:
    listener = Listener(stage)
    yield listener
    listener.running.cancel()


async def started(stage: Stage, workflow_id: str = "wf") -> Watched:
    return Watched("default", workflow_id, await stage.start(workflow_id))


async def test_who_waits_hears_of_the_end_at_once(stage: Stage, listener: Listener) -> None:
    run = await started(stage)
    listener.watches.keep(A, [run])
    listener.watches.keep(B, [run])
    await pass_time(5)
    assert (listener.heard, listener.watches.keys()) == ([], [A, B])
    await stage.decide(done())
    await pass_time(0.1)
    assert listener.heard == [A, B]
    assert listener.watches.keys() == []


async def test_a_run_that_is_over_or_unknown_is_over(stage: Stage, listener: Listener) -> None:
    run = await started(stage)
    await stage.decide(done())
    listener.watches.keep(A, [run])
    listener.watches.keep(B, [run._replace(run_id="00000000-0000-4000-8000-000000000000")])
    await until(lambda: sorted(listener.heard) == [A, B])


async def test_who_waits_no_more_hears_nothing(stage: Stage, listener: Listener) -> None:
    run = await started(stage)
    listener.watches.keep(A, [run])
    await pass_time(1)
    listener.watches.keep(A, ())
    await stage.decide(done())
    await pass_time(40)
    assert listener.heard == []


async def test_what_was_lost_is_asked_again(stage: Stage, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server loses its data, with the replies: nothing is heard before the run is asked about anew."""
    monkeypatch.setattr(module, "RENEW_S", 3.0)
    listener.watches.keep(A, [await started(stage)])
    await pass_time(1)
    await stage.decide(done())
    stage.server.flush()
    await until(lambda: listener.heard == [A])


async def test_another_owner_of_the_shard_is_asked_too(
    stage: Stage, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEW_S", 3.0)
    listener.watches.keep(A, [await started(stage)])
    await pass_time(1)
    stage.kill_engine("one")
    await stage.start_engine("two")
    await stage.decide(done())
    await until(lambda: listener.heard == [A])
