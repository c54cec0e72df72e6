"""Retention: closed runs, and closed activities without a workflow, are kept for as long as their namespace says, then
forgotten with all that belongs to them.

Role: the janitor of the shards that this engine holds. It works beside the batches, on a connection of its own, and no
more than half of the time, so that a backlog of expired runs cannot slow those that are alive.

Rules:
- Off the lists first, then everything else in one statement: a janitor that dies in between finds the run again.
- What is deleted is bounded in each statement. The store lets go of a run only for the owner of its shard.
- It reads on from where it was, less `LOOK_BACK_S`: what was deleted leaves index entries behind that would be passed
  over again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from perdure_engine.environment import Environment
from perdure_store.port import ExpiredRun, Store, StoreError

logger = logging.getLogger("perdure.engine.retention")

RETENTION_DEFAULT_MS = 72 * 3600 * 1000
"""How long a namespace keeps its closed runs if nobody said (Temporal's default)."""

LOOK_S = 5.0
"""Seconds between two looks: runs stay a little longer than they must."""

RUNS_MAX = 200
"""Runs that go with one statement."""

ACTIVITIES_MAX = 1_000
"""Activities that go with one statement: each is one row."""

ROWS_MAX = 2_000
"""History rows that go with one statement, about; a longer history goes in pieces first."""

LOOK_BACK_S = 3_600
"""How far behind its place a look begins: a run is passed over while its record for lists is still to be written."""


class Retention:
    """Args:
    ranges: the range by which each shard is held, as it is now.
    """

    def __init__(self, store: Store, environment: Environment, ranges: Callable[[], Mapping[int, int]]) -> None:
        self._store = store
        self._environment = environment
        self._ranges = ranges
        self._places: dict[tuple[int, str], int] = {}
        self.count = 0

    async def run(self) -> None:
        """Look for ever. A store that does not answer delays the next look, and nothing else."""
        while True:
            await self._environment.sleep(LOOK_S)
            try:
                await self.look()
            except StoreError as error:
                logger.warning("expired runs stay a little longer: %s", error)

    async def look(self) -> None:
        """Forget every run of the shards held whose time is over."""
        retentions = await self._store.retentions()
        for shard_id, range_id in self._ranges().items():
            for namespace in await self._store.closed_namespaces(shard_id):
                kept_us = retentions.get(namespace, RETENTION_DEFAULT_MS) * 1_000
                await self._clean(shard_id, range_id, namespace, self._environment.now_us() - kept_us)
            await self._clean_activities(shard_id, range_id, retentions)

    async def _clean(self, shard_id: int, range_id: int, namespace: str, closed_before_us: int) -> None:
        place = self._places.get((shard_id, namespace), 0)
        while self._ranges().get(shard_id) == range_id:
            began = self._environment.monotonic()
            expired = await self._store.expired_runs(
                shard_id, namespace, closed_from_us=place, closed_before_us=closed_before_us, limit=RUNS_MAX
            )
            if not expired:
                self._places[shard_id, namespace] = max(0, closed_before_us - LOOK_BACK_S * 1_000_000)
                return
            if not await self._forget(shard_id, range_id, namespace, expired):
                return  # the store knows a newer owner
            await self._environment.sleep(self._environment.monotonic() - began)

    async def _clean_activities(self, shard_id: int, range_id: int, retentions: Mapping[str, int]) -> None:
        store, now_us = self._store, self._environment.now_us()
        for namespace in await store.activity_namespaces(shard_id):
            kept_us = retentions.get(namespace, RETENTION_DEFAULT_MS) * 1_000
            await self._repeat(
                partial(
                    store.delete_expired_activities,
                    shard_id,
                    range_id,
                    namespace,
                    closed_before_us=now_us - kept_us,
                    now_us=now_us,
                    limit=ACTIVITIES_MAX,
                )
            )
        overdue = partial(store.delete_overdue_activities, shard_id, range_id, now_us=now_us, limit=ACTIVITIES_MAX)
        await self._repeat(overdue)

    async def _repeat(self, delete: Callable[[], Awaitable[int]]) -> None:
        """Delete until nothing is left, half of the time at most."""
        while True:
            began = self._environment.monotonic()
            if await delete() < ACTIVITIES_MAX:
                return
            await self._environment.sleep(self._environment.monotonic() - began)

    async def _forget(self, shard_id: int, range_id: int, namespace: str, expired: Sequence[ExpiredRun]) -> int:
        """Forget these runs; returns how many went."""
        await self._store.delete_visibility(namespace, [run.run_id for run in expired])
        for run in expired:
            if run.history_length > ROWS_MAX:
                while await self._store.delete_history(shard_id, range_id, run.run_id, ROWS_MAX) == ROWS_MAX:
                    await self._environment.sleep(0)
        count = 0
        for run_ids in _batches(expired):
            count += await self._store.delete_runs(shard_id, range_id, run_ids)
        self.count += count
        return count


def _batches(expired: Sequence[ExpiredRun]) -> list[list[str]]:
    """Run ids, as many together as their histories allow. A history has no more rows than events."""
    batches: list[list[str]] = [[]]
    rows = 0
    for run in expired:
        rows += min(run.history_length, ROWS_MAX)
        if batches[-1] and rows > ROWS_MAX:
            batches.append([])
            rows = min(run.history_length, ROWS_MAX)
        batches[-1].append(run.run_id)
    return batches
