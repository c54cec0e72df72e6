"""Redis Cluster and Sentinels for tests: one cluster a session, emptied for each test; private ones to ill-treat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure_engine.embedded.valkey import embedded_program
from tests.redis_deployments import RedisCluster, SentinelDeployment

PrivateRedisCluster = Callable[..., RedisCluster]
"""`private_redis_cluster(replicas=...)` starts a cluster whose nodes the test may kill."""


@pytest.fixture(scope="session")
def _redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    cluster = RedisCluster(tmp_path_factory.mktemp("redis-cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def redis_cluster(_redis_cluster: RedisCluster) -> RedisCluster:
    """Three masters, empty."""
    _redis_cluster.flush()
    return _redis_cluster


@pytest.fixture
def private_redis_cluster(tmp_path: Path) -> Iterator[PrivateRedisCluster]:
    clusters: list[RedisCluster] = []

    def start(*, replicas: int = 0) -> RedisCluster:
        cluster = RedisCluster(tmp_path / f"redis-cluster-{len(clusters)}", replicas=replicas)
        clusters.append(cluster)
        cluster.start()
        return cluster

    yield start
    for cluster in clusters:
        cluster.stop()


@pytest.fixture(scope="session")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelDeployment]:
    """A master and a replica under three Sentinels. One test may kill the master: the others need any one."""
    deployment = SentinelDeployment(tmp_path_factory.mktemp("sentinels"), embedded_program())
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()
