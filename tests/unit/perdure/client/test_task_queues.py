"""Task queues, as clients see and set them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from perdure.client import TaskQueueLimits
from perdure.client.execution import time_of
from perdure.protocol import task_queues as wire
from perdure.protocol.replies import ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows

SETTINGS = wire.QueueSettings(
    "default", "mail", 3, 2_500_000, 4, 10, 1_000_000, 0, 2, wire.FOREVER_US, "broken",
    (wire.KeySettings("acme", 2_500, 5_000_000, 3, 0, 7_000_000),), 3_000_000, "me",
)  # fmt: skip
WORKFLOWS = wire.QueueLane(1, 0, 0, 0, 0, 0, 0)
ACTIVITIES = wire.QueueLane(2, 12, 3, 1_000_000, 1_500, 1, 50, (wire.QueueWorker("w", "host", 50, 20),))
INFO = wire.QueueInfo("mail", WORKFLOWS, ACTIVITIES, SETTINGS, 5_000_000, (wire.QueueKey("acme", 1, 2_000_000),))


def engine_of(info: wire.QueueInfo) -> Any:
    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, wire.ListQueues):
            yield number, ReplyKind.OK, wire.QueueList((info,))
        else:
            yield number, ReplyKind.OK, info if isinstance(request, wire.DescribeQueue) else info.settings

    return answer


async def test_a_description() -> None:
    async with client_of(engine_of(INFO)) as (client, _):
        found = await client.task_queues.describe("mail")
        assert [row.name for row in await client.task_queues.list()] == ["mail"]
    lane, settings = found.activities, found.settings
    assert (lane.waiting, lane.running, lane.rate, lane.workers, lane.slots) == (12, 3, 1.5, 1, 50)
    assert lane.oldest_age is not None
    assert abs(lane.oldest_age.total_seconds() - time.time()) < 60
    assert [(poller.identity, poller.slots) for poller in lane.pollers] == [("host", 50)]
    assert found.workflows.oldest_age is None
    assert found.held_for == timedelta(seconds=5)
    assert (found.keys["acme"].running, found.keys["acme"].held_for) == (1, timedelta(seconds=2))
    assert settings.limits == TaskQueueLimits(2.5, 4, 10)
    assert settings.key_limits == TaskQueueLimits(1.0, 1, 2)
    assert (settings.keys["acme"].weight, settings.keys["acme"].limits) == (2.5, TaskQueueLimits(5.0, 3))
    assert settings.keys["acme"].paused_until == time_of(7_000_000)
    assert (settings.is_paused, settings.paused_until) == (True, datetime.max)
    assert (settings.revision, settings.last_modifier, settings.last_change_time) == (3, "me", time_of(3_000_000))


async def test_a_queue_that_nothing_is_set_for() -> None:
    async with client_of(engine_of(INFO._replace(settings=wire.QueueSettings("default", "mail")))) as (client, _):
        settings = (await client.task_queues.describe("mail")).settings
    assert (settings.is_paused, settings.paused_until, settings.last_change_time) == (False, None, None)
    assert settings.limits == settings.key_limits == TaskQueueLimits()


async def test_limits_travel_as_whole_numbers_and_what_is_not_given_stays() -> None:
    async with client_of(engine_of(INFO)) as (client, engine):
        queues = client.task_queues
        identity = client.identity
        await queues.set_limits("mail", rate=0.5, burst=2, key_concurrency=None, revision=3)
        await queues.set_limits("mail", rate=None, concurrency=4)
        await queues.set_key("mail", "acme", weight=0.5, concurrency=1)
        await queues.set_key("mail", "acme", weight=None)
        assert engine.requests(wire.SetQueueLimits) == [
            wire.SetQueueLimits("default", "mail", "", 500_000, 2, key_concurrency=0, revision=3, identity=identity),
            wire.SetQueueLimits("default", "mail", "", 0, None, 4, identity=identity),
            wire.SetQueueLimits("default", "mail", "acme", concurrency=1, weight=500, identity=identity),
            wire.SetQueueLimits("default", "mail", "acme", weight=0, identity=identity),
        ]


async def test_pauses() -> None:
    async with client_of(engine_of(INFO)) as (client, engine):
        queues = client.task_queues
        await queues.pause("mail", reason="why")
        await queues.pause("mail", key="acme", duration=timedelta(seconds=30))
        await queues.resume("mail")
        await queues.resume("mail", key="acme")
        first, second, third, fourth = engine.requests(wire.PauseQueue)
    assert (first.until_us, first.key, first.reason) == (wire.FOREVER_US, "", "why")
    assert (second.key, second.until_us // 1_000_000 - int(time.time()) in range(25, 32)) == ("acme", True)
    assert (third.until_us, third.key) == (0, "")
    assert (fourth.until_us, fourth.key) == (0, "acme")


async def test_draining_waits_until_nothing_runs() -> None:
    running = [2, 1, 0]

    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, wire.PauseQueue):
            yield number, ReplyKind.OK, SETTINGS
        else:
            yield number, ReplyKind.OK, INFO._replace(activities=ACTIVITIES._replace(running=running.pop(0)))

    async with client_of(answer) as (client, _):
        found = await client.task_queues.drain("mail", reason="an upgrade")
        assert found.activities.running == 0
        running.extend([1] * 100)
        with pytest.raises(TimeoutError):
            await client.task_queues.drain("mail", timeout=timedelta(seconds=0.3))


async def test_purging_asks_until_nothing_is_left() -> None:
    left = [1_000, 7, 0]

    def answer(number: int, request: Any) -> Rows:
        purged = isinstance(request, wire.PurgeQueue)
        yield number, ReplyKind.OK, wire.Purged(left.pop(0)) if purged else INFO

    async with client_of(answer) as (client, engine):
        assert await client.task_queues.purge("mail", reason="why") == 12
        assert len(engine.requests(wire.PurgeQueue)) == 3
        assert engine.requests(wire.PurgeQueue)[0][1:4] == ("mail", wire.PURGE_MAX, "why")


async def test_what_is_refused_before_anybody_is_asked() -> None:
    async with client_of(engine_of(INFO)) as (client, engine):
        queues = client.task_queues
        for wrong in ({"rate": 0}, {"rate": -1.0}, {"concurrency": 0}, {"key_burst": 0}, {"key_rate": 0.0}):
            with pytest.raises(ValueError, match="None for no limit"):
                await queues.set_limits("mail", **wrong)
        with pytest.raises(ValueError, match=r"from 0\.001 to 1000"):
            await queues.set_key("mail", "acme", weight=2000)
        with pytest.raises(ValueError, match="fairness key"):
            await queues.set_key("mail", "", rate=1)
        with pytest.raises(ValueError, match="must be positive"):
            await queues.pause("mail", duration=timedelta())
        with pytest.raises(ValueError, match="task queue"):
            await queues.describe("")
        assert engine.requests(object) == []
