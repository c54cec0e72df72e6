"""Attempts that a worker reported to run and of which the streams know nothing any more.

The server lost them (FLUSHALL, a failover), and their workers may well live: a worker that notices the loss announces
what it runs. So they are not published again; only what nobody has claimed within the grace period has lost its worker,
and the run decides what follows, as after any lost lease.

Rules: the grace period is the lease of a queue, after which a silent worker is given up for lost anyway. It counts only
while the broker answers, since workers cannot announce themselves otherwise either. All of this is memory: a new owner
of the shard finds the same rows, and waits anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from perdure.protocol.requests import ReportTaskLost, encode_envelope, numbered_request
from perdure_broker.port import Broker, BrokerUnavailable, ClusterInfo, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.outstanding import key_of, member_of, stream_of
from perdure_store.port import Store, StoreError, TransferRow

logger = logging.getLogger("perdure.engine.absent")

SENDER = "history"
"""Nobody reads replies to this sender."""

LOOK_S = 1.0
"""Seconds between two looks at who has announced what."""

LOOK_LATE_S = 5.0
"""A look that comes so long after the last one proves nothing: this process was stopped, or the broker away."""

PAGE = 1_000


class _Absence:
    __slots__ = ("attempt", "key", "member", "since", "stream")

    def __init__(self, row: TransferRow, since: float) -> None:
        self.member = member_of(row)
        self.stream = stream_of(row)
        self.key = key_of(row)
        self.attempt = row.attempt
        self.since = since


class AbsentWorkers:
    """Waits for workers to announce what they run, and gives up those that do not."""

    def __init__(self, store: Store, broker: Broker, environment: Environment, cluster: ClusterInfo) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._map_version = cluster.map_version
        self._grace_s = cluster.lease_ms / 1000
        self._absences: dict[str, _Absence] = {}
        self._looked_at = environment.monotonic()

    def __len__(self) -> int:
        return len(self._absences)

    def expect(self, rows: Iterable[TransferRow]) -> None:
        """Rows that name a worker, and that no stream claims. What is waited for already goes on being so."""
        now = self._environment.monotonic()
        for row in rows:
            member = member_of(row)
            if member not in self._absences:
                self._absences[member] = _Absence(row, now)

    def forget_shard(self, shard_id: int) -> None:
        """The shard is lost: its next owner waits for its workers."""
        for member in [member for member, absence in self._absences.items() if absence.key.shard_id == shard_id]:
            del self._absences[member]

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self._environment.sleep(LOOK_S)
            if not self._absences:
                continue
            try:
                await self.look()
            except (BrokerUnavailable, StoreError) as error:
                logger.warning("workers that have to announce themselves are waited for longer: %s", error)
                self._wait_anew()

    async def look(self) -> None:
        """Forget what somebody claims by now, and report what nobody claimed in time."""
        now = self._environment.monotonic()
        if now - self._looked_at > LOOK_LATE_S:
            self._wait_anew()
        self._looked_at = now
        await self._forget_claimed()
        overdue = [absence for absence in self._absences.values() if now - absence.since >= self._grace_s]
        for start in range(0, len(overdue), PAGE):
            await self._report(overdue[start : start + PAGE], now)

    def _wait_anew(self) -> None:
        now = self._environment.monotonic()
        for absence in self._absences.values():
            absence.since = now

    async def _forget_claimed(self) -> None:
        streams: dict[TaskStream, list[str]] = {}
        for member, absence in self._absences.items():
            streams.setdefault(absence.stream, []).append(member)
        for stream, waiting in streams.items():
            for start in range(0, len(waiting), PAGE):
                members = waiting[start : start + PAGE]
                claims = await self._broker.published(stream, members)
                for member, is_claimed in zip(members, claims, strict=True):
                    if is_claimed:
                        self._absences.pop(member, None)

    async def _report(self, overdue: list[_Absence], now: float) -> None:
        """Tell the runs, by their inboxes: behind completions that are already there. Should a report be lost with the
        server's data, the next one follows after another grace period."""
        rows = {key_of(row): row for row in await self._store.transfer_rows([absence.key for absence in overdue])}
        reports: list[tuple[int, bytes]] = []
        for absence in overdue:
            row = rows.get(absence.key)
            if row is not None and row.attempt == absence.attempt and row.worker:
                reports.append((row.shard_id, self._report_of(row)))
                absence.since = now
            else:
                self._absences.pop(absence.member, None)
        if reports:
            logger.info("%d activities have lost their worker together with the broker's data", len(reports))
            await self._broker.send(reports)

    def _report_of(self, row: TransferRow) -> bytes:
        lost = ReportTaskLost(row.run_id, row.kind, row.event_id, row.attempt, row.worker, b"", b"")
        return encode_envelope(self._map_version, SENDER, [numbered_request(0, lost)])
