"""Epoch and cluster information: what tells one life of the server from the next, and a sender where to send.

Role: part of the Redis broker; also checks at `connect` that the server can be used.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from perdure_broker import scripts
from perdure_broker.address import Address, Mode
from perdure_broker.port import LEASE_DEFAULT_MS, BrokerUnavailable, ClusterInfo, WrongConfiguration
from perdure_broker.session import Session
from perdure_broker.wire import pack

SHARD_COUNT_MAX = 32_767
"""As many shards as a cluster may have: what the store's schema allows."""

REDIS_FLOOR = (7, 0)
VALKEY_FLOOR = (7, 2)

_INFO_SERVER = pack(b"INFO", b"SERVER")
_INFO_MEMORY = pack(b"INFO", b"MEMORY")
_INFO_REPLICATION = pack(b"INFO", b"REPLICATION")


class ClusterCalls(Session):
    """Checks of the server, its epoch, and what engines publish about themselves."""

    async def connect(self) -> None:
        """Reach the server, or each node of a cluster, and check that it can be used.

        Raises:
            BrokerUnavailable: no server at this address, or it is still loading.
            WrongConfiguration: not Redis, too old, refuses access, eviction is on, or the address names something else.
        """
        for node, replies in await self._send_to_everyone((_INFO_SERVER, _INFO_MEMORY)):
            server = _checked_info(replies[0], node)
            _check_kind(server, node, self.address)
            _check_version(server, node)
            policy = _checked_info(replies[1], node).get("maxmemory_policy", "noeviction")
            if policy != "noeviction":
                raise WrongConfiguration(
                    f"the server at {node.shown} has maxmemory-policy {policy}, which would evict tasks; "
                    "set maxmemory-policy to noeviction"
                )

    async def epoch(self) -> str:
        """Of a cluster, the data of every node count: a failover of any one may lose entries."""
        ask = scripts.EPOCH.call((self.keys.epoch,), (uuid.uuid4().hex,))
        if self._servers.sole is not None:
            held, info = await self._send_all((ask, _INFO_REPLICATION))
            return _join_epoch(held, [info])
        held = await self._send_one(ask)
        infos = [info for _, (info,) in await self._send_to_everyone((_INFO_REPLICATION,))]
        return _join_epoch(held, infos)

    async def cluster_info(self) -> ClusterInfo | None:
        cluster_id, map_version, shard_count, lease_ms = await self._send_one(
            pack(b"HMGET", self.keys.cluster, b"id", b"map_version", b"shard_count", b"lease_ms")
        )
        if cluster_id is None:
            return None
        try:
            shards = int(shard_count)
            info = ClusterInfo(cluster_id.decode(), int(map_version), shards, int(lease_ms or LEASE_DEFAULT_MS))
        except (TypeError, ValueError):
            shards = 0
        if not 1 <= shards <= SHARD_COUNT_MAX:
            raise WrongConfiguration(
                f"the key {self.keys.cluster.decode()} at {self.address.shown} does not hold what engines write there; "
                "delete it and restart an engine, or give Perdure a server (or a database of one) of its own"
            )
        return info

    async def announce_cluster(self, info: ClusterInfo) -> None:
        fields = ("id", info.cluster_id, "map_version", info.map_version, "shard_count", info.shard_count)
        await self._send_one(scripts.ANNOUNCE_CLUSTER.call((self.keys.cluster,), (*fields, "lease_ms", info.lease_ms)))


def _checked_info(reply: Any, node: Address) -> dict[str, str]:
    fields = _fields(reply) if type(reply) is bytes else {}
    if not fields:
        raise WrongConfiguration(f"what listens at {node.shown} does not answer like a Redis server")
    if fields.get("loading") == "1":
        raise BrokerUnavailable(f"the server at {node.shown} is loading its data")
    return fields


def _check_kind(server: dict[str, str], node: Address, address: Address) -> None:
    """A node of a cluster refuses most keys, and a Sentinel holds none: say so before a task finds out."""
    kind = server.get("server_mode") or server.get("redis_mode")  # Valkey's name, and Redis's
    if kind == "cluster" and address.mode is not Mode.CLUSTER:
        raise WrongConfiguration(
            f"the server at {node.shown} is a node of a Redis Cluster; write redis+cluster://host:port,host:port "
            "(rediss+cluster:// for TLS)"
        )
    if kind == "sentinel":
        raise WrongConfiguration(
            f"the server at {node.shown} is a Sentinel; write redis+sentinel://host:port,host:port/service "
            "(rediss+sentinel:// for TLS)"
        )


def _check_version(server: dict[str, str], node: Address) -> None:
    # Valkey says redis_version 7.2.4 for the sake of old clients, and its own version beside it.
    name, floor, text = "Redis", REDIS_FLOOR, server.get("redis_version", "")
    if "valkey_version" in server:
        name, floor, text = "Valkey", VALKEY_FLOOR, server["valkey_version"]
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    if numbers < floor:
        wanted = ".".join(str(number) for number in floor)
        raise WrongConfiguration(
            f"the server at {node.shown} is {name} {text or 'of unknown version'}; "
            f"Redis 7.0 or Valkey 7.2 is needed (here {wanted} or newer): upgrade it"
        )


def _join_epoch(held: bytes, infos: Sequence[bytes]) -> str:
    ids = sorted(_fields(info).get("master_replid", "") for info in infos)
    return f"{held.decode()}:{'.'.join(ids)}"


def _fields(info: bytes) -> dict[str, str]:
    """The lines of an INFO reply."""
    pairs = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in pairs if colon and not name.startswith("#")}
