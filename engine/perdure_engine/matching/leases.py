"""Leases: a worker that is gone is known by its silence, heartbeat or none.

An entry that has been idle for longer than the lease in two looks, a third of a lease apart, has lost its worker,
provided that the broker answered all the while. What happens then is decided by the run: matching only says so, through
the inbox, behind completions that are already there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from perdure.protocol.codec import DecodeError
from perdure.protocol.requests import ReportTaskLost, encode_envelope, numbered_request
from perdure.protocol.tasks import ActivityTask, QueryTask, TaskKind, WorkflowTask, decode_task
from perdure_broker.port import Broker, PendingEntry, TaskEntry, TaskStream
from perdure_engine.environment import Environment

logger = logging.getLogger("perdure.engine.leases")

SENDER = "matching"
"""Nobody reads replies to this sender."""

SCAN_PAGE = 1_000


class _Suspect(NamedTuple):
    consumer: str
    deliveries: int
    since: float


class LeaseWatch:
    """Watches the pending entries of one stream."""

    def __init__(self, broker: Broker, environment: Environment, stream: TaskStream, map_version: int) -> None:
        self._broker = broker
        self._environment = environment
        self._stream = stream
        self._map_version = map_version
        self._suspects: dict[bytes, _Suspect] = {}
        self._reported: dict[bytes, float] = {}
        self.next_look = 0.0

    async def look(self, lease_ms: int) -> int:
        """Look once; returns how many lost tasks were reported. Call it every third of a lease."""
        now = self._environment.monotonic()
        lease_s = lease_ms / 1000
        self.next_look = now + lease_s / 3
        pending = await self._idle(lease_ms * 2 // 3)
        suspects: dict[bytes, _Suspect] = {}
        lost: list[PendingEntry] = []
        for entry in pending:
            before = self._suspects.get(entry.entry_id)
            if before is None or (before.consumer, before.deliveries) != (entry.consumer, entry.deliveries):
                suspects[entry.entry_id] = _Suspect(entry.consumer, entry.deliveries, now)
                continue
            suspects[entry.entry_id] = before
            told = self._reported.get(entry.entry_id)
            is_due = told is None or now - told > lease_s
            if entry.idle_ms >= lease_ms and now - before.since >= lease_s / 4 and is_due:
                lost.append(entry)
        self._suspects = suspects
        self._reported = {entry_id: told for entry_id, told in self._reported.items() if entry_id in suspects}
        for start in range(0, len(lost), SCAN_PAGE):
            await self._report(lost[start : start + SCAN_PAGE])
        return len(lost)

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

    def _describe(self, entry: TaskEntry, worker: str) -> tuple[int, ReportTaskLost] | None:
        """The report about a lost task and its shard, or None for what nobody waits for."""
        try:
            task = decode_task(entry.data)
        except DecodeError as error:
            logger.error("dropping an entry of %s that is not a task: %s", self._stream.task_queue, error)
            return None
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
