"""Requests that an engine sends like any client, and waits for the answers of.

Role: the small client of the system worker: requests to inboxes, replies on a stream of its own. What has no reply is
sent again, so every request must be idempotent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.protocol.codec import DecodeError
from perdure.protocol.replies import decode_replies
from perdure.protocol.requests import encode_envelope, numbered_request
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo
from perdure_engine.environment import Environment

REPLIES_TTL_MS = 60_000
AGAIN_S = 5.0
"""Seconds without a reply after which a request is sent once more: a shard may be changing its owner."""

BLOCK_MS = 1_000
RETRY_S = 0.5


class Errands:
    """Args:
    node: the name of this engine.
    """

    def __init__(self, broker: Broker, environment: Environment, cluster: ClusterInfo, node: str) -> None:
        self._broker = broker
        self._environment = environment
        self._cluster = cluster
        self._node = node
        self._sender = ""
        self._numbers = 0
        self._cursor = b"0-0"
        self._epoch = ""

    async def run(self, requests: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """Send requests, each with the shard that it is for; returns kind and undecoded body of each reply, in order.
        Waits until the last one has come, however long that takes."""
        replies = await self.within(requests, patience_s=float("inf"))
        return [reply for reply in replies if reply is not None]

    async def within(self, requests: Sequence[tuple[int, Any]], *, patience_s: float) -> list[tuple[int, Any] | None]:
        """As `run`; None for those that have no reply in time, which may take effect all the same."""
        if not self._sender:  # of this process alone: numbers begin anew in each
            self._sender = f"{self._node}/errands/{self._environment.random.getrandbits(64):x}"
        numbers = range(self._numbers + 1, self._numbers + 1 + len(requests))
        self._numbers += len(requests)
        waiting = dict(zip(numbers, requests, strict=True))
        replies: dict[int, tuple[int, Any]] = {}
        sent_at = float("-inf")
        gives_up_at = self._environment.monotonic() + patience_s
        while waiting and self._environment.monotonic() < gives_up_at:
            try:
                # A stream that was lost is made anew by whoever answers first, and its ids may be lower.
                was_missing = await self._broker.open_replies(self._sender, REPLIES_TTL_MS)
                known, self._epoch = self._epoch, await self._broker.epoch()
                if was_missing or self._epoch != known:
                    self._cursor = b"0-0"
                if self._environment.monotonic() - sent_at >= AGAIN_S:
                    sent_at = self._environment.monotonic()
                    await self._send(waiting)
                for entry in await self._broker.read_replies(self._sender, self._cursor, block_ms=BLOCK_MS):
                    self._cursor = entry.entry_id
                    for number, kind, body in _rows(entry.data):
                        if waiting.pop(number, None) is not None:
                            replies[number] = (kind, body)
            except BrokerUnavailable:
                await self._environment.sleep(RETRY_S)
        return [replies.get(number) for number in numbers]

    async def _send(self, waiting: dict[int, tuple[int, Any]]) -> None:
        by_shard: dict[int, list[tuple[int, int, Any]]] = {}
        for number, (shard_id, request) in waiting.items():
            by_shard.setdefault(shard_id, []).append(numbered_request(number, request))
        version = self._cluster.map_version
        await self._broker.send(
            [(shard_id, encode_envelope(version, self._sender, rows)) for shard_id, rows in by_shard.items()]
        )


def _rows(data: bytes) -> tuple[tuple[int, int, Any], ...]:
    try:
        return decode_replies(data)
    except DecodeError:  # no reply to us: what it was to answer is asked again
        return ()
