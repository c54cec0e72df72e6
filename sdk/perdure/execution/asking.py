"""What workflow code asks for, as commands: durable timers and activities.

Role: the part of a `WorkflowInstance` that makes commands; each goes to the ledger, and waits there for its event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from perdure.common import Payload, Priority, RetryPolicy, milliseconds
from perdure.converter import DataConverter
from perdure.execution.activity_future import ActivityFuture
from perdure.execution.commands import CommandLedger
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.interception import Interception
from perdure.execution.interceptors import StartActivityInput
from perdure.execution.surroundings import WorkerSettings
from perdure.execution.timers import DurableTimer
from perdure.protocol.commands import ScheduleActivityTask, StartTimer
from perdure.protocol.events import HistoryEvent, WorkflowExecutionStarted
from perdure.protocol.ids import text_problem
from perdure.protocol.payload import pack_payload_map
from perdure.workflow.activity_options import ActivityCancellationType, ActivityHandle


class AskingWorkflow:
    """A workflow that asks for timers and activities.

    Attributes:
        activities: Those in the history without an outcome, by the event that scheduled them.
        timers: Those in the history that have not fired, by id.
        activity_count: How many were asked for: the ids of those to which the code gives none.
        timer_count: The same, of timers.
    """

    settings: WorkerSettings
    loop: WorkflowEventLoop
    ledger: CommandLedger
    activities: dict[int, ActivityFuture]
    timers: dict[str, DurableTimer]
    interception: Interception | None
    replaying: bool
    is_delivering_cancellation: bool
    activity_count: int
    timer_count: int
    _started: HistoryEvent | None

    @property
    def started(self) -> WorkflowExecutionStarted:
        """What the run began with."""
        assert self._started is not None
        attributes: WorkflowExecutionStarted = self._started.attributes
        return attributes

    @property
    def converter(self) -> DataConverter:
        return self.settings.converter

    def start_timer(
        self, seconds: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Any, summary: str
    ) -> asyncio.TimerHandle:
        """Have `callback` run after a delay; without one at once, with no timer in the history."""
        self.loop.check_may_act()
        if seconds <= 0:
            timer = asyncio.TimerHandle(self.loop.time(), callback, args, self.loop, context)
            self.loop.call_soon(lambda: None if timer.cancelled() else timer._run())
            return timer
        self.timer_count += 1
        command = StartTimer(str(self.timer_count), max(1, round(seconds * 1000)), summary)
        return DurableTimer(self, command, callback, args, context)

    def start_activity(
        self,
        activity_type: str,
        arguments: Sequence[Any],
        result_type: Any,
        awaited_at_once: bool,
        task_queue: str | None,
        schedule_to_close_timeout: timedelta | None,
        schedule_to_start_timeout: timedelta | None,
        start_to_close_timeout: timedelta | None,
        heartbeat_timeout: timedelta | None,
        retry_policy: RetryPolicy | None,
        cancellation_type: int,
        activity_id: str | None,
        summary: str | None,
        priority: Priority,
        headers: Mapping[str, Payload] | None = None,
    ) -> ActivityHandle[Any]:
        """Ask for an activity. `headers` None: no interceptor has seen it yet.

        Raises:
            ValueError: an option is missing or makes no sense.
            TypeError: an argument cannot be converted.
            PayloadSizeError: the arguments are too large.
        """
        if headers is None and self.interception is not None:
            return self.interception.outbound.start_activity(
                StartActivityInput(
                    activity=activity_type,
                    args=arguments,
                    activity_id=activity_id,
                    task_queue=task_queue,
                    schedule_to_close_timeout=schedule_to_close_timeout,
                    schedule_to_start_timeout=schedule_to_start_timeout,
                    start_to_close_timeout=start_to_close_timeout,
                    heartbeat_timeout=heartbeat_timeout,
                    retry_policy=retry_policy,
                    cancellation_type=ActivityCancellationType(cancellation_type),
                    headers={},
                    summary=summary,
                    priority=priority,
                    ret_type=result_type,
                    awaited_at_once=awaited_at_once,
                )
            )
        self.loop.check_may_act()
        if start_to_close_timeout is None and schedule_to_close_timeout is None:
            raise ValueError(
                f"activity {activity_type!r} needs a start_to_close_timeout (for each attempt) or a "
                "schedule_to_close_timeout (for all of them together)"
            )
        self.activity_count += 1
        if activity_id is None:
            activity_id = str(self.activity_count)
        elif (problem := text_problem("activity_id", activity_id)) is not None:
            raise ValueError(problem)
        command = ScheduleActivityTask(
            activity_id,
            activity_type,
            task_queue or "",
            self.settings.converter.to_kept_bytes(arguments, "the arguments of activity", activity_type),
            milliseconds("schedule_to_close_timeout", schedule_to_close_timeout),
            milliseconds("schedule_to_start_timeout", schedule_to_start_timeout),
            milliseconds("start_to_close_timeout", start_to_close_timeout),
            milliseconds("heartbeat_timeout", heartbeat_timeout),
            None if retry_policy is None else retry_policy.to_data(),
            pack_payload_map(headers) if headers else b"",
            priority.priority_key or self.started.priority,
            summary or "",
            priority.to_fairness(self.started.fairness),
        )
        return ActivityFuture(self, command, result_type, awaited_at_once, cancellation_type)
