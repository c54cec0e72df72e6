"""Deployments of several Redis servers for tests: a Redis Cluster, and a master with a replica under Sentinels.

Role: starts real processes on the loopback, knows when they agree with one another by asking them, and gives the
address that users would write. It knows nothing of what a test does to them.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from perdure_engine.embedded.valkey import LOOPBACK, EmbeddedValkey
from tests.waiting import wait_until_blocking

SERVICE = "perdure"
"""The name under which Sentinels watch."""

NODE_TIMEOUT_MS = 5_000
FAILOVER_NODE_TIMEOUT_MS = 1_000
"""After this silence a node is taken for dead: long where none should be, short where a test waits for it."""

DOWN_AFTER_MS = 500
"""After this silence a Sentinel takes its master for dead: short, because tests wait for it."""


def find_redis_server() -> Path | None:
    """Debian's Redis, if it is on the PATH."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def ask(node: EmbeddedValkey, *command: str | int, password: str = "") -> Any:
    """One command to one server, with its plain reply."""
    assert node.port is not None
    return ask_port(node.port, *command, password=password)


def ask_port(port: int, *command: str | int, password: str = "") -> Any:
    """The same, of a server that is known by its port."""
    with redis.Redis(port=port, password=password or None, protocol=2, socket_timeout=5) as client:
        client.response_callbacks.clear()
        return client.execute_command(*command)  # type: ignore[no-untyped-call]


class RedisCluster:
    """Masters that share the slots, the last `replicas` of them with a replica each.

    Attributes:
        masters, replicas: as they were made; a failover makes a replica a master.
    """

    def __init__(self, directory: Path, *, replicas: int = 0, program: Path | None = None) -> None:
        def node(name: str) -> EmbeddedValkey:
            settings = {
                "cluster-enabled": "yes",
                "cluster-node-timeout": str(FAILOVER_NODE_TIMEOUT_MS if replicas else NODE_TIMEOUT_MS),
                "cluster-port": str(free_port()),
                "cluster-config-file": "nodes.conf",
                "cluster-replica-validity-factor": "0",
                "repl-diskless-sync-delay": "0",
            }
            return EmbeddedValkey(directory / name, settings=settings, program=program)

        self.masters = [node(f"master-{number}") for number in range(3)]
        self.replicas = [node(f"replica-{number}") for number in range(replicas)]

    @property
    def nodes(self) -> list[EmbeddedValkey]:
        return [*self.masters, *self.replicas]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{LOOPBACK}:{node.port}" for node in self.masters)

    def start(self) -> str:
        """Start the nodes, let them meet, share the slots, and wait until all of them agree. Returns the address."""
        for node in self.nodes:
            node.start()
        share = REDIS_CLUSTER_HASH_SLOTS // len(self.masters)
        for number, master in enumerate(self.masters):
            last = REDIS_CLUSTER_HASH_SLOTS if master is self.masters[-1] else share * (number + 1)
            ask(master, "CLUSTER", "ADDSLOTSRANGE", share * number, last - 1)
            ask(master, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        first = self.masters[0]
        for node in self.nodes[1:]:
            assert first.port is not None
            ask(node, "CLUSTER", "MEET", LOOPBACK, first.port, self._bus_port(first))
        wait_until_blocking(self._all_met, what="a cluster whose nodes know one another")
        for master, replica in zip(reversed(self.masters), self.replicas, strict=False):
            ask(replica, "CLUSTER", "REPLICATE", ask(master, "CLUSTER", "MYID").decode())
        self.wait_whole()
        return self.url

    def wait_whole(self) -> None:
        """Until every node says that every slot is served: one that comes back takes a moment."""
        wait_until_blocking(self._is_whole, what="a cluster that serves every slot")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def flush(self) -> None:
        """Lose everything."""
        for node in self.masters:
            ask(node, "FLUSHALL")

    def keys(self) -> set[bytes]:
        return {key for node in self.masters for key in ask(node, "KEYS", "*")}

    def holder(self, key: bytes) -> EmbeddedValkey:
        """The master that serves a key, as the cluster was made."""
        share = REDIS_CLUSTER_HASH_SLOTS // len(self.masters)
        return self.masters[min(key_slot(key) // share, len(self.masters) - 1)]

    def _bus_port(self, node: EmbeddedValkey) -> int:
        return int(ask(node, "CONFIG", "GET", "cluster-port")[1])

    def _all_met(self) -> bool:
        return all(cluster_info(node)["cluster_known_nodes"] == str(len(self.nodes)) for node in self.nodes)

    def _is_whole(self) -> bool:
        told = [cluster_info(node) for node in self.nodes]
        synced = [ask(replica, "ROLE")[3] == b"connected" for replica in self.replicas if _is_replica(replica)]
        return (
            all(info["cluster_state"] == "ok" for info in told)
            and all(info["cluster_slots_ok"] == str(REDIS_CLUSTER_HASH_SLOTS) for info in told)
            and len(synced) == len(self.replicas)
            and all(synced)
        )


def _is_replica(node: EmbeddedValkey) -> bool:
    return bool(ask(node, "ROLE")[0] == b"slave")


def cluster_info(node: EmbeddedValkey) -> dict[str, str]:
    """What a node says of its cluster."""
    lines = ask(node, "CLUSTER", "INFO").decode().splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


class SentinelDeployment:
    """A master and a replica, watched by three Sentinels of which two must agree.

    Attributes:
        servers: the first one is the master at the beginning.
    """

    def __init__(self, directory: Path, program: Path) -> None:
        self._directory = directory
        self._program = program
        self.servers = [
            EmbeddedValkey(directory / f"server-{number}", settings={"repl-diskless-sync-delay": "0"}, program=program)
            for number in range(2)
        ]
        self._sentinels: list[subprocess.Popen[bytes]] = []
        self.ports: list[int] = []

    @property
    def url(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self.ports)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def start(self) -> str:
        """Start all, and wait until every Sentinel knows the others and the replica. Returns the address."""
        master, replica = self.servers
        master.start()
        replica.start()
        assert master.port is not None
        ask(replica, "REPLICAOF", LOOPBACK, master.port)
        for number in range(3):
            self._start_sentinel(number, master.port)
        wait_until_blocking(self._is_ready, what="Sentinels that know one another and the replica")
        return self.url

    def stop(self) -> None:
        for sentinel in self._sentinels:
            sentinel.kill()
            sentinel.wait()
        for server in self.servers:
            server.stop()

    def master_port(self) -> int:
        """The master, as the first Sentinel has it."""
        return int(ask_port(self.ports[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def _start_sentinel(self, number: int, master_port: int) -> None:
        directory = self._directory / f"sentinel-{number}"
        directory.mkdir(parents=True)
        port = free_port()
        settings = directory / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind {LOOPBACK}\ndir {directory}\nlogfile sentinel.log\n"
            f"sentinel monitor {SERVICE} {LOOPBACK} {master_port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 1000\n"
        )
        self._sentinels.append(
            subprocess.Popen(
                [str(self._program), str(settings), "--sentinel"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        self.ports.append(port)

    def _is_ready(self) -> bool:
        for port in self.ports:
            with contextlib.suppress(redis.RedisError):
                told = ask_port(port, "SENTINEL", "MASTER", SERVICE)
                fields = dict(zip(told[::2], told[1::2], strict=True))
                if (fields[b"num-other-sentinels"], fields[b"num-slaves"]) == (b"2", b"1"):
                    continue
            return False
        return True
