"""Redis Cluster and Sentinels: what their addresses lead to, what happens when keys and masters move, and what is said
of an address that names something else."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.crc import key_slot

from perdure_broker.port import BrokerUnavailable, Outbox, TaskStream, WrongConfiguration
from perdure_broker.redis_broker import RedisBroker, open_broker
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.cluster import Cluster
from tests.conformance.broker_servers import ACTIVITY, publications
from tests.fault.journal import Journal
from tests.fault.workload import TASK_QUEUE, AgentRun
from tests.fix_redis import PrivateRedis
from tests.fix_redis_deployments import PrivateRedisCluster
from tests.redis_deployments import SERVICE, RedisCluster, SentinelDeployment, ask

RANGES = {1: 1}

OpenBroker = Callable[[str], RedisBroker]


@pytest.fixture
async def opened() -> AsyncIterator[OpenBroker]:
    """Opens brokers, which are closed when the test ends, however it ends."""
    brokers: list[RedisBroker] = []

    def open_one(url: str) -> RedisBroker:
        broker = open_broker(url)
        brokers.append(broker)
        return broker

    yield open_one
    for broker in brokers:
        await broker.close()


async def refusal(url: str, opened: OpenBroker) -> str:
    with pytest.raises(WrongConfiguration) as caught:
        await opened(url).connect()
    return str(caught.value)


# Addresses that name something else ----------------------------------------------------------------------------------
async def test_a_node_of_a_cluster_is_no_server_of_its_own(redis_cluster: RedisCluster, opened: OpenBroker) -> None:
    assert "write redis+cluster://" in await refusal(redis_cluster.masters[0].url, opened)


async def test_a_server_of_its_own_is_no_cluster(private_redis: PrivateRedis, opened: OpenBroker) -> None:
    url = private_redis().url
    text = await refusal(url.replace("redis://", "redis+cluster://me:secret@"), opened)
    assert "no node of a cluster; write redis://" in text or "refuses access" in text
    assert "secret" not in text
    text = await refusal(url.replace("redis://", "redis+cluster://"), opened)
    assert "no node of a cluster; write redis://" in text
    text = await refusal(url.replace("redis://", "redis+sentinel://") + "/service", opened)
    assert "is no Sentinel" in text
    assert "26379" in text


async def test_a_sentinel_is_no_server_and_watches_what_it_was_told(
    sentinels: SentinelDeployment, opened: OpenBroker
) -> None:
    assert "write redis+sentinel://" in await refusal(f"127.0.0.1:{sentinels.ports[0]}", opened)
    text = await refusal(sentinels.url.replace(SERVICE, "another"), opened)
    assert "watches no service 'another'" in text
    await opened(sentinels.url).connect()


@pytest.mark.parametrize("form", ["redis+cluster://{0},{0}", "redis+sentinel://{0},{0}/service"])
async def test_nobody_answers(form: str, private_redis: PrivateRedis, opened: OpenBroker) -> None:
    server = private_redis()
    server.stop()
    place = f"127.0.0.1:{server.port}"
    with pytest.raises(BrokerUnavailable, match=place) as caught:
        await opened(form.format(place).replace("//", "//me:secret@")).connect()
    assert "secret" not in str(caught.value)


@contextlib.contextmanager
def _password(cluster: RedisCluster, password: str) -> Iterator[str]:
    """Every node asks for it; the address with it."""

    def require(password: str, before: str) -> None:
        for node in cluster.masters:
            ask(node, "CONFIG", "SET", "requirepass", password, password=before)

    require(password, "")
    try:
        yield cluster.url.replace("//", f"//:{password}@")
    finally:
        require("", password)


async def test_a_password_is_every_nodes(redis_cluster: RedisCluster, opened: OpenBroker) -> None:
    with _password(redis_cluster, "the-secret") as url:
        assert "refuses access" in await refusal(redis_cluster.url, opened)
        text = await refusal(url.replace("the-secret", "guess"), opened)
        assert "refuses access" in text
        assert "guess" not in text
        broker = opened(url)
        await broker.connect()
        await broker.send([(shard, b"a") for shard in range(8)])


async def test_all_processes_take_such_an_address_and_show_no_secret(
    redis_cluster: RedisCluster, database_dsn: str, tmp_path: Path
) -> None:
    """An engine, a worker, a client and the command line, as users start them, saying all that they have to say."""
    with _password(redis_cluster, "the-secret") as url:
        cluster = Cluster(tmp_path, database_dsn, url)
        journal = Journal(tmp_path / "journal.jsonl")
        try:
            cluster.start_engine("--log-level", "debug")
            client = await cluster.connect()
            cluster.start_worker("-m", "tests.fault.load_worker", environment=journal.environment)
            result = client.execute_workflow(AgentRun.run, "q", id="asked", task_queue=TASK_QUEUE)
            assert await asyncio.wait_for(result, 60) == "answer to context of q"
            command = [sys.executable, "-m", "perdure.cli.main", "workflow", "list", "--address", url]
            command += ["--log-level", "debug", "--json"]
            listing = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
            assert listing.returncode == 0, listing.stderr
        except BaseException as error:
            error.add_note(cluster.logs())
            raise
        finally:
            await cluster.close()
        said = [process.output for process in cluster.processes]
        assert any(redis_cluster.url in output for output in said)
        for output in (*said, listing.stdout, listing.stderr):
            assert "the-secret" not in output


# Keys that move ------------------------------------------------------------------------------------------------------
def _queue_on(cluster: RedisCluster, node: EmbeddedValkey, broker: RedisBroker) -> TaskStream:
    """A queue whose keys live on this node."""
    streams = (ACTIVITY._replace(task_queue=f"queue-{number}") for number in range(100))
    return next(stream for stream in streams if cluster.holder(broker.keys.queue(stream).stream) is node)


async def test_keys_that_move_to_another_node_are_followed(redis_cluster: RedisCluster, opened: OpenBroker) -> None:
    """All answers of a resharding: ASK and TRYAGAIN while a slot is on its way, MOVED when it has arrived."""
    broker = opened(redis_cluster.url)
    source, target, _ = redis_cluster.masters
    queue = _queue_on(redis_cluster, source, broker)
    slot = key_slot(broker.keys.queue(queue).stream)
    ids = {node: ask(node, "CLUSTER", "MYID").decode() for node in (source, target)}
    ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    try:
        await broker.raise_fence(queue, RANGES)  # no key of it exists at the source: ASK
        with pytest.raises(BrokerUnavailable, match="moves these keys"):  # a script of several keys: TRYAGAIN
            await broker.release(Outbox(publish={queue: publications("a")}), RANGES)
        for node in (target, source):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[target])
        results = await broker.release(Outbox(publish={queue: publications("a")}), RANGES)
        assert results[queue].taken == 1
        (entry,) = await broker.read_tasks([queue], "worker-1", count=1, block_ms=1000)
        assert entry.data == b"a"
        await broker.finish(entry.stream, [entry.entry_id], ["a"])
        assert (await broker.queue_state(queue)).pending == 0
    finally:
        redis_cluster.flush()
        for node in (source, target):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[source])


# Losing a part -------------------------------------------------------------------------------------------------------
async def test_a_node_of_a_cluster_is_gone_for_a_while(
    private_redis_cluster: PrivateRedisCluster, opened: OpenBroker
) -> None:
    """A call fails for the keys that are gone, and takes effect for the others. What came back is another epoch: the
    node may have lost inboxes or tasks, and nothing else tells."""
    cluster = private_redis_cluster()
    for node in cluster.masters:
        ask(node, "CONFIG", "SET", "cluster-require-full-coverage", "no")
    broker = opened(cluster.url)
    await broker.connect()
    holder = cluster.holder(broker.keys.epoch)
    victim = next(node for node in cluster.masters if node is not holder)
    gone, kept = _queue_on(cluster, victim, broker), _queue_on(cluster, holder, broker)
    for queue in (gone, kept):
        await broker.raise_fence(queue, RANGES)
    before = await broker.epoch()
    assert before == await broker.epoch()

    await asyncio.to_thread(victim.kill)
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{victim.port}"):
        await broker.release(Outbox(publish={gone: publications("a"), kept: publications("b")}), RANGES)
    entries = await broker.read_tasks([kept], "worker-1", count=1, block_ms=1000)
    assert [entry.data for entry in entries] == [b"b"]
    with pytest.raises(BrokerUnavailable):
        await broker.epoch()
    await asyncio.to_thread(victim.start)
    await asyncio.to_thread(cluster.wait_whole)
    assert await broker.epoch() != before
