"""Answers about task queues: what is set for them, and how they stand.

Rules:
- A change is a row whose revision rises: of two who change a queue at once, the second works on what the first left.
- What is set is kept in the store, and holds although the broker is emptied. The broker is told at once, so that the
  owners of shards stop publishing before they have read the change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from perdure.protocol.codec import pack
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.task_queues import (
    COUNT_MAX,
    FOREVER_US,
    KEY_LENGTH_MAX,
    KEYS_MAX,
    RATE_MICRO_MAX,
    REASON_LENGTH_MAX,
    WEIGHT_MAX,
    WEIGHT_MIN,
    DescribeQueue,
    KeySettings,
    ListQueues,
    PauseQueue,
    QueueInfo,
    QueueKey,
    QueueLane,
    QueueList,
    QueueSettings,
    QueueWorker,
    SetQueueLimits,
)
from perdure.protocol.tasks import TaskKind
from perdure_broker.flow import Limits
from perdure_broker.port import Broker, StreamKind, TaskStream
from perdure_engine.environment import Environment
from perdure_engine.flow_control import settings_of
from perdure_store.flow import BacklogDepth, QueueSettingsRow
from perdure_store.port import Store

Answer = tuple[ReplyKind, Any]

KINDS = {StreamKind.WORKFLOW: TaskKind.WORKFLOW, StreamKind.ACTIVITY: TaskKind.ACTIVITY}

_COUNTS = ("burst", "concurrency", "key_burst", "key_concurrency")
_RATES = ("rate_micro", "key_rate_micro")


class TaskQueues:
    """Args:
    changed: called after each change, so that this engine follows it at once.
    """

    def __init__(
        self, store: Store, broker: Broker, environment: Environment, changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._changed = changed

    # Reading -------------------------------------------------------------------------------------------------------

    async def describe(self, request: DescribeQueue) -> Answer:
        problem = _name_problem(request.namespace, request.task_queue)
        if problem is not None:
            return _refused(problem)
        settings = await self._settings(request.namespace, request.task_queue)
        depths = await self._store.backlog_depths(request.namespace, request.task_queue)
        info = await self._info(settings, depths)
        stream = TaskStream(request.namespace, request.task_queue, StreamKind.ACTIVITY)
        held = await self._broker.holds(stream)
        out = await self._broker.out_by_key(stream)
        keys = tuple(QueueKey(key, out.get(key, 0), held.get(key, 0)) for key in sorted({*held, *out}) if key)
        return ReplyKind.OK, info._replace(held_us=held.get("", 0), keys=keys)

    async def list_all(self, request: ListQueues) -> Answer:
        depths: dict[str, list[BacklogDepth]] = defaultdict(list)
        for depth in await self._store.backlog_depths(request.namespace):
            depths[depth.task_queue].append(depth)
        known = {
            row.task_queue: settings_of(row)
            for row in await self._store.queue_settings()
            if row.namespace == request.namespace
        }
        streams = [stream for stream in await self._broker.task_streams() if stream.namespace == request.namespace]
        names = sorted({*depths, *known, *(stream.task_queue for stream in streams if not stream.worker)})
        rows = []
        for name in names:
            if name:
                info = await self._info(known.get(name) or QueueSettings(request.namespace, name), depths[name])
                rows.append(_brief(info))
        return ReplyKind.OK, QueueList(tuple(rows))

    async def _info(self, settings: QueueSettings, depths: list[BacklogDepth]) -> QueueInfo:
        lanes = [await self._lane(settings, kind, depths) for kind in KINDS]
        return QueueInfo(settings.task_queue, lanes[0], lanes[1], settings)

    async def _lane(self, settings: QueueSettings, kind: StreamKind, depths: list[BacklogDepth]) -> QueueLane:
        stream = TaskStream(settings.namespace, settings.task_queue, kind)
        state = await self._broker.queue_state(stream)
        flow = await self._broker.flow_state(stream, Limits())
        depth = next((depth for depth in depths if depth.kind == KINDS[kind]), None)
        # What the backlog's dispatcher has published is backlog until it is reported as running.
        waiting = max(state.undelivered, depth.total - state.pending) if depth is not None else state.undelivered
        workers = tuple(QueueWorker(*worker) for worker in state.workers)
        return QueueLane(
            int(KINDS[kind]),
            waiting,
            state.pending,
            depth.oldest_us if depth is not None else 0,
            round(flow.finished_per_s * 1000),
            len(workers),
            sum(worker.slots for worker in workers),
            workers,
        )

    # Changing ------------------------------------------------------------------------------------------------------

    async def set_limits(self, request: SetQueueLimits) -> Answer:
        problem = _name_problem(request.namespace, request.task_queue) or _limits_problem(request)
        if problem is not None:
            return _refused(problem)
        while True:
            before = await self._settings(request.namespace, request.task_queue)
            if request.revision and request.revision != before.revision:
                return _refused(
                    f"the task queue {request.task_queue!r} has been set anew: it is at revision {before.revision}, "
                    f"not {request.revision}; look at it again",
                    ErrorCode.FAILED_PRECONDITION,
                )
            after = _with_key(before, request) if request.key else _with_limits(before, request)
            if len(after.keys) > KEYS_MAX:
                return _refused(f"a task queue has settings for at most {KEYS_MAX:,} keys; take some away first")
            kept = await self._keep(before, after, request.identity)
            if kept is not None:
                await self._broker.reset_rates(TaskStream(after.namespace, after.task_queue, StreamKind.ACTIVITY))
                return ReplyKind.OK, kept

    async def pause(self, request: PauseQueue) -> Answer:
        problem = _name_problem(request.namespace, request.task_queue) or _key_problem(request.key)
        if problem is None and not 0 <= request.until_us <= FOREVER_US:
            problem = f"a pause until {request.until_us} us is not possible"
        if problem is None and len(request.reason) > REASON_LENGTH_MAX:
            problem = f"the reason is longer than {REASON_LENGTH_MAX:,} characters"
        if problem is not None:
            return _refused(problem)
        while True:
            before = await self._settings(request.namespace, request.task_queue)
            if request.key:
                own = before.key(request.key) or KeySettings(request.key)
                after = _replaced(before, own._replace(paused_until_us=request.until_us))
            else:
                reason = request.reason if request.until_us else ""
                after = before._replace(paused_until_us=request.until_us, pause_reason=reason)
            kept = await self._keep(before, after, request.identity)
            if kept is not None:
                return ReplyKind.OK, kept

    async def _keep(self, before: QueueSettings, after: QueueSettings, identity: str) -> QueueSettings | None:
        """Write what was set, and let it take effect; None: somebody else was first."""
        if after == before:
            return before
        now_us = self._environment.now_us()
        after = after._replace(revision=before.revision + 1, changed_us=now_us, changed_by=identity)
        row = QueueSettingsRow(after.namespace, after.task_queue, int(TaskKind.ACTIVITY), after.revision, pack(after))
        write = self._store.insert_queue_settings if after.revision == 1 else self._store.update_queue_settings
        if not await write(row):
            return None
        await self._changed()
        stream = TaskStream(after.namespace, after.task_queue, StreamKind.ACTIVITY)
        await self._broker.set_paused(stream, after.paused_until_us > now_us)
        if after.holds_back:
            await self._broker.mark_backlog(stream)
        return after

    async def _settings(self, namespace: str, task_queue: str) -> QueueSettings:
        rows = await self._store.queue_settings()
        place = (namespace, task_queue, TaskKind.ACTIVITY)
        return next((settings_of(row) for row in rows if row[:3] == place), QueueSettings(namespace, task_queue))


def _brief(info: QueueInfo) -> QueueInfo:
    """Without what takes much room."""
    return info._replace(
        workflows=info.workflows._replace(workers=()),
        activities=info.activities._replace(workers=()),
        settings=info.settings._replace(keys=()),
    )


def _with_limits(before: QueueSettings, request: SetQueueLimits) -> QueueSettings:
    told = {name: value for name in (*_RATES, *_COUNTS) if (value := getattr(request, name)) is not None}
    return before._replace(**told)


def _with_key(before: QueueSettings, request: SetQueueLimits) -> QueueSettings:
    names = ("weight", "rate_micro", "burst", "concurrency")
    told = {name: value for name in names if (value := getattr(request, name)) is not None}
    return _replaced(before, (before.key(request.key) or KeySettings(request.key))._replace(**told))


def _replaced(before: QueueSettings, own: KeySettings) -> QueueSettings:
    """The settings with these of one key; a key that has none of its own takes no room."""
    others = tuple(row for row in before.keys if row.key != own.key)
    keys = others if own == KeySettings(own.key) else tuple(sorted((*others, own)))
    return before._replace(keys=keys)


def _refused(message: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> Answer:
    return ReplyKind.ERROR, ErrorReply(code, message)


def _name_problem(namespace: str, task_queue: str) -> str | None:
    return text_problem("the namespace", namespace) or text_problem("the task queue", task_queue)


def _key_problem(key: str) -> str | None:
    if not key:
        return None
    if len(key) > KEY_LENGTH_MAX:
        return f"the fairness key has {len(key)} characters; the limit is {KEY_LENGTH_MAX}"
    return text_problem("the fairness key", key)


def _limits_problem(request: SetQueueLimits) -> str | None:
    for name in _RATES:
        rate = getattr(request, name)
        if rate is not None and not 0 <= rate <= RATE_MICRO_MAX:
            return f"a rate of {rate / 1e6:g} a second is not possible; give 0 (none) to {RATE_MICRO_MAX // 10**6:,}"
    for name in _COUNTS:
        count = getattr(request, name)
        if count is not None and not 0 <= count <= COUNT_MAX:
            return f"{name.replace('_', ' ')} is {count}; give 0 (none) to {COUNT_MAX:,}"
    if request.key and any(getattr(request, name) is not None for name in ("key_rate_micro", *_COUNTS[2:])):
        return "what is set for one key is its own rate, burst, concurrency and weight"
    if request.weight is not None and not request.key:
        return "a weight belongs to a fairness key; name it"
    if request.weight and not WEIGHT_MIN <= request.weight <= WEIGHT_MAX:
        return f"a weight of {request.weight / 1000:g} is not possible; give 0.001 to 1000"
    return _key_problem(request.key)
