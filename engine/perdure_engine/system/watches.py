"""Watches: an engine hears of the end of runs that something waits for.

Role: asks the owners of their shards for the outcomes, on a reply stream of its own, and calls back when one comes. A
registration lives in the memory of a shard's owner: each is asked for anew every minute, and where it is not known
whether it was heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from perdure.protocol.codec import DecodeError
from perdure.protocol.ids import shard_id_for
from perdure.protocol.replies import ReplyKind, decode_replies
from perdure.protocol.requests import encode_envelope, numbered_request
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo
from perdure_engine.core.schedule.executions import outcome_request
from perdure_engine.environment import Environment

logger = logging.getLogger("perdure.engine.watches")

RENEW_S = 30.0
"""Seconds after which a run is asked about again."""

AGAIN_S = 5.0
"""Seconds without any word after which it is."""

REPLIES_TTL_MS = 60_000
BLOCK_MS = 1_000
RETRY_S = 0.5
LOOK_S = 1.0
"""Seconds between two looks for runs that are to be asked about again."""

Key = tuple[str, str]


class Watched(NamedTuple):
    """A run that somebody waits for the end of: of a workflow or, with `is_activity`, of an activity without one."""

    namespace: str
    workflow_id: str
    run_id: str
    is_activity: bool = False


class Watches:
    """Args:
    node: the name of this engine.
    """

    def __init__(self, broker: Broker, environment: Environment, cluster: ClusterInfo, node: str) -> None:
        self._broker = broker
        self._environment = environment
        self._cluster = cluster
        self._node = node
        self._some = asyncio.Event()
        self._new = asyncio.Event()
        self._sender = ""
        self._runs: dict[Key, frozenset[Watched]] = {}
        self._numbers: dict[Watched, int] = {}
        self._by_number: dict[int, Watched] = {}
        self._ask_at: dict[Watched, float] = {}
        self._count = 0
        self.over: Callable[[Key], None] = lambda key: None
        """Called with who waited for a run that is over, or is not known any more."""

    def keep(self, key: Key, runs: Collection[Watched]) -> None:
        """From now on `key` waits for the end of these runs, and no others."""
        before, after = self._runs.pop(key, frozenset()), frozenset(runs)
        if after:
            self._runs[key] = after
        for run in sorted(after - before):
            if run not in self._numbers:
                self._count += 1
                self._numbers[run], self._by_number[self._count] = self._count, run
                self._ask_at[run] = 0.0
                self._new.set()
        for run in sorted(before - after):
            self._forget(run)
        if self._runs:
            self._some.set()

    def keys(self) -> list[Key]:
        """Who waits."""
        return list(self._runs)

    def _forget(self, run: Watched) -> None:
        if not any(run in runs for runs in self._runs.values()):
            number = self._numbers.pop(run, None)
            if number is not None:
                del self._by_number[number], self._ask_at[run]

    async def run(self) -> None:
        """Ask and listen, for ever."""
        self._sender = f"{self._node}/watches/{self._environment.random.getrandbits(64):x}"
        await asyncio.gather(self._listen(), self._ask_for_ever())

    async def _listen(self) -> None:
        cursor, epoch = b"0-0", ""
        while True:
            await self._some.wait()
            try:
                # As `errands`: ids may be lower in a stream that another one made anew.
                was_missing = await self._broker.open_replies(self._sender, REPLIES_TTL_MS)
                known, epoch = epoch, await self._broker.epoch()
                if was_missing or epoch != known:
                    cursor = b"0-0"
                for entry in await self._broker.read_replies(self._sender, cursor, block_ms=BLOCK_MS):
                    cursor = entry.entry_id
                    self._hear(entry.data)
            except BrokerUnavailable as error:
                logger.warning("the ends of runs are not heard of: %s", error)
                await self._environment.sleep(RETRY_S)
            if not self._runs:
                self._some.clear()

    async def _ask_for_ever(self) -> None:
        """Ask about new ones at once, and about the others when it is their time."""
        while True:
            await self._some.wait()
            self._new.clear()
            try:
                await self._ask()
            except BrokerUnavailable:  # it is asked again a little later, as what is lost
                await self._environment.sleep(RETRY_S)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._new.wait()
            except TimeoutError:
                continue

    async def _ask(self) -> None:
        now = self._environment.monotonic()
        by_shard: dict[int, list[tuple[int, int, Any]]] = {}
        for run, at in self._ask_at.items():
            if at <= now:
                self._ask_at[run] = now + AGAIN_S
                shard_id = shard_id_for(run.namespace, run.workflow_id, self._cluster.shard_count)
                request = numbered_request(self._numbers[run], outcome_request(*run))
                by_shard.setdefault(shard_id, []).append(request)
        if by_shard:
            version = self._cluster.map_version
            await self._broker.send(
                [(shard_id, encode_envelope(version, self._sender, rows)) for shard_id, rows in by_shard.items()]
            )

    def _hear(self, data: bytes) -> None:
        try:
            rows = decode_replies(data)
        except DecodeError:  # no reply to us: what it was to answer is asked again
            return
        for number, kind, _ in rows:
            run = self._by_number.get(number)
            if run is None:
                continue
            if kind == ReplyKind.REGISTERED:
                self._ask_at[run] = self._environment.monotonic() + RENEW_S
            else:
                for key in [key for key, runs in self._runs.items() if run in runs]:
                    self.over(key)
