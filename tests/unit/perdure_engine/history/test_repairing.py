"""Repairing goes on until it is done, and starts anew from time to time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from perdure_broker.memory import MemoryBroker
from perdure_broker.port import BrokerUnavailable, Outbox
from perdure_engine.history import releasing, repairing
from perdure_engine.outstanding import ANNOUNCEMENTS_S
from perdure_store.port import StoreUnavailable
from tests.engine_stage import ACTIVITIES, WORKFLOWS, Stage, activity, pass_time, start_request, until


async def test_a_repair_that_fails_is_repeated_soon(stage: Stage) -> None:
    await stage.start()
    await stage.decide(activity())
    stage.kill_engine("one")
    stage.server.queues[ACTIVITIES].claimed.clear()
    stage.server.queues[ACTIVITIES].stream.delete_before(b"9999999999999999-0")
    failures = [StoreUnavailable("not now")] * 3

    async def fail(method: str) -> None:
        if method == "outstanding" and failures:
            raise failures.pop()

    stage.store_calls = fail
    await stage.start_engine("two")
    before = stage.loop.time()
    await stage.take_activity(within_s=10)
    assert not failures
    assert stage.loop.time() - before < 10


async def test_what_is_over_by_the_time_of_a_second_try_is_not_published_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the first try was lost, and the task was taken and done meanwhile."""
    await stage.start()
    await stage.decide(activity())
    stage.kill_engine("one")
    stage.server.queues[ACTIVITIES].claimed.clear()
    stage.server.queues[ACTIVITIES].stream.delete_before(b"9999999999999999-0")
    release = MemoryBroker.release
    lost: list[int] = []

    async def release_and_lose_the_answer(self: MemoryBroker, outbox: Outbox, ranges: Mapping[int, int]) -> Any:
        results = await release(self, outbox, ranges)
        if ACTIVITIES in outbox.publish and results[ACTIVITIES].taken and not lost:
            lost.append(1)
            raise BrokerUnavailable("the answer was lost")
        return results

    monkeypatch.setattr(MemoryBroker, "release", release_and_lose_the_answer)
    monkeypatch.setattr(releasing, "RETRY_MIN_S", 5.0)
    monkeypatch.setattr(repairing, "RETRY_S", 5.0)
    await stage.start_engine("two")
    await stage.finish_activity(*await stage.take_activity(within_s=10))
    assert lost
    await pass_time(20)
    assert stage.server.queues[ACTIVITIES].stream.undelivered == 0


async def test_entries_that_get_lost_are_found_without_any_fault(stage: Stage) -> None:
    await stage.start()
    await until(lambda: len(stage.server.queues[WORKFLOWS].stream))
    stage.server.queues[WORKFLOWS].stream.delete_before(b"9999999999999999-0")
    stage.server.queues[WORKFLOWS].claimed.clear()
    await stage.take_workflow_task(within_s=120)
    assert stage.history.repairs.count == 1


async def test_after_a_loss_workflow_tasks_come_first_and_activities_a_moment_later(stage: Stage) -> None:
    """Their workers may run them, and say so within that moment."""
    await stage.start("one")
    await stage.decide(activity())
    await stage.start("two")
    stage.server.flush()
    lost_at = stage.loop.time()
    await stage.take_workflow_task(within_s=2)
    await stage.take_activity(within_s=10)
    assert ANNOUNCEMENTS_S <= stage.loop.time() - lost_at <= ANNOUNCEMENTS_S + 2


async def test_a_takeover_without_a_loss_publishes_at_once(stage: Stage) -> None:
    await stage.start()
    await stage.decide(activity())
    stage.kill_engine("one")
    del stage.engines["one"]
    stage.server.queues[ACTIVITIES].claimed.clear()
    stage.server.queues[ACTIVITIES].stream.delete_before(b"9999999999999999-0")
    await stage.start_engine("two")
    await until(stage.history.held)
    held_at = stage.loop.time()
    await stage.take_activity(within_s=10)
    assert stage.loop.time() - held_at < 1


async def test_nothing_is_published_twice_by_looking(stage: Stage) -> None:
    await stage.start()
    await pass_time(200)
    assert stage.server.queues[WORKFLOWS].stream.undelivered == 1
    assert stage.history.repairs.count == 0


async def test_the_repairs_of_a_lost_shard_end(stage: Stage) -> None:
    async def wait_for_ever(method: str) -> None:
        if method == "outstanding":
            await pass_time(10_000)

    await stage.start()
    stage.kill_engine("one")
    stage.store_calls = wait_for_ever
    engine = await stage.start_engine("two")
    history = engine.history
    assert history is not None
    await until(history.held)
    [repairing] = history.repairs._tasks.values()
    await stage.store.acquire_shard(0, "thief")
    await stage.send(start_request("another"))
    await until(lambda: not history.held())
    await until(repairing.done)
    assert history.repairs._tasks == {}
