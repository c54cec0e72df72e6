"""Encrypted connections, to a server and to a cluster. The embedded server has no TLS; Debian's has."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.client import TLSConfig
from perdure.transport.certificates import with_certificates
from perdure_broker.leases import open_leases
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_broker.redis_broker import open_broker
from perdure_engine.embedded.valkey import EmbeddedValkey
from tests.conformance.broker_servers import ACTIVITY
from tests.redis_deployments import ask, cluster_info, find_redis_server, free_port
from tests.waiting import wait_until_blocking

pytestmark = [
    pytest.mark.skipif(find_redis_server() is None, reason="no redis-server on the PATH (apt install redis-server)"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on the PATH"),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For 127.0.0.1, signed by itself; its key stands beside it."""
    path = tmp_path_factory.mktemp("tls") / "server.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", str(path), "-keyout", str(path.with_suffix(".key"))),
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture(params=["", "+cluster"], ids=["server", "cluster"])
def place(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> Iterator[str]:
    """What follows `rediss` in the address, but for the options."""
    port = free_port()
    settings = {
        "tls-port": str(port),
        "tls-cert-file": str(certificate),
        "tls-key-file": str(certificate.with_suffix(".key")),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
        "tls-cluster": "yes",  # or nodes name their plain ports
        "cluster-enabled": "yes" if request.param else "no",
        "cluster-port": str(free_port()),
    }
    server = EmbeddedValkey(tmp_path / "redis", settings=settings, program=find_redis_server())
    server.start()
    if request.param:
        ask(server, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until_blocking(lambda: cluster_info(server)["cluster_state"] == "ok", what="a cluster that serves")
    yield f"{request.param}://127.0.0.1:{port}"
    server.stop()


async def test_all_connections_are_encrypted(place: str, certificate: Path) -> None:
    """The port takes nothing else, and the nodes of an encrypted cluster name their encrypted ports."""
    url = f"rediss{place}?ssl_ca_certs={certificate}"
    broker, leases = open_broker(url), open_leases(url)
    try:
        await broker.connect()
        await broker.raise_fence(ACTIVITY, {1: 1})
        await broker.send([(shard, b"a" * 100_000) for shard in range(8)])
        inboxes = await broker.read_inboxes(dict.fromkeys(range(8), b"0-0"), count=1, block_ms=1000)
        assert sum(len(entries[0].data) for _, entries in inboxes) > 0
        stream = broker.keys.queue(ACTIVITY).stream
        assert await asyncio.to_thread(leases.renew, "worker", {stream: [b"1-1"]}) == {stream: [b"1-1"]}
    finally:
        await asyncio.to_thread(leases.close)
        await broker.close()


async def test_an_unknown_certificate_is_refused(place: str) -> None:
    broker = open_broker(f"rediss{place}")
    with pytest.raises((BrokerUnavailable, WrongConfiguration), match="certificate"):
        await broker.connect()
    await broker.close()


async def test_certificates_may_be_given_as_bytes(place: str, certificate: Path) -> None:
    given = TLSConfig(
        certificate.read_bytes(), None, certificate.read_bytes(), certificate.with_suffix(".key").read_bytes()
    )
    broker = open_broker(with_certificates(f"rediss{place}", given))
    await broker.connect()
    await broker.close()
