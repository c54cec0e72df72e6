"""Leases that are held by name: of attempts that run although the server lost their entry.

Role: part of the Redis broker. A worker that runs an attempt announces it after the server lost data. From then on its
lease is a field of the stream's hash of announced attempts in place of a pending entry, and its member is claimed, so
that nobody publishes the task to somebody else meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from perdure_broker import scripts
from perdure_broker.port import AnnouncedTask, RunningTask, TaskStream
from perdure_broker.session import Session

ANNOUNCED_A_CALL = 500
"""Attempts of one script call, which holds up all others: measured, 500 take about 10 ms."""


class AnnouncingCalls(Session):
    """The worker's side and the engine's side of announced attempts."""

    async def announce(self, worker: str, tasks: Mapping[bytes, Sequence[RunningTask]]) -> dict[bytes, list[str]]:
        known = {key: running for key, running in tasks.items() if running and self.keys.stream_of(key) is not None}
        if not known:
            return {}
        # A stream off the list is looked after by nobody: first on the list, then announced.
        await self._send_one(scripts.REGISTER_STREAMS.call((self.keys.streams,), list(known)))
        calls = [
            (key, self._announce_command(key, worker, running[start : start + ANNOUNCED_A_CALL]))
            for key, running in known.items()
            for start in range(0, len(running), ANNOUNCED_A_CALL)
        ]
        by_name: dict[bytes, list[str]] = {}
        for key, command in calls:
            members = await self._send_one(command)
            by_name.setdefault(key, []).extend(member.decode() for member in members)
        return by_name

    async def renew_announced(self, worker: str, members: Mapping[bytes, Sequence[str]]) -> dict[bytes, list[str]]:
        lost: dict[bytes, list[str]] = {}
        for key, some in members.items():
            stream = self.keys.stream_of(key)
            if stream is None:
                lost[key] = list(some)
            elif some:
                announced = self.keys.queue(stream).announced
                gone = await self._send_one(scripts.RENEW_ANNOUNCED.call((announced,), (worker, *some)))
                lost[key] = [member.decode() for member in gone]
        return {key: gone for key, gone in lost.items() if gone}

    async def withdraw_announced(
        self, worker: str, members: Mapping[bytes, Sequence[str]], *, over: bool = False
    ) -> None:
        """`over`: the claims go too."""
        for key, some in members.items():
            stream = self.keys.stream_of(key)
            if stream is not None and some:
                keys = self.keys.queue(stream)
                arguments: list[bytes | str | int] = [int(over), worker, *some]
                script_keys = (keys.ids, keys.announced, keys.keyed, keys.counts)
                await self._send_one(scripts.WITHDRAW_ANNOUNCED.call(script_keys, arguments))

    async def scan_announced(self, stream: TaskStream, *, idle_ms: int) -> list[AnnouncedTask]:
        keys = self.keys.queue(stream)
        told = await self._send_one(scripts.SCAN_ANNOUNCED.call((keys.announced,), (idle_ms,)))
        return [
            AnnouncedTask(keys.stream, told[i].decode(), int(told[i + 1]), told[i + 2].decode(), told[i + 3])
            for i in range(0, len(told), 4)
        ]

    def _announce_command(self, key: bytes, worker: str, running: Sequence[RunningTask]) -> bytes:
        stream = self.keys.stream_of(key)
        assert stream is not None
        keys = self.keys.queue(stream)
        arguments: list[bytes | str | int] = [worker]
        for task in running:
            digest = hashlib.sha1(task.data, usedforsecurity=False).hexdigest()
            arguments += (task.entry_id, digest, task.member, task.shard_id, task.key)
        script_keys = (keys.stream, keys.ids, keys.announced, keys.keyed, keys.counts)
        return scripts.ANNOUNCE.call(script_keys, arguments)
