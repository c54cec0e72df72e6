"""The workflow side of a worker: takes workflow tasks, activates instances, and answers queries.

Rules: an activation runs here and now, on the event loop's thread; only fetching a history takes time. An instance is
kept between tasks, and let go as soon as there is any doubt about where it stands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from perdure.content.reading import ContentError
from perdure.content.sending import CUT_ABOVE_BYTES_GROWN, Parcel, cut_above
from perdure.exceptions import ApplicationError, WorkflowTaskError
from perdure.execution.instance import WorkflowInstance
from perdure.execution.surroundings import RunIdentity, WorkerSettings
from perdure.protocol.codec import DecodeError
from perdure.protocol.commands import COMMANDS, Command
from perdure.protocol.content import MARK as CONTENT_MARK
from perdure.protocol.events import HistoryEvent, WorkflowExecutionStarted, decode_records
from perdure.protocol.failure import Failure
from perdure.protocol.replies import ReplyKind, TaskDropped, decode_task_dropped
from perdure.protocol.requests import RespondWorkflowTaskCompleted, RespondWorkflowTaskFailed
from perdure.protocol.tasks import QueryTask, Task, WorkflowTask, task_member
from perdure.protocol.updates import UpdateDelivery, decode_deliveries
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.command_content import COMMANDS_BYTES_MAX, check_size, cut_size, cut_values, values_size
from perdure.worker.deadlock_watch import DeadlockWatch
from perdure.worker.decoding import CodecError, decoded
from perdure.worker.held_tasks import HeldTask, HeldTasks
from perdure.worker.history_fetching import FetchedHistory, NoHistory, fetch_task_history, read_task_events
from perdure.worker.instance_cache import InstanceCache
from perdure.worker.interceptor import Interceptor
from perdure.worker.link import WorkerLink
from perdure.worker.query_answering import QueryAnswering
from perdure.worker.registry import Registry
from perdure.worker.upserted_types import UpsertedTypes
from perdure.workflow.errors import NondeterminismError
from perdure_broker.port import TaskEntry

logger = logging.getLogger("perdure.worker")

NON_DETERMINISTIC_ERROR = "NON_DETERMINISTIC_ERROR"
UNHANDLED_FAILURE = "WORKFLOW_WORKER_UNHANDLED_FAILURE"


class WorkflowWorker:
    """See the module's docstring. `slot_freed` is called whenever a task that took time is done."""

    def __init__(
        self,
        link: WorkerLink,
        registry: Registry,
        settings: WorkerSettings,
        cache: InstanceCache,
        watch: DeadlockWatch,
        slots: int,
        execution: ActivityExecution | None = None,
        local_slots: int = 0,
        *,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        """`execution` and `local_slots` are for local activities; without an execution, there are none to run."""
        self.slot_freed: Callable[[], None] | None = None
        self._link = link
        self._registry = registry
        self._settings = settings
        self._cache = cache
        self._watch = watch
        self._slots = slots
        self._queries = QueryAnswering(link, registry, settings, cache, watch)
        self._types = UpsertedTypes(link)
        self._held = HeldTasks(
            link,
            registry,
            watch,
            execution,
            local_slots,
            self._complete_held,
            self._break_held,
            metric_meter=settings.metric_meter,
            interceptors=interceptors,
        )
        cache.on_close = self._held.forget
        self._fetching = 0
        self._is_stopping = False
        self._unanswered: dict[str, list[tuple[TaskEntry, WorkflowTask]]] = {}
        self._is_undecodable_logged = False

    def free(self) -> int:
        """Slots that nothing uses."""
        return self._slots - self._fetching

    async def stop(self, grace_s: float = 0.0) -> None:
        """Wait until no task is on its way, for local activities up to `grace_s` seconds; then let go of every
        instance."""
        self._is_stopping = True
        await self._held.stop(grace_s)
        while self._fetching:
            freed = asyncio.Event()
            self.slot_freed = freed.set
            await freed.wait()
        self._cache.clear()

    # Tasks in --------------------------------------------------------------------------------------------------------
    def accept(self, entries: Sequence[TaskEntry]) -> None:
        """Do the tasks of entries that were read. The timeout of those that wait here for others runs, too."""
        for entry, task in [(entry, task) for entry in entries if (task := self._decode(entry)) is not None]:
            try:
                if type(task) is WorkflowTask:
                    self._accept(entry, task)
                elif type(task) is QueryTask:
                    self._queries.accept(entry, task)
                else:
                    raise DecodeError(f"{type(task).__name__} on a stream of workflow tasks")
            except DecodeError as error:
                self._undecodable(entry, error)

    def _decode(self, entry: TaskEntry) -> Task | None:
        try:
            task = self._link.decode(entry)
        except DecodeError as error:
            self._undecodable(entry, error)
            return None
        if type(task) is WorkflowTask:
            self._link.leases.bound(entry.stream, entry.entry_id, task.task_timeout_ms / 1000)
        return task

    def _undecodable(self, entry: TaskEntry, error: DecodeError) -> None:
        """Left where it is, for a worker that can read it once the lease has run out."""
        self._link.leases.release(entry.stream, entry.entry_id)
        if not self._is_undecodable_logged:
            self._is_undecodable_logged = True
            logger.error(
                "Workflow task %s cannot be read: %s. It is left for another worker; upgrade this one.",
                entry.entry_id.decode(),
                error,
            )

    def _accept(self, entry: TaskEntry, task: WorkflowTask) -> None:
        if self._must_wait(entry, task):
            return
        is_whole = CONTENT_MARK not in task.events and CONTENT_MARK not in task.updates
        if task.events and self._link.coding is None and is_whole:
            instance = self._instance_at(task)
            if instance is not None:
                self._activate(entry, task, instance, decode_records(task.events), decode_deliveries(task.updates))
                return
            if task.continues_from == 0:
                history = FetchedHistory(decode_records(task.events), {}, decode_deliveries(task.updates))
                self._start_over(entry, task, history)
                return
        self._fetching += 1
        self._link.in_background(self._fetch(entry, task))

    def _must_wait(self, entry: TaskEntry, task: WorkflowTask) -> bool:
        """Whether the engine has not said yet if it took the last completion of the kept instance. If it did not, that
        instance is not where the run is, though it may stand at the same event: the task goes on with the answer."""
        if self._held.must_wait(entry, task):
            return True
        waiting = self._unanswered.get(task.run_id)
        if waiting is None:
            return False
        waiting.append((entry, task))
        return True

    async def _fetch(self, entry: TaskEntry, task: WorkflowTask) -> None:
        """Get what the instance has not seen and go on from there, or the whole history and begin again from it."""
        try:
            task = await decoded(self._link.coding, task)
            instance = self._instance_at(task)
            if instance is not None:
                history = await self._history(task, task.continues_from)
                instance = self._instance_at(task)
            if instance is None:
                history = await self._history(task, 0)
            if self._must_wait(entry, task):
                return
            if instance is not None:
                instance.known_content.update(history.content)
                self._activate(entry, task, instance, history.events, history.updates)
            else:
                self._start_over(entry, task, history)
        except NoHistory:
            self._cache.evict(task.run_id)
            self._link.drop(entry, task_member(task.run_id, task.scheduled_event_id, task.attempt))
        except ContentError as error:
            self._cache.evict(task.run_id)
            self._failed(entry, task, WorkflowTaskError(f"the history cannot be read: {error}"))
        except DecodeError as error:
            self._undecodable(entry, error)
        except CodecError as error:
            self._cache.evict(task.run_id)
            self._failed(entry, task, error)
        finally:
            self._fetching -= 1
            if self.slot_freed is not None:
                self.slot_freed()

    async def _history(self, task: WorkflowTask, after_event_id: int) -> FetchedHistory:
        """The events after one, from the task itself if it has them, whole and decoded.

        Raises:
            NoHistory: the task is no longer current.
            ContentError: the run lacks what they refer to.
            CodecError: the codec cannot decode them.
        """
        if task.events and after_event_id == task.continues_from:
            history = await read_task_events(self._link, task)
        else:
            history = await fetch_task_history(self._link, task, after_event_id)
        coding = self._link.coding
        if history.updates:
            history = history._replace(updates=[await decoded(coding, update) for update in history.updates])
        return history._replace(events=await decoded(coding, history.events))

    def _instance_at(self, task: WorkflowTask) -> WorkflowInstance | None:
        """The cached instance, if it stands where the task goes on."""
        instance = self._cache.get(task.run_id) if task.continues_from else None
        return instance if instance is not None and instance.continues_from == task.continues_from else None

    def _start_over(self, entry: TaskEntry, task: WorkflowTask, history: FetchedHistory) -> None:
        """Make an instance anew.

        Raises:
            DecodeError: a run has no history that is empty.
        """
        if not history.events:
            raise DecodeError(f"the history of run {task.run_id} is empty")
        task = _named(task, history.events)
        self._cache.evict(task.run_id)
        definition = self._registry.workflow(task.workflow_type)
        if definition is None:
            message = self._registry.unknown_workflow(task.workflow_type, self._link.task_queue)
            self._fail(entry, task, UNHANDLED_FAILURE, ApplicationError(message, type="NotFoundError"))
            return
        instance = WorkflowInstance(definition, self._settings, RunIdentity(task.workflow_id, task.run_id))
        if history.content:
            instance.known_content.update(history.content)
        self._activate(entry, task, instance, history.events, history.updates)

    # Activation ------------------------------------------------------------------------------------------------------
    def _activate(
        self,
        entry: TaskEntry,
        task: WorkflowTask,
        instance: WorkflowInstance,
        events: Sequence[HistoryEvent],
        updates: Sequence[UpdateDelivery],
    ) -> None:
        sizes = (task.started_time_us, task.scheduled_event_id, task.history_size_bytes)
        try:
            commands = self._watch.guard(instance, instance.activate, events, *sizes, updates)
            if instance.local_calls is not None:
                self._cache.take(task.run_id)
                self._held.hold(entry, task, instance)
                return
            parcel = self._parcel(task, instance, commands)
        except BaseException as error:  # the top of one workflow task: even SystemExit must not end its neighbours
            self._let_go(task.run_id, instance)
            self._failed(entry, task, error)
            return
        self._complete(entry, task, instance, commands, parcel)

    def _parcel(self, task: WorkflowTask, instance: WorkflowInstance, commands: list[Command]) -> Parcel | None:
        """Have large values among the commands refer to pieces that travel beside them.

        Raises:
            WorkflowTaskError: they are too much.
        """
        size = values_size(commands)
        if size <= CUT_ABOVE_BYTES_GROWN:
            return None
        if self._link.coding is not None:  # what is encrypted has nothing in common with anything
            check_size(size)
            return None
        above = cut_above(task.history_size_bytes)
        if size > COMMANDS_BYTES_MAX:
            check_size(cut_size(commands, above))
        parcel = Parcel(instance.known_content)
        cut_values(commands, above, parcel)
        return parcel

    def _complete_held(self, held: HeldTask, commands: list[Command], wants_new_task: bool) -> None:
        """A task that waited for local activities is completed."""
        try:
            parcel = self._parcel(held.task, held.instance, commands)
        except WorkflowTaskError as error:
            self._break_held(held, error)
            return
        self._complete(held.entry, held.task, held.instance, commands, parcel, wants_new_task=wants_new_task)
        waiting = self._unanswered.get(held.task.run_id)
        if waiting is not None:
            waiting.extend(held.waiting)
        else:
            self._accept_again(held.waiting)

    def _break_held(self, held: HeldTask, error: BaseException) -> None:
        self._let_go(held.task.run_id, held.instance)
        self._failed(held.entry, held.task, error)
        self._accept_again(held.waiting)

    def _complete(
        self,
        entry: TaskEntry,
        task: WorkflowTask,
        instance: WorkflowInstance,
        commands: Sequence[Command],
        parcel: Parcel | None,
        *,
        wants_new_task: bool = False,
    ) -> None:
        is_extended = wants_new_task and not self._is_stopping
        is_kept = not instance.is_complete and (is_extended or (self._cache.is_enabled and not wants_new_task))
        if is_kept:
            self._keep(task.run_id, instance, is_extended=is_extended)
            self._unanswered[task.run_id] = []
        else:
            self._let_go(task.run_id, instance)
        numbered, deployment = COMMANDS.numbered, self._settings.deployment
        request = RespondWorkflowTaskCompleted(
            task.run_id,
            task.scheduled_event_id,
            task.attempt,
            task.started_time_us,
            [numbered(command) for command in commands],  # type: ignore[arg-type]  # as `encode_envelope` wants them
            self._link.identity,
            self._link.worker_id if is_kept else "",
            entry.stream,
            entry.entry_id,
            task.history_size_bytes,
            wants_new_task,
            None if deployment is None else deployment.stamp(instance.definition.versioning_behavior),
        )
        self._link.leases.answered(entry.stream, entry.entry_id)

        def replied(kind: int, body: Any) -> None:
            self._replied(entry, task, kind, body)

        def post() -> None:
            if parcel is None or not parcel.content:
                self._link.post(task.shard_id, request, replied)
            else:
                instance.known_content.update(dict.fromkeys(parcel.content, 1))
                self._link.post_parcel(task.shard_id, task.run_id, request, replied, parcel)

        self._types.post(commands, post, replied)

    def _keep(self, run_id: str, instance: WorkflowInstance, *, is_extended: bool) -> None:
        """One whose task is extended stays until the next one comes: else what runs for it would begin anew with each.
        If none comes in the time of a task, somebody else has it."""
        if is_extended:
            pin = self._cache.pin(run_id, instance)
            self._link.loop.call_later(instance.task_timeout_ms / 1000, self._cache.unpin, run_id, pin)
        else:
            self._cache.keep(run_id, instance)

    def _let_go(self, run_id: str, instance: WorkflowInstance) -> None:
        self._held.forget(run_id)
        self._cache.evict(run_id)
        self._watch.close(instance)

    def _failed(self, entry: TaskEntry, task: WorkflowTask, error: BaseException) -> None:
        cause = NON_DETERMINISTIC_ERROR if isinstance(error, NondeterminismError) else UNHANDLED_FAILURE
        failure = self._fail(entry, task, cause, error)
        logger.warning(
            "A workflow task of %r (type %r, run %s) failed in attempt %d and will be tried again: %s",
            task.workflow_id,
            task.workflow_type,
            task.run_id,
            max(task.attempt, 1),
            failure.message,
            exc_info=None if isinstance(error, WorkflowTaskError) else error,
        )

    def _fail(self, entry: TaskEntry, task: WorkflowTask, cause: str, error: BaseException) -> Failure:
        failure = self._link.converter.to_failure(error)
        request = RespondWorkflowTaskFailed(
            task.run_id,
            task.scheduled_event_id,
            task.attempt,
            task.started_time_us,
            cause,
            failure,
            self._link.identity,
            entry.stream,
            entry.entry_id,
        )
        self._link.leases.answered(entry.stream, entry.entry_id)
        self._link.post(task.shard_id, request, lambda kind, body: self._failure_replied(entry, kind))
        return failure

    def _replied(self, entry: TaskEntry, task: WorkflowTask, kind: int, body: Any) -> None:
        waiting = self._unanswered.pop(task.run_id, ())
        if kind != ReplyKind.ERROR:
            self._link.leases.release(entry.stream, entry.entry_id)
            if body is not None:
                self._dropped(task, decode_task_dropped(body))
        else:
            self._refused(entry, task, body)
        self._accept_again(waiting)

    def _accept_again(self, waiting: Sequence[tuple[TaskEntry, WorkflowTask]]) -> None:
        for later_entry, later in waiting:
            try:
                self._accept(later_entry, later)
            except DecodeError as error:
                self._undecodable(later_entry, error)

    def _dropped(self, task: WorkflowTask, dropped: TaskDropped) -> None:
        """The task was one for updates, all of which were rejected: the instance stands where it stood before."""
        instance = self._cache.get(task.run_id)
        if instance is not None:
            instance.rewind(dropped.continues_from)

    def _refused(self, entry: TaskEntry, task: WorkflowTask, body: Any) -> None:
        """What the instance did never happened."""
        self._cache.evict(task.run_id)
        refusal = self._link.refusal(body)
        if refusal is None:  # the task was no longer current
            self._link.drop(entry)
        else:
            self._failed(entry, task, WorkflowTaskError(f"what the workflow asked for cannot be taken: {refusal}"))

    def _failure_replied(self, entry: TaskEntry, kind: int) -> None:
        if kind == ReplyKind.ERROR:
            self._link.drop(entry)
        else:
            self._link.leases.release(entry.stream, entry.entry_id)


def _named(task: WorkflowTask, events: Sequence[HistoryEvent]) -> WorkflowTask:
    """The task with the names that its first event tells: an entry that was published again says only which run."""
    started = events[0].attributes
    if task.workflow_type or not isinstance(started, WorkflowExecutionStarted):
        return task
    return task._replace(workflow_id=started.workflow_id, workflow_type=started.workflow_type)
