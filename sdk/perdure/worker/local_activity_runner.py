"""Runs the local activities of all workflows that one worker holds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from perdure.activity.definition import ActivityDefinition
from perdure.activity.shared_flag import SharedFlag
from perdure.exceptions import ApplicationError
from perdure.execution.local_activities import LocalActivities
from perdure.execution.local_marker import LocalOutcome
from perdure.metrics import MetricMeter
from perdure.worker.activity_execution import ActivityExecution
from perdure.worker.activity_interception import execute_intercepted
from perdure.worker.attempt import Attempt, StopReason
from perdure.worker.deadlines import Deadlines
from perdure.worker.interceptor import Interceptor
from perdure.worker.link import WorkerLink
from perdure.worker.local_activity import LocalActivity, LocalAttempt, LocalRun
from perdure.worker.registry import Registry

logger = logging.getLogger("perdure.worker")

Ended = Callable[[str, LocalOutcome], bool]


class LocalActivityRunner:
    """See the module's docstring. `ended` is called with run id and outcome when one has ended; if it says False, the
    workflow takes no outcomes just now, and gets this one by `pursue`."""

    def __init__(
        self,
        link: WorkerLink,
        registry: Registry,
        execution: ActivityExecution | None,
        slots: int,
        ended: Ended,
        *,
        metric_meter: MetricMeter = MetricMeter.noop,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        self.link = link
        self.deadlines = Deadlines(link.loop, 0.0)
        self.metric_meter = metric_meter
        self.worker_shutdown = SharedFlag()
        self.loop_thread = threading.get_ident()
        self._registry = registry
        self._execution = execution
        self._slots = slots
        self._ended = ended
        self._interceptors = interceptors
        self._runs: dict[str, dict[int, LocalActivity]] = {}
        self._finished: dict[str, deque[LocalOutcome]] = {}
        self._with_room: dict[int, LocalActivity] = {}
        self._waiting: deque[LocalActivity] = deque()

    def __len__(self) -> int:
        """How many run, or wait to be tried again."""
        return sum(len(activities) for activities in self._runs.values())

    # Runs ------------------------------------------------------------------------------------------------------------
    def pursue(self, run: LocalRun, wanted: LocalActivities) -> LocalOutcome | None:
        """Begin what is outstanding, and stop what is not any more. Returns an outcome that is there already."""
        activities = self._runs.setdefault(run.run_id, {})
        for number in [number for number in activities if number not in wanted.outstanding]:
            if number not in wanted.abandoned:
                activities.pop(number).stop(StopReason.CANCEL_REQUESTED)
        finished = self._finished.get(run.run_id)
        while finished:
            outcome = finished.popleft()
            if outcome.number in wanted.outstanding:
                return outcome
        for number, call in list(wanted.outstanding.items()):
            activity = activities.get(number)
            if activity is None:
                activity = activities[number] = LocalActivity(self, run, call, partial(self._one_ended, run.run_id))
                activity.ask_for_room()
            if number in wanted.cancelling:
                activity.cancel()
        return None

    def _one_ended(self, run_id: str, outcome: LocalOutcome) -> None:
        activities = self._runs.get(run_id)
        if activities is None or activities.pop(outcome.number, None) is None:
            return
        # Not from within `pursue`, which may have begun it.
        self.link.loop.call_soon(self._tell, run_id, outcome)

    def _tell(self, run_id: str, outcome: LocalOutcome) -> None:
        if run_id in self._runs and not self._ended(run_id, outcome):
            self._finished.setdefault(run_id, deque()).append(outcome)

    def forget(self, run_id: str) -> None:
        """The worker lets go of the workflow."""
        self._finished.pop(run_id, None)
        for activity in self._runs.pop(run_id, {}).values():
            activity.stop(StopReason.NOT_WANTED)

    # For local activities --------------------------------------------------------------------------------------------
    def room_for(self, activity: LocalActivity) -> bool:
        if len(self._with_room) >= self._slots:
            self._waiting.append(activity)
            return False
        self._with_room[id(activity)] = activity
        return True

    def give_up_room(self, activity: LocalActivity) -> None:
        if self._with_room.pop(id(activity), None) is None:
            if activity in self._waiting:
                self._waiting.remove(activity)
        elif self._waiting:
            following = self._waiting.popleft()
            self._with_room[id(following)] = following
            self.link.loop.call_soon(self._begin, following)

    def _begin(self, activity: LocalActivity) -> None:
        if id(activity) in self._with_room:
            activity.begin()

    def definition_of(self, activity_type: str) -> ActivityDefinition | str:
        definition = self._registry.activity(activity_type)
        return definition or self._registry.unknown_activity(activity_type, self.link.task_queue)

    def start_attempt(self, attempt: LocalAttempt) -> None:
        execution = self._execution
        assert execution is not None  # there is one where there are definitions
        if attempt.definition.is_async or self._interceptors:
            execute = partial(self._execute, execution) if self._interceptors else None
            task = self.link.environment.spawn(attempt.run(execute), name="local activity")
            attempt.stop_now = task.cancel  # also what keeps the task alive
            task.add_done_callback(partial(_task_ended, attempt))
            return
        try:
            execution.start(attempt)
        except RuntimeError as error:
            attempt.failed(ApplicationError(f"the activity executor takes no more work ({error})"))

    def _execute(self, execution: ActivityExecution, attempt: Attempt, arguments: Sequence[Any]) -> Awaitable[Any]:
        return execute_intercepted(attempt, execution, self._interceptors, arguments)

    # Stopping --------------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Stop all of them; their workflows ask for them again elsewhere."""
        self.worker_shutdown.set()
        for run_id in list(self._runs):
            self._finished.pop(run_id, None)
            for activity in self._runs.pop(run_id).values():
                activity.stop(StopReason.WORKER_SHUTDOWN)
        self.deadlines.close()


def _task_ended(attempt: LocalAttempt, task: asyncio.Task[None]) -> None:
    attempt.task_ended(task)
