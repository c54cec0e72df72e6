"""Readers after a reconnect, a restart, a failover: Redis goes in the middle of a load, and the same readers go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import redis

from tests.fault.audit import recorded_activities
from tests.fault.streams.scene import Scene, scene
from tests.fault.streams.workload import TASK_QUEUE, Steps
from tests.fix_redis import PrivateRedis
from tests.fix_redis_deployments import PrivateRedisCluster
from tests.redis_deployments import RedisCluster, SentinelDeployment, ask
from tests.waiting import wait_until

RUNS = 100
STEPS = 20
"""So many steps, one after the other, that the load outlasts the fault that hits it."""

GOES_ON_SECONDS = 15.0
"""For a new workflow, once the server is back: readers try again after 3 s at the latest. The machine may be busy."""

FINISH_SECONDS = 60.0


@contextlib.asynccontextmanager
async def _under_load(on: Scene) -> AsyncIterator[None]:
    """The body runs when a quarter of the steps have begun. Then a new workflow is done at once, and every run
    completes, each step recorded once."""
    handles = [
        await on.client.start_workflow(Steps.run, STEPS, id=f"load-{number}", task_queue=TASK_QUEUE)
        for number in range(RUNS)
    ]

    async def in_the_middle() -> bool:
        return len(on.journal.lines()) > RUNS * STEPS // 4

    await wait_until(in_the_middle, what="a load in its middle")
    yield
    fresh = on.client.execute_workflow(Steps.run, 1, id="fresh", task_queue=TASK_QUEUE)
    assert await asyncio.wait_for(fresh, GOES_ON_SECONDS) == 1
    async with asyncio.timeout(FINISH_SECONDS):
        assert await asyncio.gather(*(handle.result() for handle in handles)) == [STEPS] * RUNS
    for handle in handles[:: RUNS // 10]:
        assert [step.completions for step in await recorded_activities(handle)] == [1] * STEPS
    await on.wait_empty()


async def test_reader_is_dead_after_a_restart_while_health_is_green(
    private_server: PrivateRedis, journal_path: Path
) -> None:
    """BullMQ#648, BullMQ#4585: after a restart of Redis a blocked reader never returned, and PING went on to answer.

    Reads block for 2 s at most and are given up 5 s later; a lost connection is opened again by the next read."""
    server = private_server()
    async with scene(server.url, journal_path.parent) as on:
        await on.worker()
        async with _under_load(on):
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)


async def test_worker_is_alive_but_consumes_no_more_after_a_reconnect(on_server: Scene, server_url: str) -> None:
    """celery#8030, celery#10302: after a reconnect the worker was up, and took no more tasks.

    There is no state of a subscription to restore: each read says everything that it needs, and makes the group again
    if that is gone."""
    await on_server.worker()
    async with _under_load(on_server):
        with redis.Redis.from_url(server_url) as client:
            for number in range(5):
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]
                await on_server.client.execute_workflow(Steps.run, 1, id=f"cut-{number}", task_queue=TASK_QUEUE)
    with redis.Redis.from_url(server_url) as client:  # and while all of them wait
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]
    again = on_server.client.execute_workflow(Steps.run, 1, id="idle", task_queue=TASK_QUEUE)
    assert await asyncio.wait_for(again, GOES_ON_SECONDS) == 1


async def test_failover_of_sentinels_leaves_readers_behind(sentinels: SentinelDeployment, journal_path: Path) -> None:
    """BullMQ#648 again, by a failover: readers stayed with the old master, or never found the new one.

    Sentinels are asked again whenever a server is lost or turns out to be a replica; all connections leave it. Another
    master is another epoch: inboxes are read from the start, and outstanding tasks published again."""
    old = next(server for server in sentinels.servers if server.port == sentinels.master_port())
    async with scene(sentinels.url, journal_path.parent) as on:
        await on.worker()
        async with _under_load(on):
            old.kill()
            await _wait_other_master(sentinels, old.port)


async def _wait_other_master(sentinels: SentinelDeployment, before: int | None) -> None:
    async def moved() -> bool:
        return sentinels.master_port() != before

    await wait_until(moved, what="another master")


async def test_killed_node_of_a_cluster_leaves_readers_behind(
    private_redis_cluster: PrivateRedisCluster, journal_path: Path
) -> None:
    """The same in a cluster: a node is killed, and a replica takes over its slots.

    The map of slots is learnt again whenever a node is lost, or says that a slot has moved."""
    cluster = private_redis_cluster(replicas=1)
    async with scene(cluster.url, journal_path.parent) as on:
        await on.worker()
        victim = cluster.masters[-1]
        assert cluster.holder(on.broker.keys.inbox(0)) is victim, "the node that is killed holds the inboxes"
        async with _under_load(on):
            victim.kill()
            await _wait_promoted(cluster)


async def _wait_promoted(cluster: RedisCluster) -> None:
    async def promoted() -> bool:
        return bool(ask(cluster.replicas[0], "ROLE")[0] == b"master")

    await wait_until(promoted, what="the replica as a master")
