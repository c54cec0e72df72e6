"""One workflow execution in the memory of a worker: history events in, commands out.

Role: `activate` is synchronous and does no I/O. It applies the events that it is given, workflow task by workflow task,
each at the time at which that task started, and returns the commands of the last, which is the one to be completed.

The caller's duties:
1. Give each event once and in order: all from the first one on, or those after `continues_from`.
2. Send the commands as the completion of that task; its events will be matched against them.
3. After any exception, or if the completion is refused, `close` the instance: it is in no state to go on.
4. `close` it when it is no longer wanted. Nothing of the workflow runs afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from perdure.exceptions import FailureError, WorkflowTaskError
from perdure.execution.activity_future import ACTIVITY_OUTCOMES
from perdure.execution.children import CHILD_NEWS
from perdure.execution.commands import COMMAND_EVENTS
from perdure.execution.comparison import beside_history
from perdure.execution.ending import command_of
from perdure.execution.external_requests import EXTERNAL_NEWS
from perdure.execution.handler_registry import UnanswerableQueryError
from perdure.execution.interception import Interception
from perdure.execution.local_marker import is_local_marker
from perdure.execution.run_arguments import run_arguments
from perdure.execution.runtime import WorkflowRuntime
from perdure.execution.source_lines import defining_line, raising_line, waiting_line
from perdure.execution.surroundings import RunIdentity, WorkerSettings
from perdure.execution.updates import accepted_updates
from perdure.execution.versions import markers_ahead
from perdure.protocol.commands import Command, CompleteWorkflowExecution
from perdure.protocol.events import RESET_CAUSE, EventType, HistoryEvent
from perdure.protocol.updates import UpdateDelivery
from perdure.versioning import version_of
from perdure.workflow.definition import WorkflowDefinition
from perdure.workflow.errors import NondeterminismError

_STARTED = int(EventType.WORKFLOW_EXECUTION_STARTED)
_TASK_STARTED = int(EventType.WORKFLOW_TASK_STARTED)
_TASK_COMPLETED = int(EventType.WORKFLOW_TASK_COMPLETED)
_TASK_FAILED = int(EventType.WORKFLOW_TASK_FAILED)
_SIGNALED = int(EventType.WORKFLOW_EXECUTION_SIGNALED)
_CANCEL_REQUESTED = int(EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED)
_TIMER_FIRED = int(EventType.TIMER_FIRED)
_AS_ASKED = int(EventType.ACTIVITY_TASKS_SCHEDULED_AS_ASKED)
_NEWS = ACTIVITY_OUTCOMES | CHILD_NEWS | EXTERNAL_NEWS | {_STARTED, _SIGNALED, _CANCEL_REQUESTED, _TIMER_FIRED}
"""Events that a workflow sees at its next workflow task."""


class WorkflowInstance(WorkflowRuntime):
    """See the module's docstring.

    Attributes:
        continues_from: The completed event up to which the history is applied.
        is_complete: The workflow has issued its closing command.
        known_content: Hashes of the pieces of content that the run has, as far as the worker knows.
    """

    def __init__(self, definition: WorkflowDefinition, settings: WorkerSettings, run: RunIdentity) -> None:
        super().__init__(definition, settings, run)
        self.continues_from = 0
        self.known_content: dict[bytes, int] = {}
        self._news: list[HistoryEvent] = []
        self._applied_to = 0
        self._skips_to = 0
        self._task_started: HistoryEvent | None = None
        self._main: asyncio.Task[Any] | None = None

    @property
    def is_complete(self) -> bool:
        return self.ledger.is_closed

    # For the worker --------------------------------------------------------------------------------------------------
    def activate(
        self,
        events: Sequence[HistoryEvent],
        started_time_us: int,
        scheduled_event_id: int,
        history_size: int = 0,
        updates: Sequence[UpdateDelivery] = (),
    ) -> list[Command]:
        """Apply `events`, which end with the workflow task to be completed, and return its commands. `updates` are new
        with that task. If there are `local_calls` to be run, the commands are not given yet: `settle_local` and
        `take_commands` follow.

        Raises:
            NondeterminismError: the code does not do what the history says.
            WorkflowTaskError: the code did what workflow code must not.
            Exception: whatever else the code raised that does not fail the workflow.
        """
        if self._skips_to:
            events = [event for event in events if event.event_id > self._skips_to]
            self._skips_to = 0
        with self.loop:
            try:
                self._apply(events)
                self.version = self.settings.version
                commands = self._run_task(
                    started_time_us, scheduled_event_id + 1, history_size, updates, replaying=False
                )
            except NondeterminismError as error:
                raise beside_history(error, events, self.ledger, self._waiting_line) from None
            self.continues_from = scheduled_event_id + 2  # Started and Completed follow Scheduled at once
            return commands

    def rewind(self, continues_from: int) -> None:
        """The last workflow task came to nothing, for workflow and engine alike: the run stands at this completed event
        again, but what came after it has been applied."""
        self.continues_from = continues_from
        self._skips_to = self._applied_to

    def take_commands(self) -> list[Command]:
        """The commands of the workflow task; of one that waits for local activities, those that it has by now."""
        if self.ledger.is_closed:
            self._warn_of_unfinished()
        commands = self.ledger.take()
        return commands if self._updates is None else [*self._updates.take_rejections(), *commands]

    def replay(self, events: Sequence[HistoryEvent]) -> None:
        """Apply the completed workflow tasks among `events`; what came after the last one stays unseen.

        Raises: as `activate`.
        """
        with self.loop:
            try:
                self._apply(events)
                self.ledger.check_all_matched(events[-1].event_id + 1 if events else 0)
            except NondeterminismError as error:
                raise beside_history(error, events, self.ledger, self._waiting_line) from None

    def query(self, name: str, arguments: bytes, headers: bytes = b"", query_id: str = "") -> bytes:
        """The encoded result of a query.

        Raises:
            UnanswerableQueryError: there is no such handler, or the workflow's code has not run at all.
            Exception: whatever the handler raises.
        """
        if self._main is None:
            raise UnanswerableQueryError(
                f"workflow {self.run.workflow_id!r} never ran: it was closed (terminated, or timed out) before its "
                "first workflow task was completed, so that no query can be answered"
            )
        with self.loop:
            self.read_only = True
            try:
                return self.handlers.answer(name, arguments, headers, query_id)
            finally:
                self.read_only = False

    def close(self) -> None:
        """Let go of everything."""
        self.ledger.is_closed = True
        self.loop.close()
        self.activities.clear()
        self.timers.clear()
        self._main = self._handlers = self._updates = self.interception = self._children = self._externals = None

    # Applying history ------------------------------------------------------------------------------------------------
    def _apply(self, events: Sequence[HistoryEvent]) -> None:
        for index, event in enumerate(events):
            kind = event.event_type
            if kind in COMMAND_EVENTS:
                self.ledger.match(event, self._waiting_line)
            elif kind in _NEWS:
                self._news.append(event)
            elif kind == _AS_ASKED:
                self.ledger.match_as_asked(event.event_id, event.attributes.activities)
            elif kind == _TASK_STARTED:
                self._task_started = event
            elif kind == _TASK_FAILED and event.attributes.cause == RESET_CAUSE:
                self.chance.renew(event.attributes.new_run_id)
            elif kind == _TASK_COMPLETED:
                started = self._task_started
                if started is None:
                    raise WorkflowTaskError(f"event {event.event_id} completes a workflow task that did not start")
                for marker in markers_ahead(events, index):
                    (self.local_activities if is_local_marker(marker) else self.versions).note(marker)
                size = started.attributes.history_size_bytes
                updates = accepted_updates(events, index + 1)
                self.version = version_of(event.attributes.version)
                self._run_task(started.time_us, started.event_id, size, updates, replaying=True)
                self.continues_from = event.event_id
        self._applied_to = next((event.event_id for event in reversed(events) if event.event_id), self._applied_to)

    def _waiting_line(self) -> str:
        return "" if self._main is None else waiting_line(self._main.get_coro())

    def _run_task(
        self,
        time_us: int,
        started_event_id: int,
        history_size: int,
        updates: Sequence[UpdateDelivery],
        *,
        replaying: bool,
    ) -> list[Command]:
        """One workflow task: what is new is shown to the workflow, in order, and it runs until it waits again."""
        self.ledger.check_all_matched(started_event_id)
        self.replaying = replaying
        self.history_length = started_event_id
        self.history_size = history_size
        self.loop.now_us = time_us
        news, self._news = self._news, []
        self._show(news, updates, time_us)
        if self._local is not None:
            self._local.settle_recorded()
        if self._error is not None:
            raise self._error
        return self.take_commands() if replaying or self.local_calls is None else []

    def _show(self, news: list[HistoryEvent], updates: Sequence[UpdateDelivery], time_us: int) -> None:
        started = cancelled = None
        signals: list[HistoryEvent] = []
        outcomes: list[Callable[[], None]] = []
        for event in news:
            kind = event.event_type
            if kind in ACTIVITY_OUTCOMES:
                activity = self.activities.pop(event.attributes.scheduled_event_id, None)
                if activity is not None:
                    activity.has_outcome = True
                    outcomes.append(partial(activity.resolve, event.attributes))
            elif kind == _TIMER_FIRED:
                timer = self.timers.pop(event.attributes.timer_id, None)
                if timer is not None:
                    timer.has_fired = True
                    outcomes.append(timer.fire)
            elif kind == _SIGNALED:
                signals.append(event)
            elif kind == _CANCEL_REQUESTED:
                cancelled = event
            elif kind in CHILD_NEWS:
                self.children.show(event, outcomes)
            elif kind in EXTERNAL_NEWS:
                self.externals.show(event, outcomes)
            else:
                started = event
        if started is not None:
            self._first_task_us = time_us
            arguments = self._create(started)
        for signal in signals:
            self.handlers.deliver(signal.attributes)
        for delivery in updates:
            self.updates.deliver(delivery, is_accepted=self.replaying)
        if started is not None:
            self._start(arguments)
        if cancelled is not None:
            self.cancellation_reason = cancelled.attributes.cause
            self.loop.call_soon(self._cancel)  # behind the first step of a workflow that begins: it may clean up
        self.loop.run_until_idle()
        if updates and self.updates.settle_unclaimed():
            self.loop.run_until_idle()
        if outcomes:
            for apply in outcomes:
                apply()
            self.loop.run_until_idle()

    # The workflow itself ---------------------------------------------------------------------------------------------
    def _create(self, event: HistoryEvent) -> Sequence[Any]:
        """Make the workflow's object and return the arguments of `run`."""
        self._started = event
        definition = self.definition
        arguments = run_arguments(definition, self.converter, event.attributes.input)
        if self.settings.interceptors:
            self.interception = Interception(self, self.settings.interceptors)
        if isinstance(definition.target, type):
            self.instance = definition.target(*arguments) if definition.takes_init_arguments else definition.target()
        return arguments

    def _start(self, arguments: Sequence[Any]) -> None:
        run = self.definition.run
        if self.interception is not None:
            assert self._started is not None
            coroutine = self.interception.execute(arguments, self._started.attributes.headers)
        else:
            coroutine = run(*arguments) if self.instance is None else run(self.instance, *arguments)
        self._main = self.loop.create_task(coroutine, name="main")
        self._main.add_done_callback(self._finished)

    def _cancel(self) -> None:
        if self._main is not None:
            self.is_delivering_cancellation = True
            self._main.cancel()
            self.is_delivering_cancellation = False

    def _finished(self, main: asyncio.Task[Any]) -> None:
        error: BaseException | None = asyncio.CancelledError() if main.cancelled() else main.exception()
        if error is not None:
            self._fail(error)
            return
        try:
            result = self.converter.to_kept_bytes((main.result(),), "the result of the workflow")
        except (FailureError, TypeError, ValueError) as unfit:
            self._fail(unfit)
            return
        self._end(CompleteWorkflowExecution(result), defining_line(self.definition.run) if self.replaying else "")

    def _fail(self, error: BaseException) -> None:
        """The workflow ended by an exception: it goes on, is cancelled or fails, or its workflow task fails."""
        was_cancelled = self.cancellation_reason is not None
        try:
            command = command_of(error, self.converter, self.is_failure_exception, was_cancelled=was_cancelled)
        except Exception as unfit:
            self._error = unfit
            return
        self._end(command, raising_line(error) if self.replaying else "")

    def _end(self, command: Command, line: str) -> None:
        self.ledger.close(command, line)

    def _warn_of_unfinished(self) -> None:
        if self._handlers is not None:
            self._handlers.warn_of_unfinished()
        if self._updates is not None:
            self._updates.warn_of_unfinished()

    def handler_failed(self, error: BaseException) -> None:
        """A signal handler raised: as if the workflow itself had."""
        if not self.ledger.is_closed:
            self._fail(error)
