"""Leases, renewed from a thread of their own.

Role: blocking, with connections of its own, so that user code which blocks the event loop cannot cost a lease. One
script call a stream checks that each entry is still this worker's before it resets its idle time. It runs what the rest
of the broker runs, on an event loop of its own: servers are found, left and taught in one way only. What runs although
its entry was lost is held by name (`announcing`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from perdure_broker import scripts
from perdure_broker.address import Address, parse_address
from perdure_broker.announcing import AnnouncingCalls
from perdure_broker.cluster import ClusterCalls
from perdure_broker.keys import DEFAULT_PREFIX, Keys
from perdure_broker.port import RunningTask


class LeaseCalls(ClusterCalls, AnnouncingCalls):
    """Renewing, as a part of a broker."""

    async def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        lost: dict[bytes, list[bytes]] = {}
        asked: list[bytes] = []
        for stream, entry_ids in entries.items():
            if self.keys.stream_of(stream) is None:
                lost[stream] = list(entry_ids)
            elif entry_ids:
                asked.append(stream)
        replies = await self._send_all(
            [scripts.RENEW_LEASES.call((stream,), (worker, *entries[stream])) for stream in asked]
        )
        return lost | {stream: list(gone) for stream, gone in zip(asked, replies, strict=True) if gone}


class RedisLeases:
    """Implements `port.Leases`. For a thread in which no event loop runs."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self._calls = LeaseCalls(address, keys)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        return self._runner.run(self._calls.renew(worker, entries))

    def epoch(self) -> str:
        return self._runner.run(self._calls.epoch())

    def announce(self, worker: str, tasks: Mapping[bytes, Sequence[RunningTask]]) -> dict[bytes, list[str]]:
        return self._runner.run(self._calls.announce(worker, tasks))

    def renew_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> dict[bytes, list[str]]:
        return self._runner.run(self._calls.renew_announced(worker, members))

    def withdraw_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> None:
        self._runner.run(self._calls.withdraw_announced(worker, members, over=True))

    def close(self) -> None:
        self._runner.run(self._calls.close())
        self._runner.close()


def open_leases(url: str, *, prefix: str = DEFAULT_PREFIX) -> RedisLeases:
    """Leases on the server at `url` (forms as in `open_broker`). Connects at the first renewal.

    Raises:
        ValueError: the address is malformed.
    """
    return RedisLeases(parse_address(url), Keys(prefix))
