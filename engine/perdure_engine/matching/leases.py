"""Leases: a worker that is gone is known by its silence, heartbeat or none.

An entry that has been idle for longer than the lease in two looks, a third of a lease apart, has lost its worker,
provided that the broker answered all the while. So has an attempt that is held by name, because its entry was lost.
What happens then is decided by the run: matching only says so, through the inbox, behind completions that are already
there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from perdure.protocol.codec import DecodeError
from perdure.protocol.requests import ReportTaskLost, ReportUnreadable, encode_envelope, numbered_request
from perdure.protocol.tasks import ActivityTask, QueryTask, TaskKind, WorkflowTask, parse_member, readable_task
from perdure_broker.port import AnnouncedTask, Broker, ClusterInfo, PendingEntry, StreamKind, TaskEntry, TaskStream
from perdure_engine.environment import Environment

logger = logging.getLogger("perdure.engine.leases")

SENDER = "matching"
"""Nobody reads replies to this sender."""

UNREADABLE_SHARD = 0
"""Keeps what names no shard: there is always one."""

SCAN_PAGE = 1_000


class _Held(NamedTuple):
    """Who holds a task, how often it was given away, and for how long its holder has been silent."""

    holder: str
    deliveries: int
    idle_ms: int


class _Suspect(NamedTuple):
    holder: str
    deliveries: int
    since: float


_Name = bytes | str
"""The id of an entry, or the member of an attempt that is held by name."""


class LeaseWatch:
    """Watches the pending entries of one stream."""

    def __init__(self, broker: Broker, environment: Environment, stream: TaskStream, cluster: ClusterInfo) -> None:
        self._broker = broker
        self._environment = environment
        self._stream = stream
        self._map_version = cluster.map_version
        self._shard_count = cluster.shard_count
        self._suspects: dict[_Name, _Suspect] = {}
        self._reported: dict[_Name, float] = {}
        self.next_look = 0.0

    async def look(self, lease_ms: int) -> int:
        """Look once; returns how many lost tasks were reported. Call it every third of a lease."""
        now = self._environment.monotonic()
        self.next_look = now + lease_ms / 3000
        pending = {entry.entry_id: entry for entry in await self._idle(lease_ms * 2 // 3)}
        named: dict[str, AnnouncedTask] = {}
        if self._stream.kind == StreamKind.ACTIVITY:
            announced = await self._broker.scan_announced(self._stream, idle_ms=lease_ms * 2 // 3)
            named = {task.member: task for task in announced}
        held: dict[_Name, _Held] = {
            **{entry_id: _Held(entry.consumer, entry.deliveries, entry.idle_ms) for entry_id, entry in pending.items()},
            **{member: _Held(task.worker, 1, task.idle_ms) for member, task in named.items()},
        }
        lost = self._overdue(held, lease_ms, now)
        lost_entries = [pending[name] for name in lost if isinstance(name, bytes)]
        for start in range(0, len(lost_entries), SCAN_PAGE):
            await self._report(lost_entries[start : start + SCAN_PAGE])
        lost_named = [named[name] for name in lost if isinstance(name, str)]
        if lost_named:
            await self._report_named(lost_named)
        return len(lost)

    def _overdue(self, held: Mapping[_Name, _Held], lease_ms: int, now: float) -> list[_Name]:
        """Those that have been silent for a lease, in this look and an earlier one."""
        suspects: dict[_Name, _Suspect] = {}
        lost: list[_Name] = []
        for name, (holder, deliveries, idle_ms) in held.items():
            before = self._suspects.get(name)
            if before is None or (before.holder, before.deliveries) != (holder, deliveries):
                suspects[name] = _Suspect(holder, deliveries, now)
                continue
            suspects[name] = before
            told = self._reported.get(name)
            is_due = told is None or now - told > lease_ms / 1000
            if idle_ms >= lease_ms and now - before.since >= lease_ms / 4000 and is_due:
                lost.append(name)
        self._suspects = suspects
        self._reported = {name: told for name, told in self._reported.items() if name in suspects}
        return lost

    def interrupted(self) -> None:
        """The broker did not answer: workers could not renew either, so that every suspicion starts anew."""
        self._suspects.clear()

    async def _idle(self, idle_ms: int) -> list[PendingEntry]:
        found: list[PendingEntry] = []
        start = b"-"
        while True:
            page = await self._broker.scan_pending(self._stream, idle_ms=idle_ms, start=start, count=SCAN_PAGE)
            found.extend(page)
            if len(page) < SCAN_PAGE:
                return found
            start = _next_id(page[-1].entry_id)

    async def _report(self, lost: Sequence[PendingEntry]) -> None:
        consumers = {entry.entry_id: entry.consumer for entry in lost}
        entries = await self._broker.read_entries(self._stream, list(consumers))
        reports: list[tuple[int, bytes]] = []
        over: list[TaskEntry] = []
        for entry in entries:
            report = self._describe(entry, consumers[entry.entry_id])
            if report is None:
                over.append(entry)
            else:
                shard_id, request = report
                row = numbered_request(0, request)
                reports.append((shard_id, encode_envelope(self._map_version, SENDER, [row])))
        if over:
            await self._broker.finish(over[0].stream, [entry.entry_id for entry in over])
        if reports:
            logger.info("%s: %d tasks have lost their worker", self._stream.task_queue, len(reports))
            await self._broker.send(reports)
        now = self._environment.monotonic()
        for entry_id in consumers:
            self._reported[entry_id] = now

    async def _report_named(self, lost: Sequence[AnnouncedTask]) -> None:
        """First the report, then the end of the hold: should this process end in between, the next one reports again.
        The claim is given up by the run."""
        reports: list[tuple[int, bytes]] = []
        for task in lost:
            try:
                run_id, event_id, attempt = parse_member(task.member)
            except DecodeError as error:
                logger.error("dropping what a worker of %s holds: %s", self._stream.task_queue, error)
                continue
            request = ReportTaskLost(run_id, TaskKind.ACTIVITY, event_id, attempt, task.worker, task.stream, b"")
            row = numbered_request(0, request)
            reports.append((task.shard_id, encode_envelope(self._map_version, SENDER, [row])))
        if reports:
            logger.info("%s: %d announced tasks have lost their worker", self._stream.task_queue, len(reports))
            await self._broker.send(reports)
        for task in lost:
            await self._broker.withdraw_announced(task.worker, {task.stream: [task.member]})

    def _describe(self, entry: TaskEntry, worker: str) -> tuple[int, ReportTaskLost | ReportUnreadable] | None:
        """The report about a lost task and its shard, or None for what nobody waits for. What no worker could read, and
        this engine cannot either, goes to the dead letters."""
        try:
            task = readable_task(entry.data, self._shard_count)
        except DecodeError as error:
            logger.error("an entry of %s is not a task: %s", self._stream.task_queue, error)
            source = f"{self._stream.kind.name.lower()} task queue {self._stream.task_queue}"
            return UNREADABLE_SHARD, ReportUnreadable(source, str(error), entry.data, entry.stream, entry.entry_id)
        if isinstance(task, QueryTask):
            return None
        kind = TaskKind.WORKFLOW if isinstance(task, WorkflowTask) else TaskKind.ACTIVITY
        assert isinstance(task, WorkflowTask | ActivityTask)
        report = ReportTaskLost(
            task.run_id, kind, task.scheduled_event_id, task.attempt, worker, entry.stream, entry.entry_id
        )
        return task.shard_id, report


def _next_id(entry_id: bytes) -> bytes:
    """The first id after this one."""
    time_ms, _, sequence = entry_id.partition(b"-")
    return b"%s-%d" % (time_ms, int(sequence or b"0") + 1)
