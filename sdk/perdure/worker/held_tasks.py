"""Workflow tasks that wait for local activities before they are completed.

Role: keeps entry, task and instance together while the worker runs what the workflow asked for; the workflow runs on
after each outcome, and the task is completed when nothing is outstanding. What takes long is reported in between
(`extend`): the task is completed with what is known so far, and another one follows at once.

Rules: the instance is out of the cache while it is held, so that nothing closes it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from perdure.execution.instance import WorkflowInstance
from perdure.execution.local_marker import LocalOutcome
from perdure.metrics import MetricMeter
from perdure.protocol.commands import Command
from perdure.protocol.tasks import WorkflowTask
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.deadlock_watch import DeadlockWatch
from perdure.worker.interceptor import Interceptor
from perdure.worker.link import WorkerLink
from perdure.worker.local_activity import LocalRun
from perdure.worker.local_activity_runner import LocalActivityRunner
from perdure.worker.registry import Registry
from perdure_broker.port import TaskEntry

EXTEND_PART = 0.8
"""Part of the timeout of a workflow task after which it is extended (Temporal's number)."""


class HeldTask:
    """A workflow task whose instance waits. `waiting`: tasks of the same run that came in meanwhile."""

    __slots__ = ("entry", "instance", "task", "timer", "waiting")

    def __init__(self, entry: TaskEntry, task: WorkflowTask, instance: WorkflowInstance) -> None:
        self.entry = entry
        self.task = task
        self.instance = instance
        self.timer: asyncio.TimerHandle | None = None
        self.waiting: list[tuple[TaskEntry, WorkflowTask]] = []


class HeldTasks:
    """See the module's docstring.

    `complete` is called with a task that waits no longer, its commands, and whether another task is to follow; `broken`
    with one whose code raised what does not fail the workflow.
    """

    def __init__(
        self,
        link: WorkerLink,
        registry: Registry,
        watch: DeadlockWatch,
        execution: ActivityExecution | None,
        slots: int,
        complete: Callable[[HeldTask, list[Command], bool], None],
        broken: Callable[[HeldTask, BaseException], None],
        *,
        metric_meter: MetricMeter = MetricMeter.noop,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        self._link = link
        self._watch = watch
        self._complete = complete
        self._broken = broken
        self._extends = True
        self._runner = LocalActivityRunner(
            link, registry, execution, slots, self._ended, metric_meter=metric_meter, interceptors=interceptors
        )
        self._held: dict[str, HeldTask] = {}
        self._none_left: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, entry: TaskEntry, task: WorkflowTask, instance: WorkflowInstance) -> None:
        """The instance has asked for local activities: run them."""
        held = self._held[task.run_id] = HeldTask(entry, task, instance)
        if self._extends:
            wait_s = instance.task_timeout_ms / 1000 * EXTEND_PART
            held.timer = self._link.loop.call_later(wait_s, self._extend, held)
        self._pursue(held)

    def must_wait(self, entry: TaskEntry, task: WorkflowTask) -> bool:
        """Whether this task has to wait until the one that is held of its run is completed."""
        held = self._held.get(task.run_id)
        if held is None:
            return False
        held.waiting.append((entry, task))
        return True

    def forget(self, run_id: str) -> None:
        """The worker lets go of the instance."""
        self._runner.forget(run_id)

    def _pursue(self, held: HeldTask) -> None:
        instance, task = held.instance, held.task
        run = LocalRun(
            task.namespace,
            instance.run.workflow_id,
            task.run_id,
            instance.definition.name or task.workflow_type,
            task.shard_id,
            self._link.task_queue,
        )
        while (wanted := instance.local_calls) is not None:
            outcome = self._runner.pursue(run, wanted)
            if outcome is None:
                return
            if not self._settle(held, outcome):
                return
        self._release(held, wants_new_task=False)

    def _settle(self, held: HeldTask, outcome: LocalOutcome) -> bool:
        """Have the workflow run on. False if it broke."""
        try:
            self._watch.guard(held.instance, held.instance.settle_local, outcome)
        except BaseException as error:  # the top of one workflow task: even SystemExit must not end its neighbours
            self._remove(held)
            self._broken(held, error)
            return False
        return True

    def _ended(self, run_id: str, outcome: LocalOutcome) -> bool:
        held = self._held.get(run_id)
        if held is None:
            return False  # between two workflow tasks
        if self._settle(held, outcome):
            self._pursue(held)
        return True

    def _extend(self, held: HeldTask) -> None:
        self._release(held, wants_new_task=True)

    def _release(self, held: HeldTask, *, wants_new_task: bool) -> None:
        self._remove(held)
        self._complete(held, held.instance.take_commands(), wants_new_task)

    def _remove(self, held: HeldTask) -> None:
        del self._held[held.task.run_id]
        if held.timer is not None:
            held.timer.cancel()
        if self._none_left is not None and not self._held:
            self._none_left.set()

    # Stopping --------------------------------------------------------------------------------------------------------
    async def stop(self, grace_s: float) -> None:
        """Let what runs finish for `grace_s` seconds; then give the tasks back, for workers that begin anew."""
        self._extends = False
        for held in self._held.values():
            if held.timer is not None:
                held.timer.cancel()
        if self._held and grace_s > 0:
            self._none_left = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._none_left.wait()
        for held in list(self._held.values()):
            self._release(held, wants_new_task=True)
        self._runner.stop()
