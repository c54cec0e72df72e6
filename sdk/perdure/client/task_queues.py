"""Task queues: what waits in them, who works on them, and how fast and how many at a time they hand tasks out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from perdure.client.connection import Connection, check_text
from perdure.client.execution import time_or_none
from perdure.common import UNSET, Unset
from perdure.protocol import task_queues as wire

DRAIN_LOOK_S = 0.2
"""Seconds between two looks at what still runs."""

MICRO = 1_000_000


@dataclass(frozen=True)
class TaskQueueLimits:
    """How fast and how many at a time. None: without limit.

    Attributes:
        rate: What may begin a second, in the unit of the tasks' costs.
        burst: What may begin at once after a quiet time.
        concurrency: Tasks that are with workers at the same time.
    """

    rate: float | None = None
    burst: int = 1
    concurrency: int | None = None


@dataclass(frozen=True)
class FairnessKeySettings:
    """What one fairness key has by itself.

    Attributes:
        weight: Its share; None: what its tasks say.
        limits: Where it has none, those of all keys hold.
        paused_until: None: it is not paused; `datetime.max`: until it is resumed.
    """

    weight: float | None
    limits: TaskQueueLimits
    paused_until: datetime | None


@dataclass(frozen=True)
class TaskQueueSettings:
    """What is set for the activities of a task queue.

    Attributes:
        limits: Of the queue.
        key_limits: Of each fairness key by itself.
        keys: Keys that have something else.
        paused_until: None: it is not paused; `datetime.max`: until it is resumed.
        revision: Rises with each change; 0: nothing was ever set.
    """

    limits: TaskQueueLimits
    key_limits: TaskQueueLimits
    keys: Mapping[str, FairnessKeySettings]
    paused_until: datetime | None
    pause_reason: str
    revision: int
    last_change_time: datetime | None
    last_modifier: str

    @property
    def is_paused(self) -> bool:
        """Whether nothing is handed out now."""
        return self.paused_until is not None and self.paused_until > datetime.now(self.paused_until.tzinfo)


@dataclass(frozen=True)
class TaskQueueWorker:
    """A worker that polls: how many tasks it takes at a time, and since when it has not said so."""

    identity: str
    slots: int
    silent_for: timedelta


@dataclass(frozen=True)
class TaskQueueLane:
    """The tasks of one kind of a queue.

    Attributes:
        waiting: Tasks that no worker has. While there is a backlog it may be off by as many as run.
        running: Tasks that a worker has.
        oldest_age: How long the oldest of those has been waiting that are not on their way to workers yet; None: none.
        rate: Tasks finished a second, lately.
        workers, slots: Workers that poll, and how many tasks they take at a time together.
        pollers: The workers; empty in a list.
    """

    waiting: int
    running: int
    oldest_age: timedelta | None
    rate: float
    workers: int
    slots: int
    pollers: Sequence[TaskQueueWorker]


@dataclass(frozen=True)
class TaskQueueKey:
    """A fairness key: tasks of it that are with workers, and for how long it is held still (None: it is not)."""

    running: int
    held_for: timedelta | None


@dataclass(frozen=True)
class TaskQueueDescription:
    """How a task queue stands.

    Attributes:
        held_for: Its activities are held for so long by what one of them met (`ThrottledError`); None: they are not.
        keys: Fairness keys that have tasks with workers, or are held, in queues that count them; empty in a list.
    """

    name: str
    workflows: TaskQueueLane
    activities: TaskQueueLane
    settings: TaskQueueSettings
    held_for: timedelta | None
    keys: Mapping[str, TaskQueueKey]


class TaskQueues:
    """The task queues of a namespace. A queue begins with its first worker, task or setting.

    Limits and pauses are those of activities; workflow tasks are never held back. They are kept in the store, and hold
    for all workers and engines: at once for what is handed out from now on. What workers have runs on.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, *, rpc_timeout: timedelta | None = None) -> list[TaskQueueDescription]:
        """All of them, by name, without their workers and keys."""
        request = wire.ListQueues(self._connection.namespace)
        page = await self._connection.ask_frontend(request, wire.decode_queue_list, rpc_timeout)
        return [_description(row) for row in page.rows]

    async def describe(self, name: str, *, rpc_timeout: timedelta | None = None) -> TaskQueueDescription:
        """One queue, also one that nobody has used yet."""
        check_text("the task queue", name)
        request = wire.DescribeQueue(self._connection.namespace, name)
        return _description(await self._connection.ask_frontend(request, wire.decode_queue_info, rpc_timeout))

    async def set_limits(
        self,
        name: str,
        *,
        rate: float | Unset | None = UNSET,
        burst: int | Unset = UNSET,
        concurrency: int | Unset | None = UNSET,
        key_rate: float | Unset | None = UNSET,
        key_burst: int | Unset = UNSET,
        key_concurrency: int | Unset | None = UNSET,
        revision: int | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> TaskQueueSettings:
        """Change limits of a queue. What is not given stays as it is.

        Args:
            rate: What may begin a second, in the unit of the tasks' costs (`Priority.cost`, 1 by default); None: no
                limit.
            burst: What may begin at once after a quiet time; 1 by default. A task that costs more waits until as much
                has come together, and the next one until it is paid for.
            concurrency: Tasks that are with workers at the same time; None: no limit.
            key_rate, key_burst, key_concurrency: The same, for each fairness key by itself. Tasks without a key are
                not counted.
            revision: Only if nobody has set the queue since it had this one.

        Raises:
            ValueError: a limit is negative, or zero.
            RPCError: INVALID_ARGUMENT; FAILED_PRECONDITION: another revision.
        """
        check_text("the task queue", name)
        request = wire.SetQueueLimits(
            self._connection.namespace,
            name,
            "",
            _rate("rate", rate),
            _count("burst", burst),
            _count("concurrency", concurrency),
            _rate("key_rate", key_rate),
            _count("key_burst", key_burst),
            _count("key_concurrency", key_concurrency),
            None,
            revision or 0,
            self._connection.transport.identity,
        )
        return _settings(await self._connection.ask_frontend(request, wire.decode_queue_settings, rpc_timeout))

    async def set_key(
        self,
        name: str,
        key: str,
        *,
        weight: float | Unset | None = UNSET,
        rate: float | Unset | None = UNSET,
        burst: int | Unset = UNSET,
        concurrency: int | Unset | None = UNSET,
        rpc_timeout: timedelta | None = None,
    ) -> TaskQueueSettings:
        """Change what one fairness key has by itself. What is not given stays as it is; None: as other keys have it, or
        for the weight, as its tasks say.

        Raises:
            ValueError: no key, or a number that is not possible.
            RPCError: INVALID_ARGUMENT.
        """
        check_text("the task queue", name)
        check_text("the fairness key", key)
        share = None if isinstance(weight, Unset) else 0 if weight is None else round(weight * 1000)
        if isinstance(weight, int | float) and not 0.001 <= weight <= 1000:
            raise ValueError(f"weight is {weight}; it must be from 0.001 to 1000")
        request = wire.SetQueueLimits(
            self._connection.namespace,
            name,
            key,
            _rate("rate", rate),
            _count("burst", burst),
            _count("concurrency", concurrency),
            weight=share,
            identity=self._connection.transport.identity,
        )
        return _settings(await self._connection.ask_frontend(request, wire.decode_queue_settings, rpc_timeout))

    async def pause(
        self,
        name: str,
        *,
        key: str | None = None,
        duration: timedelta | None = None,
        reason: str = "",
        rpc_timeout: timedelta | None = None,
    ) -> TaskQueueSettings:
        """Hand out no more activities of the queue. Those that workers have run on, and workflows do.

        Args:
            key: Of this fairness key alone.
            duration: For so long; None: until it is resumed.
            reason: Shown to whoever looks at the queue.
        """
        if duration is not None and duration <= timedelta():
            raise ValueError(f"duration is {duration}; it must be positive")
        until_us = wire.FOREVER_US
        if duration is not None:
            until_us = time.time_ns() // 1000 + round(duration.total_seconds() * MICRO)
        return await self._pause(name, until_us, key, reason, rpc_timeout)

    async def resume(
        self, name: str, *, key: str | None = None, rpc_timeout: timedelta | None = None
    ) -> TaskQueueSettings:
        """End a pause, of the queue or of one key of it."""
        return await self._pause(name, 0, key, "", rpc_timeout)

    async def drain(
        self, name: str, *, reason: str = "", timeout: timedelta | None = None, rpc_timeout: timedelta | None = None
    ) -> TaskQueueDescription:
        """Pause the queue, and wait until workers have finished what they have.

        Raises:
            TimeoutError: something still runs after `timeout`; the queue stays paused.
        """
        await self.pause(name, reason=reason, rpc_timeout=rpc_timeout)
        async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
            while True:
                found = await self.describe(name, rpc_timeout=rpc_timeout)
                if not found.activities.running:
                    return found
                await asyncio.sleep(DRAIN_LOOK_S)

    async def purge(self, name: str, *, reason: str = "", rpc_timeout: timedelta | None = None) -> int:
        """Fail, for good, the activities that wait in the store for a place in a paused queue: their workflows get an
        `ApplicationError` of the type "Purged", and standalone ones close with it. Those that were handed out before
        the pause are left alone.

        Returns:
            How many waited.

        Raises:
            RPCError: FAILED_PRECONDITION: the queue is not paused.
        """
        check_text("the task queue", name)
        waited = (await self.describe(name, rpc_timeout=rpc_timeout)).activities.waiting
        identity = self._connection.transport.identity
        request = wire.PurgeQueue(self._connection.namespace, name, wire.PURGE_MAX, reason, identity)
        while True:
            purged = await self._connection.ask_frontend(request, wire.decode_purged, rpc_timeout)
            if not purged.total:
                return waited
            await asyncio.sleep(DRAIN_LOOK_S)

    async def _pause(
        self, name: str, until_us: int, key: str | None, reason: str, rpc_timeout: timedelta | None
    ) -> TaskQueueSettings:
        check_text("the task queue", name)
        if key is not None:
            check_text("the fairness key", key)
        request = wire.PauseQueue(
            self._connection.namespace, name, until_us, key or "", reason, self._connection.transport.identity
        )
        return _settings(await self._connection.ask_frontend(request, wire.decode_queue_settings, rpc_timeout))


def _rate(name: str, rate: float | Unset | None) -> int | None:
    """A rate as it travels; None: as it is."""
    if isinstance(rate, Unset):
        return None
    if rate is None:
        return 0
    if not rate > 0:
        raise ValueError(f"{name} is {rate}; it must be positive, or None for no limit (`pause` hands out nothing)")
    return max(1, round(rate * MICRO))


def _count(name: str, count: int | Unset | None) -> int | None:
    if isinstance(count, Unset):
        return None
    if count is None:
        return 0
    if count < 1:
        raise ValueError(f"{name} is {count}; it must be at least 1, or None for no limit (`pause` hands out nothing)")
    return count


def _description(info: wire.QueueInfo) -> TaskQueueDescription:
    return TaskQueueDescription(
        info.task_queue,
        _lane(info.workflows),
        _lane(info.activities),
        _settings(info.settings),
        _duration(info.held_us),
        {row.key: TaskQueueKey(row.out, _duration(row.held_us)) for row in info.keys},
    )


def _lane(lane: wire.QueueLane) -> TaskQueueLane:
    age = None
    if lane.oldest_us:
        age = timedelta(microseconds=max(0, time.time_ns() // 1000 - lane.oldest_us))
    return TaskQueueLane(
        lane.waiting,
        lane.running,
        age,
        lane.finished_milli / 1000,
        lane.worker_count,
        lane.slots,
        [TaskQueueWorker(row.identity, row.slots, timedelta(milliseconds=row.age_ms)) for row in lane.workers],
    )


def _settings(settings: wire.QueueSettings) -> TaskQueueSettings:
    return TaskQueueSettings(
        _limits(settings.rate_micro, settings.burst, settings.concurrency),
        _limits(settings.key_rate_micro, settings.key_burst, settings.key_concurrency),
        {
            row.key: FairnessKeySettings(
                row.weight / 1000 or None,
                _limits(row.rate_micro, row.burst, row.concurrency),
                _until(row.paused_until_us),
            )
            for row in settings.keys
        },
        _until(settings.paused_until_us),
        settings.pause_reason,
        settings.revision,
        time_or_none(settings.changed_us),
        settings.changed_by,
    )


def _limits(rate_micro: int, burst: int, concurrency: int) -> TaskQueueLimits:
    return TaskQueueLimits(rate_micro / MICRO or None, burst or 1, concurrency or None)


def _until(until_us: int) -> datetime | None:
    return datetime.max if until_us >= wire.FOREVER_US else time_or_none(until_us)


def _duration(us: int) -> timedelta | None:
    return timedelta(microseconds=us) if us else None
