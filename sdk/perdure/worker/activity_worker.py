"""The activity side of a worker: takes activity tasks, runs them, and stops them when they are no longer wanted."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from perdure.activity.definition import ActivityDefinition
from perdure.activity.shared_flag import SharedFlag
from perdure.content.reading import ContentError
from perdure.exceptions import ApplicationError
from perdure.metrics import MetricMeter
from perdure.protocol.codec import DecodeError
from perdure.protocol.content import hashes_of, is_reference
from perdure.protocol.replies import ReplyKind, decode_cancel_activity
from perdure.protocol.requests import GetActivityTask
from perdure.protocol.tasks import ActivityTask, decode_task, task_member
from perdure.worker.activity_attempt import ActivityAttempt
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.activity_interception import execute_intercepted
from perdure.worker.attempt import Attempt, StopReason
from perdure.worker.deadlines import Deadlines
from perdure.worker.decoding import CodecError, decoded
from perdure.worker.interceptor import Interceptor
from perdure.worker.lease_keeper import Entry
from perdure.worker.link import WorkerLink
from perdure.worker.registry import Registry
from perdure_broker.port import TaskEntry

logger = logging.getLogger("perdure.worker")

STARTED_AFTER_S = 0.1
"""Activities that run for longer are reported as started; most end before, and cost nothing more."""


class ActivityWorker:
    """See the module's docstring. `slot_freed` is called whenever an attempt ends.

    `slots` is how many run at a time, `held_max` how many may be here.
    """

    def __init__(
        self,
        link: WorkerLink,
        registry: Registry,
        execution: ActivityExecution,
        slots: int,
        held_max: int,
        *,
        interceptors: Sequence[Interceptor] = (),
        metric_meter: MetricMeter = MetricMeter.noop,
        default_heartbeat_interval_s: float,
        max_heartbeat_interval_s: float,
    ) -> None:
        self.link = link
        self.deadlines = Deadlines(link.loop, STARTED_AFTER_S)
        self.worker_shutdown = SharedFlag()
        self.loop_thread = threading.get_ident()
        self.default_heartbeat_interval_s = default_heartbeat_interval_s
        self.max_heartbeat_interval_s = max_heartbeat_interval_s
        self.slot_freed: Callable[[], None] | None = None
        self._registry = registry
        self.execution = execution
        self.slots = slots
        self._held_max = held_max
        self._interceptors = interceptors
        self.metric_meter = metric_meter
        self.unanswered: dict[tuple[str, int, int], ActivityAttempt] = {}
        self._running: dict[tuple[str, int, int], ActivityAttempt] = {}
        self._preparing: dict[tuple[str, int, int], TaskEntry] = {}
        self._is_undecodable_logged = False

    def free(self) -> int:
        """Slots that nothing uses; of a worker with processes for tasks, no more than these have use for."""
        free, room = self._held_max - len(self._running) - len(self._preparing), self.execution.room()
        return free if room is None else min(free, room - len(self._preparing))

    @property
    def held(self) -> int:
        """Activities that are here."""
        return len(self._running) + len(self._preparing)

    def is_blocked(self) -> bool:
        """Nothing more is taken, and all that is here was told to stop."""
        return self.free() <= 0 and all(attempt.stop_reason is not None for attempt in self._running.values())

    # Tasks in --------------------------------------------------------------------------------------------------------
    def accept(self, entries: Sequence[TaskEntry]) -> None:
        """Begin the tasks of entries that were read."""
        for entry in entries:
            try:
                task = self.link.decode(entry)
            except DecodeError as error:
                self._undecodable(entry, error)
                continue
            if type(task) is not ActivityTask:
                self._undecodable(entry, DecodeError(f"{type(task).__name__} on a stream of activities"))
                continue
            key = (task.run_id, task.scheduled_event_id, task.attempt)
            if key in self._running or key in self.unanswered or key in self._preparing:
                self._handed_out_again(entry, key)
            elif task.inline and not (task.report_start or self.link.activity_coding or is_reference(task.input)):
                self._begin(entry, task)
            else:
                self._preparing[key] = entry
                self.link.in_background(self._prepare(entry, task, key))

    def _handed_out_again(self, entry: TaskEntry, key: tuple[str, int, int]) -> None:
        """This attempt runs here already, or waits for the reply to its report: the server lost its entry, and it was
        published again before that was noticed. It is not begun a second time; its lease is held by name."""
        attempt = self._running.get(key) or self.unanswered.get(key)
        first = attempt.entry if attempt is not None else self._preparing[key]
        if first.entry_id != entry.entry_id:
            self.link.drop(entry)
            self.link.leases.doubt(first.stream, first.entry_id)

    def _undecodable(self, entry: TaskEntry, error: DecodeError) -> None:
        """Left where it is, for a worker that can read it once the lease has run out."""
        self.link.leases.release(entry.stream, entry.entry_id)
        if not self._is_undecodable_logged:
            self._is_undecodable_logged = True
            logger.error(
                "Activity task %s cannot be read: %s. It is left for another worker; upgrade this one.",
                entry.entry_id.decode(),
                error,
            )

    async def _prepare(self, entry: TaskEntry, task: ActivityTask, key: tuple[str, int, int]) -> None:
        """Fetch what the entry did not carry; be sure that this attempt is wanted, if it is the only one allowed."""
        attempt = None
        try:
            if not task.inline:
                request = GetActivityTask(task.run_id, task.scheduled_event_id, task.attempt)
                reply = await self.link.transport.submit(task.shard_id, request, None)
                if reply.kind == ReplyKind.ERROR:
                    self.link.drop(entry, task_member(task.run_id, task.scheduled_event_id, task.attempt))
                    return
                task = _fetched(reply.body)
            task, known = await self._with_content(task)
            task = await decoded(self.link.activity_coding, task)
            attempt = self._attempt(entry, task)
            if attempt is not None and known:
                attempt.known_content = known
            if attempt is not None and task.report_start:
                reply = await self.link.transport.submit(task.shard_id, attempt.started_request(), None)
                attempt.directed(reply.kind, reply.body)
        except DecodeError as error:
            self._undecodable(entry, error)
            attempt = None
        except CodecError as error:
            self._refuse(entry, task, str(error), "CodecError")
        except ContentError as error:
            self._refuse(entry, task, f"the input cannot be read: {error}", "ContentError")
        finally:
            del self._preparing[key]
        if attempt is None:
            self._freed()
        elif attempt.stop_reason is StopReason.NOT_WANTED:
            attempt.drop()
            self._freed()
        elif attempt.stop_reason is not None or attempt.interruption is not None:
            attempt.failed(asyncio.CancelledError())
        else:
            self._start(attempt)

    async def _with_content(self, task: ActivityTask) -> tuple[ActivityTask, dict[bytes, int]]:
        """The task with the input that it may refer to, and the hashes of what that is made of.

        Raises:
            ContentError: it cannot be had.
        """
        names = dict.fromkeys(hashes_of(task.input), 1)
        whole = await self.link.content.resolve(task.shard_id, task.run_id, task.input)
        return task._replace(input=whole), names

    def _begin(self, entry: TaskEntry, task: ActivityTask) -> None:
        attempt = self._attempt(entry, task)
        if attempt is not None:
            self._start(attempt)

    def _attempt(self, entry: TaskEntry, task: ActivityTask) -> ActivityAttempt | None:
        definition = self._registry.activity(task.activity_type)
        if definition is not None:
            return ActivityAttempt(self, entry, task, definition)
        message = self._registry.unknown_activity(task.activity_type, self.link.task_queue)
        self._refuse(entry, task, message, "NotFoundError")
        return None

    def _refuse(self, entry: TaskEntry, task: ActivityTask, message: str, kind: str) -> None:
        """Report an attempt as failed that cannot begin."""
        refused = ActivityAttempt(self, entry, task, _UNKNOWN)
        self._running[refused.key] = refused
        refused.fail_with(ApplicationError(message, type=kind))

    def _start(self, attempt: ActivityAttempt) -> None:
        self._running[attempt.key] = attempt
        if attempt.definition.is_async or self._interceptors:
            execute = self._execute_intercepted if self._interceptors else None
            task = self.link.environment.spawn(attempt.run(execute), name="activity")
            attempt.stop_now = task.cancel  # also what keeps the task alive
            task.add_done_callback(attempt.task_ended)
            return
        try:
            self.execution.start(attempt)
        except RuntimeError as error:
            attempt.fail_with(ApplicationError(f"the activity executor takes no more work ({error})"))

    def _execute_intercepted(self, attempt: Attempt, arguments: Sequence[Any]) -> Awaitable[Any]:
        return execute_intercepted(attempt, self.execution, self._interceptors, arguments)

    def attempt_ended(self, attempt: ActivityAttempt) -> None:
        self._running.pop(attempt.key, None)
        self._freed()

    def _freed(self) -> None:
        if self.slot_freed is not None:
            self.slot_freed()

    # What the engine says --------------------------------------------------------------------------------------------
    def pushed(self, body: Any) -> None:
        """A word about an attempt: it was cancelled, paused or reset, or is no longer wanted."""
        try:
            push = decode_cancel_activity(body)
        except DecodeError as error:
            logger.warning("A push of the engine cannot be read: %s", error)
            return
        attempt = self._running.get((push.run_id, push.scheduled_event_id, push.attempt))
        if attempt is None:
            return
        if push.reset or push.paused:
            attempt.interrupt(StopReason.RESET if push.reset else StopReason.PAUSED)
        else:
            attempt.stop(StopReason.CANCEL_REQUESTED if push.current else StopReason.NOT_WANTED)

    def lost(self, entries: Iterable[Entry]) -> None:
        """The leases of these entries ran out, or the server lost them: the engine knows whether it gave the attempts
        up. Those that wait for the reply to their report learn it from that."""
        gone = set(entries)
        for attempt in [a for a in self._running.values() if (a.entry.stream, a.entry.entry_id) in gone]:
            attempt.ask_if_wanted()

    # Stopping --------------------------------------------------------------------------------------------------------
    async def stop(self, grace_s: float) -> None:
        """Let what runs finish for `grace_s` seconds, then cancel it, and wait until it has ended."""
        self.worker_shutdown.set()
        self.execution.worker_stops()
        await self._wait_idle(grace_s)
        for attempt in list(self._running.values()):
            attempt.stop(StopReason.WORKER_SHUTDOWN)
        await self._wait_idle(None)
        self.execution.close()
        self.deadlines.close()

    async def _wait_idle(self, timeout_s: float | None) -> None:
        idle = asyncio.Event()
        before = self.slot_freed

        def look() -> None:
            if not self._running and not self._preparing:
                idle.set()

        self.slot_freed = look
        look()
        try:
            async with asyncio.timeout(timeout_s):
                await idle.wait()
        except TimeoutError:
            logger.info("%d activities still run after %s s; cancelling them.", len(self._running), timeout_s)
        finally:
            self.slot_freed = before


def _fetched(body: Any) -> ActivityTask:
    """The task in a reply.

    Raises:
        DecodeError: there is none.
    """
    task = decode_task(body) if type(body) is bytes else None
    if type(task) is not ActivityTask:
        raise DecodeError("the reply to GetActivityTask holds no ActivityTask")
    return task


def _never() -> None:
    """Stands for the function of an activity that is not registered; it is never called."""


_UNKNOWN = ActivityDefinition("unknown", _never, is_async=False)
