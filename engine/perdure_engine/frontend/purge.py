"""Purging: what waits in a paused queue is failed for good, by way of the inboxes of its runs.

Rules:
- The queue must be paused: what its dispatcher hands out meanwhile would begin, and its outcome be refused.
- Nothing is deleted here. Each activity is told as of any failure: workflows go on, and standalone ones close.
- Told twice, an activity fails once: the report names its attempt.
"""

from __future__ import annotations

from typing import Any

from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import RespondActivityTaskFailed, encode_envelope, numbered_request
from perdure.protocol.task_queues import PURGE_MAX, PURGED, Purged, PurgeQueue
from perdure.protocol.tasks import TaskKind
from perdure_broker.port import Broker, ClusterInfo
from perdure_engine.environment import Environment
from perdure_engine.flow_control import settings_of
from perdure_store.port import Store, TransferRow

SENDER = "purge"
"""Nobody reads replies to this sender."""

PRIORITIES = (1, 2, 3, 4, 5)

Answer = tuple[ReplyKind, Any]


class Purge:
    def __init__(self, store: Store, broker: Broker, environment: Environment, cluster: ClusterInfo) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._map_version = cluster.map_version

    async def purge(self, request: PurgeQueue) -> Answer:
        """Tell the next activities of the backlog to fail."""
        if not await self._is_paused(request):
            message = (
                f"the task queue {request.task_queue!r} is not paused; pause it first (`perdure queue pause`), so that "
                "nothing of it begins while it is purged"
            )
            return ReplyKind.ERROR, ErrorReply(ErrorCode.FAILED_PRECONDITION, message)
        left = max(1, min(request.limit, PURGE_MAX))
        rows: list[TransferRow] = []
        for priority in PRIORITIES:
            if left > len(rows):
                rows += await self._store.backlog(
                    request.namespace, request.task_queue, TaskKind.ACTIVITY, priority, {}, limit=left - len(rows)
                )
        failure = Failure.of(
            request.reason or "taken out of its task queue by an operator", ApplicationInfo(PURGED, non_retryable=True)
        )
        await self._broker.send([(row.shard_id, self._report(row, failure, request.identity)) for row in rows])
        return ReplyKind.OK, Purged(len(rows))

    async def _is_paused(self, request: PurgeQueue) -> bool:
        now_us = self._environment.now_us()
        place = (request.namespace, request.task_queue, TaskKind.ACTIVITY)
        return any(
            row[:3] == place and settings_of(row).paused_until_us > now_us for row in await self._store.queue_settings()
        )

    def _report(self, row: TransferRow, failure: Failure, identity: str) -> bytes:
        report = RespondActivityTaskFailed(row.run_id, row.event_id, row.attempt, 0, failure, identity, b"", b"")
        return encode_envelope(self._map_version, SENDER, [numbered_request(0, report)])
