"""Where an application's cluster is, and asking it."""

from __future__ import annotations

import asyncio

import pytest

from perdure.client import Client
from perdure.compat.celery.cluster import Cluster, address_of
from perdure.compat.celery.exceptions import ImproperlyConfigured
from tests.memory_cluster import memory_cluster
from tests.unit.perdure.compat.celery.stage import LoopClients


@pytest.mark.parametrize(
    ("broker", "address"),
    [
        (None, None),
        ("", None),
        ("redis://h:6379/0", "redis://h:6379/0"),
        (["rediss://h:1", "redis://i:2"], "rediss://h:1"),
        ("redis+cluster://h:1,i:2", "redis+cluster://h:1,i:2"),
    ],
)
def test_the_broker_is_the_cluster(broker: object, address: str | None) -> None:
    assert address_of(broker) == address


def test_another_broker_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_ADDRESS", raising=False)
    with pytest.raises(ImproperlyConfigured, match=r"the broker is amqp://\.\.\.; give the address") as caught:
        address_of("amqp://user:secret@h//")
    assert "secret" not in str(caught.value)
    with pytest.raises(ImproperlyConfigured, match="the broker is no URL"):
        address_of("localhost")
    monkeypatch.setenv("PERDURE_ADDRESS", "h:1")
    assert address_of("amqp://h//") is None


async def test_asking_waits_in_the_callers_thread() -> None:
    cluster = Cluster(lambda: None)
    async with memory_cluster() as client:
        cluster.use(LoopClients(client))

        async def name(client: Client) -> str:
            return client.namespace

        async def never(_client: Client) -> None:
            await asyncio.Event().wait()

        assert await asyncio.to_thread(cluster.wait, name) == "default"
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(cluster.wait, never, 0.01)
    cluster.close()


def test_what_was_configured_counts_more_than_the_settings() -> None:
    cluster = Cluster(lambda: "127.0.0.1:1")
    cluster.configure("127.0.0.1:2", namespace="n")

    async def nothing(_client: Client) -> None: ...

    with pytest.raises(Exception, match=r"127\.0\.0\.1:2"):
        cluster.wait(nothing)
    cluster.close()
