"""Commands that a workflow issues, and the events of history that must follow from them, one by one, in order.

Role: the guard of determinism. `take` turns what one workflow task issued into commands to send; from then on each
command event of the history must match the next of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from perdure.exceptions import WorkflowTaskError
from perdure.execution.descriptions import describe, describe_event
from perdure.execution.versions import ChangeMarker, may_be_left_out
from perdure.protocol.commands import (
    CancelTimer,
    CancelWorkflowExecution,
    Command,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
    ModifyWorkflowProperties,
    RecordMarker,
    RequestCancelActivityTask,
    UpsertSearchAttributes,
)
from perdure.protocol.events import EventType, HistoryEvent
from perdure.workflow.errors import NondeterminismError

COMMAND_EVENTS = frozenset(
    int(kind)
    for kind in (
        EventType.ACTIVITY_TASK_SCHEDULED,
        EventType.ACTIVITY_TASK_CANCEL_REQUESTED,
        EventType.TIMER_STARTED,
        EventType.TIMER_CANCELED,
        EventType.MARKER_RECORDED,
        EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.WORKFLOW_PROPERTIES_MODIFIED,
        EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED,
        EventType.WORKFLOW_EXECUTION_COMPLETED,
        EventType.WORKFLOW_EXECUTION_FAILED,
        EventType.WORKFLOW_EXECUTION_CANCELED,
        EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
        EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED,
        EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
    )
)
"""Events that exist because a workflow asked for them."""


class Issued(Protocol):
    """Something that a workflow asked for. `command` None: it thought better of it before the command was sent.
    `line` is where, if that was looked up."""

    command: Command | None
    line: str

    def matches(self, event: HistoryEvent) -> bool:
        """Whether `event` is what came of it; if so, take from it what is needed."""

    def scheduled(self, event_id: int) -> bool:
        """The engine says that this was an activity, as asked, and its event. False if it was something else."""


class IssuedCommand:
    """A command that nothing waits for."""

    __slots__ = ("_event_type", "_field", "command", "line")

    def __init__(self, command: Command, line: str = "") -> None:
        self.command: Command | None = command
        self.line = line
        self._event_type, self._field = _EVENT_OF[type(command)]

    def matches(self, event: HistoryEvent) -> bool:
        if event.event_type != self._event_type:
            return False
        return not self._field or getattr(event.attributes, self._field) == getattr(self.command, self._field)

    def scheduled(self, event_id: int) -> bool:
        return False


_EVENT_OF: dict[type[Any], tuple[int, str]] = {
    RequestCancelActivityTask: (int(EventType.ACTIVITY_TASK_CANCEL_REQUESTED), "scheduled_event_id"),
    CancelTimer: (int(EventType.TIMER_CANCELED), "timer_id"),
    RecordMarker: (int(EventType.MARKER_RECORDED), "marker_name"),
    UpsertSearchAttributes: (int(EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES), ""),
    ModifyWorkflowProperties: (int(EventType.WORKFLOW_PROPERTIES_MODIFIED), ""),
    CompleteWorkflowExecution: (int(EventType.WORKFLOW_EXECUTION_COMPLETED), ""),
    FailWorkflowExecution: (int(EventType.WORKFLOW_EXECUTION_FAILED), ""),
    CancelWorkflowExecution: (int(EventType.WORKFLOW_EXECUTION_CANCELED), ""),
    ContinueAsNewWorkflowExecution: (int(EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW), ""),
}


class CommandLedger:
    """The commands of one workflow between being issued and being seen in its history.

    Attributes:
        matched: The last events that were replayed, and the lines of code that they came of: for errors.
        is_closed: The workflow has ended.
    """

    __slots__ = ("_issued", "_unmatched", "is_closed", "matched")

    def __init__(self) -> None:
        self._issued: list[Issued] = []
        self._unmatched: deque[Issued] = deque()
        self.matched: deque[tuple[HistoryEvent, str]] = deque(maxlen=_MATCHED_KEPT)
        self.is_closed = False

    def issue(self, issued: Issued) -> None:
        """Note what the workflow asks for. After its closing command nothing counts any more."""
        if not self.is_closed:
            self._issued.append(issued)

    def issue_before_close(self, issued: Issued) -> None:
        """Note what counts even if the workflow has ended in this very task: it goes before the closing command."""
        if not self.is_closed:
            self._issued.append(issued)
        elif self._issued:
            self._issued.insert(len(self._issued) - 1, issued)

    def close(self, command: Command, line: str = "") -> None:
        """Note the command that ends the workflow; the first one counts."""
        if not self.is_closed:
            self._issued.append(IssuedCommand(command, line))
            self.is_closed = True

    def take(self) -> list[Command]:
        """The commands of the workflow task that has just run. Their events must come next."""
        if not self._issued:
            return []
        commands = []
        for issued in self._issued:
            if issued.command is not None:
                commands.append(issued.command)
                self._unmatched.append(issued)
        self._issued.clear()
        return commands

    def match(self, event: HistoryEvent, waiting_at: Callable[[], str]) -> None:
        """See a command event.

        Raises:
            NondeterminismError: it is not what came of the next command.
        """
        unmatched = self._unmatched
        issued = unmatched.popleft() if unmatched else None
        if issued is None or not issued.matches(event):
            self._mismatch(issued, event, waiting_at)
        elif issued.line:
            self.matched.append((event, issued.line))

    def unmatched(self) -> Sequence[Issued]:
        """What was issued and not seen in the history yet, in order."""
        return tuple(self._unmatched)

    def _mismatch(self, issued: Issued | None, event: HistoryEvent, waiting_at: Callable[[], str]) -> None:
        """The event is not what came of the next command: one of them may be passed over, or the code has changed."""
        if may_be_left_out(event):
            if issued is not None:
                self._unmatched.appendleft(issued)
            return
        while isinstance(issued, ChangeMarker):
            issued = self._unmatched.popleft() if self._unmatched else None
            if issued is not None and issued.matches(event):
                return
        told = f"event {event.event_id} of the history is {describe_event(event)}, but the workflow now issues "
        if issued is None:
            place = _at(waiting_at(), "it waits at")
            raise NondeterminismError(f"{told}no command there{place}{_CURE}", event.event_id)
        self._unmatched.appendleft(issued)
        place = _at(issued.line or waiting_at(), "at")
        raise NondeterminismError(f"{told}{describe(issued.command)} there{place}{_CURE}", event.event_id)

    def match_as_asked(self, first_event_id: int, count: int) -> None:
        """See that the next `count` commands became activities, which only the worker that sent them is told so.

        Raises:
            WorkflowTaskError: they were something else: this instance is not the one that sent them.
        """
        for event_id in range(first_event_id, first_event_id + count):
            if not self._unmatched or not self._unmatched.popleft().scheduled(event_id):
                raise WorkflowTaskError(
                    f"the engine says that event {event_id} is an activity that this instance asked for; it did not. "
                    "The instance is dropped and made again from its history"
                )

    def check_all_matched(self, next_event_id: int) -> None:
        """Before a further workflow task: nothing that was issued may be missing in the history.

        Raises:
            NondeterminismError: a command has no event.
        """
        for issued in self._unmatched:
            if isinstance(issued, ChangeMarker):
                continue
            raise NondeterminismError(
                f"the workflow now issues {describe(issued.command)}{_at(issued.line, 'at')}, but the history "
                f"has no event of it before event {next_event_id}{_CURE}",
                next_event_id,
            )
        self._unmatched.clear()


_MATCHED_KEPT = 3

_CURE = (
    ". The code must do what it did when the history was written: put the change behind `workflow.patched(...)`, undo "
    "it for workflows that are running, or give the changed workflow a new name"
)


def _at(line: str, word: str) -> str:
    return f" ({word} {line})" if line else ""
